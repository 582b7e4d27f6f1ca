//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

var reloadSignals = []os.Signal{syscall.SIGHUP}

// outliveLog has the process go on where whoever reads its log has gone, such as a
// journal that is restarted: the line is lost, and nothing else. Without that the write
// would end it, with runs in flight and nobody logged out.
func outliveLog() { signal.Ignore(syscall.SIGPIPE) }
