package checks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/banktest"
)

// whyLeftAlone makes one run and says why its account is left alone then; "" if it is not.
func whyLeftAlone(t *testing.T, c *Config) accounts.Why {
	t.Helper()
	var why accounts.Why
	c.Accounts.Watch(func(e accounts.Event) { why = e.Record.Why })
	probeOnce(t, c)
	_, miss := c.Checks[0].Begin(time.Now())
	if (miss == "quarantine") != (why != "") {
		t.Errorf("the next run begins with %q, and why is %q", miss, why)
	}
	return why
}

// One captcha, or one answer that says that the account is locked, is enough.
func TestHaltAtTheBank(t *testing.T) {
	for fault, want := range map[string]accounts.Why{
		"kind=captcha step=login":            accounts.WhyCaptcha,
		"kind=lockout":                       accounts.WhyLocked,
		"kind=status status=401 step=login":  "",
		"kind=status status=503 step=login":  "",
		"kind=rate_limit step=login":         "",
		"kind=html step=login":               "",
		"kind=stale_token":                   "",
		"kind=account_limit limit=1 per=24h": "",
	} {
		f, err := banktest.ParseFault(fault)
		if err != nil {
			t.Fatal(err)
		}
		bank := banktest.NewServer(banktest.Options{Users: 1, PasswordOnly: true, Faults: []banktest.Fault{f}})
		defer bank.Close()
		c := mustLoad(t, Options{LookupEnv: noEnv}, fmt.Sprintf(`
name: x
target: %s
accounts: retail
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [body.access_token != ""]}
`, bank.URL), bank.Users()...)
		if got := whyLeftAlone(t, c); got != want {
			t.Errorf("%s: left alone for %q, want %q", fault, got, want)
		}
	}
}

// TestHalt says of answers whether they stop the account.
func TestHalt(t *testing.T) {
	const expected, refused = "expect: [status == 200]", "refuse: [401, 403]"
	for name, tc := range map[string]struct {
		status        int
		kind, body    string
		header, value string
		step, locked  string
		want          accounts.Why
	}{
		"423":                           {status: 423, step: expected, want: accounts.WhyLocked},
		"a code":                        {status: 401, kind: "application/json", body: `{"error": "account_locked"}`, step: expected, want: accounts.WhyLocked},
		"a code in an object":           {status: 403, kind: "application/json", body: `{"error": {"code": "USER-LOCKED-OUT"}}`, step: expected, want: accounts.WhyLocked},
		"a code of a wrong password":    {status: 401, kind: "application/json", body: `{"error": "account_locked"}`, step: refused, want: accounts.WhyLocked},
		"a captcha's code":              {status: 400, kind: "application/json", body: `{"reason": "Captcha Required"}`, step: expected, want: accounts.WhyCaptcha},
		"a captcha after a wrong one":   {status: 403, kind: "application/json", body: `{"errorCode": "captcha.missing"}`, step: refused, want: accounts.WhyCaptcha},
		"a captcha's page":              {status: 200, kind: "text/html; charset=utf-8", body: `<div class="G-Recaptcha" data-sitekey=x>`, step: `expect: [body.x == 1]`, want: accounts.WhyCaptcha},
		"a page that is well":           {status: 200, kind: "text/html", body: `<div class="g-recaptcha">`, step: expected},
		"a firewall's field":            {status: 403, kind: "text/html", body: `<p>Just a moment`, header: "Cf-Mitigated", value: "challenge", step: expected, want: accounts.WhyCaptcha},
		"another firewall's":            {status: 405, header: "X-Amzn-Waf-Action", value: "captcha", step: expected, want: accounts.WhyCaptcha},
		"the flow's own words":          {status: 403, kind: "application/json", body: `{"msg": "ACC-17"}`, step: expected, locked: `'body.msg == "ACC-17"'`, want: accounts.WhyLocked},
		"not the flow's own words":      {status: 403, kind: "application/json", body: `{"msg": "ACC-18"}`, step: expected, locked: `'body.msg == "ACC-17"'`},
		"words that cannot be found":    {status: 503, kind: "text/html", body: `<p>`, step: expected, locked: `'body.msg == "ACC-17"'`},
		"words where nothing failed":    {status: 200, kind: "application/json", body: `{"msg": "ACC-17"}`, step: expected, locked: `'body.msg == "ACC-17"'`},
		"a code where nothing failed":   {status: 200, kind: "application/json", body: `{"error": "account_locked"}`, step: expected},
		"a captcha that is not for us":  {status: 403, kind: "text/plain", body: `g-recaptcha`, step: expected},
		"a code of another matter":      {status: 403, kind: "application/json", body: `{"error": "card_locked"}`, step: expected},
		"no JSON":                       {status: 403, kind: "application/json", body: `account_locked`, step: expected},
		"a wrong one refused as it was": {status: 401, kind: "application/json", body: `{"error": "invalid_credentials"}`, step: refused},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.header != "" {
					w.Header().Set(tc.header, tc.value)
				}
				if tc.kind != "" {
					w.Header().Set("Content-Type", tc.kind)
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}))
			defer server.Close()
			c := mustLoad(t, Options{LookupEnv: noEnv}, fmt.Sprintf("name: x\ntarget: %s\naccounts: retail\nlocked: [%s]\nsteps:\n  - {name: login, request: GET /, %s}\n",
				server.URL, tc.locked, tc.step), banktest.User{Username: "u", Password: "p"})
			if got := whyLeftAlone(t, c); got != tc.want {
				t.Errorf("left alone for %q, want %q", got, tc.want)
			}
		})
	}
}

func noEnv(string) (string, bool) { return "", false }

// All checks together may not exceed what is allowed, in schedule or in fact.
func TestMaxLogins(t *testing.T) {
	flow := func(name, every string) string {
		return fmt.Sprintf("name: %s\ntarget: http://127.0.0.1:1\naccounts: %s\nschedule: {every: %s}\nsteps: [{name: a, request: GET /, expect: [status == 200]}]\n", name, name, every)
	}
	pool := func(name string) string {
		return "pools:\n  " + name + ":\n    accounts: [{name: a, username: a}, {name: b, username: b}]\n"
	}
	files := map[string]string{"a.yaml": flow("a", "10s"), "b.yaml": flow("b", "10s"), "ap.yaml": pool("a"), "bp.yaml": pool("b")}
	_, err := writeFlows(t, Options{MaxLogins: accounts.Limit{Logins: 11, Per: time.Minute}}, files)
	want := "all checks together may make 11 logins a minute, and are to make up to 12 logins a minute, confirming runs among them, with the accounts of a, b; run less often or raise the limit of all logins"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	c, err := writeFlows(t, Options{MaxLogins: accounts.Limit{Logins: 3, Per: time.Minute}, AnyPace: true}, files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	now := time.Now()
	for i := range 4 {
		a, miss := c.Checks[i%2].Begin(now)
		got = append(got, string(miss))
		if miss == "" {
			a.Release("", a.Probe(t.Context()))
		}
	}
	if diff := cmp.Diff([]string{"", "", "", "budget"}, got); diff != "" {
		t.Errorf("misses (-want +got):\n%s", diff)
	}
}
