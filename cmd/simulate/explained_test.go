package main

import (
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// TestExplainedIsTheJudges holds the model's idea of which pages are explained, after their
// group's is over, to the judge's.
func TestExplainedIsTheJudges(t *testing.T) {
	w := newWorld(settings{Locations: 1, Checks: teamSize, Days: 9, Every: 5 * time.Minute, Confirm: 10 * time.Second, Seed: 2})
	p, err := newPlace(w, w.flows, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.team = &team{w: w, counts: counts{Missed: map[prober.MissReason]uint64{}}, starts: [][]uint16{make([]uint16, w.long/slice+2)}}
	for i := range p.team.counted {
		p.team.counted[i] = make([]tally, w.long/width+3)
	}
	type look struct {
		flow int
		at   time.Time
		is   bool
	}
	var looks []look // just before the judge sees a run
	p.ran = func(r *prober.Run) {
		flow := p.flows[r.Check]
		for _, o := range p.open {
			if o.flow == flow {
				looks = append(looks, look{flow, r.End(), p.judge.Status(r.Check, r.End()).Explained})
			}
		}
	}
	p.sim.RunUntil(w.end())
	for _, o := range p.open {
		o.end = w.end()
		p.team.pages = append(p.team.pages, *o)
	}
	var groups []hold
	for _, o := range p.team.pages {
		if o.flow < 0 {
			groups = append(groups, hold{span{o.at, o.end}, o.since})
		}
	}
	within := func(all []span, at time.Time) bool {
		for _, s := range all {
			if s.from.Before(at) && !s.to.Before(at) {
				return true
			}
		}
		return false
	}
	var fires []span
	for _, g := range groups {
		fires = append(fires, g.span)
	}
	explainedLooks := 0
	for _, l := range looks {
		for i := range p.team.pages {
			o := &p.team.pages[i]
			if o.flow != l.flow || !o.at.Before(l.at) || o.end.Before(l.at) {
				continue
			}
			want := within(explained(o, groups, true), l.at) && !within(fires, l.at)
			if l.is != want {
				t.Errorf("flow %d after %v: the judge says %v, the model %v", l.flow, l.at.Sub(begin), l.is, want)
			}
		}
		if l.is {
			explainedLooks++
		}
	}
	if explainedLooks < 100 || explainedLooks == len(looks) {
		t.Errorf("%d of %d looks saw an explained page: it shows little", explainedLooks, len(looks))
	}
}
