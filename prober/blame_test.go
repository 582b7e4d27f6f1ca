package prober

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// fifths is a probe that is answered by one of five backends after the other, of
// which the last one fails from the given time on.
func fifths(broken time.Time, n *int) func(context.Context) Report {
	return func(context.Context) Report {
		backend := *n % 5
		*n++
		step := StepResult{Name: "login", Took: time.Second, Remote: fmt.Sprintf("10.0.0.%d:443", backend)}
		if backend == 4 && time.Now().After(broken) {
			step.Reason = ReasonStatus5xx
		}
		return Report{Steps: []StepResult{step}, Tags: map[string]string{"release": fmt.Sprintf("1.%d", backend/4)}}
	}
}

// One backend of five fails: it is named by the time of the page, in the log, the
// status and the metrics, and no longer once the check is healthy.
func TestBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), 0
		c := testCheck("login", fifths(start.Add(time.Hour), &n))
		var firing, healthy StateChange
		core, lines := observer.New(zap.InfoLevel)
		judge, err := NewJudge([]*Check{c}, LogObserver{zap.New(core)}.ObserveStateChange, func(s StateChange) {
			switch s.To {
			case detect.Firing:
				firing = s
			case detect.Healthy:
				healthy = s
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		blame := newStatusCollector(judge.All)
		if err := runFor(t, time.Hour+10*time.Minute, Options{Checks: []*Check{c}, Observers: []Observer{judge}}); err != nil {
			t.Fatal(err)
		}
		const want = "release=1.1 and remote=10.0.0.4:443: "
		if got := firing.Status.BlameText(); !strings.HasPrefix(got, want) || firing.Status.Blame.Runs == 0 {
			t.Errorf("got %q, want %s…", got, want)
		}
		line := lines.Filter(func(e observer.LoggedEntry) bool { return e.ContextMap()["to"] == "firing" }).All()
		if len(line) != 1 || line[0].ContextMap()["blame"] != firing.Status.BlameText() {
			t.Errorf("got %v, want the blame in it", line)
		}
		const metrics = `
# HELP authprober_blame Failure ratio of the runs with a tag that is to blame, at most 3 a check, while it is suspect or firing.
# TYPE authprober_blame gauge
authprober_blame{check="login",tag="release",value="1.1"} 1
authprober_blame{check="login",tag="remote",value="10.0.0.4:443"} 1
`
		if err := testutil.CollectAndCompare(blame, strings.NewReader(metrics), "authprober_blame"); err != nil {
			t.Error(err)
		}
		// All is well again.
		c2 := *c
		for s := judge.Status(c, time.Now()); s.State == detect.Firing; s = judge.Status(c, time.Now()) {
			time.Sleep(c.Schedule.Every)
			judge.ObserveRun(&Run{Check: c, Start: time.Now(), Outcome: Passed, Report: Report{Tags: map[string]string{"release": "1.0"}}})
		}
		if healthy.Check != c || healthy.Status.BlameText() != "" || testutil.CollectAndCount(blame, "authprober_blame") != 0 {
			t.Errorf("%q is blamed while healthy", healthy.Status.BlameText())
		}
		if s := judge.Status(&c2, time.Now()); s.BlameText() != "" {
			t.Errorf("got %q of a check that never ran", s.BlameText())
		}
	})
}

// Behind one address, the certificate that a backend shows tells it from others.
func TestBlameCertificate(t *testing.T) {
	c := testCheck("login", nil)
	judge, err := NewJudge([]*Check{c})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for i := range 200 {
		r := &Run{Check: c, Start: at, Outcome: Passed}
		r.Steps = []StepResult{{Name: "login", Remote: "10.0.0.1:443"}}
		r.Certificate = "a1b2c3d4e5f6"
		if i%4 == 3 {
			r.Outcome, r.Certificate, r.Steps[0].Reason = Failed, "000102030405", ReasonStatus5xx
		}
		judge.ObserveRun(r)
		at = at.Add(time.Minute)
	}
	const want = "certificate=000102030405: "
	status := judge.Status(c, at)
	if got := status.BlameText(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %s…", got, want)
	}
}

// A finding is looked for at the state change and every few seconds, not by every
// scrape; and nothing is kept of a check that nothing speaks against.
func TestBlameIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testCheck("login", nil)
		judge, err := NewJudge([]*Check{c})
		if err != nil {
			t.Fatal(err)
		}
		run := func(o Outcome) {
			r := &Run{Check: c, Start: time.Now(), Outcome: o, Account: "anna"}
			if o == Failed {
				r.Steps = failure1(ReasonStatus5xx).Steps
			}
			judge.ObserveRun(r)
		}
		for range 1000 {
			run(Passed)
			time.Sleep(time.Second)
		}
		if g := judge.of(c); g.blame != nil {
			t.Error("runs of a healthy check are kept")
		}
		for range 2 {
			run(Failed)
			time.Sleep(time.Minute)
		}
		now := time.Now()
		before := judge.Status(c, now)
		if before.State == detect.Healthy || before.Blame.Runs != 2 || before.BlameText() != "no single culprit" {
			t.Fatalf("got %v, %+v", before.State, before.Blame)
		}
		run(Passed)
		if got := judge.Status(c, now); got.Blame.Runs != 3 { // older than findEvery, for a minute has passed
			t.Errorf("%d runs, want 3", got.Blame.Runs)
		}
		run(Passed)
		if got := judge.Status(c, now.Add(findEvery-1)); got.Blame.Runs != 3 {
			t.Errorf("%d runs, want the finding of a moment ago", got.Blame.Runs)
		}
		if got := judge.Status(c, now.Add(findEvery)); got.Blame.Runs != 4 {
			t.Errorf("%d runs, want a new finding", got.Blame.Runs)
		}
	})
}

// Whatever tags are, metrics name three at most, each once, in UTF-8.
func TestBlamedTags(t *testing.T) {
	culprit := func(tags ...string) detect.Culprit {
		c := detect.Culprit{Failed: 1, Runs: 2}
		for i := 0; i < len(tags); i += 2 {
			c.Tags = append(c.Tags, detect.Tag{Key: tags[i], Value: tags[i+1]})
		}
		return c
	}
	for _, c := range []struct {
		culprits []detect.Culprit
		want     string
	}{
		{nil, ""},
		{[]detect.Culprit{culprit("a", "1", "b", "2", "c", "3", "d", "4")}, "a=1 b=2 c=3"},
		{[]detect.Culprit{culprit("a", "1"), culprit("b", "2"), culprit("a", "2")}, "a=1 a=2"},
		{[]detect.Culprit{culprit("a", "\xff"), culprit("a", "\xfe")}, "a=?"},
	} {
		var got []string
		for _, b := range blamedOf(detect.Finding{Culprits: c.culprits}) {
			got = append(got, b.tag.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("got %v, want %s", got, c.want)
		}
	}
}
