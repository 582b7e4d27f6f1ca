package prober

import "time"

// Retired returns a run as a record that outlives its configuration: its check is the
// same to whoever reads it, and no longer holds on to what made runs of it, such as the
// flow and all accounts. Whoever keeps a run for longer than it takes to read it keeps
// this one from the next reload on, see [Replacer]. Nil is nil.
func (r *Run) Retired() *Run {
	if r == nil || r.Check == nil {
		return r
	}
	old := *r
	old.Check = r.Check.retired()
	return &old
}

// retired is a copy of the check that cannot be run.
func (c *Check) retired() *Check {
	if c == nil || c.Begin == nil { // the check of a group never could
		return c
	}
	old := *c
	old.Begin, old.BeginConfirm = beginNothing, nil
	return &old
}

func beginNothing(time.Time) (Attempt, MissReason) { return Attempt{}, MissPaused }

// retire lets go of the checks that runs and changes so far were of.
func (g *judged) retire() {
	s := &g.status
	s.LastRun, s.LastFailed, s.Pace.Check = s.LastRun.Retired(), s.LastFailed.Retired(), s.Pace.Check.retired()
	for i := range g.open {
		g.open[i].LastRun = g.open[i].LastRun.Retired()
	}
}
