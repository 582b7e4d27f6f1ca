package main

import (
	"cmp"
	"slices"
	"time"
)

// A kind is what a spell is. The first ones are faults: worth a page.
type kind int

const (
	release  kind = iota // a bad release of a team's backend, everywhere
	bankWide             // a fifth of all runs, everywhere
	regional             // most runs of some locations
	single               // half of the runs of one flow, everywhere
	burst                // all runs of a location, for seconds
	sick                 // our own network is gone
	slow                 // everything takes its time
)

var effects = []float64{0.01, 0.02, 0.05, 0.2} // of bad releases

// A spell is a time in which runs meet something.
type spell struct {
	kind     kind
	from, to time.Time
	rate     float64 // of runs that fail by it at its height
	ramp     time.Duration
	flow     int // -1: all
	location int // -1: all
}

// at is how many of the runs fail by it.
func (s *spell) at(now time.Time) float64 {
	if since := now.Sub(s.from); since < s.ramp {
		return s.rate * float64(since) / float64(s.ramp)
	}
	return s.rate
}

// scaled is a time of a month of 30 days, in a simulation that is shorter or longer.
func (w *world) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * w.scale) }

// faultsOf are those of a team, in order: in each week a bad release, for a day; in the
// first one a fault of the whole bank, then regions by and by, and single flows.
func (w *world) faultsOf(team int) (all []spell) {
	rng := w.chance("faults", team)
	order := rng.Perm(len(effects))
	for n, e := range order {
		from := begin.Add(w.scaled(time.Duration(n)*week + 24*time.Hour + time.Duration(rng.Float64()*float64(72*time.Hour))))
		s := spell{kind: release, from: from, to: from.Add(w.scaled(24 * time.Hour)), rate: effects[e], flow: -1, location: -1}
		if team/2%2 == 1 { // as many of those that confirm as of the others
			s.ramp = w.scaled(ramp)
		}
		all = append(all, s)
	}
	at := begin.Add(w.scaled(6 * 24 * time.Hour))
	all = append(all, spell{kind: bankWide, from: at, to: at.Add(w.scaled(3 * time.Hour)), rate: 0.2, flow: -1, location: -1})
	for location := range w.Locations {
		region := location / regionSize
		at := begin.Add(w.scaled(time.Duration(13+7*(region%2))*24*time.Hour + time.Duration(region/2%6)*4*time.Hour))
		all = append(all, spell{kind: regional, from: at, to: at.Add(w.scaled(time.Hour)), rate: 0.6, flow: -1, location: location})
	}
	for n := range teamSize {
		at := begin.Add(w.scaled(27*24*time.Hour + time.Duration(rng.Float64()*float64(24*time.Hour))))
		if rng.Float64() < 0.1 {
			all = append(all, spell{kind: single, from: at, to: at.Add(w.scaled(4 * time.Hour)), rate: 0.5, flow: team*teamSize + n, location: -1})
		}
	}
	return all
}

// weatherOf is what happens in a location and is no fault of the bank's.
func (w *world) weatherOf(location int) (all []spell) {
	rng := w.chance("weather", location)
	some := func(kind kind, aDay float64, least, most time.Duration, rate float64) {
		for at := begin; ; {
			at = at.Add(time.Duration(rng.ExpFloat64() / aDay * float64(24*time.Hour)))
			if !at.Before(w.end()) {
				return
			}
			to := at.Add(least + time.Duration(rng.Float64()*float64(most-least)))
			all = append(all, spell{kind: kind, from: at, to: to, rate: rate, flow: -1, location: location})
		}
	}
	some(burst, burstsADay, 5*time.Second, 25*time.Second, 1)
	some(sick, 2./30, 5*time.Minute, 15*time.Minute, 0)
	some(slow, 1./30, 20*time.Minute, 40*time.Minute, 0)
	return all
}

// suspensions are when a location's machine stands still, each for so long.
func (w *world) suspensions(location int) (all []time.Time) {
	rng := w.chance("suspensions", location)
	for at := begin; ; {
		at = at.Add(time.Duration(rng.ExpFloat64() * float64(30*24*time.Hour)))
		if !at.Before(w.end()) {
			return all
		}
		all = append(all, at)
	}
}

const suspended = 7 * time.Minute

// A sky is what one check meets in one location: the spells, and which of them are on.
type sky struct {
	all   []spell
	on    []*spell
	until time.Time // they are on as they are until then
}

// skyOf is that of a flow in a location.
func skyOf(faults, weather []spell, flow, location int) *sky {
	s := &sky{}
	for _, all := range [][]spell{faults, weather} {
		for _, one := range all {
			if meets(&one, flow, location) {
				s.all = append(s.all, one)
			}
		}
	}
	slices.SortStableFunc(s.all, func(a, b spell) int { return cmp.Compare(a.from.UnixNano(), b.from.UnixNano()) })
	return s
}

// meets reports whether a flow meets the spell in a location; -1 is any.
func meets(s *spell, flow, location int) bool {
	return (s.flow < 0 || flow < 0 || s.flow == flow) && (s.location < 0 || location < 0 || s.location == location)
}

// look returns the spells that are on at now, which never goes back.
func (s *sky) look(now time.Time) []*spell {
	if now.Before(s.until) {
		return s.on
	}
	s.on, s.until = s.on[:0], now.AddDate(100, 0, 0)
	for i := range s.all {
		one := &s.all[i]
		switch {
		case now.Before(one.from):
			s.until = earlier(s.until, one.from)
		case now.Before(one.to):
			s.on = append(s.on, one)
			s.until = earlier(s.until, one.to)
		}
	}
	return s.on
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
