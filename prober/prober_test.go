package prober

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// Hours of schedule with everything that can go wrong at once: each due time is
// accounted for once, by every observer.
func TestEveryDueTimeIsAccountedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span = 5*time.Hour + 3*time.Second
		checks := troubled()
		judge, metrics := judgeAndMetrics(t, checks)
		seen := &recorder{}
		if err := runFor(t, span, Options{Checks: checks, Observers: []Observer{seen, judge, metrics}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			got := seen.counts(c)
			if want := dues(c, span); got.Due() != want || want == 0 {
				t.Errorf("%s: %d due times settled, want %d: %+v", c.Name, got.Due(), want, got)
			}
			if s := judge.Status(c, time.Now()); s.Counts != got {
				t.Errorf("%s: the judge saw %+v, want %+v", c.Name, s.Counts, got)
			}
			if m := metricCounts(t, metrics, c); m != got {
				t.Errorf("%s: the metrics show %+v, want %+v", c.Name, m, got)
			}
		}
		steady := seen.counts(checks[0])
		if steady.Passed+steady.Aborted != steady.Due() || steady.Aborted > 1 {
			t.Errorf("the steady check was harmed: %+v", steady)
		}
	})
}

// troubled are checks of which each but the first has a trouble of its own.
func troubled() []*Check {
	var n atomic.Int64 // of all calls, so the troubles are mixed
	each := func(k int64) bool { return n.Add(1)%k == 0 }
	panics := testCheck("panics", func(ctx context.Context) Report {
		if each(3) {
			put(nil)
		}
		return passing(time.Second)(ctx)
	})
	misses := testCheck("misses", passing(time.Second))
	begin := misses.Begin
	misses.Begin = func(now time.Time) (Attempt, MissReason) {
		if each(4) {
			return Attempt{}, MissNoAccount
		}
		return begin(now)
	}
	slow := testCheck("slow", passing(37*time.Second))
	slow.Schedule.Timeout = time.Minute
	slow.Schedule.Concurrency = 2
	return []*Check{
		testCheck("steady", passing(time.Second)),
		panics,
		misses,
		slow,
		testCheck("hangs", passing(time.Hour)),
		testCheck("fails", func(context.Context) Report { return failure1(ReasonStatus5xx) }),
		testCheck("errs", func(context.Context) Report { return Report{Err: errors.New("no disk")} }),
	}
}

// A run that ignores its end is told apart from one that is slow, and holds up no other
// check.
func TestStuckRunsAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		c := testCheck("stuck", func(context.Context) Report {
			if first {
				first = false
				time.Sleep(95 * time.Second)
			}
			return Report{}
		})
		core, lines := observer.New(zap.ErrorLevel)
		seen := &recorder{}
		if err := runFor(t, 10*time.Minute, Options{Checks: []*Check{c, testCheck("other", passing(0))}, Observers: []Observer{seen}, Log: zap.New(core)}); err != nil {
			t.Fatal(err)
		}
		// It has 5 s, its clean-up 2 s, and the grace is 5 s: the first due time within that
		// is one too many, the eight after it find it stuck.
		if got := seen.misses(c); got[MissOverlap] != 1 || got[MissStuck] != 8 || len(got) != 2 {
			t.Errorf("missed for %v", got)
		}
		if n := lines.FilterMessage("runs are stuck: they ignore that their time is over").Len(); n != 1 {
			t.Errorf("%d lines of the log, want 1", n)
		}
	})
}

func TestOverlapIsCountedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testCheck("slow", passing(25*time.Second))
		c.Schedule.Timeout = time.Minute
		seen := &recorder{}
		// Of three due times one begins a run, which ends before the fourth.
		if err := runFor(t, c.Schedule.Offset(c.Name)+299*time.Second, Options{Checks: []*Check{c}, Observers: []Observer{seen}}); err != nil {
			t.Fatal(err)
		}
		if got, want := seen.counts(c), (Counts{Passed: 10, Missed: 20}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got := seen.misses(c); !reflect.DeepEqual(got, map[MissReason]int{MissOverlap: 20}) {
			t.Errorf("got %v, want 20 overlaps", got)
		}
		for _, m := range seen.missed {
			if off := m.At.Sub(seen.runs[0].Due) % (10 * time.Second); off != 0 {
				t.Errorf("a miss was found %v after its due time", off)
			}
		}
	})
}

func TestRunsAreDueInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := testCheck("steady", passing(time.Second))
		seen := &recorder{}
		if err := runFor(t, time.Hour+c.Schedule.Offset(c.Name)+5*time.Second, Options{Checks: []*Check{c}, Observers: []Observer{seen}}); err != nil {
			t.Fatal(err)
		}
		for i, r := range seen.runs {
			want := start.Add(c.Schedule.Offset(c.Name) + time.Duration(i)*c.Schedule.Every)
			if !r.Due.Equal(want) || !r.Start.Equal(want) || r.Took != time.Second || r.Seq != uint64(i+1) {
				t.Fatalf("run %d: due %v, begun %v, took %v, seq %d, want %v", i, r.Due, r.Start, r.Took, r.Seq, want)
			}
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		c := testCheck("slow", func(ctx context.Context) Report {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return passing(95 * time.Second)(ctx)
		})
		c.Schedule.Timeout, c.Schedule.Concurrency = 2*time.Minute, 3
		if err := runFor(t, time.Hour, Options{Checks: []*Check{c}}); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 3 {
			t.Errorf("%d runs at once, want 3", most.Load())
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testCheck("hangs", passing(time.Hour))
		seen := &recorder{}
		if err := runFor(t, time.Minute, Options{Checks: []*Check{c}, Observers: []Observer{seen}}); err != nil {
			t.Fatal(err)
		}
		if r := seen.runs[0]; r.Outcome != Failed || r.FailedStep().Reason != ReasonTimeout || r.Took != 5*time.Second {
			t.Errorf("got %s %+v after %v, want failed, timeout after 5s", r.Outcome, r.Steps, r.Took)
		}
	})
}

func TestShutdownLetsRunsCleanUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, cleaned atomic.Int64
		var cause atomic.Value
		c := testCheck("login", func(ctx context.Context) Report {
			begun.Add(1)
			<-ctx.Done()
			cause.Store(context.Cause(ctx))
			time.Sleep(2 * time.Second) // the logout
			cleaned.Add(1)
			return Report{Err: context.Cause(ctx)}
		})
		c.Schedule.Timeout, c.Schedule.Concurrency = time.Hour, 5
		seen := &recorder{}
		start := time.Now()
		span := c.Schedule.Offset(c.Name) + 25*time.Second
		if err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{seen}}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != span+2*time.Second {
			t.Errorf("Run returned after %v, want %v", took, span+2*time.Second)
		}
		if got := seen.counts(c); got != (Counts{Aborted: 3}) || begun.Load() != 3 || cleaned.Load() != 3 {
			t.Errorf("got %+v of %d runs, %d of them cleaned up, want 3 aborted", got, begun.Load(), cleaned.Load())
		}
		if cause.Load() != ErrShutdown {
			t.Errorf("cause is %v, want %v", cause.Load(), ErrShutdown)
		}
	})
}

// A probe that ignores its context harms its own check alone, and that is seen.
func TestProbeThatNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		stuck := testCheck("stuck", func(context.Context) Report { <-forever; return Report{} })
		steady := testCheck("steady", passing(time.Second))
		seen := &recorder{}
		start := time.Now()
		err := runFor(t, time.Hour, Options{Checks: []*Check{stuck, steady}, Observers: []Observer{seen}})
		if want := `stopping: runs that ignore it are given up: "stuck" (1)`; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if took, want := time.Since(start), time.Hour+2*time.Second+5*time.Second; took != want {
			t.Errorf("Run returned after %v, want %v", took, want)
		}
		if got := seen.counts(steady); got.Passed+got.Aborted != dues(steady, time.Hour) || got.Aborted > 1 {
			t.Errorf("the steady check was harmed: %+v", got)
		}
		if got := seen.misses(stuck); got[MissOverlap] != 1 || got[MissOverlap]+got[MissStuck] != int(dues(stuck, time.Hour))-1 {
			t.Errorf("got %v, want all but one due time missed", got)
		}
		close(forever)
	})
}

// An observer that is busy for an hour makes the schedule late; nothing is lost.
func TestSlowObserverLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span = 4 * time.Hour
		c := testCheck("steady", passing(time.Millisecond))
		c.Schedule.Every = time.Second
		seen := &recorder{}
		slow := &sleeper{at: 10, d: time.Hour}
		if err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{slow, seen}}); err != nil {
			t.Fatal(err)
		}
		if got := seen.counts(c); got.Due() != dues(c, span) {
			t.Errorf("%d due times settled, want %d", got.Due(), dues(c, span))
		}
		if seen.misses(c)[MissLate] == 0 {
			t.Errorf("got %v, want some that were too late", seen.misses(c))
		}
	})
}

type sleeper struct {
	n, at int
	d     time.Duration
}

func (s *sleeper) ObserveRun(*Run) {
	if s.n++; s.n == s.at {
		time.Sleep(s.d)
	}
}
func (s *sleeper) ObserveMissed(Missed) {}

func TestRunOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		if !p.Running() {
			t.Error("not running")
		}
		if err := p.Run(ctx); err == nil || !strings.Contains(err.Error(), "again") {
			t.Errorf("got %v, want an error", err)
		}
		cancel()
		if err := <-ended; err != nil || p.Running() {
			t.Errorf("got %v, running %t", err, p.Running())
		}
	})
}
