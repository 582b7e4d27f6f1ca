package prober

import (
	"errors"
	"fmt"
	"time"
)

// A Drill is a page on purpose, to test the way to whoever is to be woken. While it is
// on, the check stands as one that drills beside how it stands otherwise: its runs go
// on, are judged and page as ever, and no failure of a drill is in any ratio, evidence,
// count or record, for there is none. It ends by itself, and with the process. The
// zero value is none.
type Drill struct {
	Since, Until time.Time
}

// On reports whether the drill is on at now.
func (d Drill) On(now time.Time) bool { return now.Before(d.Until) }

// The limits of how long a drill is on.
const (
	LeastDrill = time.Second
	MostDrill  = time.Hour
)

// ErrNoCheck is the error of a drill of a check that there is not.
var ErrNoCheck = errors.New("there is no check of that name")

// A DrillChange is the beginning or the end of a drill, or its being made longer or
// shorter.
type DrillChange struct {
	Check *Check
	Drill Drill
	On    bool
	At    time.Time
}

// OnDrill has f called with each change. Call it before there are runs and drills. The
// end of a drill by itself is told at the next due time of the check.
func (j *Judge) OnDrill(f func(DrillChange)) { j.drilled = append(j.drilled, f) }

// Drill begins a drill of a check, or of a group by its name, group:NAME, which is on
// for a time from LeastDrill to MostDrill. One that is on is on for that long from now.
// It may be called by any goroutine.
func (j *Judge) Drill(name string, length time.Duration, now time.Time) (Drill, error) {
	g := j.named(name)
	switch {
	case g == nil:
		return Drill{}, fmt.Errorf("drill of %q: %w", name, ErrNoCheck)
	case length < LeastDrill || length > MostDrill:
		return Drill{}, fmt.Errorf("drill of %q for %s: want a time from %s to %s", name, length, LeastDrill, MostDrill)
	}
	g.mu.Lock()
	if !g.drill.On(now) {
		g.drill.Since = now
	}
	g.drill.Until = now.Add(length)
	g.drilling.Store(true)
	change := DrillChange{g.check, g.drill, true, now}
	g.mu.Unlock()
	j.tellDrill(change)
	return change.Drill, nil
}

// EndDrill ends a drill; one that is not on is over already.
func (j *Judge) EndDrill(name string, now time.Time) error {
	g := j.named(name)
	if g == nil {
		return fmt.Errorf("drill of %q: %w", name, ErrNoCheck)
	}
	g.mu.Lock()
	if g.drill.On(now) {
		g.drill.Until = now
	}
	g.mu.Unlock()
	j.endDrill(g, now)
	return nil
}

// endDrill tells of a drill that is over, once.
func (j *Judge) endDrill(g *judged, now time.Time) {
	g.mu.Lock()
	over := g.drilling.Load() && !g.drill.On(now)
	if over {
		g.drilling.Store(false)
	}
	change := DrillChange{g.check, g.drill, false, now}
	g.mu.Unlock()
	if over {
		j.tellDrill(change)
	}
}

func (j *Judge) tellDrill(c DrillChange) {
	for _, f := range j.drilled {
		f(c)
	}
}
