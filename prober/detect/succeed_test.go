package detect

import (
	"math"
	"testing"
	"time"
)

// What goes on firing is in a state that a detector can be in, whichever objectives; and
// parameters that are no objective's leave it as it was.
func TestSucceed(t *testing.T) {
	params := func(tolerate, detects, runs float64) Params {
		p := Objective{Tolerate: tolerate, Detect: detects, FalsePageEvery: 30 * 24 * time.Hour, Blip: time.Second}.Params(10 * time.Second)
		p.RunsToFalsePage *= runs
		return p
	}
	at := time.Unix(1e9, 0)
	for _, from := range []Params{params(0.001, 0.02, 1), params(0.01, 0.5, 1e-3), params(0.05, 0.1, 1e3)} {
		before := New(from)
		for before.State() != Firing {
			at = at.Add(time.Minute)
			before.Observe(at, true)
		}
		for _, to := range []Params{params(0.001, 0.02, 1), params(0.02, 0.9, 1), params(0.0001, 0.001, 1e6), params(0.001, 0.02, 1e-2)} {
			d := New(to)
			d.Succeed(before)
			if d.State() != Firing || !d.Since().Equal(before.Since()) || !d.ChangePoint().Equal(before.ChangePoint()) ||
				math.Abs(d.Evidence()/before.Evidence()-1) > 1e-9 || d.Recovery() != 0 {
				t.Errorf("it is %v since %v with %v, want as before: %v, %v", d.State(), d.Since(), d.Evidence(), before.Since(), before.Evidence())
			}
			if err := New(to).Restore(d.Snapshot()); err != nil {
				t.Error(err)
			}
			for d.State() == Firing {
				at = at.Add(time.Minute)
				d.Observe(at, false)
			}
			if d.State() != Healthy || d.Evidence() != 0 {
				t.Errorf("after runs that passed it is %v with %v", d.State(), d.Evidence())
			}
		}
		for _, runs := range []float64{0, -1, 1e-320, math.Inf(1), math.NaN()} {
			mad := *before
			mad.params.RunsToFalsePage = runs
			d := New(params(0.001, 0.02, 1))
			if d.Succeed(&mad); d.consistent() != nil || math.IsInf(d.Evidence(), 0) {
				t.Errorf("after one with %v runs to a page it has evidence %v: %v", runs, d.Evidence(), d.consistent())
			}
		}
	}
	d := New(params(0.001, 0.02, 1))
	other := New(params(0.01, 0.5, 1))
	other.Observe(at, true)
	if d.Succeed(other); d.State() != Healthy || d.Evidence() != 0 {
		t.Errorf("evidence short of a page was taken over: %v", d.Evidence())
	}
}
