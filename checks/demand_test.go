package checks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// What each kind of step sends at the most.
func TestDemandOfSteps(t *testing.T) {
	const clients = `clients:
  app: {client_id: app, redirect_uri: "com.example.bank:/cb", dpop: {}, endpoints: {token_endpoint: /token, userinfo_endpoint: /me}}
`
	for _, c := range []struct {
		steps string
		want  float64
	}{
		{"request: GET /\nexpect: [status == 200]", 1},
		{"request: GET /\nexpect: [status == 200]\nif: check == \"y\"", 1},
		{"request: GET /\nexpect: [status == 200]\nfollow_redirects: 4", 5},
		{"request: GET /\nexpect: [status == 200]\ndpop: {}", 2},
		{"request: GET /\nexpect: [status == 200]\npoll: {every: 200ms, for: 1s, until: status == 200}", 6},
		{"request: GET /\nexpect: [status == 200]\npoll: {every: 300ms, for: 1s, until: status == 200}", 4},
		{"request: GET /\nexpect: [status == 200]\nfollow_redirects: 1\npoll: {every: 200ms, for: 1s, until: status == 200}", 12},
		{"mail: imap://127.0.0.1\nplaintext: true\nusername: x\npassword: y\nto: z\npoll: {every: 200ms, for: 1s}\ncapture: {code: text}", 0},
		{"discovery: openid-configuration", 1},
		{"coherence: openid-configuration\nfetch: 7", 14},
		{"token: client_credentials", 2},
		{"userinfo: x", 2},
	} {
		flow := "name: x\ntarget: https://id.bank.example\nschedule: {every: 1m, timeout: 2s}\n"
		if kind, _, _ := strings.Cut(c.steps, ":"); kind != "request" && kind != "mail" {
			flow += clients
		}
		flow += "steps:\n  - name: a\n    " + strings.ReplaceAll(c.steps, "\n", "\n    ") + "\n"
		config, err := writeFlows(t, Options{}, map[string]string{"flow.yaml": flow})
		if err != nil {
			t.Errorf("%v\n%s", err, flow)
			continue
		}
		if got := config.Demand(config.Checks[0], time.Minute); got.Requests != c.want || got.Runs != 1 || got.Logins != 0 {
			t.Errorf("%s: got %+v, want %v requests", c.steps, got, c.want)
		}
	}
}

// Whatever the time, it is rounded up to whole runs; the budget of a day for confirming
// can be spent within an hour, and no faster than the interval.
func TestDemandInATime(t *testing.T) {
	user := banktest.User{Username: "anna", Password: "x"}
	config := func(schedule string) *Config {
		return mustLoad(t, Options{AnyPace: true}, "name: x\ntarget: https://bank.example\naccounts: retail\nschedule: "+schedule+
			"\nsteps:\n  - name: a\n    request: GET /\n    expect: [status == 200]\ncleanup:\n  - name: b\n    request: GET /\n    expect: [status == 200]\n", user)
	}
	for _, c := range []struct {
		schedule string
		in       time.Duration
		want     float64 // runs
	}{
		{"{every: 10s}", time.Hour, 360},
		{"{every: 7s}", time.Hour, 515},
		{"{every: 2h}", time.Hour, 1},
		{"{every: 10s, confirm: 1s}", time.Hour, 360 + 864},
		{"{every: 10s, confirm: 1s}", time.Minute, 6 + 60},
		{"{every: 10s, confirm: 1s}", 48 * time.Hour, 2 * (8640 + 864)},
		{"{every: 10s, confirm: 1s, confirm_budget: 1%}", time.Hour, 360 + 86},
	} {
		k := config(c.schedule)
		want := Demand{Runs: c.want, Requests: 2 * c.want, Logins: c.want}
		if got := k.Demand(k.Checks[0], c.in); got != want {
			t.Errorf("%s in %v: got %+v, want %+v", c.schedule, c.in, got, want)
		}
	}
	if got := config("{every: 10s}").Demand(&prober.Check{}, time.Hour); got != (Demand{}) {
		t.Errorf("a check of another configuration: %+v", got)
	}
}

// A run never sends more than its demand says, and a run of which everything goes
// wrong that may sends as much.
func TestDemandIsWhatIsSent(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		if n := strings.TrimPrefix(r.URL.Path, "/hop/"); n != r.URL.Path && n != "0" {
			var i int
			fmt.Sscan(n, &i)
			http.Redirect(w, r, fmt.Sprint("/hop/", i-1), http.StatusFound)
		}
	}))
	defer server.Close()
	c := mustLoad(t, Options{}, "name: x\ntarget: "+server.URL+`
schedule: {every: 1m, timeout: 20s}
steps:
  - name: redirects
    request: GET /hop/3
    follow_redirects: 3
    expect: [status == 200]
  - name: first hop
    request: GET /hop/4
    expect: [status == 302]
  - name: others
    follow: {until: status == 200, at_most: 4}
    expect: [status == 200]
  - name: poll in vain
    request: GET /
    poll: {every: 100ms, for: 350ms, until: status == 404}
    expect: [status == 404]
cleanup:
  - name: out
    request: GET /
    expect: [status == 200]
`)
	r := probeOnce(t, c)
	check := c.Demand(c.Checks[0], time.Minute)
	if r.Err != nil || len(r.Cleanup) != 1 || float64(sent.Load()) > check.Requests || check.Requests != 4+1+4+4+1 {
		t.Errorf("%d requests were sent, %+v at the most; %+v", sent.Load(), check, r)
	}
	if n := sent.Load(); n < 4+1+4+2+1 { // a slow machine polls less often
		t.Errorf("%d requests were sent", n)
	}
}

// Who does not keep the schedule keeps the budget: in any hour no more runs begin than
// it has room for, and what could not begin costs nothing.
func TestBudgetIsKept(t *testing.T) {
	user := banktest.User{Username: "anna", Password: "x"}
	flow := "name: x\ntarget: http://127.0.0.1:1\naccounts: retail\nbudget: {requests: 11 per hour, logins: 3 per minute}\n" +
		"schedule: {every: 30m}\nsteps:\n  - name: a\n    request: GET /\n    expect: [status == 200]\ncleanup:\n  - name: b\n    request: GET /\n    expect: [status == 200]\n"
	c := mustLoad(t, Options{KeepBudget: true}, flow, user)
	begin := c.Checks[0].Begin
	start := time.Now()
	var begun []time.Duration
	for at := time.Duration(0); at < 3*time.Hour; at += 10 * time.Second {
		a, miss := begin(start.Add(at))
		if miss == "" {
			if _, other := begin(start.Add(at)); other != prober.MissNoAccount && other != prober.MissBudget {
				t.Fatalf("the only account is leased twice: %q", other)
			}
			a.Release(prober.Passed, prober.Report{})
			begun = append(begun, at)
		} else if miss != prober.MissBudget {
			t.Fatalf("got %s", miss)
		}
	}
	for i, at := range begun {
		if i >= 5 && at-begun[i-5] < time.Hour || i >= 3 && at-begun[i-3] < time.Minute {
			t.Errorf("run %d began at %v; those before at %v", i, at, begun[:i])
		}
	}
	if len(begun) != 15 {
		t.Errorf("%d runs in three hours, want 15: %v", len(begun), begun)
	}
	if _, miss := mustLoad(t, Options{}, flow, user).Checks[0].Begin(start); miss != "" {
		t.Errorf("got %s", miss)
	}
}

// The environment is a label, and production with all that it needs loads.
func TestProduction(t *testing.T) {
	c := mustLoad(t, Options{}, "environment: production\nauthorised_by: ' OPS-4711 '\nbudget: {requests: 1 per second}\n"+oneStep("http://127.0.0.1:1", getOK))
	check := c.Checks[0]
	if check.Labels["environment"] != "production" || check.AuthorisedBy != "OPS-4711" {
		t.Errorf("got %v, %q", check.Labels, check.AuthorisedBy)
	}
	if c := mustLoad(t, Options{}, oneStep("http://127.0.0.1:1", getOK)).Checks[0]; len(c.Labels) != 0 || c.AuthorisedBy != "" {
		t.Errorf("got %v, %q", c.Labels, c.AuthorisedBy)
	}
}
