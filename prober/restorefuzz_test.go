package prober

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// FuzzRestore has a judge restored from any snapshot: it refuses it, or stands where a judge can
// stand, and goes on from there; a snapshot of it restores another to the same.
func FuzzRestore(f *testing.F) {
	epoch := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	checks := snapshotChecks()[:1]
	checks[0].Group = ""
	judge, err := NewJudge(checks)
	if err != nil {
		f.Fatal(err)
	}
	other, err := NewJudge(checks) // to make one takes longer than all the rest
	if err != nil {
		f.Fatal(err)
	}
	var fresh Snapshot
	judge.Snapshot("a", &fresh)
	seed := func() {
		var s Snapshot
		judge.Snapshot("a", &s)
		text, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), int64(0))
		f.Add(string(text), int64(-3600))
		for old, replacement := range map[string]string{`"version":1`: `"version":2`, `"r":`: `"r":-`, `"head":`: `"head":9`, "2026": "0001", "[0,": "[4294967295,", `"longest":`: `"longest":-1`, `"limit":`: `"limit":-`} {
			f.Add(strings.ReplaceAll(string(text), old, replacement), int64(86400))
		}
	}
	seed()
	for i := range 40 {
		r := &Run{Check: checks[0], Due: epoch, Start: epoch.Add(time.Duration(i) * 10 * time.Second), Took: time.Second, Outcome: Passed}
		if i > 10 {
			r.Outcome, r.Report = Failed, failure1(ReasonStatus5xx)
		}
		judge.ObserveRun(r)
	}
	seed()
	f.Add("{}", int64(0))
	f.Add(`{"version":1}`, int64(0))
	f.Fuzz(func(t *testing.T, text string, later int64) {
		var s Snapshot
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		now := epoch.Add(time.Duration(later%(1<<30)) * time.Second)
		for _, j := range []*Judge{judge, other} {
			if err := j.Restore(checks[0], fresh, epoch); err != nil {
				t.Fatal(err)
			}
		}
		err := judge.Restore(checks[0], s, now)
		status := judge.Status(checks[0], now)
		holdStatus(t, status)
		if err != nil && status.State != detect.Healthy && len(status.FailOpens) == 0 {
			t.Fatalf("it is refused, %v, and the state is %v", err, status.State)
		}
		var again, third Snapshot
		judge.Snapshot("a", &again)
		if err := other.Restore(checks[0], again, now); err != nil {
			t.Fatalf("its own snapshot is refused: %v", err)
		}
		other.Snapshot("a", &third)
		again.Epoch, again.Windows, third.Epoch, third.Windows = time.Time{}, nil, time.Time{}, nil // of a judge without any they begin with it
		if a, b := asJSON(t, again), asJSON(t, third); a != b {
			t.Fatalf("restored, it is\n%s\nand then\n%s", a, b)
		}
		for i := range 5 {
			at := now.Add(time.Duration(i) * time.Second)
			judge.ObserveRun(&Run{Check: checks[0], Due: at, Start: at, Took: time.Second, Outcome: Failed, Report: failure1(ReasonStatus5xx)})
			holdStatus(t, judge.Status(checks[0], at.Add(time.Second)))
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func holdStatus(t *testing.T, s CheckStatus) {
	t.Helper()
	if math.IsNaN(s.Evidence) || s.Evidence < 0 || !(s.Recovery >= 0 && s.Recovery <= 1) || s.ConfirmLeft < 0 {
		t.Fatalf("evidence %v, recovery %v, %d confirming runs left", s.Evidence, s.Recovery, s.ConfirmLeft)
	}
	for _, r := range s.Ratios {
		if r.Failed < 0 || r.Failed > r.Runs {
			t.Fatalf("%d of %d runs failed", r.Failed, r.Runs)
		}
	}
}
