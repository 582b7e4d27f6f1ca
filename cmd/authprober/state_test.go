package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/remember"
)

// stateEnviron is a folder for state and a file with a key for it.
func stateEnviron(t *testing.T) (dir, keyFile string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	keyFile = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("# created: today\n"+id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, keyFile
}

// stateOf opens the state as an environment says.
func stateOf(t *testing.T, environ ...string) (*remember.Store, []string, error) {
	t.Helper()
	s, err := (&app{environ: environ}).settings()
	if err != nil {
		t.Fatal(err)
	}
	store, warnings, err := openState(s)
	if err == nil {
		t.Cleanup(func() { store.Close() })
	}
	return store, warnings, err
}

func TestOpenState(t *testing.T) {
	dir, keyFile := stateEnviron(t)
	inDir, withKey := envPrefix+"STATE_DIR="+dir, envPrefix+"STATE_KEY_FILE="+keyFile
	account := remember.Account{Pool: "retail", Name: "ann"}
	for _, step := range []struct {
		environ []string
		durable bool
		want    uint64
		file    string // there afterwards
	}{
		{nil, false, 1, ""},
		{[]string{inDir}, true, 1, "ann.json"},
		{nil, false, 1, "ann.json"},
		{[]string{inDir}, true, 2, "ann.json"},
		{[]string{inDir, withKey}, true, 3, "ann.json.age"},
		{[]string{inDir, withKey}, true, 4, "ann.json.age"},
	} {
		store, warnings, err := stateOf(t, step.environ...)
		if err != nil || len(warnings) > 0 || store.Durable() != step.durable {
			t.Fatalf("%q: durable is %t, warnings %q, %v", step.environ, store.Durable(), warnings, err)
		}
		if n, err := store.Increment(account, "n", 1, time.Now()); err != nil || n != step.want {
			t.Errorf("%q: got %d and %v, want %d", step.environ, n, err, step.want)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		var files []string
		if step.file != "" {
			files = []string{filepath.Join(dir, "remember", "retail", step.file)}
		}
		got, err := filepath.Glob(filepath.Join(dir, "remember", "retail", "*"))
		if diff := cmp.Diff(files, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if _, _, err := stateOf(t, inDir); err == nil || !strings.HasSuffix(err.Error(), `ann.json.age": it is encrypted, and there is no key`) {
		t.Errorf("without the key: got %v", err)
	}
}

func TestOpenStateTwice(t *testing.T) {
	dir, _ := stateEnviron(t)
	if _, _, err := stateOf(t, envPrefix+"STATE_DIR="+dir); err != nil {
		t.Fatal(err)
	}
	_, _, err := stateOf(t, envPrefix+"STATE_DIR="+dir)
	if err == nil || !strings.Contains(err.Error(), "another authprober uses it") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

// TestStateWarnings has a key that everybody can read, and nothing to encrypt.
func TestStateWarnings(t *testing.T) {
	_, keyFile := stateEnviron(t)
	if err := os.Chmod(keyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := stateOf(t, envPrefix+"STATE_KEY_FILE="+keyFile)
	want := []string{
		"every user of this machine can read the file that AUTHPROBER_STATE_KEY_FILE names (mode 0644)",
		"AUTHPROBER_STATE_KEY_FILE is set and AUTHPROBER_STATE_DIR is not: nothing is kept, so nothing is encrypted",
	}
	if runtime.GOOS == "windows" {
		want = want[1:]
	}
	if diff := cmp.Diff(want, warnings); diff != "" || err != nil {
		t.Error(diff, err)
	}
	// The settings were read while it was there.
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	_, _, err = openState(settings{StateKeyFile: stateKeyFile(keyFile)})
	if err == nil || !strings.HasPrefix(err.Error(), "AUTHPROBER_STATE_KEY_FILE: want a file that can be read: ") || strings.Contains(err.Error(), keyFile) {
		t.Errorf("got %v", err)
	}
}
