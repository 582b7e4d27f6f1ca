package prober

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A twin is a small world, which a Prober with its goroutines and timers and a Simulator
// are to make the same of: noise, an outage, confirming runs that are in the way, too few
// accounts, panics, faults of our own, pauses that the target asks for.
type twin struct {
	begin  time.Time
	sleeps bool
	lines  map[string][]string
}

func (w *twin) checks() (all []*Check) {
	for i := range 12 {
		c := testCheck(fmt.Sprintf("check-%d", i), nil)
		c.Schedule.Concurrency = 1 + i%2
		c.Objective.Detect, c.Objective.Blip = 0.05, time.Duration(i%3)*15*time.Second
		if i%4 < 2 {
			c.Schedule.Confirm, c.Schedule.ConfirmBudget = time.Second, 2
		}
		rng := rand.New(rand.NewPCG(uint64(i), 2030))
		c.Begin = func(now time.Time) (Attempt, MissReason) { return w.attempt(i, rng, now) }
		if i == 5 {
			c.BeginConfirm = func(time.Time) (Attempt, MissReason) { return Attempt{}, MissBudget }
		}
		all = append(all, c)
	}
	return all
}

func (w *twin) attempt(i int, rng *rand.Rand, now time.Time) (Attempt, MissReason) {
	draw, took := rng.Float64(), time.Duration(1+rng.IntN(900_000_000))
	r := Report{Took: took, Steps: []StepResult{{Name: "login", Took: took}}}
	rate := 0.003
	if since := now.Sub(w.begin); since > time.Hour && since < 2*time.Hour {
		rate = []float64{0.003, 0.1, 0.5, 1}[i/3]
	}
	switch {
	case draw < rate:
		r.Steps[0].Reason = ReasonStatus5xx
		r.Overloaded = i%5 == 0
	case draw > 0.999:
		return Attempt{}, MissNoAccount
	case draw > 0.998:
		r.Err = errors.New("no disk")
	case draw > 0.997:
		return Attempt{Probe: func(context.Context) Report { panic("trouble") }}, ""
	case draw > 0.996:
		r.Pause = time.Duration(rng.IntN(100)) * time.Second
	case draw > 0.99 && i > 5:
		r.Took = 12*time.Second + took // beyond the next due time
	case draw > 0.98:
		r.Took = 3*time.Second + took
	}
	return Attempt{Probe: func(context.Context) Report {
		if w.sleeps {
			time.Sleep(r.Took)
		}
		return r
	}}, ""
}

// excuse finds that some failures are ours.
func (w *twin) excuse(_ context.Context, r *Run) error {
	if r.Took%7 == 0 {
		return errors.New("no network")
	}
	return nil
}

func (w *twin) note(name, format string, args ...any) {
	w.lines[name] = append(w.lines[name], fmt.Sprintf(format, args...))
}

func (w *twin) ObserveRun(r *Run) {
	w.note(r.Check.Name, "run %d due %v start %v took %v confirm=%v %s %v", r.Seq, r.Due.Sub(w.begin), r.Start.Sub(w.begin),
		r.Took, r.Confirm, r.Outcome, r.Err)
}

func (w *twin) ObserveMissed(m Missed) {
	w.note(m.Check.Name, "missed %d %s at %v confirm=%v", m.N, m.Reason, m.At.Sub(w.begin), m.Confirm)
}

func (w *twin) ObservePace(p PaceChange) {
	// By themselves: a loop that a run has poked may tell before the run is told, or after.
	w.note(p.Check.Name+" pace", "pace %s %s at %v", p.To, p.Why, p.At.Sub(w.begin))
}

func (w *twin) options(t *testing.T) Options {
	checks := w.checks()
	judge, err := NewJudge(checks, func(c StateChange) {
		w.note(c.Check.Name, "from %s to %s at %v", c.From, c.To, c.At.Sub(w.begin))
	})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Checks: checks, Observers: []Observer{w, judge}, Excuse: w.excuse}
}

// TestSimulatorIsTheProber holds every run, missed run, change of pace and of state of a
// Simulator to those of a Prober with its goroutines and timers.
func TestSimulatorIsTheProber(t *testing.T) {
	const long = 5 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		real := &twin{begin: time.Now(), sleeps: true, lines: map[string][]string{}}
		if err := runFor(t, long, real.options(t)); err != nil {
			t.Fatal(err)
		}
		simulated := &twin{begin: time.Now(), lines: map[string][]string{}}
		s, err := NewSimulator(simulated.options(t), simulated.begin)
		if err != nil {
			t.Fatal(err)
		}
		s.RunUntil(simulated.begin.Add(long))
		said := ""
		for _, c := range simulated.checks() {
			holdTwins(t, c.Name, real.lines[c.Name], simulated.lines[c.Name])
			pace := c.Name + " pace"
			if !slices.Equal(real.lines[pace], simulated.lines[pace]) {
				t.Errorf("%s: %q, and %q simulated", pace, real.lines[pace], simulated.lines[pace])
			}
			said += strings.Join(simulated.lines[c.Name], "\n") + strings.Join(simulated.lines[pace], "\n") + "\n"
		}
		for _, what := range []string{"confirm=true", "to firing", "firing to healthy", "overlap", "no_account", "budget",
			"paused target", "governed overloaded", "governed failing", "panic", "no network", "no disk"} {
			if !strings.Contains(said, what) {
				t.Errorf("there was no %q in it: it shows nothing of that", what)
			}
		}
	})
}

// holdTwins compares what there was until some runs before the end, which aborts them.
func holdTwins(t *testing.T, name string, real, simulated []string) {
	t.Helper()
	n := min(len(real), len(simulated)) - 5
	if n < 1000 || len(real)-len(simulated) > 5 || len(simulated)-len(real) > 5 {
		t.Errorf("%s: %d lines, and %d simulated", name, len(real), len(simulated))
		return
	}
	if slices.Equal(real[:n], simulated[:n]) {
		return
	}
	for i := range n {
		if real[i] != simulated[i] {
			t.Errorf("%s, line %d:\n     real: %s\nsimulated: %s", name, i, real[i], simulated[i])
			return
		}
	}
}

func TestSimulatorSuspended(t *testing.T) {
	start := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	c := testCheck("a", func(context.Context) Report { return Report{Took: time.Second} })
	seen := &recorder{}
	s, err := NewSimulator(Options{Checks: []*Check{c}, Observers: []Observer{seen}}, start)
	if err != nil {
		t.Fatal(err)
	}
	s.RunUntil(start.Add(time.Minute))
	s.Suspend(55 * time.Second)
	if got, want := s.Now(), start.Add(115*time.Second); got != want {
		t.Errorf("now is %v, want %v", got, want)
	}
	s.RunUntil(start.Add(3 * time.Minute))
	if got := seen.misses(c); got[MissLate] < 4 || len(got) != 1 {
		t.Errorf("missed %v, want 4 or 5 late", got)
	}
	if n := seen.counts(c); n.Due() != dues(c, 3*time.Minute-time.Second) && n.Due() != dues(c, 3*time.Minute) {
		t.Errorf("%d due times settled, want %d", n.Due(), dues(c, 3*time.Minute))
	}
}

// A machine that stood still begins what was due in the last seconds, and no more than that
// at once, of the schedules as of the confirming runs; each due time is settled once.
func TestSimulatorSuspendedWithoutBurst(t *testing.T) {
	start := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	const every, slept, checks = 10 * time.Minute, 7 * time.Minute, 600 // one a second
	var all []*Check
	for i := range checks {
		c := testCheck(fmt.Sprintf("check-%d", i), func(context.Context) Report { return Report{Took: 100 * time.Millisecond} })
		c.Schedule.Every = every
		if i%2 == 0 { // it confirms, until it is not to
			c.Schedule.Confirm, c.Schedule.ConfirmBudget = 2*time.Minute, 2
		}
		all = append(all, c)
	}
	seen := &keen{}
	s, err := NewSimulator(Options{Checks: all, Observers: []Observer{seen}}, start)
	if err != nil {
		t.Fatal(err)
	}
	s.RunUntil(start.Add(time.Hour))
	before := len(seen.runs)
	s.Suspend(slept)
	woke := s.Now()
	s.RunUntil(woke.Add(time.Hour))
	most, begun := 0, map[time.Duration]int{}
	for _, r := range seen.runs[before:] {
		if late := r.Start.Sub(r.Due); late > MostLate || r.Start.Before(woke) {
			t.Errorf("%s began at %v, %v late", r.Check.Name, r.Start.Sub(woke), late)
		}
		slice := r.Start.Sub(woke) / (10 * time.Second)
		begun[slice]++
		most = max(most, begun[slice])
	}
	if first := begun[0]; first == 0 || first > 70 || most > 70 {
		t.Errorf("%d runs began in the 10 s after it woke, and %d in the worst ones; about 35 are due", first, most)
	}
	for _, c := range all {
		n, confirmed := seen.counts(c), uint64(0)
		for _, r := range seen.runs {
			if r.Check == c && r.Confirm {
				confirmed++
			}
		}
		if got, want := n.Due()-confirmed, dues(c, s.Now().Sub(start)); got != want {
			t.Errorf("%s: %d due times settled, want %d", c.Name, got, want)
		}
		if got := seen.misses(c); len(got) > 1 || len(got) == 1 && got[MissLate] == 0 {
			t.Errorf("%s: missed %v", c.Name, got)
		}
	}
}

// A keen observer wants a confirming run whenever it may have one.
type keen struct{ recorder }

func (*keen) ConfirmAt(_ *Check, earliest time.Time) (time.Time, bool) { return earliest, true }

// BenchmarkSimulator is what a run costs in simulated time, with a judge: 20 checks of a
// group, of which half confirm.
func BenchmarkSimulator(b *testing.B) {
	var checks []*Check
	for i := range 20 {
		c := testCheck(fmt.Sprintf("check-%d", i), nil)
		c.Schedule.Every, c.Group = time.Minute, "g"
		if i%2 == 0 {
			c.Schedule.Confirm, c.Schedule.ConfirmBudget = 10*time.Second, 0.1
		}
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		fine, bad := Report{Took: 300 * time.Millisecond}, failure1(ReasonStatus5xx)
		bad.Took = time.Second
		a := Attempt{Probe: func(context.Context) Report {
			if rng.Float64() < 0.0005 {
				return bad
			}
			return fine
		}}
		c.Begin = func(time.Time) (Attempt, MissReason) { return a, "" }
		checks = append(checks, c)
	}
	judge, err := NewJudge(checks)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := NewSimulator(Options{Checks: checks, Observers: []Observer{judge}}, start)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%20 == 0 { // a minute has 20 runs
			s.RunUntil(s.Now().Add(time.Minute))
		}
	}
}
