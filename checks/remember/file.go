package remember

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	plainEnd  = ".json"
	sealedEnd = ".age" // after plainEnd
	tempEnd   = ".tmp" // after plainEnd

	fileMode   = 0o600
	folderMode = 0o700
)

// maxFile is the most that a file may have, in bytes: all values at their limits,
// with their names and what encryption adds.
const maxFile = 8 << 20

// A fileError is what is wrong with one file. It never holds anything of it.
type fileError struct {
	path string
	err  error
}

func (e *fileError) Error() string {
	hint := "; repair it, or move it away for the account to begin with nothing"
	if errors.Is(e.err, errNoKey) || errors.Is(e.err, errOtherKey) {
		hint = ""
	}
	return fmt.Sprintf("reading %q: %v%s", e.path, e.err, hint)
}

func (e *fileError) Unwrap() error { return e.err }

// readAccount reads what is on the disk of an account. The folder is synced
// before, for a rename by a process that was killed, or whose sync failed, may
// not be on the disk yet, and what is read is going to be used.
func readAccount(folder string, key Key, a Account) (map[string]Value, error) {
	plain := a.path(folder)
	switch err := syncFolder(filepath.Dir(plain)); {
	case errors.Is(err, fs.ErrNotExist):
		return map[string]Value{}, nil
	case err != nil:
		return nil, err
	}
	for _, path := range []string{plain + sealedEnd, plain} {
		of, values, err := readFile(path, key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case of != a:
			return nil, &fileError{path, errOtherAccount}
		}
		return values, nil
	}
	return map[string]Value{}, nil
}

// readFile reads one file, encrypted if its name says so.
func readFile(path string, key Key) (a Account, values map[string]Value, err error) {
	text, err := readBounded(path)
	if err == nil && filepath.Ext(path) == sealedEnd {
		text, err = key.open(text)
	}
	if err == nil {
		a, values, err = decode(text)
	}
	if err != nil {
		return a, nil, &fileError{path, err}
	}
	return a, values, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, plainError(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, plainError(err)
}

// writeAccount puts what is remembered of an account on the disk, in the order
// that the package comment tells.
func writeAccount(folder string, key Key, a Account, values map[string]Value) error {
	text, err := encode(a, values)
	if err != nil {
		return err
	}
	plain := a.path(folder)
	path := plain
	if key.isSet() {
		path = plain + sealedEnd
		if text, err = key.seal(text); err != nil {
			return err
		}
	}
	if err := makeFolder(filepath.Dir(plain)); err != nil {
		return err
	}
	if err := writeSynced(plain+tempEnd, text); err != nil {
		return fmt.Errorf("writing %q: %w", path, plainError(err))
	}
	if err := replace(plain+tempEnd, path); err != nil {
		_ = os.Remove(plain + tempEnd) // the next Open does otherwise
		return fmt.Errorf("writing %q: %w", path, plainError(err))
	}
	if path == plain {
		return nil
	}
	return removeSynced(plain)
}

// writeSynced makes a file with the text in it, on the disk.
func writeSynced(path string, text []byte) (err error) {
	if err := removeIfThere(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = os.Remove(path) // so that a full disk is no fuller; err is what matters
	}
	return err
}

// removeSynced removes a file for good, if there is one.
func removeSynced(path string) error {
	switch err := os.Remove(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("removing %q: %w", path, plainError(err))
	}
	return syncFolder(filepath.Dir(path))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeFolder makes a folder on the disk, unless it is there. Its parent has to be.
func makeFolder(path string) error {
	switch err := os.Mkdir(path, folderMode); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("making the folder %q: %w", path, plainError(err))
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		_ = os.Remove(path) // to be made, and synced, the next time
		return err
	}
	return nil
}

// tighten takes the rights of others from a file or folder, and says so.
func tighten(path string, info fs.FileInfo, want fs.FileMode) (warning string, err error) {
	got := info.Mode().Perm()
	if runtime.GOOS == "windows" || got&0o077 == 0 {
		return "", nil
	}
	if err := os.Chmod(path, want); err != nil {
		return "", fmt.Errorf("others than its owner have rights in %q (mode %04o), which cannot be taken from them: %w", path, got, plainError(err))
	}
	return fmt.Sprintf("others than its owner had rights in %q (mode %04o); it is %04o now, but they may have read secrets in it", path, got, want), nil
}

// plainError drops path and operation from an error of the file system; ours say
// them better.
func plainError(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

var errOtherAccount = errors.New("it is that of another account")
