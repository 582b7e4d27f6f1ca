package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A page is a check's being firing: of a flow in a location, of the group of a team's flows
// in a location, or of either in all locations together.
type page struct {
	flow     int // -1: the group
	location int // -1: all
	at, end  time.Time
	since    time.Time // the estimate of the change
	blamed   string    // the first of whom is blamed
	failed   []time.Time
	told     []span // of a flow in all locations: while the page of the group there, which was over, explained it
	spread   []span // of the group in all locations: while it failed at two of them or more, beyond doubt
}

// A team is a team's flows in all locations, which meet nothing of other teams'. So teams
// are simulated side by side, and each location of one after the other.
type team struct {
	w      *world
	number int
	flows  []flow
	faults []spell
	pages  []page
	counts counts
	// counted has, for each flow, how many runs were counted and how many of them failed in
	// each interval of the pooled detector, in all locations together.
	counted [teamSize][]tally
	// fared has, for each location, the same of all flows in each minute.
	fared  [][]tally
	starts [][]uint16 // runs that began, in each location, in each slice of a time
}

type tally struct{ runs, failed uint16 }

func (t *tally) add(failed bool) {
	t.runs++
	if failed {
		t.failed++
	}
}

// The pooled detector reads at this interval, and waits for late samples, as it does by default.
const (
	width  = 15 * time.Second
	settle = 15 * time.Second
	slice  = 10 * time.Second // of which the busiest is looked for

	aMinute = int(time.Minute / width)
)

func simulateTeam(ctx context.Context, w *world, number int) (*team, error) {
	t := &team{w: w, number: number, flows: w.flows[number*teamSize : (number+1)*teamSize], faults: w.faultsOf(number)}
	for i := range t.counted {
		t.counted[i] = make([]tally, w.long/width+3)
	}
	t.counts.Missed = map[prober.MissReason]uint64{}
	for location := range w.Locations {
		if err := t.simulate(location); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	t.pool()
	for i := range t.counted {
		t.counted[i] = nil
	}
	t.fared = nil
	return t, nil
}

// simulate runs the team's flows in one location from the beginning to the end.
func (t *team) simulate(location int) error {
	p, err := newPlace(t.w, t.flows, location)
	if err != nil {
		return err
	}
	p.team = t
	t.starts = append(t.starts, make([]uint16, t.w.long/slice+2))
	t.fared = append(t.fared, make([]tally, t.w.long/time.Minute+2))
	p.fared = t.fared[location]
	for _, at := range t.w.suspensions(location) {
		p.sim.RunUntil(at)
		p.sim.Suspend(suspended)
		p.woke = p.sim.Now()
	}
	p.sim.RunUntil(t.w.end())
	for _, c := range p.checks {
		t.counts.Expected += expected(c.Schedule, c.Name, t.w.long)
	}
	for _, open := range p.open {
		open.end = t.w.end()
		t.pages = append(t.pages, *open)
	}
	return nil
}

// expected is how many due times there are before a time is over.
func expected(s prober.Schedule, name string, long time.Duration) uint64 {
	first := s.Offset(name)
	if first >= long {
		return 0
	}
	return uint64((long-first-1)/s.Every) + 1
}

// A place is a location with some flows, and observes their runs.
type place struct {
	w        *world
	team     *team // nil where nobody keeps account
	location int
	phase    time.Duration // of the scrapes
	fared    []tally       // the team's of this location; nil where nobody keeps account
	checks   []*prober.Check
	flows    map[*prober.Check]int // from 0
	judge    *prober.Judge
	sim      *prober.Simulator
	open     []*page
	first    int       // flow
	woke     time.Time // from the last suspension
	ran      func(*prober.Run)
}

func newPlace(w *world, flows []flow, location int) (*place, error) {
	p := &place{w: w, location: location, flows: map[*prober.Check]int{}, first: flows[0].team * teamSize}
	p.phase = time.Duration(w.chance("scrape", location).Int64N(int64(width)))
	weather := w.weatherOf(location)
	var accounts *accounts.Pool
	var faults []spell
	for i := range flows {
		f := &flows[i]
		if i%teamSize == 0 {
			var err error
			if accounts, err = newPool(fmt.Sprintf("team-%03d", f.team)); err != nil {
				return nil, err
			}
			faults = w.faultsOf(f.team)
		}
		c := &customer{flow: f, sky: skyOf(faults, weather, p.first+i, location), rng: w.chance("runs", p.first+i, location),
			pool: accounts, clock: func() time.Time { return p.sim.Now() }}
		check := w.check(f)
		check.Begin, check.BeginConfirm = c.begin, c.beginConfirm
		p.checks, p.flows[check] = append(p.checks, check), i
	}
	var err error
	if p.judge, err = prober.NewJudge(p.checks, p.changed); err != nil {
		return nil, err
	}
	p.sim, err = prober.NewSimulator(prober.Options{Checks: p.checks, Observers: []prober.Observer{p, p.judge}, Excuse: excuse}, begin)
	return p, err
}

// changed takes account of a page, or of its end.
func (p *place) changed(c prober.StateChange) {
	flow := -1
	if i, ok := p.flows[c.Check]; ok {
		flow = p.first + i
	}
	switch {
	case c.To == detect.Firing:
		one := &page{flow: flow, location: p.location, at: c.At, since: c.Status.ChangePoint}
		if len(c.Status.Blame.Culprits) > 0 {
			one.blamed = c.Status.Blame.Culprits[0].Tags[0].String()
		}
		p.open = append(p.open, one)
	case c.From == detect.Firing:
		i := slices.IndexFunc(p.open, func(o *page) bool { return o.flow == flow })
		p.open[i].end = c.At
		if p.team != nil {
			p.team.pages = append(p.team.pages, *p.open[i])
		}
		p.open = slices.Delete(p.open, i, i+1)
	}
}

// ObserveRun implements [prober.Observer].
func (p *place) ObserveRun(r *prober.Run) {
	if p.ran != nil {
		p.ran(r)
	}
	if p.team == nil {
		return
	}
	if r.Outcome == prober.Failed {
		p.failed(r)
	}
	p.team.counts.add(r, p.woke)
	p.team.starts[len(p.team.starts)-1][r.Start.Sub(begin)/slice]++
	if !r.Outcome.Counted() {
		return
	}
	// It is counted by the scrape that is next, in the interval that this one is in.
	end := r.End().Sub(begin)
	scraped := (end-p.phase+width-1)/width*width + p.phase
	if n := int((scraped + width - 1) / width); n < len(p.team.counted[0]) {
		p.team.counted[p.flows[r.Check]][n].add(r.Outcome == prober.Failed)
		if p.fared != nil {
			p.fared[n/aMinute].add(r.Outcome == prober.Failed)
		}
	}
}

// failed keeps when runs of a flow failed that is firing.
func (p *place) failed(r *prober.Run) {
	flow := p.first + p.flows[r.Check]
	for _, o := range p.open {
		if o.flow == flow {
			o.failed = append(o.failed, r.End())
		}
	}
}

// ObserveMissed implements [prober.Observer].
func (p *place) ObserveMissed(m prober.Missed) {
	switch {
	case p.team == nil:
	case m.Confirm:
		p.team.counts.NotConfirmed += uint64(m.N)
	default:
		p.team.counts.Missed[m.Reason] += uint64(m.N)
	}
}

// A counts is of due times, and of what they came to.
type counts struct {
	Expected                        uint64 // by the schedules
	Passed, Failed, Errored, Aborts uint64
	Confirmed, NotConfirmed         uint64 // confirming runs, and those that found no account
	Late                            uint64 // runs of the schedule that waited for a confirming one
	Latest                          time.Duration
	Missed                          map[prober.MissReason]uint64
}

// add takes account of a run on a machine that last woke then: what was due before that is
// late by no fault of the schedule.
func (c *counts) add(r *prober.Run, woke time.Time) {
	switch r.Outcome {
	case prober.Passed:
		c.Passed++
	case prober.Failed:
		c.Failed++
	case prober.Errored:
		c.Errored++
	default:
		c.Aborts++
	}
	if r.Confirm {
		c.Confirmed++
	} else if late := r.Start.Sub(r.Due); late > 0 && r.Due.After(woke) {
		c.Late++
		c.Latest = max(c.Latest, late)
	}
}

func (c *counts) runs() uint64 { return c.Passed + c.Failed + c.Errored + c.Aborts }

// missed is how many due times there were without a run.
func (c *counts) missed() (n uint64) {
	for _, m := range c.Missed {
		n += m
	}
	return n
}

func (c *counts) plus(o counts) {
	c.Expected += o.Expected
	c.Passed, c.Failed, c.Errored, c.Aborts = c.Passed+o.Passed, c.Failed+o.Failed, c.Errored+o.Errored, c.Aborts+o.Aborts
	c.Confirmed, c.NotConfirmed = c.Confirmed+o.Confirmed, c.NotConfirmed+o.NotConfirmed
	c.Late, c.Latest = c.Late+o.Late, max(c.Latest, o.Latest)
	for why, n := range o.Missed {
		c.Missed[why] += n
	}
}

// causeOf says which fault a page is of; nil for none.
func (t *team) causeOf(p *page) *spell {
	since := p.since
	if since.IsZero() || since.After(p.at) {
		since = p.at
	}
	var cause *spell
	for i := range t.faults {
		s := &t.faults[i]
		if meets(s, p.flow, p.location) && s.from.Before(p.at) && s.to.After(since) && (cause == nil || s.kind < cause.kind) {
			cause = s
		}
	}
	return cause
}

// rightly reports whether who is blamed is to blame.
func rightly(blamed string, cause *spell) bool {
	return cause.kind == release && strings.Contains(blamed, tags[badBackend]["backend"])
}
