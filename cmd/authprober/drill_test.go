package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// A drill is on /metrics, on the page and in the log until it is ended, and no run has
// anything to do with it.
func TestDrill(t *testing.T) {
	_, url, _ := watchedBank(t, banktest.Options{})
	flows := writeFlow(t, statusFlow(url, "1h"), nil)
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_ADMIN=on"}, "run", flows)
	at := p.until("running")["url"].(string)
	environ := []string{"AUTHPROBER_LISTEN=" + strings.TrimPrefix(at, "http://")}
	drill := func(args ...string) invocation {
		return invoke(t.Context(), environ, append([]string{"drill"}, args...)...)
	}

	want := invocation{stdout: "drill of status for 5m0s; authprober drill status --end ends it\n"}
	if got := drill("status", "--for", "5m"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if f := p.until("admin"); f["method"] != "POST" || f["path"] != "/-/drill" || f["user"] != "" {
		t.Errorf("the log says %v", f)
	}
	if f := p.until("drill"); f["check"] != "status" || f["level"] != "warn" {
		t.Errorf("the log says %v", f)
	}
	metrics, page := get(t, at+"/metrics"), get(t, at+"/")
	for _, line := range []string{`authprober_drill{check="status"} 1`, `authprober_check_state{check="status",state="firing"} 0`, `authprober_evidence{check="status"} 0`,
		`authprober_runs_failed_total{check="status"} 0`} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("/metrics has no line %s", line)
		}
	}
	if !strings.Contains(page, "<title>DRILL of status · authprober</title>") || strings.Contains(page, "All is well") || !strings.Contains(page, "DRILL: it pages on purpose") {
		t.Errorf("the page says nothing of it:\n%s", page)
	}
	if got := invoke(t.Context(), environ, "status"); got.code != exitOK || !strings.Contains(got.stdout, "\n  DRILL: it pages on purpose, for another 4m") {
		t.Errorf("status says %+v", got)
	}
	if got, want := drill("status", "--end"), (invocation{stdout: "no drill of status\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if f := p.until("drill over"); f["check"] != "status" {
		t.Errorf("the log says %v", f)
	}
	if metrics := get(t, at+"/metrics"); !strings.Contains(metrics, "\nauthprober_drill{check=\"status\"} 0\n") {
		t.Error("/metrics has a drill that is over")
	}
	for _, c := range []struct {
		args []string
		want invocation
	}{
		{[]string{"sttus"}, invocation{code: exitFailed, stderr: "authprober: asking " + at + "/-/drill: status 404: there is no check of that name\n"}},
		{[]string{"status", "--for", "2h"}, invocation{code: exitFailed, stderr: "authprober: asking " + at + "/-/drill: status 400: want for=, a time such as 2m, from 1s to 1h\n"}},
		{[]string{"status", "--url", "ftp://x"}, invocation{code: exitConfig, stderr: "authprober: --url: want a URL such as https://probe.bank.example:9870, without a password\n"}},
		{[]string{"status", "--url", "http://prober.example", "--user", "anna"}, invocation{code: exitConfig,
			stderr: "authprober: --user wants https, or a loopback address: the password would be sent in the clear\n"}},
		{nil, invocation{code: exitConfig, stderr: "authprober: want one CHECK, the name of a check or group:NAME\nRun 'authprober drill --help' for usage.\n"}},
	} {
		if got := drill(c.args...); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.args, got, c.want)
		}
	}
}

// Where the daemon asks for a password, so does the drill; where it has no admin
// endpoints, it says so.
func TestDrillAsksForAPassword(t *testing.T) {
	_, url, _ := watchedBank(t, banktest.Options{})
	flows, dir := writeFlow(t, statusFlow(url, "1h"), nil), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := file("web.yml", "basic_auth_users:\n  anna: $2a$04$PGp4YLTnD2aiX14JPUL6rOO5LCBq/yZhDjxGKMCO6e2ujmxOh5cye\n")
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_ADMIN=on", "AUTHPROBER_WEB_CONFIG_FILE=" + config}, "run", flows)
	at := p.until("running")["url"].(string)
	drill := func(at string, args ...string) invocation {
		return invoke(t.Context(), []string{"AUTHPROBER_LISTEN=" + strings.TrimPrefix(at, "http://")}, append([]string{"drill", "status"}, args...)...)
	}
	unknown := invocation{code: exitFailed, stderr: "authprober: asking " + at + "/-/drill: it wants a name and a password; see --user and --password-file\n"}
	if got := drill(at); got != unknown {
		t.Errorf("without a password: got %+v", got)
	}
	if got := drill(at, "--user", "anna", "--password-file", file("wrong", "hunter2")); got != unknown {
		t.Errorf("with a wrong one: got %+v", got)
	}
	if got := drill(at, "--user", "anna", "--password-file", file("right", "correct horse\n")); got.code != exitOK {
		t.Errorf("with the right one: got %+v", got)
	}
	if f := p.until("admin"); f["user"] != "anna" {
		t.Errorf("the log says %v", f)
	}
	off := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0"}, "run", flows)
	at = off.until("running")["url"].(string)
	want := invocation{code: exitFailed, stderr: "authprober: asking " + at + "/-/drill: status 404: the admin endpoints are off; AUTHPROBER_ADMIN=on has them\n"}
	if got := drill(at); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Admin endpoints that would let nobody in are a mistake at the start.
func TestAdminForNobody(t *testing.T) {
	_, url, _ := watchedBank(t, banktest.Options{})
	flows := writeFlow(t, statusFlow(url, "1h"), nil)
	got := invoke(t.Context(), []string{"AUTHPROBER_LISTEN=0.0.0.0:0", "AUTHPROBER_ADMIN=on"}, "run", flows)
	want := invocation{code: exitConfig, stderr: "AUTHPROBER_ADMIN: on wants AUTHPROBER_WEB_CONFIG_FILE to ask for a password or a client certificate, or AUTHPROBER_LISTEN to be a loopback address\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for text, want := range map[string]bool{
		"":                               false,
		"basic_auth_users: {}":           false,
		"basic_auth_users: {anna: $2a$}": true,
		"tls_server_config: {cert_file: a, client_auth_type: RequireAndVerifyClientCert}": true,
		"tls_server_config: {cert_file: a, client_auth_type: RequireAnyClientCert}":       false,
		"{": false,
	} {
		path := filepath.Join(t.TempDir(), "web.yml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := webConfig(path).authenticates(); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
