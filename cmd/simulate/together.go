package main

import (
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/aggregate"
	"github.com/authprober/authprober/prober/detect"
)

// A together is a check that is judged by the runs of all locations, as an aggregator does.
type together struct {
	flow      int // -1: the group
	pooled    *prober.Pooled
	open      *page
	explained time.Time // since when the group's page explains it; zero while none does
}

// pool judges each flow by the runs of all locations, and all flows together as the group.
func (t *team) pool() {
	if t.w.Locations == 1 {
		return
	}
	flows, group := t.together()
	for n := range t.counted[0] {
		to := begin.Add(time.Duration(n) * width)
		var all detect.Batch
		for i, flow := range flows {
			in := t.counted[i][n]
			b := detect.Batch{From: to.Add(-2 * width), To: to, // a scrape tells of the time since the one before
				Passed: int(in.runs - in.failed), Failed: int(in.failed)}
			all = detect.Batch{From: b.From, To: to, Passed: all.Passed + b.Passed, Failed: all.Failed + b.Failed}
			t.observe(flow, b)
			if !flow.explained.IsZero() {
				flow.explains(to)
			}
		}
		trouble := group.trouble()
		if over := t.observe(group, all); over {
			for _, flow := range flows {
				flow.pooled.Explain(trouble)
				flow.explains(to)
			}
		}
		if group.open != nil && n%aMinute == 0 && t.spread(n/aMinute) {
			group.open.spread = append(group.open.spread, span{to, to.Add(time.Minute)})
		}
	}
	for _, one := range append(flows, group) {
		if one.open != nil {
			t.close(one, t.w.end())
		}
	}
}

// together returns what judges the flows, and the group.
func (t *team) together() (flows []*together, group *together) {
	var checks []*prober.Check
	load := aggregate.Load{Of: map[string]int{}, Instances: t.w.Locations * len(t.flows)}
	pooled := func(c *prober.Check, p detect.Params) *prober.Pooled {
		named := *c
		named.Name = prober.PooledPrefix + c.Name
		return prober.NewPooled(&named, p, begin)
	}
	for i := range t.flows {
		c := t.w.check(&t.flows[i])
		checks, load.Of[c.Name] = append(checks, c), t.w.Locations
		params := aggregate.Scheduled(c, width)(aggregate.Load{Instances: t.w.Locations})
		flows = append(flows, &together{flow: t.number*teamSize + i, pooled: pooled(c, params)})
	}
	params := aggregate.ScheduledGroup(objective, checks, width)(load)
	return flows, &together{flow: -1, pooled: pooled(prober.Groups(checks)[0].Check, params)}
}

// trouble is since when it is in trouble, while it fires.
func (o *together) trouble() time.Time {
	if o.open == nil {
		return time.Time{}
	}
	return o.open.since
}

// observe takes account of a batch, and reports whether a page of it is over.
func (t *team) observe(o *together, b detect.Batch) (over bool) {
	if b.Runs() == 0 {
		return false
	}
	change, changed := o.pooled.ObserveBatch(b)
	switch {
	case !changed:
	case change.To == detect.Firing:
		o.open = &page{flow: o.flow, location: -1, at: change.At.Add(settle), since: change.Status.ChangePoint}
	case change.From == detect.Firing:
		t.close(o, change.At.Add(settle))
		return true
	}
	return false
}

// close ends the page.
func (t *team) close(o *together, at time.Time) {
	o.notExplained(at)
	o.open.end = at
	t.pages, o.open = append(t.pages, *o.open), nil
}

// explains keeps account of when the page of the group explains that of a flow.
func (o *together) explains(at time.Time) {
	if o.open == nil {
		return
	}
	switch is := o.pooled.Status(at).Explained; {
	case is && o.explained.IsZero():
		o.explained = at
	case !is:
		o.notExplained(at)
	}
}

func (o *together) notExplained(at time.Time) {
	if !o.explained.IsZero() {
		o.open.told = append(o.open.told, span{o.explained, at})
	}
	o.explained = time.Time{}
}

// spread reports whether the flows fail at two locations or more, beyond doubt, in the hour before a minute.
func (t *team) spread(minute int) bool {
	failing := 0
	for _, in := range t.fared {
		runs, failed := 0, 0
		for _, m := range in[max(0, minute-60):min(minute, len(in))] {
			runs, failed = runs+int(m.runs), failed+int(m.failed)
		}
		if aggregate.Fails(objective, failed, runs) {
			failing++
		}
	}
	return failing > 1
}
