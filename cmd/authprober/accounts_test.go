package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAccountsBesideDaemon lists accounts while another process has the folder, and
// is told who it is that keeps it from releasing one. The other one's record is as it
// was.
func TestAccountsBesideDaemon(t *testing.T) {
	dir, keyFile := stateEnviron(t)
	environ := []string{envPrefix + "STATE_DIR=" + dir, envPrefix + "STATE_KEY_FILE=" + keyFile}
	file := filepath.Join(dir, "remember", "retail", "a%1b%5b2j.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	// A name that would steer a terminal.
	if err := os.WriteFile(file, []byte(`{"version":1,"pool":"retail","account":"a\u001b[2j","values":{"record of logins":{"since":"2026-11-24T03:08:28Z",
		"value":{"attempts":2,"refusals":7,"why":"locked","since":"2026-11-24T03:08:28Z"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	store, _, err := stateOf(t, environ...)
	if err != nil {
		t.Fatal(err)
	}
	const line = "retail/a?[2j  quarantine  2026-11-24T03:08:28Z  locked  2    7         0 0 0 0\n"
	if got := invoke(t.Context(), environ, "accounts"); got.code != exitOK || !strings.Contains(got.stdout, line) {
		t.Errorf("listed beside it: %+v", got)
	}
	got := invoke(t.Context(), environ, "accounts", "release", "retail/a\x1b[2j")
	if got.code != exitOurs || !strings.Contains(got.stderr, "another authprober uses it; each needs one of its own; stop the daemon that has it open") {
		t.Errorf("released beside it: %+v", got)
	}
	if got := invoke(t.Context(), environ, "accounts"); !strings.Contains(got.stdout, line) {
		t.Errorf("after that: %+v", got)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t.Context(), environ, "accounts", "release", "retail/a\x1b[2j"); got.code != exitOK {
		t.Errorf("released alone: %+v", got)
	}
	if got := invoke(t.Context(), environ, "accounts"); !strings.Contains(got.stdout, "free") {
		t.Errorf("in the end: %+v", got)
	}
}
