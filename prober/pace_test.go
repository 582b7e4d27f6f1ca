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
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// paces keeps the changes of pace.
type paces struct {
	recorder
	seen []PaceChange
}

func (p *paces) ObservePace(c PaceChange) { p.seen = append(p.seen, c) }

// ungoverned is a judge that does not say whether a page is out.
type ungoverned struct{ Observer }

func (u ungoverned) ConfirmAt(c *Check, earliest time.Time) (time.Time, bool) {
	return u.Observer.(*Judge).ConfirmAt(c, earliest)
}

// An outage is what becomes of one, from an hour after the start on and for two.
type outage struct {
	page, healthy time.Duration // from its begin to the page, and from its end to the end of that
	runs          int           // made while it lasted
}

const outageAt, outageFor = time.Hour, 2 * time.Hour

// runOutage runs a check through an outage in which its runs report during.
func runOutage(t *testing.T, set func(*Check), during func() Report, governed bool) (o outage) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		from, to := start.Add(outageAt), start.Add(outageAt+outageFor)
		c := confirmingCheck("login", func(ctx context.Context) Report {
			if now := time.Now(); now.Before(from) || !now.Before(to) {
				return passing(200 * time.Millisecond)(ctx)
			}
			return during()
		})
		set(c)
		judge, err := NewJudge([]*Check{c}, func(s StateChange) {
			switch {
			case s.To == detect.Firing && o.page == 0:
				o.page = s.At.Sub(from)
			case s.To == detect.Healthy && s.From == detect.Firing:
				o.healthy = s.At.Sub(to)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		var asked Observer = judge
		if !governed {
			asked = ungoverned{judge}
		}
		seen := &paces{}
		const span = 9 * time.Hour
		if err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{asked, seen}}); err != nil {
			t.Fatal(err)
		}
		for _, r := range seen.runs {
			if !r.Start.Before(from) && r.Start.Before(to) {
				o.runs++
				if r.Confirm && len(seen.seen) > 0 && r.Start.After(seen.seen[0].At) {
					t.Errorf("a confirming run %v after the governor began", r.Start.Sub(seen.seen[0].At))
				}
			}
		}
		extra, _ := seen.confirmed(c)
		if got := seen.counts(c); got.Due()-uint64(extra) != dues(c, span) || (seen.misses(c)[MissGoverned] > 0) != governed && c.Schedule.Every < time.Minute {
			t.Errorf("%+v settled, %v, want %d due", got, seen.misses(c), dues(c, span))
		}
		if governed && (len(seen.seen) != 2 || seen.seen[1].To != PaceScheduled) {
			t.Errorf("got %+v, want it slowed down once and back", seen.seen)
		}
	})
	return o
}

// A total outage pages as soon as ever, meets a tenth of the runs, and is over one
// run's wait later at the most, for any sensible schedule.
func TestOutage(t *testing.T) {
	unavailable := failure1(ReasonStatus5xx)
	unavailable.Overloaded = true
	told := unavailable
	told.RetryAfter = 5 * time.Minute
	for _, c := range []struct {
		name   string
		every  time.Duration
		blip   time.Duration
		report Report
		wait   time.Duration // the most that the recovery may be later
	}{
		{"500, every 10s", 10 * time.Second, 30 * time.Second, failure1(ReasonStatus5xx), time.Minute},
		{"500, every 10s, no blip", 10 * time.Second, 0, failure1(ReasonStatus5xx), time.Minute},
		{"503, every 10s", 10 * time.Second, 30 * time.Second, unavailable, time.Minute},
		{"503, every 10s, patient", 10 * time.Second, 10 * time.Minute, unavailable, time.Minute},
		{"503, every 2s", 2 * time.Second, 30 * time.Second, unavailable, 20 * time.Second},
		{"503, every 5m", 5 * time.Minute, 0, unavailable, 0},
		{"Retry-After, every 10s", 10 * time.Second, 30 * time.Second, told, 5 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := func(k *Check) {
				k.Schedule.Every, k.Objective.Blip = c.every, c.blip
			}
			during := func() Report { return c.report }
			with, without := runOutage(t, set, during, true), runOutage(t, set, during, false)
			t.Logf("governed: a page after %v, healthy %v after the end, %d runs in between; otherwise %v, %v, %d",
				with.page, with.healthy, with.runs, without.page, without.healthy, without.runs)
			if with.page != without.page || with.page == 0 {
				t.Errorf("a page after %v, and %v without the governor", with.page, without.page)
			}
			if late := with.healthy - without.healthy; with.healthy == 0 || late > c.wait+c.every {
				t.Errorf("healthy after %v, and %v without the governor: want at most %v more", with.healthy, without.healthy, c.wait)
			}
			// What comes before the page is not slowed down, and what comes after is.
			before := int(with.page/c.every) + governWindow
			if slow := before + int((outageFor-with.page)/min(time.Minute, slowest*c.every)) + 1; c.every < time.Minute && with.runs > slow {
				t.Errorf("%d runs in the outage, want at most %d; %d without the governor", with.runs, slow, without.runs)
			}
			if least := int(outageFor / max(time.Minute, c.every, c.report.RetryAfter+time.Minute)); with.runs < least {
				t.Errorf("%d runs in the outage, want %d at least", with.runs, least)
			}
		})
	}
}

// A fault of a part of the runs, which is what this program is for, is looked at on
// schedule: a page as soon, and no run less.
func TestIntermittentFaultIsNotGoverned(t *testing.T) {
	run := func(governed bool) outage {
		every := 0
		return runPartly(t, func() Report {
			if every++; every%2 == 0 {
				return failure1(ReasonStatus5xx)
			}
			return Report{Steps: []StepResult{{Name: "login"}, {Name: "replay"}}}
		}, governed)
	}
	if with, without := run(true), run(false); with != without || with.page == 0 {
		t.Errorf("governed %+v, otherwise %+v", with, without)
	}
}

func runPartly(t *testing.T, during func() Report, governed bool) (o outage) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := testCheck("login", func(context.Context) Report { return during() })
		judge, err := NewJudge([]*Check{c}, func(s StateChange) {
			if s.To == detect.Firing && o.page == 0 {
				o.page = s.At.Sub(start)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		var asked Observer = judge
		if !governed {
			asked = ungoverned{judge}
		}
		seen := &paces{}
		if err := runFor(t, 4*time.Hour, Options{Checks: []*Check{c}, Observers: []Observer{asked, seen}}); err != nil {
			t.Fatal(err)
		}
		o.runs = len(seen.runs)
	})
	return o
}

// While the switch is on nothing runs, from within a second on and after a start too;
// due times are missed as paused; page, metric and log say so at both ends.
func TestSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		often, seldom := testCheck("often", passing(time.Second)), testCheck("seldom", passing(time.Second))
		seldom.Schedule.Every = 10 * time.Hour
		checks := []*Check{often, seldom}
		judge, metrics := judgeAndMetrics(t, checks)
		core, lines := observer.New(zap.InfoLevel)
		seen := &paces{}
		var on atomic.Bool
		on.Store(true)
		p, err := New(Options{Checks: checks, Observers: []Observer{judge, metrics, seen, LogObserver{Log: zap.New(core)}}, Paused: on.Load})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		var ended error
		done := make(chan struct{})
		go func() { ended = p.Run(ctx); close(done) }()
		stands := func(want Pace) {
			t.Helper()
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			for _, c := range checks {
				if got := judge.Status(c, time.Now()).Pace; got.To != want || want == PacePaused && got.Why != PaceSwitch {
					t.Errorf("%v after the start %s is %+v, want %s", time.Since(start), c.Name, got, want)
				}
				if got, want := testutil.ToFloat64(metrics.checks[c.Name].paused), one(want == PacePaused); got != want {
					t.Errorf("%s: the metric is %v, want %v", c.Name, got, want)
				}
			}
		}
		stands(PacePaused)
		if r := p.Once(ctx, often); r.Err == nil || r.Err.Error() != `check "often" began no run: paused` {
			t.Errorf("got %+v", r)
		}
		time.Sleep(time.Hour)
		if n := len(seen.runs); n > 0 || seen.misses(often)[MissPaused] < 350 {
			t.Errorf("%d runs, %v", n, seen.misses(often))
		}
		on.Store(false)
		stands(PaceScheduled)
		time.Sleep(time.Hour)
		on.Store(true)
		stands(PacePaused)
		<-done
		if ended != nil {
			t.Error(ended)
		}
		if got := seen.counts(often); got.Due() != dues(often, 3*time.Hour) || got.Passed < 355 || got.Passed > 365 || got.Missed != uint64(seen.misses(often)[MissPaused]) {
			t.Errorf("%+v, %v", got, seen.misses(often))
		}
		if n := lines.FilterMessage("pace").Len(); n != 6 {
			t.Errorf("%d lines on the pace, want 3 for each check", n)
		}
		if n := lines.FilterMessage("missed").Len(); n != 0 {
			t.Errorf("%d lines on missed runs, want none", n)
		}
	})
}

// The target asks for a pause: from the end of the run on, for an hour at the most, of
// the check that asked alone; and the page says until when.
func TestTargetPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := []time.Duration{0, 5 * time.Minute, 0, 100 * time.Hour, 0}
		one, other := testCheck("one", nil), testCheck("other", passing(time.Second))
		one.Begin = func(time.Time) (Attempt, MissReason) {
			return Attempt{Probe: func(ctx context.Context) Report {
				r := failure1(ReasonStatus5xx)
				if len(asked) > 0 {
					r.Pause, asked = asked[0], asked[1:]
				}
				return r
			}}, ""
		}
		judge, metrics := judgeAndMetrics(t, []*Check{one, other})
		seen := &paces{}
		const span = 2 * time.Hour
		if err := runFor(t, span, Options{Checks: []*Check{one, other}, Observers: []Observer{ungoverned{judge}, metrics, seen}}); err != nil {
			t.Fatal(err)
		}
		var starts []time.Time
		for _, r := range seen.runs {
			if r.Check == one {
				starts = append(starts, r.Start)
			}
		}
		for i, want := range []time.Duration{10 * time.Second, 5*time.Minute + 10*time.Second, 10 * time.Second, time.Hour + 10*time.Second, 10 * time.Second} {
			if got := starts[i+1].Sub(starts[i]); got > want || got < want-10*time.Second {
				t.Errorf("run %d after %v, want %v", i+1, got, want)
			}
		}
		if len(seen.seen) != 4 {
			t.Fatalf("got %+v, want two pauses", seen.seen)
		}
		for i, p := range seen.seen {
			if p.Check != one || i%2 == 0 && (p.To != PacePaused || p.Why != PaceTarget || p.Until.IsZero()) || i%2 == 1 && (p.To != PaceScheduled || !p.At.Equal(seen.seen[i-1].Until)) {
				t.Errorf("change %d is %+v", i, p)
			}
		}
		if got := seen.counts(other); got.Passed != dues(other, span) {
			t.Errorf("the other check: %+v", got)
		}
		if got := seen.counts(one); got.Due() != dues(one, span) || got != metricCounts(t, metrics, one) {
			t.Errorf("%+v", got)
		}
	})
}

// A check that is governed says so on /metrics, and in the log at both ends.
func TestGovernedIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := testCheck("login", func(ctx context.Context) Report {
			if time.Since(start) > time.Hour {
				return passing(0)(ctx)
			}
			r := failure1(ReasonRateLimited)
			r.Overloaded, r.RetryAfter = true, 2*time.Minute
			return r
		})
		c.Thresholds = []Threshold{{Ratio: 0.5, Window: 5 * time.Minute, MinRuns: 20, Severity: "ticket"}}
		judge, metrics := judgeAndMetrics(t, []*Check{c})
		core, lines := observer.New(zap.InfoLevel)
		p, err := New(Options{Checks: []*Check{c}, Observers: []Observer{judge, metrics, LogObserver{Log: zap.New(core)}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if text := exposition(t, metrics); !strings.Contains(text, "\nauthprober_governed{check=\"login\"} 1\n") {
			t.Error("the metric is not 1")
		}
		if s := judge.Status(c, time.Now()).Thresholds[0]; !s.Exceeded || s.Ratio.Runs > 3 {
			t.Errorf("all of few runs fail, and the limit is not exceeded: %+v", s)
		}
		if s := judge.Status(c, time.Now()); s.Pace.To != PaceGoverned || s.Pace.Why != PaceOverloaded {
			t.Errorf("got %+v", s.Pace)
		}
		<-done
		if s := judge.Status(c, time.Now()).Thresholds[0]; s.Exceeded {
			t.Errorf("after the outage: %+v", s)
		}
		if text := exposition(t, metrics); !strings.Contains(text, "\nauthprober_governed{check=\"login\"} 0\n") {
			t.Error("the metric is not 0 again")
		}
		var said []string
		for _, l := range lines.FilterMessage("pace").All() {
			f := l.ContextMap()
			_, until := f["until"]
			said = append(said, fmt.Sprintf("%s %s %s %t", l.Level, f["from"], f["to"], until))
		}
		if got := strings.Join(said, ", "); got != "warn schedule governed true, info governed schedule false" {
			t.Errorf("the log says %s", got)
		}
	})
}
