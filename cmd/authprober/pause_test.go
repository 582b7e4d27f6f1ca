package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// The file is looked for each time; where its folder is gone so is the file, and where
// nobody can tell, the switch stays as it was and the log says so once.
func TestPauseFile(t *testing.T) {
	if pauseFile("").paused(zap.NewNop()) != nil {
		t.Error("without a file there is a switch")
	}
	core, lines := observer.New(zap.DebugLevel)
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "pause")
	paused := pauseFile(path).paused(zap.New(core))
	is := func(when string, want bool) {
		t.Helper()
		if got := paused(); got != want {
			t.Errorf("%s: got %t", when, got)
		}
	}
	is("no folder", false)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	is("no file", false)
	if err := os.Symlink("nowhere", path); err != nil {
		t.Fatal(err)
	}
	is("a link that leads nowhere", true)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file in place of the folder: ENOTDIR
		t.Fatal(err)
	}
	is("nobody can tell", true)
	is("nobody can tell yet", true)
	if lines.Len() != 1 || strings.Contains(lines.All()[0].Message, dir) {
		t.Errorf("got %v", lines.All())
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	is("no folder again", false)
}

// While the file is there once and gate send nothing, and say why.
func TestNothingIsSentWhilePaused(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { sent.Add(1) }))
	defer server.Close()
	dir := t.TempDir()
	flow := filepath.Join(dir, "flow.yaml")
	text := "name: x\ntarget: " + server.URL + "\nsteps:\n  - name: a\n    request: GET /\n    expect: [status == 200]\n"
	if err := os.WriteFile(flow, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pause := filepath.Join(dir, "pause")
	if err := os.WriteFile(pause, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"AUTHPROBER_PAUSE_FILE=" + pause}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"once", flow}, `check "x" began no run: paused`},
		{[]string{"once", flow, "--runs", "3"}, `check "x" began no run: paused`},
		{[]string{"gate", flow, "--max-failures", "50%", "--for", "100ms"}, "x is paused"},
	} {
		if got := invoke(t.Context(), environ, c.args...); got.code != exitOurs || !strings.Contains(got.stdout, c.want) {
			t.Errorf("%v: got %+v", c.args, got)
		}
	}
	if n := sent.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if err := os.Remove(pause); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t.Context(), environ, "once", flow); got.code != exitOK || sent.Load() != 1 {
		t.Errorf("got %+v after %d requests", got, sent.Load())
	}
}

// What a target asks for once holds for the runs of once that follow.
func TestOnceHonoursThePauseHeader(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		w.Header().Set("X-Leave-Me", "60")
	}))
	defer server.Close()
	flow := filepath.Join(t.TempDir(), "flow.yaml")
	text := "name: x\ntarget: " + server.URL + "\nsteps:\n  - name: a\n    request: GET /\n    expect: [status == 200]\n"
	if err := os.WriteFile(flow, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]int64{"X-Leave-Me": 1, "": 3} {
		sent.Store(0)
		got := invoke(t.Context(), []string{"AUTHPROBER_PAUSE_HEADER=" + header}, "once", flow, "--runs", "3")
		if sent.Load() != want || (got.code == exitOK) != (want == 3) {
			t.Errorf("%q: %d runs, want %d; %+v", header, sent.Load(), want, got)
		}
	}
}
