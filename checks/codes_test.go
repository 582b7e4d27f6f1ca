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
