package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The tests of this file hold what the package promises about means against
// simulation. Their seeds are fixed, so that they pass always or never.

// A stream yields one outcome after the other: true for a failed run.
type stream func() bool

// at is a stream in which every run fails at the given rate, by itself.
func at(rate float64, rng *rand.Rand) stream {
	return func() bool { return rng.Float64() < rate }
}

// clumps is a stream of clumps of 1 to longest failed runs. A clump begins at the
// given rate wherever there is none.
func clumps(rate float64, longest int, rng *rand.Rand) stream {
	left := 0
	return func() bool {
		if left == 0 && rng.Float64() < rate {
			left = 1 + rng.IntN(longest)
		}
		if left > 0 {
			left--
			return true
		}
		return false
	}
}

// mean returns the mean number of runs until the state is reached or, on the way
// from healthy to firing, passed over.
func mean(reps int, make func(*rand.Rand) (*Detector, stream), until State) float64 {
	total := 0
	for rep := range reps {
		d, failed := make(rand.New(rand.NewPCG(uint64(rep), 77)))
		for now := start; ; now = now.Add(every) {
			total++
			if s := d.Observe(now, failed()).After; s == until || s > until && until > Healthy {
				break
			}
		}
	}
	return float64(total) / float64(reps)
}

// TestFalsePages is the promise: at the tolerated rate, at least as many runs to
// a page as agreed. And at least a tenth as many to a suspicion.
func TestFalsePages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tolerate, detect float64
		runs             int // A
		reps             int
	}{
		{0.001, 0.02, 1_000, 1000},
		{0.001, 0.02, 10_000, 60},
		{0.01, 0.05, 1_000, 400},
		{0.01, 0.05, 10_000, 60},
		{0.05, 0.5, 1_000, 400},
		{0.2, 0.3, 1_000, 400},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v to %v, %d runs", tt.tolerate, tt.detect, tt.runs), func(t *testing.T) {
			o := Objective{tt.tolerate, tt.detect, time.Duration(tt.runs) * every, 0}
			p := o.Params(every)
			if p.RunsToFalsePage != float64(tt.runs) {
				t.Fatalf("threshold %v, want %d: this would test a floor", p.RunsToFalsePage, tt.runs)
			}
			make := func(rng *rand.Rand) (*Detector, stream) { return New(p), at(tt.tolerate, rng) }
			page, suspicion := mean(tt.reps, make, Firing), mean(tt.reps, make, Suspect)
			t.Logf("%.0f runs to a page, %.0f to a suspicion", page, suspicion)
			if page < float64(tt.runs) || suspicion < float64(tt.runs)/10 {
				t.Errorf("%.0f runs to a page and %.0f to a suspicion, want at least %d and a tenth of that", page, suspicion, tt.runs)
			}
			if page > 20*float64(tt.runs) {
				t.Errorf("%.0f runs to a page: much more than the %d agreed, which costs time", page, tt.runs)
			}
		})
	}
}

// TestFalsePagesOfClumps wants the promise kept where failures come in clumps no
// longer than the blip, and shows that without the blip it is not.
func TestFalsePagesOfClumps(t *testing.T) {
	o := Objective{0.001, 0.02, 10_000 * every, 30 * time.Second}
	runs := func(o Objective, reps int) float64 {
		return mean(reps, func(rng *rand.Rand) (*Detector, stream) {
			return New(o.Params(every)), clumps(o.Tolerate, 3, rng)
		}, Firing)
	}
	with := runs(o, 60)
	o.Blip = 0
	without := runs(o, 60)
	t.Logf("%.0f runs to a page with a blip, %.0f without", with, without)
	if with < 10_000 {
		t.Errorf("%.0f runs to a page with a blip, want at least 10000", with)
	}
	if without > 5_000 {
		t.Errorf("%.0f runs to a page without a blip: the clumps test nothing", without)
	}
}

// TestFalseClears: a check that fails at the rate detect, from the page on, is
// declared healthy no sooner than agreed.
func TestFalseClears(t *testing.T) {
	for _, o := range []Objective{
		{0.001, 0.02, 720 * time.Hour, 0},
		{0.01, 0.1, 720 * time.Hour, 30 * time.Second},
	} {
		p := o.Params(every)
		p.RunsToFalseClear = 1000
		for rate, reps := range map[float64]int{o.Detect: 500, 1.5 * o.Detect: 50} {
			got := mean(reps, func(rng *rand.Rand) (*Detector, stream) {
				f := &feeder{New(p), start.Add(-time.Hour)}
				f.until(t, Firing, true)
				return f.Detector, at(rate, rng)
			}, Healthy)
			t.Logf("%+v at %v: %.0f runs to a false all-clear", o, rate, got)
			if got < p.RunsToFalseClear {
				t.Errorf("%+v at %v: %.0f runs to a false all-clear, want at least %v", o, rate, got, p.RunsToFalseClear)
			}
		}
	}
}

// TestDelays holds the mean number of runs from a change to the page, where it
// is not far above what is possible.
func TestDelays(t *testing.T) {
	o := Objective{0.001, 0.02, 720 * time.Hour, 0}
	p := o.Params(every)
	tests := []struct{ rate, most float64 }{
		{0.005, 2500}, {0.01, 700}, {0.02, 250}, {0.05, 85}, {0.1, 35}, {0.2, 17}, {0.5, 6.5}, {1, 3},
	}
	for _, tt := range tests {
		got := mean(200, func(rng *rand.Rand) (*Detector, stream) {
			d, failed := New(p), at(o.Tolerate, rng)
			for n := range 500 {
				d.Observe(start.Add(time.Duration(n-500)*every), failed())
			}
			return d, at(tt.rate, rng)
		}, Firing)
		if got > tt.most {
			t.Errorf("rate %v: %.1f runs to the page, want at most %v", tt.rate, got, tt.most)
		}
		if bound := p.Bound(tt.rate); got < 0.6*bound {
			t.Errorf("rate %v: %.1f runs to the page, where %.1f is about the least: the false pages cannot be right", tt.rate, got, bound)
		}
	}
}

// TestNoFlapping counts the pages that an outage of one hour leads to.
func TestNoFlapping(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		f := feed(DefaultObjective)
		pages := 0
		var paged, cleared time.Time
		for range 30 * 360 {
			rate := DefaultObjective.Tolerate
			if since := f.at.Sub(start); since > 24*time.Hour && since < 25*time.Hour {
				rate = 0.3
			}
			switch j := f.run(rng.Float64() < rate); {
			case j.Changed() && j.After == Firing:
				pages++
				paged = f.at
			case j.Changed() && j.Before == Firing:
				cleared = f.at
			}
		}
		took, late := paged.Sub(start.Add(24*time.Hour)), cleared.Sub(start.Add(25*time.Hour))
		if pages != 1 || took <= 0 || took > 10*time.Minute || late < 0 || late > 3*time.Hour {
			t.Errorf("seed %d: %d pages, %v after the outage began, over %v after it ended", seed, pages, took, late)
		}
	}
}

// TestLongClumpsShow wants the measured bursts to tell when the promise is in
// danger.
func TestLongClumpsShow(t *testing.T) {
	outgrown := func(longest int) int {
		d := New(Objective{0.001, 0.02, math.MaxInt64, 30 * time.Second}.Params(every))
		failed := clumps(0.001, longest, rand.New(rand.NewPCG(6, 6)))
		for n := range 100_000 {
			d.Observe(start.Add(time.Duration(n)*every), failed())
		}
		return d.Bursts().Outgrown
	}
	if short, long := outgrown(3), outgrown(8); short > 2 || long < 20 {
		t.Errorf("%d bursts outgrew the blip where clumps are short, %d where they are long", short, long)
	}
}
