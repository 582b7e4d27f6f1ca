package main

import (
	"cmp"
	"slices"
	"time"
)

// What becomes of pages in Alertmanager, as deploy/alertmanager has it. It is a model: of
// its times only group_wait and resolve_timeout are in it.
const (
	groupWait = 15 * time.Second
	resolve   = 5 * time.Minute
)

// A span is a time in which an alert is told.
type span struct{ from, to time.Time }

// A notification is a page as people get it: one for all alerts that are of one check at once.
type notification struct {
	flow   int // -1: the group
	pooled bool
	span
}

// A routing says which alerts there are, and which of them hold back others.
type routing struct {
	name      string
	flows     bool // of each location
	byCheck   bool // one for all locations: group_by [alertname, check]
	groups    bool
	groupHold bool // a group that fires holds back its flows in its location
	after     bool // and after that, see explained
	pooled    bool
	poolHold  bool // and it holds back its flows of all locations together

	allGroups  bool // of all locations together
	allHold    bool // it holds back its flows of all locations together, and, with after, afterwards, see explained
	everywhere bool // and where it fails at two locations or more its group and its flows in each: AuthProberEverywhere
}

var routings = []routing{
	{name: "each flow in each location", flows: true},
	{name: "one page for a flow, wherever", flows: true, byCheck: true},
	{name: "groups hold back their flows while they fire", flows: true, byCheck: true, groups: true, groupHold: true},
	{name: "and afterwards, until one fails again twice", flows: true, byCheck: true, groups: true, groupHold: true, after: true},
	{name: "`all:` as well, held back by no group", flows: true, byCheck: true, groups: true, groupHold: true, after: true, pooled: true},
	{name: "`all:` as well, held back by groups", flows: true, byCheck: true, groups: true, groupHold: true, after: true, pooled: true, poolHold: true},
	{name: "groups and `all:` alone", groups: true, byCheck: true, pooled: true, poolHold: true},
	{name: "`all:group:` alone", byCheck: true, allGroups: true},
	{name: "`all:group:`, and `all:`, which it holds back", byCheck: true, pooled: true, allGroups: true, allHold: true, after: true},
	{name: "all of it, as the shipped rules have it", flows: true, byCheck: true, groups: true, groupHold: true, after: true, pooled: true, allGroups: true, allHold: true, everywhere: true},
}

// notify returns what a team gets of its pages.
func (r routing) notify(pages []page, locations int) (told []notification) {
	holds := make([][]hold, locations) // the groups
	var anywhere, together, spread []span
	for i := range pages {
		switch p := &pages[i]; {
		case p.flow >= 0:
		case p.location < 0:
			together, spread = append(together, span{p.at, p.end}), append(spread, p.spread...)
		default:
			holds[p.location] = append(holds[p.location], hold{span{p.at, p.end}, p.since})
			anywhere = append(anywhere, span{p.at, p.end})
		}
	}
	anywhere, spread = union(anywhere, 0), union(spread, time.Second)
	type key struct {
		flow, location int
		pooled         bool
	}
	spans := map[key][]span{}
	for i := range pages {
		p := &pages[i]
		k := key{flow: p.flow, pooled: p.location < 0}
		if !r.has(p) {
			continue
		}
		var held []span
		if k.pooled && k.flow >= 0 {
			if r.poolHold {
				held = append(held, anywhere...)
			}
			if r.allHold {
				held = append(append(held, together...), p.told...)
			}
		} else if !k.pooled {
			if r.groupHold && p.flow >= 0 {
				held = explained(p, holds[p.location], r.after)
			}
			if r.everywhere {
				held = append(held, spread...)
			}
		}
		if !r.byCheck {
			k.location = p.location
		}
		spans[k] = append(spans[k], without(span{p.at, p.end}, held)...)
	}
	for k, all := range spans {
		for _, s := range union(all, resolve) {
			told = append(told, notification{k.flow, k.pooled, s})
		}
	}
	slices.SortFunc(told, func(a, b notification) int { return cmp.Compare(a.from.UnixNano(), b.from.UnixNano()) })
	return told
}

// has reports whether the routing has such pages at all.
func (r routing) has(p *page) bool {
	switch {
	case p.flow < 0 && p.location < 0:
		return r.allGroups
	case p.flow < 0:
		return r.groups
	case p.location < 0:
		return r.pooled
	}
	return r.flows
}

// A hold is when a group fires, and since when it is in trouble by its own account.
type hold struct {
	span
	since time.Time
}

// explained is when a flow's page is explained by its group's, see [prober.CheckStatus]: while
// both fire and, with after, from then on until a second run of the flow fails, unless it was
// firing before the trouble of the group began.
func explained(p *page, groups []hold, after bool) (all []span) {
	for _, g := range groups {
		if !g.to.After(p.at) || !g.from.Before(p.end) {
			continue
		}
		until := g.to
		if after && !p.at.Before(g.since) {
			until = later(until, p.secondFailure(g.to))
		}
		all = append(all, span{g.from, until})
	}
	return all
}

// secondFailure is when a second run of the flow fails after a moment, or the page's end.
func (p *page) secondFailure(after time.Time) time.Time {
	failed := 0
	for _, f := range p.failed {
		if f.After(after) {
			if failed++; failed == 2 {
				return f
			}
		}
	}
	return p.end
}

// without is when an alert is told that is held back in some spans, in order.
func without(s span, held []span) (told []span) {
	slices.SortFunc(held, func(a, b span) int { return cmp.Compare(a.from.UnixNano(), b.from.UnixNano()) })
	from := s.from.Add(groupWait)
	for _, h := range held {
		if h.from.After(from) && from.Before(earlier(h.from, s.to)) {
			told = append(told, span{from, earlier(h.from, s.to)})
		}
		if h.to.After(from) {
			from = later(from, h.to)
		}
	}
	if from.Before(s.to) {
		told = append(told, span{from, s.to})
	}
	return told
}

// union joins spans that overlap, or are less than a gap apart.
func union(all []span, gap time.Duration) (joined []span) {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from.UnixNano(), b.from.UnixNano()) })
	for _, s := range all {
		if n := len(joined) - 1; n >= 0 && s.from.Before(joined[n].to.Add(gap)) {
			joined[n].to = later(joined[n].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
