package api

import (
	"time"

	"github.com/authprober/authprober/prober"
)

// Pooled is what a check rests on whose runs are counted elsewhere, by all instances.
type Pooled struct {
	Instances       int         `json:"instances"`
	Measured        bool        `json:"measured"` // real logins: the threshold is by their pace
	RunsToFalsePage float64     `json:"runs_to_false_page"`
	Held            int         `json:"held"` // runs that wait for a pace to be known
	Places          []Place     `json:"places"`
	Flows           []FlowShare `json:"flows,omitempty"` // of a group
	Last            *Interval   `json:"last,omitempty"`
	Through         *time.Time  `json:"judged_through,omitempty"`
	Read            *time.Time  `json:"read,omitempty"`
	Every           float64     `json:"every_seconds"`
	Partial         bool        `json:"partial"`
}

// A Place is where runs are made, and how it fares by itself.
type Place struct {
	Place   string `json:"place"`
	Ratio   Ratio  `json:"ratio"`
	Failing bool   `json:"failing"` // beyond doubt
}

// A FlowShare is a flow of a group, and how it fares by itself.
type FlowShare struct {
	Flow    string `json:"flow"`
	Ratio   Ratio  `json:"ratio"`
	Failing bool   `json:"failing"` // beyond doubt
}

// An Interval is a time with the runs that ended in it.
type Interval struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Failed int       `json:"failed"`
	Runs   int       `json:"runs"`
}

func newPooled(s *prober.CheckStatus) *Pooled {
	p := s.Pooled
	out := &Pooled{Instances: p.Instances, Measured: p.Measured, RunsToFalsePage: p.RunsToFalsePage, Held: p.Held, Places: []Place{},
		Through: moment(p.Through), Read: moment(p.Read), Every: p.Every.Seconds(), Partial: p.Partial}
	for _, one := range s.Places {
		out.Places = append(out.Places, Place{one.Name, NewRatio(one.Ratio), one.Failing})
	}
	for _, one := range s.Flows {
		out.Flows = append(out.Flows, FlowShare{one.Name, NewRatio(one.Ratio), one.Failing})
	}
	if p.Last.Runs() > 0 {
		out.Last = &Interval{p.Last.From.UTC(), p.Last.To.UTC(), p.Last.Failed, p.Last.Runs()}
	}
	return out
}
