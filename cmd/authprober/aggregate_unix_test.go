//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestAggregateReload changes what an aggregator judges, with a mistake, with an API that is away, and
// without either; a signal that a shell sends when its terminal is gone ends nothing.
func TestAggregateReload(t *testing.T) {
	well := fakePrometheus(t, func(int) int { return 0 })
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(away.Close)
	flow := loginFlow(t)
	config := filepath.Join(t.TempDir(), "http.yaml")
	put(t, config, "{}\n")
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0"}, "aggregate", "--url", well, "--http-config", config, "--replay", "2h", filepath.Dir(flow))
	at := p.until("aggregating")["url"].(string)
	p.until("replayed")

	other := strings.Replace(statusFlow("https://bank.example", "10s"), "status", "transfer", 1)
	put(t, filepath.Join(filepath.Dir(flow), "other.yaml"), other)
	if got := p.hangUp(reloaded); fmt.Sprint(got["checks"]) != "2" {
		t.Errorf("the log says %v", got)
	}
	metrics := get(t, at+"/metrics")
	for _, want := range []string{`authprober_check_info{check="all:transfer",`, `authprober_check_state{check="all:login",state="healthy"} 1`,
		"\nauthprober_config_last_reload_successful 1\n", `authprober_aggregate_samples_total{check="all:login"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}

	put(t, filepath.Join(filepath.Dir(flow), "other.yaml"), strings.Replace(other, "schedule", "schedul", 1))
	p.hangUp(refused)
	put(t, filepath.Join(filepath.Dir(flow), "other.yaml"), other)
	put(t, config, "proxy_url: "+away.URL+"\n") // which answers for itself
	if got := p.hangUp(refused); !strings.Contains(fmt.Sprint(got["error"]), "status 503, want 200") {
		t.Errorf("the log says %v", got)
	}
	metrics = get(t, at+"/metrics")
	for _, want := range []string{"\nauthprober_config_last_reload_successful 0\n", `authprober_check_state{check="all:transfer",state="healthy"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	if !strings.Contains(p.log.String(), `did you mean schedule?`) {
		t.Errorf("the log does not say what was wrong:\n%s", p.log.String())
	}
	p.Process.Signal(syscall.SIGTERM)
	if code := p.end(); code != exitOK {
		t.Errorf("it ended with %d:\n%s", code, p.log.String())
	}
}

// TestAggregateSystemd runs the aggregator as systemd would.
func TestAggregateSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is Linux's")
	}
	socket, heard := listensAsSystemd(t)
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=100000"},
		"aggregate", "--url", fakePrometheus(t, func(int) int { return 0 }), loginFlow(t))
	next := func() string {
		for {
			if got := heard(); got != "WATCHDOG=1" {
				return got
			}
		}
	}
	if got := heard(); got != aggregatingState {
		t.Errorf("told %q, want %q", got, aggregatingState)
	}
	if got := heard(); got != "WATCHDOG=1" {
		t.Errorf("told %q, want WATCHDOG=1", got)
	}
	p.until("replayed")
	p.Process.Signal(syscall.SIGHUP)
	if got := next(); !strings.HasPrefix(got, "RELOADING=1\n") {
		t.Errorf("told %q, want RELOADING=1", got)
	}
	if got := next(); got != aggregatingState {
		t.Errorf("told %q, want %q", got, aggregatingState)
	}
	p.Process.Signal(syscall.SIGTERM)
	if got := next(); got != "STOPPING=1\nSTATUS=Stopping" {
		t.Errorf("told %q", got)
	}
	if code := p.end(); code != exitOK {
		t.Errorf("it ended with %d:\n%s", code, p.log.String())
	}
}
