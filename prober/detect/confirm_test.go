package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var usual = Confirm{Interval: time.Second, Budget: DefaultBudget}

func TestConfirmValidate(t *testing.T) {
	tests := []struct {
		name string
		c    Confirm
		want string
	}{
		{"off", Confirm{}, ""},
		{"usual", usual, ""},
		{"extremes", Confirm{1, MostBudget}, ""},
		{"as often as it runs", Confirm{every, 0.1}, "confirm: got 10s, want less than the 10s between runs"},
		{"no interval", Confirm{0, 0.1}, "confirm: got 0s, want a time above zero"},
		{"no budget", Confirm{time.Second, 0}, "confirm_budget: got 0, want above 0 and at most 10 of the runs a day"},
		{"everything", Confirm{-1, math.NaN()}, "confirm: got -1ns, want a time above zero\n" +
			"confirm_budget: got NaN, want above 0 and at most 10 of the runs a day"},
		{"a percentage taken for a share", Confirm{time.Second, 50}, "confirm_budget: got 50, want above 0 and at most 10 of the runs a day"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := tt.c.Validate(every); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestParamsConfirming(t *testing.T) {
	plain := DefaultObjective.Params(every)
	if got := DefaultObjective.ParamsConfirming(every, Confirm{}); got != plain {
		t.Errorf("without confirming: got %+v, want %+v", got, plain)
	}
	got := DefaultObjective.ParamsConfirming(every, usual)
	if usual.Limit(every) != 864 || got.RunsToFalsePage != 259_200*1.1+864 {
		t.Errorf("got %d extra runs a day and %v runs to a false page, want 864 and 285984", usual.Limit(every), got.RunsToFalsePage)
	}
	if got.Opening < 250 || got.Opening > 350 {
		t.Errorf("got opening level %v, want about 300", got.Opening)
	}
	if again := DefaultObjective.ParamsConfirming(every, usual); again != got {
		t.Errorf("got %+v, and %+v the second time", got, again)
	}
	got.RunsToFalsePage, got.Opening = plain.RunsToFalsePage, 0
	if got != plain {
		t.Errorf("got %+v, want the rest as in %+v", got, plain)
	}
}

// TestOpening holds that the level falls as there is more to spend, and that it is
// sound for objectives of all kinds.
func TestOpening(t *testing.T) {
	t.Parallel()
	check := func(o Objective) {
		t.Helper()
		last := math.Inf(1)
		for _, budget := range []float64{0.001, 0.1, MostBudget} {
			p := o.ParamsConfirming(every, Confirm{time.Second, budget})
			if !(p.Opening > 0) || math.IsInf(p.Opening, 0) || p.Opening > last {
				t.Fatalf("%+v: budget %v: level %v after %v", o, budget, p.Opening, last)
			}
			last = p.Opening
		}
		p := o.ParamsConfirming(every, Confirm{time.Second, 0.03})
		seldom := o.ParamsConfirming(every, Confirm{9 * time.Second, 0.03})
		if seldom.Opening > p.Opening {
			t.Fatalf("%+v: level %v, and %v where confirming costs less", o, p.Opening, seldom.Opening)
		}
		// Passed runs alone lead to half the level at most.
		f := &feeder{New(p), start}
		budget := Budget{Limit: 864}
		for range 5000 {
			f.run(false)
			if f.WantsConfirm(f.at.Add(1), &budget) {
				t.Fatalf("%+v: confirms without a failed run", o)
			}
		}
	}
	for o := range objectives(t, 6) {
		check(o)
	}
	check(Objective{LeastTolerate, 0.02, math.MaxInt64, 0})
	check(Objective{LeastTolerate, LeastTolerate * LeastRatio, math.MaxInt64, time.Minute})
	check(Objective{0.5, math.Nextafter(1, 0), math.MaxInt64, 0})
}

// TestHealthyExtra holds what a healthy check spends against a simulation of
// every run of it.
func TestHealthyExtra(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o Objective
		c Confirm
	}{
		{withoutBlip, usual},
		{DefaultObjective, usual},
		{Objective{0.01, 0.1, 720 * time.Hour, 0}, Confirm{2 * time.Second, 0.3}},
	} {
		p := newPace(every, tt.c, start)
		p.budget.Limit = math.MaxInt32 // to see what the level alone amounts to
		d := New(tt.o.ParamsConfirming(every, tt.c))
		rng := rand.New(rand.NewPCG(8, 9))
		runs := 0
		for runs < 1_000_000 {
			p.next(d)
			runs++
			if d.Observe(p.now, rng.Float64() < tt.o.Tolerate).After == Firing {
				d = New(d.Params())
			}
		}
		extra := float64(p.extra) / float64(runs-p.extra)
		t.Logf("%+v %+v: level %.0f, %.2f %% extra runs", tt.o, tt.c, d.Params().Opening, 100*extra)
		// In simulations of some thousand failed runs either may be a little off.
		if most := tt.c.Budget * healthyShare; extra > 1.15*most || extra < 0.7*most {
			t.Errorf("%+v: %.2f %% extra runs, want up to %.2f %%", tt.o, 100*extra, 100*most)
		}
	}
}

// A plan says what a healthy check spends that hardly ever fails, too: some of its
// budget, and never more than half of it but for chance.
func TestHealthyExtraOfRareFailures(t *testing.T) {
	t.Parallel()
	c := Confirm{20 * time.Millisecond, 0.1}
	for _, o := range []Objective{
		{1e-5, 1e-4, 365 * 24 * time.Hour, 0},       // 0.034 by 600 failures in 60 million runs
		{1e-7, 1e-6, 100 * 365 * 24 * time.Hour, 0}, // too rare: half of the budget
	} {
		_, extra := newSimulation(o, 100*time.Millisecond, c).starts(RuleConfirming)
		t.Logf("tolerate %v: %.4f", o.Tolerate, extra)
		if extra < 0.02 || extra > 0.055 {
			t.Errorf("tolerate %v: %v extra runs to one that is due, want 0.02 to 0.055", o.Tolerate, extra)
		}
	}
}

func TestWantsConfirm(t *testing.T) {
	o := DefaultObjective
	p := o.ParamsConfirming(every, usual)
	f := &feeder{New(p), start}
	budget := Budget{Limit: usual.Limit(every)}
	for range 1000 {
		f.run(false)
	}
	if f.WantsConfirm(f.at.Add(time.Second), &budget) {
		t.Error("nothing has failed: got true")
	}
	f.run(true)
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{time.Second, false}, {o.Blip - 1, false}, {o.Blip, true}, {time.Hour, true}} {
		if got := f.WantsConfirm(f.at.Add(tt.after), &budget); got != tt.want {
			t.Errorf("%v after a failed run: got %v, want %v", tt.after, got, tt.want)
		}
	}
	if plain := New(o.Params(every)); plain.Observe(start, true).Changed() || plain.WantsConfirm(start.Add(time.Hour), &budget) {
		t.Error("a check that does not confirm: got true")
	}
	after := f.at.Add(o.Blip) // evidence of about 1100, an opening level of about 300
	for _, tt := range []struct {
		spent int
		want  bool
	}{{431, true}, {700, true}, {800, false}, {863, false}, {864, false}, {900, false}} {
		b := Budget{Limit: 864, Newest: after.Unix() / 3600}
		b.Taken[7] = tt.spent
		if got := f.WantsConfirm(after, &b); got != tt.want || b.Taken[7] != tt.spent {
			t.Errorf("%d of 864 spent: got %v", tt.spent, got)
		}
	}
	restored := throughJSON(t, f.Detector)
	if !restored.WantsConfirm(f.at.Add(o.Blip), &budget) {
		t.Error("restored: got false, want true")
	}

	f.until(t, Firing, true)
	last := f.at
	f.at = f.at.Add(o.Blip - every)
	for n := 1; f.run(false).After == Firing; n++ {
		if got, want := f.WantsConfirm(f.at.Add(1), &budget), f.Recovery() >= 0.05; got != want {
			t.Fatalf("firing, %d passed: got %v, want %v", n, got, want)
		}
	}
	if f.WantsConfirm(f.at.Add(1), &budget) {
		t.Errorf("recovered %v after the last failed run: got true", f.at.Sub(last))
	}
}

// TestAnotherLevelKeepsTheEvidence: another platform may come to another level.
func TestAnotherLevelKeepsTheEvidence(t *testing.T) {
	p := DefaultObjective.ParamsConfirming(every, usual)
	f := &feeder{New(p), start}
	f.run(true)
	p.Opening *= 1.01
	d := New(p)
	if err := d.Restore(f.Snapshot()); err != nil || d.Evidence() != f.Evidence() || d.Params() != p {
		t.Errorf("got %v, evidence %v and %+v", err, d.Evidence(), d.Params())
	}
}

func TestWantsConfirmAllocatesNothing(t *testing.T) {
	d := New(DefaultObjective.ParamsConfirming(every, usual))
	p := newPace(every, usual, start)
	rng := rand.New(rand.NewPCG(1, 1))
	if got := testing.AllocsPerRun(10_000, func() { p.next(d); d.Observe(p.now, rng.Float64() < 0.02) }); got != 0 {
		t.Errorf("got %v allocations a run, want none", got)
	}
}
