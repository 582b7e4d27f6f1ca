package remember

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	folderName = "remember"
	lockName   = ".lock" // no pool's folder begins with a dot
)

// Open returns a Store that keeps its files in the folder remember of dir, which
// must be there: a volume that is not mounted would otherwise pass for one with
// nothing on it. An empty dir is [NewMemory]. With a key, files are encrypted
// when they are next written, and read whether they are or not.
//
// It is an error if another process, or another Store, has dir open; if a file
// is encrypted and key is none of its keys; if files that others can read cannot
// be made private. Every file is read once, so that damage shows now, in
// [Store.Warnings]. Temporary files that a crash left behind are removed.
func Open(dir string, key Key) (*Store, error) {
	if dir == "" {
		return NewMemory(), nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the state directory: %w", err)
	}
	s := NewMemory()
	s.folder, s.key = filepath.Join(dir, folderName), key
	if err := s.open(dir); err != nil {
		if s.lock != nil {
			s.lock.Close() // err is what matters
		}
		return nil, fmt.Errorf("opening the state directory %q: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return plainError(err)
	case !info.IsDir():
		return errors.New("it is not a folder")
	}
	if err := makeFolder(s.folder); err != nil {
		return err
	}
	if err := syncFolder(dir); err != nil { // a crash may have kept makeFolder from it
		return err
	}
	if err := s.takeLock(); err != nil {
		return err
	}
	if err := s.private(s.folder); err != nil {
		return err
	}
	pools, err := os.ReadDir(s.folder)
	if err != nil {
		return fmt.Errorf("listing %q: %w", s.folder, plainError(err))
	}
	for _, pool := range pools {
		if strings.HasPrefix(pool.Name(), ".") || !pool.IsDir() {
			continue // none of ours
		}
		if err := s.audit(filepath.Join(s.folder, pool.Name())); err != nil {
			return err
		}
	}
	return syncFolder(s.folder)
}

func (s *Store) takeLock() error {
	path := filepath.Join(s.folder, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("opening %q: %w", path, plainError(err))
	}
	s.lock = f
	held, err := lockFile(f)
	switch {
	case held:
		return errors.New("another authprober uses it; each needs one of its own")
	case err != nil:
		return fmt.Errorf("locking %q: %w", path, err)
	}
	return nil
}

// inPlace is an error if the folder is no longer the one that was opened, such as
// when its volume was taken away: what is missing then has not been forgotten.
func (s *Store) inPlace() error {
	opened, err := s.lock.Stat()
	if err != nil {
		return fmt.Errorf("looking at the lock of %q: %w", s.folder, plainError(err))
	}
	now, err := os.Stat(filepath.Join(s.folder, lockName))
	if err != nil || !os.SameFile(opened, now) {
		return fmt.Errorf("the folder %q is not the one that was opened; was it moved, or its volume taken away?", s.folder)
	}
	return nil
}

// audit looks at every file of a pool before anything relies on it.
func (s *Store) audit(folder string) error {
	if err := s.private(folder); err != nil {
		return err
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("listing %q: %w", folder, plainError(err))
	}
	for _, file := range files {
		path := filepath.Join(folder, file.Name())
		switch {
		case !file.Type().IsRegular():
			continue // an account's file that is none shows when it is read
		case strings.HasSuffix(path, plainEnd+tempEnd):
			if err := removeSynced(path); err != nil {
				return err
			}
			continue
		}
		if err := s.private(path); err != nil {
			return err
		}
		if strings.HasSuffix(path, plainEnd) || strings.HasSuffix(path, plainEnd+sealedEnd) {
			if err := s.tryFile(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// private sees to it that nobody else has rights in a file or folder.
func (s *Store) private(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("looking at %q: %w", path, plainError(err))
	}
	mode := fs.FileMode(fileMode)
	if info.IsDir() {
		mode = folderMode
	}
	warning, err := tighten(path, info, mode)
	if warning != "" {
		s.warnings = append(s.warnings, warning)
	}
	return err
}

// tryFile reads a file. That the key is missing or another one concerns every
// account, so it is an error here; damage concerns one.
func (s *Store) tryFile(path string) error {
	a, _, err := readFile(path, s.key)
	if err == nil && a.path(s.folder) != strings.TrimSuffix(path, sealedEnd) {
		err = &fileError{path, errOtherAccount}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoKey) || errors.Is(err, errOtherKey):
		return err
	}
	s.warnings = append(s.warnings, err.Error())
	return nil
}
