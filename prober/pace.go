package prober

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Pace is how a check keeps its schedule.
type Pace string

const (
	PaceScheduled Pace = "schedule" // it meets every due time that it can
	PaceGoverned  Pace = "governed" // its target has fallen over, and it meets one in ten
	PacePaused    Pace = "paused"   // it meets none, as somebody wants it
)

// A PaceReason says why a check does not keep its schedule. The list is closed.
type PaceReason string

const (
	PaceOverloaded PaceReason = "overloaded" // the target says that it is too much
	PaceFailing    PaceReason = "failing"    // more than 80 % of the last ten runs failed
	PaceSwitch     PaceReason = "switch"     // somebody has paused all checks, see Options.Paused
	PaceTarget     PaceReason = "target"     // the target has asked for it, see Report.Pause
)

// MostPause is the longest that a target's wish keeps a check from running. What it
// answers to the run after that may ask for the same again.
const MostPause = time.Hour

// A PaceChange is the moment at which a check leaves its schedule, or comes back.
type PaceChange struct {
	Check    *Check
	From, To Pace
	Why      PaceReason // "" where it is back on its schedule
	At       time.Time
	// Until is when a pause ends that the target has asked for, and otherwise the
	// earliest moment of the next run that it has asked for by a Retry-After; zero
	// where it has not.
	Until time.Time
}

// A PaceObserver is an [Observer] that is told of changes of pace too.
type PaceObserver interface {
	Observer
	ObservePace(PaceChange)
}

// A Pager is an [Observer] that knows whether the page of a check is out. The first
// one among the observers of a [Prober] is asked; without one no check is governed.
type Pager interface {
	Observer
	// Firing is quick, and may be called by any goroutine.
	Firing(c *Check) bool
}

// A pacing is what a loop keeps of its pace. Runs leave in it what they found, and the
// loop's own goroutine decides.
type pacing struct {
	firing func() bool   // whether the page is out; nil where nobody knows
	all    *atomic.Bool  // whether all checks are paused
	poke   chan struct{} // filled when the loop is to look again

	mu       sync.Mutex
	governor governor
	until    time.Time // end of the pause that the target has asked for

	standing PaceChange // where the check stands, without it; the loop's own goroutine has it
}

func newPacing(c *Check) pacing {
	return pacing{poke: make(chan struct{}, 1), governor: newGovernor(c.Schedule.Every),
		standing: PaceChange{To: PaceScheduled}}
}

// look finds out where the check stands, tells who observes if that has changed, and
// returns after how long the clock alone may change it; 0 for never.
func (l *loop) look(now time.Time) (again time.Duration) {
	is := l.stands(now)
	if is.To != l.standing.To || is.Why != l.standing.Why {
		is.From = l.standing.To
		l.standing = is
		l.standing.Check = nil // of which a reload makes another
		told := is             // it alone goes to the heap
		l.tell(event{pace: &told})
	}
	if is.Why == PaceTarget {
		return is.Until.Sub(now)
	}
	return 0
}

// stands is where the check stands. A pause goes first: the governor is for what runs.
func (l *loop) stands(now time.Time) PaceChange {
	l.mu.Lock()
	asks := l.governor.overwhelmed()
	l.mu.Unlock()
	firing := asks && l.firing != nil && l.firing() // whom it asks has a lock of its own
	l.mu.Lock()
	defer l.mu.Unlock()
	is := PaceChange{Check: l.check(), To: PaceScheduled, At: now}
	switch why := l.governor.governed(firing); {
	case l.all != nil && l.all.Load():
		is.To, is.Why = PacePaused, PaceSwitch
	case now.Before(l.until):
		is.To, is.Why, is.Until = PacePaused, PaceTarget, l.until
	case why != "":
		is.To, is.Why, is.Until = PaceGoverned, why, l.governor.notBefore
	}
	return is
}

// hold says why the due time that is now is not met; "" if it is to be.
func (l *loop) hold(now time.Time) MissReason {
	l.look(now)
	switch l.standing.To {
	case PacePaused:
		return MissPaused
	case PaceGoverned:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.governor.skip(now) {
			return MissGoverned
		}
	}
	return ""
}

// pausedByTarget reports whether the target has asked for a pause that goes on.
func (l *loop) pausedByTarget(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until)
}

// runBegan and runEnded tell the pacing of a run, on the run's goroutine.
func (l *loop) runBegan() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.governor.begun()
}

func (l *loop) runEnded(r *Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := l.governor.observe(r.Outcome, &r.Report, r.End())
	if r.Pause > 0 {
		if until := r.End().Add(min(r.Pause, MostPause)); until.After(l.until) {
			l.until, changed = until, true
		}
	}
	if changed {
		l.prod()
	}
}

// prod has the loop look again.
func (l *loop) prod() {
	select {
	case l.poke <- struct{}{}:
	default: // it is going to
	}
}

// lookForSwitch is how often it is looked whether somebody has paused all checks.
const lookForSwitch = time.Second

// watchSwitch has the loops look again when all checks are paused, and when they no
// longer are.
func (p *Prober) watchSwitch(ctx context.Context) {
	tick := time.NewTicker(lookForSwitch)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if paused := p.opts.Paused(); p.paused.Swap(paused) != paused {
			for _, l := range p.all() {
				l.prod()
			}
		}
	}
}
