package checks

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// deployedFlow is a flow as it ships, against a bank; edit may change its text.
func deployedFlow(t *testing.T, options Options, name string, bank *banktest.Server, edit func(string) string) *Config {
	t.Helper()
	text, err := os.ReadFile("../deploy/flows/" + name)
	if err != nil {
		t.Fatal(err)
	}
	options.AllowEnv = []string{"BANK_URL"}
	options.LookupEnv = func(name string) (string, bool) { return bank.URL, name == "BANK_URL" }
	flow := string(text)
	if edit != nil {
		flow = edit(flow)
	}
	return mustLoad(t, options, flow, bank.Users()...)
}

// manyRuns makes runs of a check, each due when its pool can give an account, on a
// clock of the pool's own: nothing waits. failed gets each run that did not pass.
func manyRuns(t *testing.T, c *Config, n int, failed func(prober.Report)) {
	t.Helper()
	due := time.Now()
	for range n {
		due = due.Add(time.Minute) // two steps of the clock of one-time codes
		a, miss := c.Checks[0].Begin(due)
		if miss != "" {
			t.Fatalf("no run: %s", miss)
		}
		r := a.Probe(t.Context())
		a.Release(r.Outcome(), r)
		if r.Outcome() != prober.Passed {
			failed(r)
		}
		for _, st := range r.Cleanup {
			if st.Reason != "" {
				t.Errorf("the clean-up failed: %+v", st)
			}
		}
	}
}

func never(t *testing.T) func(prober.Report) {
	return func(r prober.Report) {
		t.Helper()
		t.Fatalf("got %s: %v %+v", r.Outcome(), r.Err, r.Steps[len(r.Steps)-1])
	}
}

// The three kinds of signature, as a phone's key store and as libraries make them.
var deviceAlgorithms = map[string]func(string) string{
	"ES256-DER": nil,
	"ES256":     func(flow string) string { return strings.ReplaceAll(flow, "ES256-DER", "ES256") },
	"EdDSA": func(flow string) string {
		return strings.ReplaceAll(strings.ReplaceAll(flow, "ES256-DER", "EdDSA"), `new_key("ES256")`, `new_key("EdDSA")`)
	},
}

func TestDeviceBinding(t *testing.T) {
	for algorithm, edit := range deviceAlgorithms {
		t.Run(algorithm, func(t *testing.T) {
			bank := banktest.NewServer(banktest.Options{ReuseCodes: true})
			defer bank.Close()
			c := deployedFlow(t, Options{}, "device-binding.yaml", bank, edit)
			manyRuns(t, c, 200, never(t))
			stats := bank.Stats()
			if stats.Total.LiveSessions != 0 || stats.Total.Devices != 0 || stats.Total.Logins != 400 || stats.Total.Lockouts != 0 {
				t.Errorf("the bank is left with %+v", stats.Total)
			}
		})
	}
}

// A fault of 5 % is seen as one, at the step that has it and for its reason.
func TestDeviceBindingFault(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 1, ReuseCodes: true})
	defer bank.Close()
	fault, err := banktest.ParseFault("step=device_challenge rate=5% kind=status status=503")
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.SetFaults(fault); err != nil {
		t.Fatal(err)
	}
	c := deployedFlow(t, Options{}, "device-binding.yaml", bank, nil)
	const runs = 1000
	failed := map[string]int{}
	manyRuns(t, c, runs, func(r prober.Report) {
		st := r.Steps[len(r.Steps)-1]
		failed[st.Name]++
		if st.Reason != prober.ReasonStatus5xx || r.Err != nil {
			t.Errorf("got %s at %s: %s %v", st.Reason, st.Name, st.Detail, r.Err)
		}
	})
	if in := detect.Wilson(failed["challenge"], runs); in.Lower > 0.05 || in.Upper < 0.05 || failed["challenge"]+failed["another challenge"] < 50 {
		t.Errorf("of %d runs failed %v: 5 %% is outside the interval from %.3f to %.3f", runs, failed, in.Lower, in.Upper)
	}
	if len(failed) != 2 {
		t.Errorf("failed were %v, want the two steps that ask for a challenge", failed)
	}
}

// A verifier that loses zeros refuses one signature in 128, and never two runs in the
// same way: the flow has a fresh key and a fresh challenge in each.
func TestPaddingBugIsSeen(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 1, ReuseCodes: true, Faults: []banktest.Fault{{Kind: banktest.KindPadding}}})
	defer bank.Close()
	c := deployedFlow(t, Options{}, "device-binding.yaml", bank, nil)
	const runs = 3000
	failed := 0
	manyRuns(t, c, runs, func(r prober.Report) {
		failed++
		if st := r.Steps[len(r.Steps)-1]; st.Name != "device login" || st.Reason != prober.ReasonStatus4xx || st.Status != 401 {
			t.Errorf("got %s at %s: %s %v", st.Reason, st.Name, st.Detail, r.Err)
		}
	})
	// One in 128 is 23.4 runs of 3000. Fewer than 5 and more than 60 are each rarer
	// than one series in 100,000.
	if failed < 5 || failed > 60 {
		t.Errorf("%d of %d runs failed, want about one in 128", failed, runs)
	}
	t.Logf("%d of %d runs failed", failed, runs)
}

// Codes by counter over processes: with the counters on a disk none comes twice.
func TestHOTPLogin(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{})
	defer bank.Close()
	dir := t.TempDir()
	for range 4 {
		store, err := remember.Open(dir, remember.Key{})
		if err != nil {
			t.Fatal(err)
		}
		manyRuns(t, deployedFlow(t, Options{Remembered: store}, "hotp-login.yaml", bank, nil), 50, never(t))
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := bank.Stats().Total; got.Logins != 200 || got.Refused != 0 || got.LiveSessions != 0 || got.Lockouts != 0 {
		t.Errorf("the bank has seen %+v", got)
	}
	// Without the disk the counter begins again, and the bank knows the code.
	refused := 0
	manyRuns(t, deployedFlow(t, Options{}, "hotp-login.yaml", bank, nil), 1, func(r prober.Report) {
		if st := r.Steps[len(r.Steps)-1]; st.Name == "code" && st.Reason == prober.ReasonStatus4xx {
			refused++
		}
	})
	if refused != 1 {
		t.Error("a counter that begins again was not refused")
	}
}

// A fault before the code is judged uses a number up, which the bank's window allows.
func TestHOTPLoginFault(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 2})
	defer bank.Close()
	fault, err := banktest.ParseFault("step=otp rate=5% kind=status status=503")
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.SetFaults(fault); err != nil {
		t.Fatal(err)
	}
	c := deployedFlow(t, Options{}, "hotp-login.yaml", bank, nil)
	const runs = 1000
	failed := map[string]int{}
	manyRuns(t, c, runs, func(r prober.Report) {
		st := r.Steps[len(r.Steps)-1]
		failed[st.Name]++
		if st.Reason != prober.ReasonStatus5xx {
			t.Errorf("got %s at %s: %s %v", st.Reason, st.Name, st.Detail, r.Err)
		}
	})
	if in := detect.Wilson(failed["code"], runs); in.Lower > 0.05 || in.Upper < 0.05 || len(failed) != 1 {
		t.Errorf("of %d runs failed %v: 5 %% is outside the interval from %.3f to %.3f", runs, failed, in.Lower, in.Upper)
	}
}
