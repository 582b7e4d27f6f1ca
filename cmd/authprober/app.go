package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// An app is one invocation of the program: what surrounds it, so that a test can
// surround it with something else.
type app struct {
	environ        []string // as from os.Environ
	stdout, stderr io.Writer
}

// run executes the command that args name, until it is done or ctx is, and
// returns what the process is to end with.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(err)
	a.explain(cmd, err, code)
	return code
}

// explain prints why the process ends as it does, unless it has been said.
func (a *app) explain(cmd *cobra.Command, err error, code int) {
	var exit *exitError
	coded := errors.As(err, &exit)
	switch {
	case err == nil || coded && exit.err == nil:
	case isMistakes(err):
		fmt.Fprintln(a.stderr, exit.err) // a line each, which begins with where it is
	default:
		fmt.Fprintf(a.stderr, "authprober: %s\n", strings.TrimSpace(err.Error()))
	}
	if !coded && code == exitConfig {
		fmt.Fprintf(a.stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "authprober",
		Short: "Probe the login flows of a mobile bank, and page when they begin to fail",
		Long: `authprober runs login flows against a mobile bank, day and night, and pages when
they begin to fail more often than they may, however intermittently.

What it does is written in flows, YAML files. A PATH is a flow, a file of
accounts, or a folder of both.

The process ends with
  0  all is well
  1  a flow, or the daemon asked for its health, has failed
  2  the configuration or the command line is wrong
  3  something of our own is wrong: a port in use, no account free
  4  a gate has seen too little to decide`,
		Example: `  authprober demo                 see it find a 3 % failure within two minutes
  authprober check flows/         look for mistakes, without network
  authprober once flows/          run each flow once
  authprober run flows/           run them day and night, with /metrics`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(a.runCommand(), a.onceCommand(), a.checkCommand(), a.demoCommand(), a.bankCommand(),
		a.planCommand(), a.backtestCommand(), a.gateCommand(), a.importCommand(), a.accountsCommand(),
		a.statusCommand(), a.runsCommand(), a.reportCommand(), a.drillCommand(), a.aggregateCommand(), a.schemaCommand(), a.versionCommand(), a.healthCommand())
	return root
}

// lookupEnv is os.LookupEnv for the app's environment, whose later entries win.
func (a *app) lookupEnv(name string) (string, bool) {
	for i := len(a.environ) - 1; i >= 0; i-- {
		if key, value, ok := strings.Cut(a.environ[i], "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// terminal returns the terminal behind a writer; ok is false where there is none.
func terminal(w io.Writer) (fd int, ok bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// paintFor returns a paint for what is written to w: with colour on a terminal,
// unless NO_COLOR (no-color.org) or a terminal that knows none forbids it.
func (a *app) paintFor(w io.Writer) paint {
	_, ok := terminal(w)
	no, _ := a.lookupEnv("NO_COLOR")
	kind, _ := a.lookupEnv("TERM")
	return paint{on: ok && no == "" && kind != "dumb" && enableANSI(w)}
}
