package main

import (
	"net"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// TestControl tries a target that is not there: with what is always there in reach it has
// failed, and without it nobody can tell.
func TestControl(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{})
	defer bank.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	nowhere := "http://" + gone.Addr().String()
	flow := writeFlow(t, statusFlow(nowhere, "1h"), nil)
	for _, c := range []struct {
		name, urls string
		code       int
		want       string
	}{
		{"none", "", exitFailed, "connect: "},
		{"in reach", bank.URL + "/v1/status?key=SENTINEL", exitFailed, "connect: "},
		{"one of two in reach", nowhere + "," + bank.URL, exitFailed, "connect: "},
		{"out of reach", nowhere + "/?key=SENTINEL", exitOurs, "our own network is sick: " + gone.Addr().String() + ": "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := invoke(t.Context(), []string{"AUTHPROBER_CONTROL_URLS=" + c.urls}, "once", flow)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.want) {
				t.Errorf("got %d, want %d and %q:\n%s%s", got.code, c.code, c.want, got.stdout, got.stderr)
			}
			if strings.Contains(got.stdout+got.stderr, "SENTINEL") {
				t.Errorf("what is in the URL is shown:\n%s%s", got.stdout, got.stderr)
			}
		})
	}
}

// TestControlWarnings: a control URL that goes down with a target, or alone, excuses what
// it should not, and whoever names it hears so.
func TestControlWarnings(t *testing.T) {
	const one, two = "https://one.example/", "https://two.example/"
	targets := map[string]string{"login": "api.bank.example", "transfer": "API.bank.example"}
	for text, want := range map[string][]string{
		"":                                       nil,
		one + "," + two:                          nil,
		one:                                      {"has one URL: while one.example is down"},
		one + ",https://api.bank.example/health": {"has the host of the target of login: while api.bank.example is down"},
		"https://api.bank.example/health":        {"has one URL", "has the host of the target of login"},
		one + ",https://api.bank.example:8443/":  nil, // another port may be another machine
	} {
		var c controlURLs
		if err := c.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		got := c.warnings(targets)
		if len(got) != len(want) {
			t.Errorf("%s: %q, want %q", text, got, want)
			continue
		}
		for i, w := range want {
			if !strings.Contains(got[i], w) {
				t.Errorf("%s: %q, want %q", text, got[i], w)
			}
		}
	}
	got := invoke(t.Context(), []string{"AUTHPROBER_CONTROL_URLS=http://127.0.0.1:1/"}, "once", writeFlow(t, statusFlow("http://127.0.0.1:1", "1h"), nil))
	if !strings.Contains(got.stderr, "has the host of the target of") {
		t.Errorf("once does not warn:\n%s", got.stderr)
	}
}

// TestHeartbeat runs a daemon with a dead man's switch: it beats, and its URL is shown
// nowhere.
func TestHeartbeat(t *testing.T) {
	_, url, begun := watchedBank(t, banktest.Options{})
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json", "AUTHPROBER_HEARTBEAT_URL=" + url + "/SENTINEL"},
		"run", writeFlow(t, statusFlow(url, "1h"), nil))
	at := p.until("running")["url"].(string)
	p.await(begun, "/SENTINEL")
	p.until("the heartbeat is not heard") // the bank has no such path
	for _, page := range []string{"/metrics", "/", "/prober", "/api/v1/prober"} {
		if strings.Contains(get(t, at+page), "SENTINEL") {
			t.Errorf("the URL is on %s", page)
		}
	}
	if metrics := get(t, at+"/metrics"); !strings.Contains(metrics, "\nauthprober_heartbeats_total 1\n") || !strings.Contains(metrics, "\nauthprober_heartbeats_failed_total 1\n") {
		t.Error("the metrics do not count the beat")
	}
	if strings.Contains(p.log.String(), "SENTINEL") {
		t.Errorf("the URL is in the log:\n%s", p.log.String())
	}
}
