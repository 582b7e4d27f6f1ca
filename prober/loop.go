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
	schedule := l.check().Schedule // that of every check that may come
	due := start.Add(schedule.Offset(l.check().Name))
	for ctx.Err() == nil {
		at, missed := schedule.Next(due, time.Now())
		if missed > 0 {
			l.missed(MissLate, missed)
		}
		due = at
		if now := time.Now(); now.Before(due) {
			wait := due.Sub(now)
			if again := l.look(now); again > 0 {
				wait = min(wait, again)
			}
			if at, ok := l.confirmAt(now, due); ok {
				if !at.After(now) {
					l.confirm(runs, &inFlight, now)
					continue
				}
				wait = min(wait, at.Sub(now))
			}
			l.sleeps(wait)
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-l.wake:
			case <-l.poke:
			case <-ctx.Done():
			}
			continue // look again: one may wake late
		}
		l.meet(runs, &inFlight, due)
		due = due.Add(schedule.Every)
	}
}

// meet begins a run, if the check keeps its schedule and there is room for one more
// at once, or will be once a confirming run has ended.
func (l *loop) meet(ctx context.Context, inFlight *sync.WaitGroup, due time.Time) {
	if why := l.hold(time.Now()); why != "" {
		l.missed(why, 1)
		return
	}
	late := l.underWay.Load() > 0 && !l.waiting.Load() // before looking for room: see confirm
	select {
	case l.slots <- struct{}{}:
		l.stuck = false
		l.begun()
		inFlight.Go(func() { l.make(ctx, due) })
	default:
		if !late {
			l.missed(l.overlap(), 1)
			return
		}
		l.waiting.Store(true)
		l.begun()
		inFlight.Go(func() {
			l.slots <- struct{}{}
			l.waiting.Store(false)
			l.make(ctx, due)
		})
	}
}

// overlap says why there is no room for a run: those before still go on, or the youngest
// of them should long be over, and so should all of them.
func (l *loop) overlap() MissReason {
	s := l.check().Schedule
	if time.Since(l.last) <= s.Timeout+s.Cleanup+l.grace {
		return MissOverlap
	}
	if !l.stuck {
		l.stuck = true
		l.log.Error("runs are stuck: they ignore that their time is over", zap.String("check", l.check().Name), zap.Int("runs", len(l.slots)))
	}
	return MissStuck
}

// make makes a run of the schedule, and gives back its slot.
func (l *loop) make(ctx context.Context, due time.Time) {
	defer func() { <-l.slots }()
	if ctx.Err() != nil { // it has waited for too long
		now := time.Now()
		l.tell(event{run: &Run{Check: l.check(), Seq: l.seq.Add(1), Due: due, Start: now,
			Outcome: Aborted, Report: Report{Err: ErrShutdown}}})
		return
	}
	run, miss := l.attempt(ctx, due, false)
	if miss != "" {
		l.unseen.Add(-1)
		l.missed(miss, 1)
		return
	}
	l.took.Store(int64(time.Since(run.Start)))
	l.tell(event{run: run, seen: l.seen})
}

func (l *loop) missed(reason MissReason, n int) {
	l.tell(event{missed: Missed{Check: l.check(), Reason: reason, N: n, At: time.Now()}})
}
