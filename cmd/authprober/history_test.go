package main

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

// failingFlow fails each time, ten times a second, and pages at the third or so.
func failingFlow(target string) string {
	return strings.Replace(statusFlow(target, "100ms"), "steps:", `objective: {tolerate: 0.1%, detect: 2%, false_pages: 1 per 30d, blip: 0s}
tags: {release: '"1.2.3"'}
steps:`, 1)
}

var evidenceLine = regexp.MustCompile(`(?m)^authprober_evidence\{check="status"\} (\S+)$`)

// TestRestart ends a daemon that is firing, by a signal and by a kill, and starts it
// again: the page is neither forgotten nor told anew, and the evidence is what it was.
// What it has recorded is what backtest finds, while the daemon runs.
func TestRestart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGINT")
	}
	_, url, _ := watchedBank(t, banktest.Options{Faults: []banktest.Fault{{Step: banktest.StepStatus, Status: 500, Kind: banktest.KindStatus}}})
	flows, state := writeFlow(t, failingFlow(url), nil), t.TempDir()
	environ := []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_STATE_DIR=" + state}
	first := start(t, environ, "run", flows)
	at := first.until("running")["url"].(string)
	for first.until("state")["to"] != "firing" {
	}
	was := evidenceLine.FindString(get(t, at+"/metrics"))
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := first.end(); code != exitOK {
		t.Fatalf("it ended with %d:\n%s", code, first.log.String())
	}
	for range 2 {
		next := start(t, environ, "run", flows)
		if still := next.until("still"); still["state"] != "firing" || still["check"] != "status" {
			t.Errorf("got %v", still)
		}
		metrics := get(t, next.until("running")["url"].(string)+"/metrics")
		if is := evidenceLine.FindString(metrics); is != was || is == "" {
			t.Errorf("got %q, want %q", is, was)
		}
		for _, want := range []string{`authprober_check_state{check="status",state="firing"} 1`, "authprober_history_durable 1",
			"authprober_history_writes_failed_total 0"} {
			if !strings.Contains(metrics, want+"\n") {
				t.Errorf("no %s on /metrics", want)
			}
		}
		for range 3 {
			next.until("run")
		}
		if strings.Contains(next.log.String(), `"msg":"state"`) {
			t.Errorf("it told of a change of state:\n%s", next.log.String())
		}
		got := invoke(t.Context(), environ, "backtest", flows, "--from-history", "--json")
		if got.code != exitOK || !strings.Contains(got.stdout, `"check":"status","state":"firing","evidence":`) {
			t.Errorf("backtest: got %+v", got)
		}
		if err := next.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		next.end()
	}
}

// A history that is damaged is set aside, and one that cannot be kept is in memory: both
// are told, and probing goes on.
func TestHistoryThatCannotBe(t *testing.T) {
	_, url, _ := watchedBank(t, banktest.Options{})
	flows := writeFlow(t, strings.Replace(statusFlow(url, "1m"), "name: status", "name: "+soon("status"), 1), nil)
	for name, test := range map[string]struct {
		spoil func(path string) error
		log   string
		want  string
	}{
		"damaged": {func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600)
		},
			"the history was damaged or of another program: it is set aside, and a new one begun", "authprober_history_durable 1"},
		"no file": {func(path string) error { return os.Mkdir(path, 0o700) },
			"the history cannot be kept: it is in memory, and is forgotten when this process ends", "authprober_history_writes_failed_total 1"},
	} {
		state := t.TempDir()
		if err := test.spoil(filepath.Join(state, "history.db")); err != nil {
			t.Fatal(err)
		}
		p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_STATE_DIR=" + state}, "run", flows)
		p.until(test.log)
		at := p.until("running")["url"].(string)
		p.until("run")
		if metrics := get(t, at+"/metrics"); !strings.Contains(metrics, test.want+"\n") {
			t.Errorf("%s: no %s on /metrics", name, test.want)
		}
		if found, _ := filepath.Glob(filepath.Join(state, "history.db.broken-*")); (len(found) == 1) != (name == "damaged") {
			t.Errorf("%s: set aside are %v", name, found)
		}
		_ = p.Process.Kill()
		p.end()
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "36h": 36 * time.Hour, "1.5d": 36 * time.Hour, "1h": time.Hour} {
		var a keepFor
		if err := a.UnmarshalText([]byte(text)); err != nil || time.Duration(a) != want {
			t.Errorf("%s: got %v, want %v: %v", text, time.Duration(a), want, err)
		}
	}
	for text, want := range map[string]int64{"16MiB": 16 << 20, "2GiB": 2 << 30, "1024GiB": 1 << 40} {
		var s keepSize
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%s: got %d, want %d: %v", text, s, want, err)
		}
	}
}
