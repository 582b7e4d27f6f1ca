package checks

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// writeFlows writes the named files and loads them.
func writeFlows(t testing.TB, options Options, contents map[string]string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load([]string{dir}, options)
}

// mustLoad loads one flow with the accounts of the bank's users.
func mustLoad(t testing.TB, options Options, flow string, users ...banktest.User) *Config {
	t.Helper()
	contents := map[string]string{"flow.yaml": flow}
	if len(users) > 0 {
		contents["accounts.yaml"] = poolOf(users)
	}
	c, err := writeFlows(t, options, contents)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// poolOf is an accounts file of the bank's users.
func poolOf(users []banktest.User) string {
	var b strings.Builder
	b.WriteString("pools:\n  retail:\n    accounts:\n")
	for _, u := range users {
		b.WriteString("      - {name: " + u.Username + ", username: " + quote(u.Username) + ", password: " + quote(u.Password) +
			", totp_secret: " + quote(u.TOTPSecret) + "}\n")
	}
	return b.String()
}

func quote(s string) string { return string(encodeJSON(s)) }

// probeOnce makes one run of the only check.
func probeOnce(t testing.TB, c *Config) prober.Report {
	t.Helper()
	a, miss := c.Checks[0].Begin(time.Now())
	if miss != "" {
		t.Fatalf("no run: %s", miss)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), c.Checks[0].Schedule.Timeout, prober.ErrTimeout)
	defer cancel()
	r := a.Probe(ctx)
	if a.Release != nil {
		a.Release(r.Outcome(), r)
	}
	announced(t, c.Checks[0], r)
	return r
}

// announced fails the test if a step failed for a reason that its check has not
// announced: there would be no series of it before it is needed.
func announced(t testing.TB, check *prober.Check, r prober.Report) {
	t.Helper()
	for i := range r.Steps {
		if reason := r.Steps[i].Reason; reason != "" && !slices.Contains(check.Reasons[i], reason) {
			t.Errorf("the step %q failed for the reason %s, which is none of those announced: %v", r.Steps[i].Name, reason, check.Reasons[i])
		}
	}
}

const loginFlow = `
name: retail-login
target: TARGET
schedule: {every: 30s, timeout: 5s}
accounts: retail
tags:
  release: header["x-release"]
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200, body.challenge != ""]
    capture: {challenge: body.challenge}
  - name: code
    request: POST /v1/login/otp
    json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [status == 200]
    capture: {access: body.access_token, refresh: body.refresh_token}
  - name: accounts
    request: GET /v1/accounts
    bearer: ${{ access }}
    expect: [status == 200, len(body.accounts) > 0, took < duration("2s")]
  - name: no token is refused
    request: GET /v1/accounts
    refuse: [401]
cleanup:
  - name: logout
    request: POST /v1/logout
    bearer: ${{ access }}
    expect: [status == 204]
`

func TestLoginFlow(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 2})
	defer bank.Close()
	c := mustLoad(t, Options{}, strings.ReplaceAll(loginFlow, "TARGET", bank.URL), bank.Users()...)
	r := probeOnce(t, c)
	for _, st := range r.Steps {
		t.Logf("%+v", st)
	}
	for _, st := range r.Cleanup {
		t.Logf("cleanup %+v", st)
	}
	t.Logf("%+v", r)
	if r.Outcome() != prober.Passed {
		t.Fatalf("got %s", r.Outcome())
	}
}
