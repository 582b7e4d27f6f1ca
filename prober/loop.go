package prober

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A loop is one check on its schedule.
type loop struct {
	check *Check
	log   *zap.Logger
	tell  func(event)
	seq   atomic.Uint64
	slots chan struct{} // holds one element for each run in flight
}

func newLoop(c *Check, log *zap.Logger) *loop {
	return &loop{check: c, log: log, slots: make(chan struct{}, c.Schedule.Concurrency)}
}

// run meets the due times of the check until ctx is done, and returns when
// every run that it began has ended. The runs have the context runs.
func (l *loop) run(ctx, runs context.Context, start time.Time) {
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := start.Add(l.check.Schedule.Offset(l.check.Name))
	for ctx.Err() == nil {
		at, missed := l.check.Schedule.Next(due, time.Now())
		if missed > 0 {
			l.missed(MissLate, missed)
		}
		due = at
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			continue // look again: one may wake late
		}
		l.meet(runs, &inFlight, due)
		due = due.Add(l.check.Schedule.Every)
	}
}

// meet begins a run, if there is room for one more at once.
func (l *loop) meet(ctx context.Context, inFlight *sync.WaitGroup, due time.Time) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.missed(MissOverlap, 1)
		return
	}
	inFlight.Go(func() {
		defer func() { <-l.slots }()
		run, miss := l.attempt(ctx, due)
		if miss != "" {
			l.missed(miss, 1)
			return
		}
		l.tell(event{run: run})
	})
}

func (l *loop) missed(reason MissReason, n int) {
	l.tell(event{missed: Missed{Check: l.check, Reason: reason, N: n, At: time.Now()}})
}
