package prober

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// confirmingCheck is a testCheck that confirms every second.
func confirmingCheck(name string, probe func(context.Context) Report) *Check {
	c := testCheck(name, probe)
	c.Schedule.Confirm, c.Schedule.ConfirmBudget = time.Second, detect.DefaultBudget
	return c
}

// failing is a probe whose runs take d, and fail with the probability that rate returns.
func failing(d time.Duration, seed uint64, rate func() float64) func(context.Context) Report {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(ctx context.Context) Report {
		failed := random.Float64() < rate()
		if r, ok := wait(ctx, d); !ok {
			return r
		}
		if failed {
			return failure1(ReasonStatus5xx)
		}
		return passing(0)(ctx)
	}
}

// confirmed returns how many runs of the check were confirming ones, and misses of those.
func (r *recorder) confirmed(c *Check) (runs, missed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		if run.Check == c && run.Confirm {
			runs++
		}
	}
	for _, m := range r.missed {
		if m.Check == c && m.Confirm {
			missed++
		}
	}
	return runs, missed
}

// A fifth of the runs fails from the second hour on. The page comes sooner with
// confirming runs than without; the schedule has every due time of its own; and
// all that is counted adds up.
func TestConfirming(t *testing.T) {
	delay := func(confirm bool) (delay time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			c := confirmingCheck("login", failing(200*time.Millisecond, 1, func() float64 {
				if time.Since(start) > time.Hour {
					return 0.2
				}
				return 0
			}))
			c.Objective.Blip = 0
			if !confirm {
				c.Schedule.Confirm, c.Schedule.ConfirmBudget = 0, 0
			}
			seen, fired := &recorder{}, time.Time{}
			judge, err := NewJudge([]*Check{c}, func(s StateChange) {
				if s.To == detect.Firing && fired.IsZero() {
					fired = s.At
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			_, metrics := judgeAndMetrics(t, []*Check{c})
			const span = 3 * time.Hour
			if err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{seen, metrics, judge}}); err != nil {
				t.Fatal(err)
			}
			extra, _ := seen.confirmed(c)
			status := judge.Status(c, time.Now())
			if got := seen.counts(c); got.Due()-uint64(extra) != dues(c, span) || status.Counts != got || metricCounts(t, metrics, c) != got {
				t.Errorf("%+v settled, the judge has %+v; want %d of the schedule and %d to confirm", got, status.Counts, dues(c, span), extra)
			}
			if (extra > 0) != confirm || extra > 864 || status.Confirmed != uint64(extra) || confirm && status.ConfirmLeft != 864-extra {
				t.Errorf("%d confirming runs, the judge has %d and %d left", extra, status.Confirmed, status.ConfirmLeft)
			}
			if got := testutil.ToFloat64(metrics.checks[c.Name].confirmed); got != float64(extra) {
				t.Errorf("%v confirming runs in the metrics, want %d", got, extra)
			}
			inStep(t, start, c, seen)
			delay = fired.Sub(start.Add(time.Hour))
		})
		return delay
	}
	without, with := delay(false), delay(true)
	t.Logf("20%% of failures: a page after %v, and confirming after %v", without, with)
	if with <= 0 || without <= 0 || float64(with) > 0.7*float64(without) {
		t.Errorf("a page after %v without and %v with confirming runs", without, with)
	}
}

// inStep holds the runs of the schedule to its due times, and the confirming ones to
// a second from the run before.
func inStep(t *testing.T, start time.Time, c *Check, seen *recorder) {
	t.Helper()
	due := start.Add(c.Schedule.Offset(c.Name))
	var before time.Time
	for _, r := range seen.runs {
		if r.Confirm {
			if r.Start.Sub(before) < c.Schedule.Confirm {
				t.Fatalf("a confirming run %v after the run before", r.Start.Sub(before))
			}
		} else {
			if !r.Due.Equal(due) || !r.Start.Equal(due) {
				t.Fatalf("a run was due %v and begun %v, want %v", r.Due, r.Start, due)
			}
			due = due.Add(c.Schedule.Every)
		}
		before = r.Start
	}
}

// In a blip nothing is confirmed; the first confirming run comes as it ends. The
// first failure that counts is too little evidence, and the second is of the run that
// is due 40 s later.
func TestNothingIsConfirmedInABlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := confirmingCheck("login", func(context.Context) Report { return failure1(ReasonStatus5xx) })
		c.Objective.Blip = 33 * time.Second
		judge, err := NewJudge([]*Check{c})
		if err != nil {
			t.Fatal(err)
		}
		seen := &recorder{}
		if err := runFor(t, c.Schedule.Offset(c.Name)+79*time.Second, Options{Checks: []*Check{c}, Observers: []Observer{judge, seen}}); err != nil {
			t.Fatal(err)
		}
		var got []time.Duration
		for _, r := range seen.runs {
			if r.Confirm {
				got = append(got, r.Start.Sub(seen.runs[0].Start))
			}
		}
		if want := []time.Duration{73 * time.Second}; !reflect.DeepEqual(got, want) {
			t.Errorf("confirming runs at %v, want %v", got, want)
		}
	})
}

// A target that became slow: the schedule has the only slot when it is due, or right
// after the confirming run that has it.
func TestConfirmingNeverCostsADueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span = 10 * time.Hour
		random := rand.New(rand.NewPCG(7, 7))
		c := confirmingCheck("slow", func(ctx context.Context) Report {
			r := failing(time.Duration(random.IntN(4500))*time.Millisecond, random.Uint64(), func() float64 { return 0.1 })
			return r(ctx)
		})
		judge, err := NewJudge([]*Check{c})
		if err != nil {
			t.Fatal(err)
		}
		seen := &recorder{}
		if err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{judge, seen}}); err != nil {
			t.Fatal(err)
		}
		extra, _ := seen.confirmed(c)
		got := seen.counts(c)
		if got.Missed != 0 || extra == 0 || got.Due()-uint64(extra) != dues(c, span) {
			t.Errorf("%+v, %d of them to confirm; want %d of the schedule, none missed", got, extra, dues(c, span))
		}
		late := 0
		for _, r := range seen.runs {
			if r.Start.After(r.Due) {
				late++
			}
		}
		if late == 0 {
			t.Error("no run of the schedule has waited, so nothing was tested")
		}
	})
}

// Where no account is to be had for a confirming run, the schedule loses nothing and
// is not missed; it is tried again after the next run.
func TestConfirmingWithoutAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span = 2 * time.Hour
		c := confirmingCheck("login", failing(time.Millisecond, 3, func() float64 { return 0.2 }))
		c.BeginConfirm = func(time.Time) (Attempt, MissReason) { return Attempt{}, MissNoAccount }
		seen := &recorder{}
		judge, metrics := judgeAndMetrics(t, []*Check{c})
		if err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{seen, metrics, judge}}); err != nil {
			t.Fatal(err)
		}
		runs, missed := seen.confirmed(c)
		if runs != 0 || missed == 0 || uint64(missed) > dues(c, span) {
			t.Errorf("%d confirming runs, %d that could not begin", runs, missed)
		}
		want := metricCounts(t, metrics, c)
		if status := judge.Status(c, time.Now()); want.Due() != dues(c, span) || want.Missed != 0 || status.Counts != want || status.ConfirmLeft != 864 {
			t.Errorf("got %+v and %+v, want %d due times and the whole budget", want, status.Counts, dues(c, span))
		}
		if got := testutil.ToFloat64(metrics.checks[c.Name].unconfirmed[MissNoAccount]); got != float64(missed) {
			t.Errorf("%v in the metrics, want %d", got, missed)
		}
	})
}

// With three times the tolerated failures for days, a budget is spent and never overdrawn.
func TestConfirmingKeepsToItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := confirmingCheck("login", failing(time.Millisecond, 5, func() float64 { return 0.003 }))
		c.Schedule.ConfirmBudget = 0.01
		c.Objective.Blip = 0
		judge, err := NewJudge([]*Check{c})
		if err != nil {
			t.Fatal(err)
		}
		seen := &recorder{}
		if err := runFor(t, 5*24*time.Hour, Options{Checks: []*Check{c}, Observers: []Observer{judge, seen}}); err != nil {
			t.Fatal(err)
		}
		var at []time.Time
		for _, r := range seen.runs {
			if r.Confirm {
				at = append(at, r.Start)
			}
		}
		const limit = 86
		if len(at) < limit {
			t.Fatalf("only %d confirming runs in five days", len(at))
		}
		for i := range at[limit:] {
			if d := at[i+limit].Sub(at[i]); d < 24*time.Hour {
				t.Fatalf("%d confirming runs in %v", limit+1, d)
			}
		}
	})
}

// Two checks of a kind share what is simulated for them.
func TestKindsAreShared(t *testing.T) {
	a, b, other := confirmingCheck("a", nil), confirmingCheck("b", nil), testCheck("c", nil)
	cache := paramsCache{}
	pa, pb, pc := cache.of(a), cache.of(b), cache.of(other)
	if len(cache) != 2 || pa != pb || pa.Opening == 0 || pc.Opening != 0 || !(pa.RunsToFalsePage > pc.RunsToFalsePage) {
		t.Errorf("got %d kinds: %+v, %+v, %+v", len(cache), pa, pb, pc)
	}
}

func TestValidateConfirming(t *testing.T) {
	for want, change := range map[string]func(*Check){
		"confirm: got 10s, want less than the 10s": func(c *Check) { c.Schedule.Confirm = c.Schedule.Every },
		"confirm: got -1s":                         func(c *Check) { c.Schedule.Confirm = -time.Second },
		"confirm_budget: got NaN":                  func(c *Check) { c.Schedule.ConfirmBudget = math.NaN() },
		"confirm: got 0s":                          func(c *Check) { c.Schedule.Confirm = 0 },
		`group is "A b"`:                           func(c *Check) { c.Group = "A b" },
	} {
		c := confirmingCheck("login", nil)
		change(c)
		if err := Validate([]*Check{c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
