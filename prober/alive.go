package prober

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Alive returns nil while the Prober makes progress, which it finds out by taking part
// in it: every schedule has been awake since it meant to be, within slack, and what is
// told now gets through to the observers before ctx is done. A watchdog that asks this
// notices what a bare timer does not. A schedule that is late has until ctx is done to
// go on: where the process stood still all of them are, for the moment in which it goes
// on, and who asks may be the first to be awake. It returns nil while Run is not under way.
func (p *Prober) Alive(ctx context.Context, slack time.Duration) error {
	p.mu.Lock()
	v, loops := p.live, p.loops
	p.mu.Unlock()
	if v == nil {
		return nil
	}
	for _, l := range loops {
		if !l.goesOn(ctx, v.ctx, slack) {
			return fmt.Errorf("the schedule of %q is stuck: it meant to go on %v ago", l.check().Name, l.late().Round(time.Millisecond))
		}
	}
	return v.collector.heard(ctx)
}

// goesOn reports whether the loop is late by slack at the most, before asking is done.
// It is while its schedule is at an end.
func (l *loop) goesOn(asking, schedule context.Context, slack time.Duration) bool {
	for l.late() > slack {
		select {
		case <-time.After(goOnWithin):
		case <-schedule.Done():
			return true
		case <-asking.Done():
			return false
		}
	}
	return true
}

// goOnWithin is after how long a late loop is looked at again.
const goOnWithin = 50 * time.Millisecond

// An alarm is by when a loop means to be awake again.
type alarm struct {
	epoch time.Time    // of the loop; times since then are by the monotonic clock
	at    atomic.Int64 // nanoseconds since epoch; 0 before the loop runs
}

// sleeps notes that the loop goes to sleep, for so long at the most.
func (a *alarm) sleeps(d time.Duration) { a.at.Store(int64(time.Since(a.epoch) + d)) }

// late is for how long the loop should have been awake since it last slept. It goes
// to sleep at once after waking, or is busy with what takes no time.
func (a *alarm) late() time.Duration {
	at := a.at.Load()
	if at == 0 {
		return 0
	}
	return time.Since(a.epoch) - time.Duration(at)
}

// heard returns nil once the collector has seen to everything that it was told before.
func (c *collector) heard(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case c.events <- event{seen: func() { close(done) }}:
	case <-c.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the collector is stuck: %d events are waiting", len(c.events))
	}
	select {
	case <-done:
		return nil
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("an observer is stuck: %d events are waiting", len(c.events))
	}
}
