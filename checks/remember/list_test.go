package remember_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/remember"
)

// TestList lists a folder that a store has open, with an encrypted file and a plain one
// of the same account, a damaged one, and what is none of ours. It changes nothing.
func TestList(t *testing.T) {
	key := parseKey(t, newIdentity(t))
	dir := t.TempDir()
	if all, err := remember.List(dir, key); err != nil || len(all) != 0 {
		t.Errorf("an empty folder: got %v, %v", all, err)
	}
	s := open(t, dir, remember.Key{})
	put(t, s, bert, map[string]remember.Value{"b": value("1")})
	put(t, s, ann, map[string]remember.Value{"a": value(`"sesame-4711"`)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, key)
	put(t, s, ann, map[string]remember.Value{"a": value("2")})
	pool := filepath.Join(dir, "remember", "retail")
	for name, text := range map[string]string{"ann.json": "{}", "carl.json": `{"sesame-4711"`, "notes.txt": "x", "dora.json.tmp": "x"} {
		if err := os.WriteFile(filepath.Join(pool, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := remember.List(dir, key)
	if err != nil || len(all) != 3 {
		t.Fatalf("got %d accounts, %v, want 3", len(all), err)
	}
	if e := all[0].Err; e == nil || !strings.Contains(e.Error(), "carl.json") || strings.Contains(e.Error(), "sesame") {
		t.Errorf("the damaged one: %v", e)
	}
	if all[1].Account != ann || all[1].Values["a"].JSON.Reveal() != "2" || all[2].Account != bert || all[2].Values["b"].JSON.Reveal() != "1" {
		t.Errorf("got %v", all)
	}
	if _, err := os.Stat(filepath.Join(pool, "dora.json.tmp")); err != nil {
		t.Errorf("it tidied up: %v", err)
	}
	if all, err := remember.List(dir, remember.Key{}); err != nil || len(all) != 3 || all[0].Err == nil || all[1].Err == nil || all[2].Err != nil {
		t.Errorf("without the key: got %v, %v, want bert alone", all, err)
	}
	if _, err := remember.List(filepath.Join(dir, "nowhere"), key); err == nil {
		t.Error("a folder that is not there is listed")
	}
}
