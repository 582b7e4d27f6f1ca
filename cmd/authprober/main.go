// Authprober runs login flows against a mobile bank, day and night, and says
// when they begin to fail more often than they may.
//
// This package is the command line: flags, environment variables, signals and
// wiring live here and nowhere below. One file is one subcommand; each reads its
// input, builds what it needs in a straight line and takes it down in reverse.
// exit.go says what the process ends with.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal asks everything to stop; the second one finds nobody
	// listening, and ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	a := &app{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.run(ctx, os.Args[1:]))
}
