package remember_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/remember"
)

func TestParseKeyRefuses(t *testing.T) {
	id := newIdentity(t)
	none := "want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it; there is none"
	for text, want := range map[string]string{
		"":                             none,
		"# sesame\n\n":                 none,
		"sesame":                       "line 1: want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it",
		"# x\r\n" + id + "\n" + id[1:]: "line 3: want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it",
		strings.ToLower(id[:40]):       "line 1: want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it",
		strings.Repeat("#", 70000):     "want at most 65536 bytes of age identities",
	} {
		if _, err := remember.ParseKey(text); err == nil || err.Error() != want {
			t.Errorf("%.30q: got %v, want %s", text, err, want)
		}
	}
}

// TestRotation goes from no key to a key, to another one, and learns what
// happens when a key is taken away too early.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	old, fresh := newIdentity(t), newIdentity(t)
	plainFile := filepath.Join(dir, "remember/retail/ann.json")
	values := map[string]remember.Value{"token": value(`"sesame-4711"`)}
	with := func(key remember.Key, do func(s *remember.Store)) {
		t.Helper()
		s, err := remember.Open(dir, key)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, s, ann, values)
		do(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write := func(s *remember.Store) { put(t, s, ann, values) }
	refuses := func(key remember.Key, want string) {
		t.Helper()
		_, err := remember.Open(dir, key)
		if err == nil || !strings.HasSuffix(err.Error(), want) || !strings.Contains(err.Error(), plainFile+".age") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	s := open(t, dir, remember.Key{})
	put(t, s, ann, values)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(plainFile)
	if err != nil || !bytes.Contains(backup, []byte("sesame-4711")) {
		t.Fatalf("got %s and %v", backup, err)
	}
	with(parseKey(t, old), func(*remember.Store) {})
	with(remember.Key{}, func(*remember.Store) {}) // only read: it is plain still
	with(parseKey(t, "# ours", "", old), write)
	if _, err := os.Stat(plainFile); !os.IsNotExist(err) {
		t.Errorf("the plain file: %v", err)
	}
	sealed, err := os.ReadFile(plainFile + ".age")
	if err != nil || bytes.Contains(sealed, []byte("sesame")) || !bytes.HasPrefix(sealed, []byte("age-encryption.org/v1\n")) {
		t.Errorf("got %s and %v", sealed, err)
	}
	refuses(remember.Key{}, "it is encrypted, and there is no key")
	refuses(parseKey(t, fresh), "it is encrypted for another key than those given")
	with(parseKey(t, fresh, old), func(*remember.Store) {})
	refuses(parseKey(t, fresh), "it is encrypted for another key than those given") // not written since
	with(parseKey(t, fresh, old), write)
	with(parseKey(t, fresh), func(*remember.Store) {})

	// A crash between the encrypted file and the end of the plain one.
	values["token"] = value(`"later"`)
	with2 := open(t, dir, parseKey(t, fresh))
	put(t, with2, ann, values)
	if err := with2.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plainFile, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	with(parseKey(t, fresh), write)
	if _, err := os.Stat(plainFile); !os.IsNotExist(err) {
		t.Errorf("the plain file: %v", err)
	}
}
