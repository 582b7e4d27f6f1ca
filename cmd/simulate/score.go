package main

import (
	"cmp"
	"slices"
	"time"
)

// A scored team is what became of it.
type scored struct {
	counts  counts
	promise map[subject]*promise
	delays  map[incident]*delays
	blame   blame
	told    []told
}

func score(t *team) *scored {
	slices.SortFunc(t.pages, func(a, b page) int {
		return cmp.Or(cmp.Compare(a.at.UnixNano(), b.at.UnixNano()), cmp.Compare(a.flow, b.flow), cmp.Compare(a.location, b.location))
	})
	s := &scored{counts: t.counts, promise: map[subject]*promise{}, delays: map[incident]*delays{}}
	of := map[[2]int][]*page{} // by flow and location
	for i := range t.pages {
		p := &t.pages[i]
		of[[2]int{p.flow, p.location}] = append(of[[2]int{p.flow, p.location}], p)
	}
	t.holdPromise(s, of)
	t.findDelays(s, of)
	for i := range t.pages {
		if p := &t.pages[i]; p.location >= 0 {
			if cause := t.causeOf(p); cause != nil && cause.kind == release {
				s.blame.add(p.blamed, cause)
			}
		}
	}
	for _, r := range routings {
		s.told = append(s.told, t.tell(r.notify(t.pages, t.w.Locations)))
	}
	return s
}

// A subject is what the promise on false pages is given for.
type subject struct {
	what     what
	class    class
	confirms bool
}

type what int

const (
	alone    what = iota // a flow in a location
	group                // the flows of a team in a location
	pooled               // a flow in all of them
	allGroup             // the flows of a team in all of them
	whats
)

// A promise is what was promised of pages without a fault, and what came of it.
type promise struct {
	hours  float64 // of all of them together, while healthy
	Pages  int     // without a fault
	Bursts int     // of those, with a burst since the estimate of the change
}

func (p *promise) plus(o *promise) {
	p.hours, p.Pages, p.Bursts = p.hours+o.hours, p.Pages+o.Pages, p.Bursts+o.Bursts
}

// allowed is how many pages without a fault are agreed to, in the mean.
func (p *promise) allowed() float64 { return p.hours / objective.FalsePageEvery.Hours() }

func (t *team) holdPromise(s *scored, of map[[2]int][]*page) {
	weather := make([][]spell, t.w.Locations)
	for location := range weather {
		weather[location] = t.w.weatherOf(location)
	}
	hold := func(what what, class class, flow, location int) {
		who := subject{what, class, t.w.confirms(t.number)}
		if s.promise[who] == nil {
			s.promise[who] = &promise{}
		}
		s.promise[who].plus(t.promiseOf(flow, location, of[[2]int{flow, location}], weather))
	}
	for location := range t.w.Locations {
		for i := range t.flows {
			hold(alone, t.flows[i].class, t.number*teamSize+i, location)
		}
		hold(group, t.classOfGroup(), -1, location)
	}
	if t.w.Locations == 1 {
		return
	}
	for i := range t.flows {
		hold(pooled, t.flows[i].class, t.number*teamSize+i, -1)
	}
	hold(allGroup, t.classOfGroup(), -1, -1)
}

// classOfGroup is below or above, by the mean of its flows.
func (t *team) classOfGroup() class {
	mean := burstsADay * float64(burstsMean) / float64(24*time.Hour)
	for i := range t.flows {
		mean += t.flows[i].rate / teamSize
	}
	if mean > objective.Tolerate {
		return above
	}
	return below
}

// promiseOf is how long the subject was neither firing nor met by a fault, and its pages without one.
func (t *team) promiseOf(flow, location int, pages []*page, weather [][]spell) *promise {
	var busy []span
	for i := range t.faults {
		if f := &t.faults[i]; meets(f, flow, location) {
			busy = append(busy, span{f.from, earlier(f.to, t.w.end())})
		}
	}
	p := &promise{}
	for _, one := range pages {
		busy = append(busy, span{one.at, one.end})
		if t.causeOf(one) == nil {
			p.Pages++
			if location >= 0 && slices.ContainsFunc(weather[location], func(s spell) bool {
				return s.kind == burst && s.from.Before(one.at) && !s.to.Before(one.since)
			}) {
				p.Bursts++
			}
		}
	}
	p.hours = t.w.long.Hours()
	for _, b := range union(busy, 0) {
		p.hours -= max(0, earlier(b.to, t.w.end()).Sub(b.from).Hours())
	}
	return p
}

// An incident is a kind of fault.
type incident struct {
	kind     kind
	rate     float64
	ramp     bool
	confirms bool
}

// Delays are how long it took to the page of an incident.
type delays [whats]delay

// A delay is that of one way to see it. Incidents that were over before there was a page
// are missed; where there was one already nothing is to be found out.
type delay struct {
	took            []time.Duration
	missed, already int
}

func (d *delays) plus(o *delays) {
	for i := range d {
		d[i].took = append(d[i].took, o[i].took...)
		d[i].missed, d[i].already = d[i].missed+o[i].missed, d[i].already+o[i].already
	}
}

func (d *delay) find(pages []*page, s *spell) {
	for _, p := range pages {
		switch {
		case p.at.Before(s.from) && p.end.After(s.from):
			d.already++
			return
		case !p.at.Before(s.from) && p.at.Before(s.to):
			d.took = append(d.took, p.at.Sub(s.from))
			return
		}
	}
	d.missed++
}

func (t *team) findDelays(s *scored, of map[[2]int][]*page) {
	for i := range t.faults {
		f := &t.faults[i]
		if f.to.After(t.w.end()) {
			continue
		}
		kind := incident{f.kind, f.rate, f.ramp > 0, t.w.confirms(t.number)}
		d := s.delays[kind]
		if d == nil {
			d = &delays{}
			s.delays[kind] = d
		}
		one := t.w.Locations > 1 && (f.location < 0 || f.location%regionSize == 0) // a region is one fault
		if one {
			d[allGroup].find(of[[2]int{-1, -1}], f)
		}
		for n := range t.flows {
			flow := t.number*teamSize + n
			if !meets(f, flow, -1) {
				continue
			}
			for location := range t.w.Locations {
				if meets(f, -1, location) {
					d[alone].find(of[[2]int{flow, location}], f)
				}
			}
			if one {
				d[pooled].find(of[[2]int{flow, -1}], f)
			}
		}
		for location := range t.w.Locations {
			if meets(f, -1, location) {
				d[group].find(of[[2]int{-1, location}], f)
			}
		}
	}
}

// A blame is whom pages of a bad release have named.
type blame struct{ Right, Wrong, Nobody int }

func (b *blame) add(blamed string, cause *spell) {
	switch {
	case blamed == "":
		b.Nobody++
	case rightly(blamed, cause):
		b.Right++
	default:
		b.Wrong++
	}
}

func (b *blame) plus(o blame) {
	b.Right, b.Wrong, b.Nobody = b.Right+o.Right, b.Wrong+o.Wrong, b.Nobody+o.Nobody
}

// A told is what people got of a routing.
type told struct {
	News    int // while there was a fault
	After   int // within a day of its end
	Chronic int // of a flow, or of a group, that fails more than its objective says, at all times
	False   int
	Storm   int // of News, within an hour of the beginning of the fault of the whole bank
	Worst   int // the most that a team got in a day
	days    float64
}

func (t *told) plus(o told) {
	t.News, t.After, t.Chronic, t.False = t.News+o.News, t.After+o.After, t.Chronic+o.Chronic, t.False+o.False
	t.Storm, t.Worst, t.days = t.Storm+o.Storm, max(t.Worst, o.Worst), t.days+o.days
}

func (t *told) all() int { return t.News + t.After + t.Chronic + t.False }

func (t *team) tell(all []notification) (n told) {
	n.days = t.w.Days
	days := map[int]int{}
	for _, one := range all {
		day := int(one.from.Sub(begin) / (24 * time.Hour))
		days[day]++
		n.Worst = max(n.Worst, days[day])
		during, after, storm := false, false, false
		for i := range t.faults {
			if f := &t.faults[i]; meets(f, one.flow, -1) && !one.from.Before(f.from) {
				during = during || one.from.Before(f.to)
				after = after || one.from.Before(f.to.Add(t.w.scaled(24*time.Hour)))
				storm = storm || f.kind == bankWide && one.from.Before(f.from.Add(t.w.scaled(time.Hour)))
			}
		}
		switch {
		case during:
			n.News++
			if storm {
				n.Storm++
			}
		case after:
			n.After++
		case one.flow < 0 && t.classOfGroup() == above, one.flow >= 0 && t.w.flows[one.flow].class == above:
			n.Chronic++
		default:
			n.False++
		}
	}
	return n
}
