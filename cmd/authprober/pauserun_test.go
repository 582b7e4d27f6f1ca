package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// A daemon that starts while the file is there asks nothing of the bank, says so, and
// goes on by itself when the file is gone.
func TestDaemonIsPausedByAFile(t *testing.T) {
	bank, url, begun := watchedBank(t, banktest.Options{Users: 1, PasswordOnly: true})
	flows := writeFlow(t, passwordFlow(url), bank.Users())
	pause := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(pause, []byte("maintenance, anna"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_PAUSE_FILE=" + pause, "AUTHPROBER_LOG_LEVEL=debug"}, "run", flows)
	if f := p.until("pace"); f["to"] != "paused" || f["reason"] != "switch" || f["level"] != "warn" {
		t.Errorf("the log says %v", f)
	}
	if f := p.until("missed"); f["reason"] != "paused" || f["level"] != "debug" { // the flow's first due time
		t.Errorf("the log says %v", f)
	}
	if s := bank.Stats().Total; s.Logins != 0 {
		t.Errorf("the bank has seen %+v", s)
	}
	if err := os.Remove(pause); err != nil {
		t.Fatal(err)
	}
	if f := p.until("pace"); f["to"] != "schedule" || f["level"] != "info" {
		t.Errorf("the log says %v", f)
	}
	if len(begun) != 0 {
		t.Error("a run began in the pause")
	}
}
