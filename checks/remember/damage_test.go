package remember_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/remember"
)

// TestDamage damages the file of one account in many ways: every call for it is
// an error that names the file, nothing touches the file, the other account goes
// on, and when the file is repaired so does this one, without a restart.
func TestDamage(t *testing.T) {
	id := newIdentity(t)
	for name, test := range map[string]struct {
		key    remember.Key
		file   string
		damage func([]byte) []byte
		want   string
	}{
		"half":          {remember.Key{}, "ann.json", func(b []byte) []byte { return b[:len(b)/2] }, "it stops being JSON"},
		"empty":         {remember.Key{}, "ann.json", func(b []byte) []byte { return nil }, "it stops being JSON"},
		"zeros":         {remember.Key{}, "ann.json", func(b []byte) []byte { return make([]byte, len(b)) }, "it stops being JSON"},
		"huge":          {remember.Key{}, "ann.json", func(b []byte) []byte { return make([]byte, 9<<20) }, "it has more than 8388608 bytes"},
		"of bert":       {remember.Key{}, "ann.json", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("ann"), []byte("bert")) }, "it is that of another account"},
		"not encrypted": {parseKey(t, id), "ann.json.age", func(b []byte) []byte { return []byte(`{"sesame":1}`) }, "its encryption is damaged"},
		"sealed, half":  {parseKey(t, id), "ann.json.age", func(b []byte) []byte { return b[:len(b)-5] }, "its encryption is damaged"},
		"sealed, a bit": {parseKey(t, id), "ann.json.age", func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b }, "its encryption is damaged"},
		"sealed, empty": {parseKey(t, id), "ann.json.age", func(b []byte) []byte { return nil }, "its encryption is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "remember/retail", test.file)
			values := map[string]remember.Value{"sesame": value(`"sesame-4711"`), "n": value("7")}
			s := open(t, dir, test.key)
			put(t, s, ann, values)
			put(t, s, bert, values)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			damaged := test.damage(whole)
			if err := os.WriteFile(file, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, test.key)
			if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], file) {
				t.Errorf("the warnings are %q", w)
			}
			_, getting := s.Get(ann)
			_, taking := s.Take(ann, "sesame")
			_, counting := s.Increment(ann, "n", 0, noon)
			for _, err := range []error{getting, taking, counting, s.Put(ann, values), s.Delete(ann)} {
				if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) ||
					!strings.Contains(err.Error(), "repair it, or move it away") || strings.Contains(err.Error(), "sesame") {
					t.Errorf("got %v, want %s", err, test.want)
				}
			}
			if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, damaged) {
				t.Errorf("the damaged file has changed: %v", err)
			}
			holds(t, s, bert, values)
			put(t, s, bert, values)

			if err := os.WriteFile(file, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			holds(t, s, ann, values)
		})
	}
}

// TestLeftovers opens a folder with a temporary file of a crash and with files of
// somebody else.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, remember.Key{})
	put(t, s, ann, map[string]remember.Value{"a": value("1")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	pool := filepath.Join(dir, "remember/retail")
	for _, name := range []string{"ann.json.tmp", "bert.json.tmp", "ann.json.damaged"} {
		if err := os.WriteFile(filepath.Join(pool, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir, remember.Key{})
	holds(t, s, ann, map[string]remember.Value{"a": value("1")})
	holds(t, s, bert, nil)
	var left []string
	files, err := os.ReadDir(pool)
	for _, f := range files {
		left = append(left, f.Name())
	}
	if diff := cmp.Diff([]string{"ann.json", "ann.json.damaged"}, left); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("the warnings are %q", w)
	}
}

// TestFolderTakenAway: a folder that is gone is not one with nothing in it.
func TestFolderTakenAway(t *testing.T) {
	if !hasModes {
		t.Skip("an open folder cannot be moved here")
	}
	dir := t.TempDir()
	s := open(t, dir, remember.Key{})
	put(t, s, ann, map[string]remember.Value{"n": value("7")})
	put(t, s, bert, map[string]remember.Value{"n": value("7")})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, remember.Key{})
	holds(t, s, ann, map[string]remember.Value{"n": value("7")}) // and not bert
	folder := filepath.Join(dir, "remember")
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	missing := func() {
		t.Helper()
		for _, a := range []remember.Account{ann, bert} {
			if n, err := s.Increment(a, "n", 0, noon); err == nil || !strings.Contains(err.Error(), "is not the one that was opened") {
				t.Errorf("%v: got %d and %v", a, n, err)
			}
		}
	}
	missing()
	other := open(t, dir, remember.Key{}) // another one in its place
	missing()
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	for _, a := range []remember.Account{ann, bert} {
		if n, err := s.Increment(a, "n", 0, noon); err != nil || n != 8 {
			t.Errorf("%v: got %d and %v, want 8", a, n, err)
		}
	}
}
