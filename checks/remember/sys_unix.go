//go:build !windows

package remember

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockFile takes a lock that ends with the process, or when f is closed. held
// says that somebody else has it.
func lockFile(f *os.File) (held bool, err error) {
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EINTR {
			return errors.Is(err, unix.EWOULDBLOCK), err
		}
	}
}

// replace renames a file that is on the disk onto another, on the disk.
func replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder puts the names in a folder on the disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = f.Sync()
		f.Close() // nothing was written through it
	}
	if err != nil {
		return fmt.Errorf("syncing the folder %q: %w", path, plainError(err))
	}
	return nil
}
