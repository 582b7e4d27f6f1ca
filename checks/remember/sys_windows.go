package remember

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes a lock that ends with the process, or when f is closed. held
// says that somebody else has it.
func lockFile(f *os.File) (held bool, err error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	return errors.Is(err, windows.ERROR_LOCK_VIOLATION), err
}

// replace renames a file that is on the disk onto another, on the disk: with
// write-through the system returns when the move has been flushed.
func replace(from, to string) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(old, name, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// syncFolder only looks whether the folder is there: folders cannot be synced
// here, and the file system's journal keeps their changes in order.
func syncFolder(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("looking at the folder %q: %w", path, plainError(err))
	}
	return nil
}
