package checks

import (
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// TestCodesAcrossProcesses sends one-time codes of one account from two processes,
// one after the other: the second one waits for the next step of the clock.
func TestCodesAcrossProcesses(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 1})
	defer bank.Close()
	dir := t.TempDir()
	flow := strings.ReplaceAll(loginFlow, "TARGET", bank.URL)
	process := func(at func() time.Time) prober.MissReason {
		store, err := remember.Open(dir, remember.Key{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		c := mustLoad(t, Options{Remembered: store}, flow, bank.Users()...)
		a, miss := c.Checks[0].Begin(at())
		if miss == "" {
			if r := a.Probe(t.Context()); r.Outcome() != prober.Passed {
				t.Fatalf("got %s: %+v", r.Outcome(), r)
			}
		}
		return miss
	}
	var sent time.Time
	if miss := process(time.Now); miss != "" {
		t.Fatalf("the first process: no run: %s", miss)
	}
	sent = time.Now()
	if miss := process(func() time.Time { return sent.Truncate(30 * time.Second) }); miss != prober.MissBudget {
		t.Errorf("the same step of the clock: got %q, want %q", miss, prober.MissBudget)
	}
	store, err := remember.Open(dir, remember.Key{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := mustLoad(t, Options{Remembered: store}, flow, bank.Users()...)
	if _, miss := c.Checks[0].Begin(sent.Add(31 * time.Second)); miss != "" {
		t.Errorf("the next step of the clock: got %q, want a run", miss)
	}
}

// TestCodesUnderACondition runs a flow that logs in only where it has no session: the
// runs that go on with one need no code, and so no step of the clock to themselves.
func TestCodesUnderACondition(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 1})
	defer bank.Close()
	c := mustLoad(t, Options{}, `
name: chain
target: `+bank.URL+`
schedule: {every: 1s, timeout: 1s}
accounts: retail
steps:
  - name: login
    if: remembered.refresh == nil
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {challenge: body.challenge}
  - name: code
    if: remembered.refresh == nil
    request: POST /v1/login/otp
    json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [status == 200]
    remember: {refresh: body.refresh_token}
  - name: refresh
    request: POST /v1/token/refresh
    forget: [refresh]
    json: {refresh_token: "${{ remembered.refresh }}"}
    expect: [status == 200]
    remember: {refresh: body.refresh_token}
`, bank.Users()...)
	step := func() int64 { return time.Now().Unix() / 30 }
	sent := step()
	for i := range 3 {
		if r := probeOnce(t, c); r.Outcome() != prober.Passed {
			t.Fatalf("run %d: got %s: %+v", i, r.Outcome(), r)
		}
	}
	if err := bank.SetFaults(banktest.Fault{Step: "refresh", Rate: 1, Kind: banktest.KindStatus, Status: 503}); err != nil {
		t.Fatal(err)
	}
	if r := probeOnce(t, c); r.Outcome() != prober.Failed { // and the token is gone
		t.Fatalf("got %s: %+v", r.Outcome(), r)
	}
	r := probeOnce(t, c)
	if r.Outcome() != prober.Errored && step() == sent { // unless another step of the clock has begun
		t.Errorf("a second code of the same step of the clock: got %s: %+v", r.Outcome(), r)
	}
	if n := bank.Stats().Total; n.Refused != 0 {
		t.Errorf("the bank has refused %d codes", n.Refused)
	}
}
