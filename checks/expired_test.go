package checks

import (
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// TestExpiredTokenFlow runs the flow as it ships: what a run has left behind is
// tried once it is old enough, and not before.
func TestExpiredTokenFlow(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 1})
	defer bank.Close()
	user := bank.Users()[0]
	store, of := remember.NewMemory(), remember.Account{Pool: "retail", Name: user.Username}
	c, err := writeFlows(t, Options{
		Remembered: store, AllowEnv: []string{"BANK_URL"},
		LookupEnv: func(string) (string, bool) { return bank.URL, true },
	}, map[string]string{"flow.yaml": readText(t, "../deploy/flows/expired-token.yaml"), "accounts.yaml": poolOf(bank.Users())})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	run := func() prober.StepResult {
		t.Helper()
		a, miss := c.Checks[0].Begin(at)
		if miss != "" {
			t.Fatalf("no run: %s", miss)
		}
		at = at.Add(time.Minute) // a one-time code is good once
		r := a.Probe(t.Context())
		a.Release(r.Outcome(), r)
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		return r.Steps[0]
	}
	if first := run(); !first.Skipped {
		t.Errorf("nothing is remembered yet: got %+v, want the step skipped", first)
	}
	left, err := store.Get(of)
	if err != nil || left["spent"].JSON.Reveal() == "" {
		t.Fatalf("the first run has left nothing behind: %v", err)
	}
	age := func(token string) {
		t.Helper()
		err := store.Put(of, map[string]remember.Value{"spent": {JSON: secret.New(token), Since: time.Now().Add(-17 * time.Minute)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	age(left["spent"].JSON.Reveal()) // old, and accepted by a bank that takes its time
	if step := run(); step.Reason != prober.ReasonNotRefused {
		t.Errorf("a token that is old and still good: got %+v, want %s", step, prober.ReasonNotRefused)
	}
	age(`"a token that is long dead"`)
	if step := run(); step.Skipped || step.Reason != "" || step.Status != 401 {
		t.Errorf("a dead token: got %+v, want it refused", step)
	}
}

// TestNothingMeasured is a run all of whose steps are skipped: it says nothing of
// the target, so it does not count as passed.
func TestNothingMeasured(t *testing.T) {
	c := mustLoad(t, Options{}, `
name: idle
target: http://127.0.0.1:1
steps:
  - name: never
    if: 1 > 2
    request: GET /
    expect: [status == 200]
`)
	if r := probeOnce(t, c); r.Outcome() != prober.Errored {
		t.Errorf("got %s, want %s", r.Outcome(), prober.Errored)
	}
}
