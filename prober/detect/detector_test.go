package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const every = 10 * time.Second

// A feeder shows a detector one run after the other.
type feeder struct {
	*Detector
	at time.Time
}

func feed(o Objective) *feeder { return &feeder{New(o.Params(every)), start} }

func (f *feeder) run(failed bool) Judgement {
	f.at = f.at.Add(every)
	return f.Observe(f.at, failed)
}

// until shows runs until the state is s, and returns how many that took.
func (f *feeder) until(t *testing.T, s State, failed bool) int {
	t.Helper()
	for n := 1; n <= 100_000; n++ {
		if f.run(failed).After == s {
			return n
		}
	}
	t.Fatalf("never %v", s)
	return 0
}

func TestTotalOutage(t *testing.T) {
	tests := []struct {
		name string
		blip time.Duration
		want int // runs to the page, from rest
	}{
		{"no blip", 0, 3},
		{"a blip of one run", 10 * time.Second, 3},
		{"a blip of two runs and a bit", 25 * time.Second, 7},
		{"a blip of three runs", 30 * time.Second, 7},
		{"a blip of a minute", time.Minute, 13},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := DefaultObjective
			o.Blip = tt.blip
			f := feed(o)
			for range 5000 {
				f.run(false)
			}
			first := f.at.Add(every)
			if got := f.until(t, Firing, true); got != tt.want {
				t.Errorf("paged after %d runs, want %d", got, tt.want)
			}
			if !f.Since().Equal(f.at) || !f.ChangePoint().Equal(first) {
				t.Errorf("got since %v and change point %v, want %v and %v", f.Since(), f.ChangePoint(), f.at, first)
			}
			paged := f.Evidence()
			for range 100_000 {
				f.run(true)
				if f.State() != Firing || f.Evidence() != paged || f.Recovery() > 0.01 {
					t.Fatalf("got %v, evidence %v, recovery %v during the outage", f.State(), f.Evidence(), f.Recovery())
				}
			}
		})
	}
}

func TestRecovery(t *testing.T) {
	f := feed(DefaultObjective)
	if got := f.Recovery(); got != 0 {
		t.Errorf("healthy: got recovery %v, want 0", got)
	}
	f.until(t, Firing, true)
	f.at = f.at.Add(DefaultObjective.Blip)
	last := 0.0
	n := 0
	for f.State() == Firing {
		n++
		f.run(false)
		if f.State() != Firing {
			break
		}
		if r := f.Recovery(); math.Abs(r-last-1./266.02) > 1e-4 || r >= 1 {
			t.Fatalf("run %d: recovery %v after %v, want equal steps", n, r, last)
		}
		last = f.Recovery()
	}
	if n != 267 || f.State() != Healthy {
		t.Errorf("%v after %d runs, want healthy after 267", f.State(), n)
	}
	if f.Evidence() != 0 || f.Recovery() != 0 || !f.ChangePoint().IsZero() || !f.Since().Equal(f.at) {
		t.Errorf("got evidence %v, recovery %v, change point %v, since %v; want a fresh start", f.Evidence(), f.Recovery(), f.ChangePoint(), f.Since())
	}
}

func TestFailureSetsRecoveryBack(t *testing.T) {
	f := feed(Objective{0.001, 0.02, 720 * time.Hour, 0})
	f.until(t, Firing, true)
	for range 200 {
		f.run(false)
	}
	before := f.Recovery()
	f.run(true)
	if after := f.Recovery(); after >= before/2 || after <= 0 {
		t.Errorf("got recovery %v after %v and a failure", after, before)
	}
}

func TestBurstShorterThanBlipNeverPages(t *testing.T) {
	for _, o := range []Objective{
		DefaultObjective,
		{1e-9, 0.5, 1, 10 * time.Second},           // would page for every failure
		{0.001, 0.02, time.Hour, 30 * time.Second}, // 360 runs, fewer than between two failures
		{0.001, 0.02, 720 * time.Hour, time.Hour},
	} {
		f := feed(o)
		for range 20_000 {
			f.run(false)
		}
		for n := 0; time.Duration(n)*every < o.Blip; n++ {
			if j := f.run(true); j.After == Firing || j.Counted != (n == 0) {
				t.Fatalf("%+v: failure %d: %+v, evidence %v", o, n, j, f.Evidence())
			}
		}
	}
}

func TestBlip(t *testing.T) {
	s := func(n float64) time.Time { return start.Add(time.Duration(n * float64(time.Second))) }
	tests := []struct {
		name    string
		blip    time.Duration
		at      []time.Time
		failed  string // f or p, one a run
		counted string // y or n, one a run
	}{
		{"passes and failures alike", 30 * time.Second,
			[]time.Time{s(0), s(10), s(20), s(29.999), s(30), s(40)}, "fpfppf", "ynnnyy"},
		{"a skipped failure does not prolong it", 30 * time.Second,
			[]time.Time{s(0), s(20), s(30), s(40), s(60)}, "fffff", "ynyny"},
		{"a pass begins none", 30 * time.Second, []time.Time{s(0), s(1), s(2)}, "ppp", "yyy"},
		{"off", 0, []time.Time{s(0), s(0), s(0)}, "fff", "yyy"},
		{"equal times", time.Second, []time.Time{s(0), s(0), s(0)}, "pff", "yyn"},
		{"a little late", 30 * time.Second, []time.Time{s(100), s(99), s(71), s(130)}, "ffpp", "ynny"},
		{"clock set back", 30 * time.Second, []time.Time{s(1e6), s(0), s(10), s(30)}, "ffpp", "yyny"},
		{"clock set forward", 30 * time.Second, []time.Time{s(0), s(1e9), s(1e9)}, "ffp", "yyn"},
		{"no time at all", 30 * time.Second, []time.Time{{}, {}, s(0), s(1)}, "fffp", "yyyn"},
		{"longer than time", math.MaxInt64, []time.Time{s(0), s(1e9), s(-1e9)}, "fff", "ynn"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := New(Objective{0.001, 0.02, 720 * time.Hour, tt.blip}.Params(every))
			for i, at := range tt.at {
				before := d.Evidence()
				j := d.Observe(at, tt.failed[i] == 'f')
				if j.Counted != (tt.counted[i] == 'y') {
					t.Errorf("run %d: counted %v", i, j.Counted)
				}
				if !j.Counted && d.Evidence() != before {
					t.Errorf("run %d: evidence from %v to %v by a run that does not count", i, before, d.Evidence())
				}
			}
		})
	}
}

// TestStates throws rates that change at random at detectors of all kinds, and
// holds every invariant after every run.
func TestStates(t *testing.T) {
	allowed := map[[2]State]bool{
		{Healthy, Healthy}: true, {Healthy, Suspect}: true, {Healthy, Firing}: true,
		{Suspect, Suspect}: true, {Suspect, Healthy}: true, {Suspect, Firing}: true,
		{Firing, Firing}: true, {Firing, Healthy}: true,
	}
	seen := map[[2]State]int{}
	for o := range objectives(t, 100) {
		rng := rand.New(rand.NewPCG(3, 4))
		f := &feeder{New(o.Params(time.Second)), start}
		rate, last := 0.0, Healthy
		for run := range 5000 {
			if run%500 == 0 {
				rate = []float64{0, o.Tolerate, o.Detect, 1, rng.Float64(), 0}[rng.IntN(6)]
			}
			since := f.Since()
			j := f.run(rng.Float64() < rate)
			seen[[2]State{j.Before, j.After}]++
			if j.Before != last || j.After != f.State() || !allowed[[2]State{j.Before, j.After}] || !j.Counted && j.Changed() {
				t.Fatalf("%+v: run %d: %+v after %v", o, run, j, last)
			}
			last = j.After
			if want := map[bool]time.Time{true: f.at, false: since}[j.Changed()]; !f.Since().Equal(want) {
				t.Fatalf("%+v: run %d: since %v, want %v", o, run, f.Since(), want)
			}
			sound(t, f.Detector)
			if run%50 == 0 {
				if err := New(f.params).Restore(f.Snapshot()); err != nil {
					t.Fatalf("its own snapshot is refused: %v", err)
				}
			}
		}
	}
	for edge := range allowed {
		if seen[edge] == 0 {
			t.Errorf("never went from %v to %v", edge[0], edge[1])
		}
	}
}

// sound holds the invariants of a detector.
func sound(t *testing.T, d *Detector) {
	t.Helper()
	e, r := d.Evidence(), d.Recovery()
	if !(e >= 0) || math.IsInf(e, 0) || (e >= 1) != (d.State() == Firing) {
		t.Fatalf("evidence %v in state %v", e, d.State())
	}
	if !(r >= 0 && r < 1) || r > 0 && d.State() != Firing {
		t.Fatalf("recovery %v in state %v", r, d.State())
	}
	if e >= suspectFrom && d.State() == Healthy || e < suspectUntil && d.State() == Suspect {
		t.Fatalf("evidence %v in state %v", e, d.State())
	}
}

// TestBillionRuns shows that what repeats itself leads to a detector that
// repeats itself, to the last bit, so that the runs up to the 10^9th and beyond bring
// nothing that the first ones have not brought.
func TestBillionRuns(t *testing.T) {
	for _, o := range []Objective{
		{0.001, 0.02, 720 * time.Hour, 0},
		{LeastTolerate, 0.01, math.MaxInt64, 0},
		{0.5, math.Nextafter(1, 0), math.MaxInt64, 0},
	} {
		for name, period := range map[string]int{"all pass": 0, "all fail": 1, "one in 2 fails": 2, "one in 5000 fails": 5000} {
			f := feed(o)
			lap := func() (mixture, recovery, State) {
				for i := range 10_000 {
					f.run(period > 0 && i%period == 0)
					if math.IsInf(f.Evidence(), 0) || !(f.Evidence() >= 0) || !(f.Recovery() >= 0 && f.Recovery() < 1) {
						t.Fatalf("%+v: %s: evidence %v, recovery %v", o, name, f.Evidence(), f.Recovery())
					}
				}
				m := f.page
				m.since = [points]time.Time{}
				return m, f.clear, f.state
			}
			m, v, s := lap()
			for laps := 1; ; laps++ {
				m2, v2, s2 := lap()
				if m == m2 && v == v2 && s == s2 {
					break
				}
				if laps == 100 {
					t.Fatalf("%+v: %s: %+v is not %+v after %d laps", o, name, m2, m, laps)
				}
				m, v, s = m2, v2, s2
			}
			sound(t, f.Detector)
		}
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	f := feed(DefaultObjective)
	rng := rand.New(rand.NewPCG(1, 1))
	if got := testing.AllocsPerRun(10_000, func() { f.run(rng.Float64() < 0.02) }); got != 0 {
		t.Errorf("got %v allocations a run, want none", got)
	}
}

func TestBursts(t *testing.T) {
	o := DefaultObjective // a blip of three runs
	f := feed(o)
	show := func(runs string) {
		for _, r := range runs {
			f.run(r == 'f')
		}
	}
	want := func(longest time.Duration, runs, outgrown int) {
		t.Helper()
		if b := f.Bursts(); b.Longest != longest || b.Runs != runs || b.Outgrown != outgrown {
			t.Errorf("got %+v, want %v of %d runs, %d outgrown", b, longest, runs, outgrown)
		}
	}
	pause := func() {
		for range 2000 {
			f.run(false)
		}
	}
	want(0, 0, 0)
	show("pfp")
	want(0, 1, 0)
	show("fff")
	want(0, 1, 0) // it has not ended
	ended := f.at
	show("p")
	want(20*time.Second, 3, 0)
	show("ffp")
	want(20*time.Second, 3, 0)
	if b := f.Bursts(); !b.Ended.Equal(ended) {
		t.Errorf("got %v, want %v", b.Ended, ended)
	}
	pause()
	show("ffffp")
	want(30*time.Second, 4, 1)
	pause()
	if f.until(t, Firing, true); f.State() == Firing {
		show("fffffffffffp")
	}
	want(30*time.Second, 4, 1) // an outage is no burst
	f.until(t, Healthy, false)
	show("fffffp")
	want(40*time.Second, 5, 2)
}

func TestBurstsWithoutBlip(t *testing.T) {
	d := New(Objective{0.001, 0.02, math.MaxInt64, 0}.Params(every))
	for i, failed := range []bool{true, false, true, true, false} {
		d.Observe(start.Add(-time.Duration(i)*time.Second), failed) // times run backwards
	}
	if b := d.Bursts(); b.Longest != 0 || b.Runs != 2 || b.Outgrown != 1 {
		t.Errorf("got %+v, want a burst of 2 runs and no length, outgrown", b)
	}
}
