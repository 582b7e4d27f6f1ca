package prober

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A loop is one check on its schedule. The check may be replaced by another of the
// same name and schedule; runs in flight are those of the one that they began with.
type loop struct {
	of        atomic.Pointer[Check]
	log       *zap.Logger
	tell      func(event)
	seq       *atomic.Uint64                    // shared with the loop that had the check before
	slots     chan struct{}                     // holds one element for each run in flight
	excuse    func(context.Context, *Run) error // see Options.Excuse; may be nil
	confirmer Confirmer                         // nil where the check does not confirm
	grace     time.Duration                     // see Options.Grace
	due       time.Time                         // the next due time; the loop's own goroutine has it
	meant     time.Time                         // by when it means to look again; the loop's own goroutine has it
	stuck     bool                              // a line says so; the loop's own goroutine has it
	cancel    func()                            // ends the schedule, and no run; nil before the loop runs
	idle      chan struct{}                     // closed when no due time is met any more
	over      chan struct{}                     // closed when its last run has ended, too
	confirming
	pacing
	alarm
}

func newLoop(c *Check, log *zap.Logger) *loop {
	l := &loop{log: log, seq: new(atomic.Uint64), slots: make(chan struct{}, c.Schedule.Concurrency),
		idle: make(chan struct{}), over: make(chan struct{}), pacing: newPacing(c), alarm: alarm{epoch: time.Now()}}
	l.of.Store(c)
	return l
}

// check is the check as it is now.
func (l *loop) check() *Check { return l.of.Load() }

// run meets the due times of the check until ctx is done, and returns when
// every run that it began has ended. The runs have the context runs.
func (l *loop) run(ctx, runs context.Context, start time.Time) {
	defer close(l.over)
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	defer close(l.idle)
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.startAt(start)
	for ctx.Err() == nil {
		begun, wait := l.turn(time.Now())
		if begun.slot != noSlot {
			inFlight.Go(func() { l.make(runs, begun) })
		}
		if wait == 0 {
			continue
		}
		if wait = time.Until(l.meant); wait <= 0 { // whom it told, or asked, was slow
			continue
		}
		l.sleeps(wait)
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.poke:
		case <-ctx.Done():
		}
	}
}

// startAt sets the first due time of a schedule that starts then.
func (l *loop) startAt(start time.Time) {
	c := l.check()
	l.due = start.Add(c.Schedule.Offset(c.Name))
}

// A beginning is a run that is to be made now, and how it comes to its slot.
type beginning struct {
	due  time.Time
	slot slot
}

type slot uint8

const (
	noSlot      slot = iota // there is no run to be made
	ownSlot                 // it has been taken
	nextSlot                // a confirming run has it, which has to end first
	confirmSlot             // it is free; the run is a confirming one
)

// turn does what is to be done at now: it meets the next due time, or begins a confirming
// run. It returns the run that somebody is to make, if there is one, and for how long
// there is nothing else to do, unless the loop is woken or poked; zero for none. The
// loop's own goroutine calls it.
func (l *loop) turn(now time.Time) (begun beginning, wait time.Duration) {
	if !l.meant.IsZero() && now.Sub(l.meant) > MostLate {
		l.stoodStill(now)
	}
	begun, wait = l.act(now)
	l.meant = now.Add(wait)
	return begun, wait
}

// act is a turn of a loop that has just looked at the clock.
func (l *loop) act(now time.Time) (begun beginning, wait time.Duration) {
	schedule := l.check().Schedule // that of every check that may come
	at, missed := schedule.Next(l.due, now)
	if missed > 0 {
		l.missed(MissLate, missed, now)
	}
	l.due = at
	if !now.Before(at) {
		l.due = at.Add(schedule.Every)
		return l.meet(at, now), 0
	}
	wait = at.Sub(now)
	if again := l.look(now); again > 0 {
		wait = min(wait, again)
	}
	if confirm, ok := l.confirmAt(now, at); ok {
		if !confirm.After(now) {
			return l.confirm(now), 0
		}
		wait = min(wait, confirm.Sub(now))
	}
	return beginning{}, wait // and then look again: one may wake late
}

// stoodStill takes account of a time, until now, in which nothing was done that was to be.
// The last run counts as having begun so much later, in whole intervals of its rhythm: then
// the confirming runs of all checks are not due at once, and runs that stood still as well
// are not taken for stuck.
func (l *loop) stoodStill(now time.Time) {
	if l.last.IsZero() {
		return
	}
	s := l.check().Schedule
	rhythm := s.Every
	if l.confirmer != nil {
		rhythm = s.Confirm
	}
	l.last = l.last.Add(now.Sub(l.last) / rhythm * rhythm)
}

// meet begins a run, if the check keeps its schedule and there is room for one more
// at once, or will be once a confirming run has ended.
func (l *loop) meet(due, now time.Time) beginning {
	if why := l.hold(now); why != "" {
		l.missed(why, 1, now)
		return beginning{}
	}
	late := l.underWay.Load() > 0 && !l.waiting.Load() // before looking for room: see confirm
	select {
	case l.slots <- struct{}{}:
		l.stuck = false
		l.begun(now)
		return beginning{due, ownSlot}
	default:
		if !late {
			l.missed(l.overlap(now), 1, now)
			return beginning{}
		}
		l.waiting.Store(true)
		l.begun(now)
		return beginning{due, nextSlot}
	}
}

// overlap says why there is no room for a run: those before still go on, or the youngest
// of them should long be over, and so should all of them.
func (l *loop) overlap(now time.Time) MissReason {
	s := l.check().Schedule
	if now.Sub(l.last) <= s.Timeout+s.Cleanup+l.grace {
		return MissOverlap
	}
	if !l.stuck {
		l.stuck = true
		l.log.Error("runs are stuck: they ignore that their time is over", zap.String("check", l.check().Name), zap.Int("runs", len(l.slots)))
	}
	return MissStuck
}

// make makes a run, and gives back its slot.
func (l *loop) make(ctx context.Context, b beginning) {
	switch b.slot {
	case nextSlot:
		l.slots <- struct{}{}
		l.waiting.Store(false)
	case confirmSlot:
		l.slots <- struct{}{} // at once: the run before has been observed, and is giving its slot back
	}
	defer l.giveBack(b)
	if ctx.Err() != nil && b.slot != confirmSlot { // it has waited for too long
		now := time.Now()
		l.tell(event{run: &Run{Check: l.check(), Seq: l.seq.Add(1), Due: b.due, Start: now,
			Outcome: Aborted, Report: Report{Err: ErrShutdown}}})
		return
	}
	run, miss := l.attempt(ctx, b.due, b.slot == confirmSlot)
	l.made(b, run, miss, time.Now())
}

// made tells what came of a run that ended at now, or why there was none.
func (l *loop) made(b beginning, run *Run, miss MissReason, now time.Time) {
	confirm := b.slot == confirmSlot
	if miss != "" {
		if confirm {
			l.held.Store(true) // until something was observed: it is not to be had for the asking
		}
		l.unseen.Add(-1)
		l.tell(event{missed: Missed{Check: l.check(), Reason: miss, N: 1, At: now, Confirm: confirm}})
		return
	}
	l.took.Store(int64(now.Sub(run.Start)))
	l.tell(event{run: run, seen: l.seen})
}

func (l *loop) giveBack(b beginning) {
	<-l.slots
	if b.slot == confirmSlot {
		l.underWay.Add(-1) // after the slot: who sees zero finds the slot free
	}
}

func (l *loop) missed(reason MissReason, n int, now time.Time) {
	l.tell(event{missed: Missed{Check: l.check(), Reason: reason, N: n, At: now}})
}
