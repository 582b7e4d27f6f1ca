package web

import (
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// TestSummary says in a line how all stands: the worst first, and never that all is well
// while somebody is paged on purpose, or nothing is learnt of a check.
func TestSummary(t *testing.T) {
	now := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	of := func(name string, state detect.State, drill time.Duration, open ...prober.FailOpen) prober.CheckStatus {
		return prober.CheckStatus{Check: &prober.Check{Name: name}, State: state, FailOpens: open, Drill: prober.Drill{Until: now.Add(drill)}}
	}
	healthy, drilled := of("a", detect.Healthy, 0), of("b", detect.Healthy, time.Minute)
	blind := of("e", detect.Healthy, 0)
	blind.LastRun = &prober.Run{Outcome: prober.Errored}
	over := of("o", detect.Healthy, 0)
	over.Thresholds = []prober.ThresholdStatus{{Exceeded: true}}
	for want, all := range map[summary][]prober.CheckStatus{
		{"suspect", "There is nothing to check", ""}:                                 {},
		{"healthy", "All is well", "1 healthy"}:                                      {healthy},
		{"suspect", "2 checks are not measured", ""}:                                 {blind, blind},
		{"suspect", "1 check is over a limit", "1 not measured, 1 healthy"}:          {blind, over, healthy},
		{"suspect", "1 check is not measured", "1 healthy, DRILL of b"}:              {blind, drilled},
		{"firing", "c is firing", "1 not measured"}:                                  {blind, of("c", detect.Firing, 0)},
		{"suspect", "DRILL of b", "2 healthy"}:                                       {healthy, drilled},
		{"suspect", "DRILL of 2 checks", "2 healthy"}:                                {of("a", detect.Healthy, time.Second), drilled},
		{"suspect", "1 check is suspect", "1 healthy, DRILL of b"}:                   {drilled, of("c", detect.Suspect, -time.Minute)},
		{"firing", "c is firing", "1 healthy, DRILL of b"}:                           {drilled, of("c", detect.Firing, 0)},
		{"firing", "c is firing", "1 let in what must be refused, DRILL of c"}:       {of("c", detect.Firing, time.Minute, prober.FailOpen{})},
		{"firing", "c and d are firing", "1 let in what must be refused, 1 healthy"}: {of("d", detect.Firing, 0), of("c", detect.Firing, 0, prober.FailOpen{}), healthy},
	} {
		if got := newSummary(all, now); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestExplainedIsSaid: why a firing check has no page is on the page.
func TestExplainedIsSaid(t *testing.T) {
	c := &prober.Check{Name: "login", Group: "retail"}
	p := &pages{opts: Options{Recent: NewRecent([]*prober.Check{c}, nil)}}
	s := prober.CheckStatus{Check: c, State: detect.Firing, Explained: true}
	const want = "the page of group:retail, which is over, has told of it: no page of its own until a second run fails"
	if all := p.sayings(&s, time.Unix(0, 0)); len(all) == 0 || all[0].Text != want {
		t.Errorf("got %+v, want %q first", all, want)
	}
	s.Explained = false
	for _, one := range p.sayings(&s, time.Unix(0, 0)) {
		if one.Text == want {
			t.Error("it is said of a check that is not explained")
		}
	}
}
