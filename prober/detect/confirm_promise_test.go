package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// The tests of this file hold what is promised of checks that confirm against
// simulation. Their seeds are fixed, so that they pass always or never.

// TestFalsePagesConfirming is the promise: a healthy check that looks harder
// whenever something has failed makes at least as many runs to a page as agreed, of
// all kinds together, and takes at least as long; and its extra runs are within
// the budget.
func TestFalsePagesConfirming(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tolerate, detect float64
		blip             time.Duration
		runs             int // that the schedule has due in the agreed time
		c                Confirm
		reps             int
	}{
		{0.001, 0.02, 0, 10_000, usual, 25},
		{0.001, 0.02, 0, 10_000, Confirm{100 * time.Millisecond, 1}, 15},
		{0.001, 0.02, 30 * time.Second, 10_000, usual, 25},
		{0.01, 0.05, 0, 10_000, Confirm{time.Second, MostBudget}, 5},
		{0.05, 0.5, 0, 1_000, Confirm{3 * time.Second, 0.3}, 150},
		{0.2, 0.3, 0, 2_000, usual, 150},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v to %v, blip %v, %d runs, %+v", tt.tolerate, tt.detect, tt.blip, tt.runs, tt.c), func(t *testing.T) {
			o := Objective{tt.tolerate, tt.detect, time.Duration(tt.runs) * every, tt.blip}
			params := o.ParamsConfirming(every, tt.c)
			if params.RunsToFalsePage <= float64(tt.runs) || params.RunsToFalsePage == o.leastThreshold() {
				t.Fatalf("threshold %v: this would test a floor", params.RunsToFalsePage)
			}
			var runs, extra int
			var took time.Duration
			for rep := range tt.reps {
				rng := rand.New(rand.NewPCG(uint64(rep), 78))
				d, p := New(params), newPace(every, tt.c, start)
				for d.State() != Firing {
					p.next(d)
					runs++
					d.Observe(p.now, rng.Float64() < tt.tolerate)
				}
				took += p.now.Sub(start)
				extra += p.extra
			}
			n := float64(tt.reps)
			mean, due := float64(runs)/n, float64(took)/n/float64(every)
			share := float64(extra) / float64(runs-extra)
			t.Logf("%.0f runs to a page, in the time of %.0f; %.1f %% extra", mean, due, 100*share)
			if mean < params.RunsToFalsePage {
				t.Errorf("%.0f runs to a page, want at least %.0f", mean, params.RunsToFalsePage)
			}
			if due < float64(tt.runs) {
				t.Errorf("a page in the time of %.0f runs, want at least %d", due, tt.runs)
			}
			if share > tt.c.Budget {
				t.Errorf("%.1f %% extra runs, want %.1f %% at most", 100*share, 100*tt.c.Budget)
			}
			if extra == 0 {
				t.Error("no extra runs: this tests nothing")
			}
		})
	}
}

// gilbertElliott is a channel with a good and a bad state (Gilbert 1960, Elliott
// 1963), in time: a run in the good state begins a burst at the rate enter, a
// burst lasts a geometric number of steps, on average mean, but never to
// longest, and in a burst a run fails at the rate bad. The run that begins it
// always fails.
type gilbertElliott struct {
	enter, bad    float64
	step, longest time.Duration
	mean          float64
	rng           *rand.Rand
	until         time.Time
}

func (g *gilbertElliott) failed(now time.Time) bool {
	if now.Before(g.until) {
		return g.rng.Float64() < g.bad
	}
	if g.rng.Float64() >= g.enter {
		return false
	}
	steps := 1 + math.Floor(math.Log1p(-g.rng.Float64())/math.Log1p(-1/g.mean))
	length := min(float64(g.longest), steps*float64(g.step))
	g.until = now.Add(time.Duration(length))
	return true
}

// TestFalsePagesOfGilbertElliott wants the promise kept where failures come in
// bursts no longer than the blip that begin at the tolerated rate, whether the
// check confirms or not.
func TestFalsePagesOfGilbertElliott(t *testing.T) {
	t.Parallel()
	const runs = 10_000
	for _, blip := range []time.Duration{30 * time.Second, 5 * time.Minute} {
		for _, bad := range []float64{0.4, 1} {
			for name, c := range map[string]Confirm{"by schedule": {}, "confirming": usual} {
				page := func(o Objective, longest time.Duration, reps int) (time.Duration, int) {
					params := o.ParamsConfirming(every, c)
					var took time.Duration
					n := 0
					for rep := range reps {
						d, p := New(params), newPace(every, c, start)
						g := &gilbertElliott{enter: o.Tolerate, bad: bad, step: every, longest: longest, mean: 20, rng: rand.New(rand.NewPCG(uint64(rep), 79))}
						for d.State() != Firing {
							p.next(d)
							n++
							d.Observe(p.now, g.failed(p.now))
						}
						took += p.now.Sub(start)
					}
					return took / time.Duration(reps), n / reps
				}
				o := Objective{0.001, 0.02, runs * every, blip}
				took, n := page(o, blip, 15)
				t.Logf("blip %v, bad %v, %s: a page after %d runs, in the time of %d", blip, bad, name, n, took/every)
				if took < o.FalsePageEvery || float64(n) < o.ParamsConfirming(every, c).RunsToFalsePage {
					t.Errorf("blip %v, bad %v, %s: a page after %d runs, in the time of %d, want the time of %d", blip, bad, name, n, took/every, runs)
				}
				o.Blip = 0
				if took, _ := page(o, blip, 15); took > o.FalsePageEvery {
					t.Errorf("bad %v, %s: a page in the time of %d without a blip: the bursts test nothing", bad, name, took/every)
				}
			}
		}
	}
}

// TestConfirmingIsSooner holds the mean times from a change to the page, without
// a blip, and from the end of an outage to the all-clear, with one.
func TestConfirmingIsSooner(t *testing.T) {
	s := newSimulation(withoutBlip, every, usual)
	healthy, _ := s.starts(RuleConfirming)
	for _, tt := range []struct {
		rate float64
		most time.Duration
	}{{0.02, 1000 * time.Second}, {0.05, 320 * time.Second}, {0.2, 70 * time.Second}, {1, 13 * time.Second}} {
		if got := s.meanDelay(healthy, RuleConfirming, tt.rate); got > tt.most {
			t.Errorf("rate %v: a page after %v, want at most %v", tt.rate, got, tt.most)
		}
	}
	recovery := func(c Confirm) time.Duration {
		var took time.Duration
		const reps = 100
		params := DefaultObjective.ParamsConfirming(every, c)
		for rep := range reps {
			rng := rand.New(rand.NewPCG(uint64(rep), 80))
			d, p := New(params), newPace(every, c, start)
			for range 600 { // an outage in which one run of five fails
				p.next(d)
				d.Observe(p.now, rng.Float64() < 0.2)
			}
			over := p.now
			for d.State() == Firing {
				p.next(d)
				d.Observe(p.now, rng.Float64() < 0.001)
			}
			took += p.now.Sub(over)
		}
		return took / reps
	}
	plain, confirming := recovery(Confirm{}), recovery(usual)
	t.Logf("an all-clear %v after the outage, %v confirming", plain, confirming)
	if confirming > plain/3 {
		t.Errorf("an all-clear %v after the outage, %v confirming; want a third of it", plain, confirming)
	}
}

// meanDelay is the mean time from a change of the rate to the page.
func (s *simulation) meanDelay(healthy []*subject, rule Rule, rate float64) time.Duration {
	took := s.delays(healthy, rule, rate)
	var sum float64
	for _, d := range took {
		sum += float64(min(d, s.horizon))
	}
	return time.Duration(sum / float64(len(took)))
}
