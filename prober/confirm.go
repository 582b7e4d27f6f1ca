package prober

import (
	"sync/atomic"
	"time"
)

// A confirming is what a loop keeps of its confirming runs.
//
// They are made one at a time, while no other run of the check is under way, and
// each is decided on when everything before it has been judged. So there is
// nothing between the loop and its judge but a question and an answer; and the
// budget, which the judge charges for what it has seen, is never overdrawn.
//
// The schedule comes first. A confirming run that would take the only slot
// begins only if it can be over by the next due time, as far as the run before it
// tells; where it is not, the run of the schedule waits for it, and is late.
type confirming struct {
	last     time.Time     // when the last run began; the loop's own goroutine has it
	wake     chan struct{} // filled when a run has been observed
	seen     func()        // observed, made once; nil where the check does not confirm
	unseen   atomic.Int64  // runs that were begun and not yet observed, where seen is set
	took     atomic.Int64  // how long the last run held its slot, in nanoseconds
	held     atomic.Bool   // a confirming run could not begin, and nothing was observed since
	underWay atomic.Int64  // confirming runs that have the slot, or are about to: one may be giving it to the next
	waiting  atomic.Bool   // a run of the schedule waits for that slot
}

// confirmBy has the loop confirm.
func (l *loop) confirmBy(c Confirmer) {
	l.confirmer, l.wake, l.seen = c, make(chan struct{}, 1), l.observed
}

// confirmAt returns when to make a confirming run before the next due time, if one
// is wanted and has room. A check that does not even keep its schedule has none.
func (l *loop) confirmAt(now, due time.Time) (time.Time, bool) {
	if l.confirmer == nil || l.standing.To != PaceScheduled || l.last.IsZero() || l.unseen.Load() > 0 || l.held.Load() {
		return time.Time{}, false
	}
	earliest := l.last.Add(l.check().Schedule.Confirm)
	if earliest.Before(now) {
		earliest = now
	}
	at, ok := l.confirmer.ConfirmAt(l.check(), earliest)
	over := at
	if cap(l.slots) == 1 {
		over = at.Add(time.Duration(l.took.Load()))
	}
	return at, ok && over.Before(due)
}

// confirm begins a confirming run.
func (l *loop) confirm(now time.Time) beginning {
	l.begun(now)
	l.underWay.Add(1)
	return beginning{now, confirmSlot}
}

// begun is called by the loop's goroutine for each run that it begins.
func (l *loop) begun(now time.Time) {
	l.last = now
	l.unseen.Add(1)
}

// observed is called once every observer has been told of a run.
func (l *loop) observed() {
	l.held.Store(false)
	l.unseen.Add(-1)
	select {
	case l.wake <- struct{}{}:
	default: // it is filled: the loop will look
	}
}
