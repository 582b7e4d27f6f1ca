package detect

import (
	"fmt"
	"math"
	"time"
)

// snapshotVersion changes whenever the numbers of a snapshot mean something else
// than before, such as with another grid.
const snapshotVersion = 1

// A Snapshot is a detector put aside, to outlive the process. It is plain data;
// encoding/json writes and reads it without loss. A burst under way is not in
// it: after a restart it is measured from its next run on.
type Snapshot struct {
	Version    int         `json:"version"`
	Params     Params      `json:"params"`
	State      State       `json:"state"`
	Since      time.Time   `json:"since"`
	FailedAt   time.Time   `json:"failed_at"` // the last counted failure; zero if none
	Components []Component `json:"components"`
	Recovery   float64     `json:"recovery"` // the statistic, not Detector.Recovery
	Bursts     Bursts      `json:"bursts"`
}

// A Component is the part that one failure rate has in a [Snapshot].
type Component struct {
	R     float64   `json:"r"`     // the weighted statistic
	Peak  float64   `json:"peak"`  // its largest term, 1 at the least
	Since time.Time `json:"since"` // the failed run that this term begins with
}

// Snapshot returns a copy of what the detector knows.
func (d *Detector) Snapshot() Snapshot {
	s := Snapshot{
		Version:    snapshotVersion,
		Params:     d.params,
		State:      d.state,
		Since:      wall(d.since),
		FailedAt:   wall(d.failedAt),
		Components: make([]Component, points),
		Recovery:   d.clear.r,
		Bursts:     d.bursts,
	}
	s.Bursts.Ended = wall(s.Bursts.Ended)
	for j := range s.Components {
		s.Components[j] = Component{d.page.r[j], d.page.peak[j], wall(d.page.since[j])}
	}
	return s
}

// wall drops the monotonic clock reading, which means nothing to another process.
func wall(t time.Time) time.Time { return t.Round(0) }

// Restore puts the detector where the snapshot was taken, with its evidence,
// its state and its blip. It refuses a snapshot of other parameters, and one
// that no detector can have been in, with an error; the detector is then what
// it was before. Restoring never changes a state that the snapshot had.
func (d *Detector) Restore(s Snapshot) error {
	if s.Version != snapshotVersion {
		return fmt.Errorf("restoring a detector: snapshot of version %d, want %d", s.Version, snapshotVersion)
	}
	// The opening level is no part of what was promised, and comes from a
	// simulation: another of its kind is no reason to forget the evidence.
	s.Params.Opening = d.params.Opening
	if s.Params != d.params {
		return fmt.Errorf("restoring a detector: snapshot of another objective: %+v, want %+v", s.Params, d.params)
	}
	restored := New(d.params)
	restored.state, restored.since, restored.failedAt = s.State, s.Since, s.FailedAt
	restored.clear.r, restored.bursts = s.Recovery, s.Bursts
	if err := restored.page.restore(s.Components); err != nil {
		return fmt.Errorf("restoring a detector: %w", err)
	}
	if err := restored.consistent(); err != nil {
		return fmt.Errorf("restoring a detector: %w", err)
	}
	*d = *restored
	return nil
}

func (m *mixture) restore(components []Component) error {
	if len(components) != points {
		return fmt.Errorf("got %d components, want %d", len(components), points)
	}
	for j, c := range components {
		if !(c.R >= 0) || math.IsInf(c.R, 1) {
			return fmt.Errorf("component %d: got statistic %v, want zero or more and finite", j, c.R)
		}
		// A term is no larger than the sum it is part of, but for rounding.
		if most := max(1, c.R/weight*(1+1e-6)); !(c.Peak >= 1 && c.Peak <= most) {
			return fmt.Errorf("component %d: got peak %v, want 1 to %v", j, c.Peak, most)
		}
		m.r[j], m.peak[j], m.since[j] = c.R, c.Peak, c.Since
	}
	m.total = m.sum()
	return nil
}

// consistent returns an error if no runs lead to what the detector is in.
func (d *Detector) consistent() error {
	if r := d.clear.r; !(r >= 0 && r < d.params.RunsToFalseClear) {
		return fmt.Errorf("got recovery %v, want zero or more and below %v", r, d.params.RunsToFalseClear)
	}
	if d.state != Firing && d.clear.r != 0 {
		return fmt.Errorf("got recovery %v in state %v, want 0", d.clear.r, d.state)
	}
	from, below := 0.0, suspectFrom
	switch d.state {
	case Healthy:
	case Suspect:
		from, below = suspectUntil, 1
	case Firing:
		from, below = 1, math.Inf(1)
	default:
		return fmt.Errorf("got state %v, want one of %v", d.state, States)
	}
	if e := d.Evidence(); !(e >= from && e < below) {
		return fmt.Errorf("got evidence %v in state %v, want %v or more and below %v", e, d.state, from, below)
	}
	if b := d.bursts; b.Longest < 0 || b.Runs < 0 || b.Outgrown < 0 {
		return fmt.Errorf("got bursts %+v, want nothing negative", b)
	}
	return nil
}
