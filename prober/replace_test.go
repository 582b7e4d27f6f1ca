package prober

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// running runs a prober of these checks in a bubble; stop ends it.
func running(t *testing.T, checks []*Check) (p *Prober, judge *Judge, metrics *Metrics, seen *recorder, stop func()) {
	t.Helper()
	judge, metrics = judgeAndMetrics(t, checks)
	seen = &recorder{}
	p, err := New(Options{Checks: checks, Observers: []Observer{seen, metrics, judge}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	return p, judge, metrics, seen, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func replace(t *testing.T, p *Prober, checks ...*Check) {
	t.Helper()
	if err := p.Replace(checks); err != nil {
		t.Fatal(err)
	}
}

// named is what the recorder saw of all checks of a name.
func (r *recorder) named(name string) (n Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		if run.Check.Name == name {
			n.add(run.Outcome)
		}
	}
	for _, m := range r.missed {
		if m.Check.Name == name {
			n.Missed += uint64(m.N)
		}
	}
	return n
}

// governed is how many due times were missed on purpose.
func (r *recorder) governed() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.missed {
		if m.Reason == MissGoverned {
			n += m.N
		}
	}
	return n
}

// A check that stays the same keeps its due times, its evidence, its series and the
// count of its runs over any number of replacements; each due time is accounted for.
func TestReplaceKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := func(context.Context) Report { return failure1(ReasonStatus5xx) }
		first := testCheck("login", failing)
		p, judge, metrics, seen, stop := running(t, []*Check{first})
		defer stop()
		begun := time.Now()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		before := judge.Status(first, time.Now())
		if before.State != detect.Firing {
			t.Fatalf("it is %v before", before.State)
		}
		var now *Check
		for range 100 {
			now = testCheck("login", passing(0))
			replace(t, p, now, testCheck("other", passing(0)))
		}
		if s := judge.Status(now, time.Now()); s.Check != now || s.State != before.State || s.Evidence != before.Evidence || s.Counts != before.Counts || s.Ratios[0] != before.Ratios[0] {
			t.Errorf("after the replacement it stands at %+v, want %+v", s, before)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		got := seen.named("login")
		if want := dues(first, time.Since(begun)); got.Due() != want || int(got.Missed) != seen.governed() || got.Passed < 300 {
			t.Errorf("got %+v, want %d due times and none missed but while governed", got, want)
		}
		if m := metricCounts(t, metrics, first); m != got {
			t.Errorf("the metrics show %+v, want %+v", m, got)
		}
		if last := judge.Status(now, time.Now()); last.LastRun.Check != now || last.LastRun.Seq != got.Due()-got.Missed || last.State != detect.Healthy {
			t.Errorf("the last run is %d of %d; the check is %v", last.LastRun.Seq, got.Due(), last.State)
		}
	})
}

// What is gone has no series and no runs, what is new has series at zero and runs, and
// a run in flight ends as it began.
func TestReplaceRemovesAndAdds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := testCheck("old", passing(4*time.Second))
		stays := testCheck("stays", passing(0))
		stays.Labels = map[string]string{"team": "identity"}
		p, judge, metrics, seen, stop := running(t, []*Check{old, stays})
		defer stop()
		time.Sleep(old.Schedule.Offset("old") + time.Second) // it is in flight
		synctest.Wait()
		added := testCheck("added", passing(0))
		changed := testCheck("stays", passing(0))
		changed.Labels = map[string]string{"country": "uk"}
		changed.Steps, changed.Reasons, changed.RefuseSteps = []string{"login", "balance"}, [][]Reason{{ReasonTimeout}, {ReasonAssertion}}, nil
		replace(t, p, added, changed)
		if text := exposition(t, metrics); strings.Contains(text, `check="old"`) || strings.Contains(text, `check="stays",step="replay"`) || strings.Contains(text, "team=") ||
			strings.Contains(text, `check="stays",reason="status_5xx"`) {
			t.Errorf("series of what is gone:\n%s", text)
		}
		for _, want := range []string{
			`authprober_runs_due_total{check="added"} 0`,
			`authprober_run_failures_total{check="stays",reason="assertion",step="balance"} 0`,
			`authprober_check_info{check="stays",country="uk"} 1`,
			`authprober_fail_open_total{check="added",step="replay"} 0`,
		} {
			if text := exposition(t, metrics); !strings.Contains(text, want+"\n") {
				t.Errorf("no %s", want)
			}
		}
		if n := len(judge.All(time.Now())); n != 2 {
			t.Errorf("the judge has %d checks, want 2", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := seen.named("old"); got != (Counts{Passed: 1}) {
			t.Errorf("of what is gone: %+v, want the run in flight, passed", got)
		}
		if got := seen.named("added"); got.Passed != 6 || got.Due() != 6 {
			t.Errorf("of what is new: %+v, want 6 runs in a minute", got)
		}
		if strings.Contains(exposition(t, metrics), `check="old"`) {
			t.Error("the run in flight has brought its series back")
		}
	})
}

// Another schedule begins anew, with the pace and the count of runs that were; another
// objective has no evidence.
func TestReplaceSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := false
		first := testCheck("login", func(context.Context) Report {
			r := failure1(ReasonStatus5xx)
			if !asked {
				asked, r.Pause = true, 10*time.Minute
			}
			return r
		})
		p, judge, metrics, seen, stop := running(t, []*Check{first})
		defer stop()
		time.Sleep(time.Minute)
		slower := testCheck("login", passing(0))
		slower.Schedule.Every = 20 * time.Second
		slower.Objective.Detect = 0.5
		replace(t, p, slower)
		if s := judge.Status(slower, time.Now()); s.Evidence != 0 || s.Counts.Failed != 0 {
			t.Errorf("evidence of another objective goes on: %+v", s)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := seen.counts(slower); got.Passed != 0 || got.Missed != 15 {
			t.Errorf("got %+v, want 15 due times missed, as the target has asked for", got)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := testutil.ToFloat64(metrics.checks["login"].paused); got != 0 {
			t.Error("it is still paused on the metrics")
		}
		if s := judge.Status(slower, time.Now()); s.LastRun.Seq != seen.named("login").Passed+1 {
			t.Errorf("the last run is number %d, want one more than passed", s.LastRun.Seq)
		}
	})
}

// A page outlives a change of the objective or of the pace, and another member of its
// group: it ends once runs have shown that it may, and not by the reload.
func TestReplaceWhileFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		probe := func(context.Context) Report {
			if down.Load() {
				return failure1(ReasonStatus5xx)
			}
			return Report{}
		}
		grouped := func(name string) *Check {
			c := testCheck(name, probe)
			c.Group = "retail"
			return c
		}
		first := grouped("login")
		p, judge, _, _, stop := running(t, []*Check{first})
		defer stop()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		before := judge.Status(first, time.Now())
		for _, detects := range []float64{0.5, 0.03} {
			looser, other := grouped("login"), grouped("other")
			looser.Objective.Detect, other.Objective.Detect = detects, detects
			if got := fmt.Sprint(Afresh([]*Check{first}, []*Check{looser, other})); got != "[login group:retail]" {
				t.Errorf("afresh are %s", got)
			}
			replace(t, p, looser, other)
			group := judge.Status(judge.Groups()[0], time.Now())
			now := judge.Status(looser, time.Now())
			if now.State != detect.Firing || !now.Since.Equal(before.Since) || now.Evidence < 1 || now.ChangePoint != before.ChangePoint ||
				now.Ratios[0] != before.Ratios[0] || group.State != detect.Firing {
				t.Errorf("after the replacement it stands at %+v, want it to fire on from %+v; the group is %v", now, before, group.State)
			}
			var s Snapshot
			if !judge.Snapshot("login", &s) {
				t.Fatal("no snapshot")
			}
			if err := detect.New(s.Detector.Params).Restore(s.Detector); err != nil {
				t.Errorf("what goes on is nothing that a detector can be in: %v", err)
			}
		}
		down.Store(false)
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		if now := judge.Status(first, time.Now()); now.State != detect.Healthy || now.Evidence >= 0.1 {
			t.Errorf("half a day after the outage it is %v, with evidence %v", now.State, now.Evidence)
		}
	})
}

func TestReplaceIsAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := testCheck("login", passing(0))
		p, judge, metrics, seen, stop := running(t, []*Check{first})
		defer stop()
		before := exposition(t, metrics)
		wrong := testCheck("login", passing(0))
		wrong.Schedule.Timeout = 0
		if err := p.Replace([]*Check{testCheck("good", passing(0)), wrong}); err == nil {
			t.Fatal("a check that is not valid is taken")
		}
		if after := exposition(t, metrics); after != before {
			t.Errorf("the metrics have changed:\n%s", after)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := seen.counts(first); got.Passed != 6 || judge.Status(first, time.Now()).Counts != got {
			t.Errorf("got %+v, want 6 runs", got)
		}
	})
}

// A thousand replacements under load, of everything at once, leave nothing behind.
func TestReplaceLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, judge, metrics, seen, stop := running(t, troubled())
		for i := range 1000 {
			time.Sleep(7 * time.Second)
			checks := troubled()
			checks[0].Schedule.Every += time.Duration(i%3) * time.Second
			if i%2 == 0 {
				checks = append(checks, testCheck(fmt.Sprintf("extra-%d", i), passing(3*time.Second)))
				checks[1].Steps[0] = fmt.Sprintf("step-%d", i)
			}
			replace(t, p, checks...)
		}
		if n := len(p.all()); n > 20 {
			t.Errorf("%d loops are kept for 8 checks", n)
		}
		if n := strings.Count(exposition(t, metrics), `extra-`); n != 0 {
			t.Errorf("%d series of what is gone", n)
		}
		if n := strings.Count(exposition(t, metrics), `step-`); n > 100 {
			t.Errorf("%d series of steps that are gone", n)
		}
		stop()
		for _, name := range []string{"misses", "slow", "hangs", "fails", "errs"} {
			c := testCheck(name, nil)
			got := seen.named(name)
			if want := dues(c, 7000*time.Second); got.Due() < want || got.Due() > want+1 {
				t.Errorf("%s: %d due times settled, want %d", name, got.Due(), want)
			}
			if counts := judge.Status(c, time.Now()).Counts; counts != got {
				t.Errorf("%s: the judge saw %+v, want %+v", name, counts, got)
			}
		}
	})
}

// What is replaced before the prober runs, or after, is just what is run.
func TestReplaceWhileNotRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		judge, metrics := judgeAndMetrics(t, []*Check{testCheck("before", passing(0))})
		seen := &recorder{}
		p, err := New(Options{Checks: []*Check{testCheck("before", passing(0))}, Observers: []Observer{seen, metrics, judge}})
		if err != nil {
			t.Fatal(err)
		}
		replace(t, p, testCheck("login", passing(0)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		replace(t, p, testCheck("after", passing(0)))
		if before, got := seen.named("before"), seen.named("login"); before.Due() != 0 || got.Due() != 6 {
			t.Errorf("got %+v and %+v", before, got)
		}
	})
}
