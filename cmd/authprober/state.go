package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/remember"
)

// openState opens what flows remember between runs, as the settings say: in
// memory where they name no folder. The warnings are for the log. Errors are our
// own fault, such as another authprober that uses the folder. Whoever opens it
// closes it, when no run needs it any more.
func openState(s settings) (store *remember.Store, warnings []string, err error) {
	key, warning, err := s.stateKey()
	if err != nil {
		return nil, nil, err
	}
	if s.StateKeyFile != "" {
		if warning != "" {
			warnings = append(warnings, warning)
		}
		if s.StateDir == "" {
			warnings = append(warnings, envPrefix+"STATE_KEY_FILE is set and "+envPrefix+
				"STATE_DIR is not: nothing is kept, so nothing is encrypted")
		}
	}
	if store, err = remember.Open(string(s.StateDir), key); err != nil {
		return nil, nil, err
	}
	return store, append(warnings, store.Warnings()...), nil
}

// stateKey is the key that encrypts the folder; none where the settings name none.
func (s settings) stateKey() (key remember.Key, warning string, err error) {
	if s.StateKeyFile == "" {
		return key, "", nil
	}
	if key, warning, err = readStateKey(string(s.StateKeyFile)); err != nil {
		return key, "", fmt.Errorf("%sSTATE_KEY_FILE: %w", envPrefix, err)
	}
	return key, warning, nil
}

// A shard is the share of flows, accounts or both that this instance has.
type shard struct{ accounts.Shard }

func (s *shard) UnmarshalText(text []byte) (err error) {
	s.Shard, err = accounts.ParseShard(string(text))
	return err
}

// A stateDir is the path of a folder; "" is none. It has to be there: one that is
// not is a slip, or a volume that is not mounted, and an empty folder in its
// place would have counters begin again.
type stateDir string

func (d *stateDir) UnmarshalText(text []byte) error {
	info, err := os.Stat(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("want a folder that is there: %w", withoutPath(err))
	case !info.IsDir():
		return errors.New("want a folder that is there: it is none")
	}
	*d = stateDir(text)
	return nil
}

// A stateKeyFile is the path of a file of age identities; "" is none.
type stateKeyFile string

func (f *stateKeyFile) UnmarshalText(text []byte) error {
	if _, _, err := readStateKey(string(text)); err != nil {
		return err
	}
	*f = stateKeyFile(text)
	return nil
}

// readStateKey reads a file of age identities. Its errors hold neither the path
// nor anything of the file.
func readStateKey(path string) (key remember.Key, warning string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return key, "", fmt.Errorf("want a file that can be read: %w", withoutPath(err))
	}
	if !info.Mode().IsRegular() { // a named pipe would block
		return key, "", errors.New("want a file that can be read: it is not a regular file")
	}
	text, err := readAtMost(path, 1<<20)
	if err != nil {
		return key, "", fmt.Errorf("want a file that can be read: %w", withoutPath(err))
	}
	if key, err = remember.ParseKey(text); err != nil {
		return key, "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0 {
		warning = fmt.Sprintf("every user of this machine can read the file that %sSTATE_KEY_FILE names (mode %04o)", envPrefix, info.Mode().Perm())
	}
	return key, warning, nil
}

// readAtMost reads the beginning of a file.
func readAtMost(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return string(text), err
}
