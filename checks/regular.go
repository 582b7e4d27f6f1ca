package checks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// openRegular opens a file to be read, and refuses what is none, such as a named pipe, at
// which a daemon that reads its flows again would wait for a writer for ever. What the
// process was given open already is read whatever it is: see [isDescriptor].
func openRegular(path string) (*os.File, error) {
	if isDescriptor(path) {
		return os.Open(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := wantRegular(path, info); err != nil {
		return nil, err // before it is opened, which means something to a device
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may be another by now
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = wantRegular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// wantRegular says what the path is, unless that is a file.
func wantRegular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() || isDescriptor(path) {
		return nil
	}
	return fmt.Errorf("it is a %s, want a regular file", typeOf(info.Mode()))
}

// isDescriptor reports whether the path is that of a file that the process was started
// with, which nobody has to open: /dev/stdin, or the /dev/fd/63 that is <(command) in a shell.
func isDescriptor(path string) bool {
	clean := filepath.ToSlash(filepath.Clean(path))
	return clean == "/dev/stdin" || strings.HasPrefix(clean, "/dev/fd/") || strings.HasPrefix(clean, "/proc/self/fd/")
}

func typeOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
