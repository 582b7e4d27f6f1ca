package main

import (
	"io"

	"golang.org/x/sys/windows"
)

// enableANSI makes the console understand escape sequences. It reports whether it
// does.
func enableANSI(w io.Writer) bool {
	fd, ok := terminal(w)
	if !ok {
		return false
	}
	var mode uint32
	console := windows.Handle(fd)
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
