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
// notices what a bare timer does not. It returns nil while Run is not under way.
func (p *Prober) Alive(ctx context.Context, slack time.Duration) error {
	p.mu.Lock()
	v, loops := p.live, p.loops
	p.mu.Unlock()
	if v == nil {
		return nil
	}
	for _, l := range loops {
		if late := l.late(); late > slack && v.ctx.Err() == nil {
			return fmt.Errorf("the schedule of %q is stuck: it meant to go on %v ago", l.check().Name, late.Round(time.Millisecond))
		}
	}
	return v.collector.heard(ctx)
}

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
