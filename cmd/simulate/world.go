package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// settings are all that a simulation follows from.
type settings struct {
	Locations, Checks int
	Days              float64
	Every, Confirm    time.Duration
	Seed              uint64
}

const (
	teamSize    = 20 // flows of a team, which are a group, with one pool of accounts in each location
	regionSize  = 5  // locations that an outage of a network has in common
	backends    = 4  // of each team; a bad release is on one of them
	badBackend  = 2
	ramp        = 2 * time.Hour    // of every other bad release
	timeout     = 20 * time.Second // of runs; a fifth of the failures are one
	pool        = 30               // accounts of a team in a location: confirming wants one for each flow
	week        = 7 * 24 * time.Hour
	burstsADay  = 1.0 // of failures, in a location, of 5 to 25 s
	burstsMean  = 15 * time.Second
	confirmMost = 1.0 // confirming runs to one that is due, in a day
)

// begin is when every simulation begins: on a day to come, as judges keep no ratio of a
// time before they were made.
var begin = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// A world is what the runs meet. It is never written to.
type world struct {
	settings
	long  time.Duration
	scale float64 // of a month
	flows []flow
}

// A flow is a check in all locations.
type flow struct {
	name  string
	team  int
	class class
	rate  float64       // of its runs that fail at all times, each by itself
	took  time.Duration // its runs, at the least
}

// A class is how much a flow fails at all times.
type class int

const (
	farBelow class = iota // under a fifth of what is tolerated
	below                 // from there to four fifths
	exactly               // as much as is tolerated, together with bursts
	above                 // up to five times what is tolerated: its objective is wrong
	classes
)

var objective = detect.DefaultObjective

func newWorld(s settings) *world {
	w := &world{settings: s, long: time.Duration(s.Days * 24 * float64(time.Hour)), scale: s.Days / 30}
	bursts := burstsADay * float64(burstsMean) / float64(24*time.Hour)
	for i := range s.Checks {
		rng := w.chance("flow", i)
		f := flow{name: fmt.Sprintf("flow-%04d", i), team: i / teamSize, took: time.Duration(200+rng.IntN(1000)) * time.Millisecond}
		switch u := rng.Float64(); {
		case u < 0.55:
			f.class, f.rate = farBelow, objective.Tolerate*0.2*rng.Float64()
		case u < 0.8:
			f.class, f.rate = below, objective.Tolerate*(0.2+0.6*rng.Float64())
		case u < 0.9:
			f.class, f.rate = exactly, objective.Tolerate-bursts
		default:
			f.class, f.rate = above, objective.Tolerate*(1+4*rng.Float64())
		}
		w.flows = append(w.flows, f)
	}
	return w
}

// chance is a stream of its own for each thing that is left to it.
func (w *world) chance(what string, ids ...int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, what, ids)
	return rand.New(rand.NewPCG(w.Seed, h.Sum64()))
}

func (w *world) end() time.Time { return begin.Add(w.long) }

func (w *world) teams() int { return w.Checks / teamSize }

// confirms reports whether the flows of a team do: every other team's.
func (w *world) confirms(team int) bool { return team%2 == 1 }

// check is the flow as a prober has it.
func (w *world) check(f *flow) *prober.Check {
	c := &prober.Check{
		Name: f.name, Steps: []string{"login"}, Reasons: [][]prober.Reason{{prober.ReasonStatus5xx, prober.ReasonTimeout, prober.ReasonConnect}},
		Schedule:  prober.Schedule{Every: w.Every, Timeout: timeout, Cleanup: 2 * time.Second, Concurrency: 1},
		Objective: objective, Group: fmt.Sprintf("team-%03d", f.team),
	}
	if w.confirms(f.team) {
		c.Schedule.Confirm, c.Schedule.ConfirmBudget = w.Confirm, confirmMost
	}
	return c
}
