package main

import (
	"context"
	"fmt"
)

// brokenFault breaks the login of one backend of five: a fifth of all logins over
// connections of their own. It is no 503, after which authprober would see less of it: it
// spares a target that says it is overloaded, once it has paged.
const brokenFault = "step=login backend=b3 kind=status status=500"

// A ratio is one measurement of what share of flows failed.
type ratio struct {
	Says  float64 `json:"says_percent"` // by the tool
	Met   float64 `json:"met_percent"`  // of the logins it made, as the bank has seen them
	Flows float64 `json:"flows"`
}

// ratio has a tool look at a bank of which one backend has been broken from the beginning.
func (h *harness) ratio(ctx context.Context, t tool, seed uint64) (r ratio, err error) {
	s, err := h.newStand(ctx, t, seed, "http://127.0.0.1:1")
	if err != nil {
		return r, err
	}
	defer s.end()
	if err := s.bank.fault(ctx, brokenFault); err != nil {
		return r, err
	}
	s.runsFor = h.measure
	if err := s.begin(ctx, h.paths[t.name], true); err != nil {
		return r, err
	}
	if !s.ends {
		if err := pause(ctx, h.measure); err != nil {
			return r, err
		}
	}
	says, err := s.count(ctx)
	if err != nil {
		return r, err
	}
	b, err := s.bank.seen(ctx)
	if err != nil {
		return r, err
	}
	if says.Runs == 0 || b.logins == 0 {
		return r, fmt.Errorf("%s has done %v flows, and the bank has seen %d logins; the last of what it wrote:\n%s", s.name, says.Runs, b.logins, s.process.log)
	}
	return ratio{100 * says.Failed / says.Runs, 100 * float64(b.faults) / float64(b.logins), says.Runs}, nil
}
