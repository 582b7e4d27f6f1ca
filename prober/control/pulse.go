package control

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
)

const (
	beat = 100 * time.Millisecond
	// lateFrom is how late a beat has to be to count: below it lies what a busy machine
	// does all the time, and what no limit of a login notices.
	lateFrom = 100 * time.Millisecond
	// asleepFrom is by how much the wall clock has to be ahead of the monotonic one for
	// the machine to have slept, and not to have set its clock by a little.
	asleepFrom = 2 * time.Second
	// excusedShare of the time of a run has to have been waited for the processor.
	excusedShare = 4
	keptGaps     = 256
)

// A gap is a time in which nothing of ours went on.
type gap struct {
	from, to time.Time // by the monotonic clock
	slept    time.Duration
}

// A pulse notices when the process does not get the processor. The zero value has
// noticed nothing.
type pulse struct {
	mu      sync.Mutex
	gaps    []gap // newest last
	starved time.Duration
}

// run beats until ctx is done.
func (p *pulse) run(ctx context.Context) {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		before := time.Now()
		timer.Reset(beat)
		select {
		case <-timer.C:
			p.note(before, time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// note is told of a beat that was asked for before, and came now.
func (p *pulse) note(before, now time.Time) {
	took := now.Sub(before) // by the monotonic clock
	slept := asleep(took, now.Round(0).Sub(before.Round(0)))
	late := took - beat
	if late < lateFrom && slept == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := gap{from: before, to: now}
	if late >= lateFrom {
		g.from = before.Add(beat)
		p.starved += late
	}
	if slept > 0 {
		g.from, g.slept = before, slept
	}
	p.gaps = append(p.gaps, g)
	if len(p.gaps) > keptGaps {
		p.gaps = p.gaps[1:]
	}
}

// asleep is how long the machine slept while the clocks went on so far; 0 if it did not.
func asleep(monotonic, wall time.Duration) time.Duration {
	if slept := wall - monotonic; slept >= asleepFrom {
		return slept
	}
	return 0
}

// excuse says what kept the run from being made, between start and end; nil if nothing
// did. Waiting is an excuse where it was a good part of the run.
func (p *pulse) excuse(start, end time.Time) (prober.ExcuseCause, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var waited time.Duration
	for _, g := range p.gaps {
		from, to := later(g.from, start), g.to
		if end.Before(to) {
			to = end
		}
		if !from.Before(to) {
			continue
		}
		if g.slept > 0 {
			return prober.ExcuseSuspended, fmt.Errorf("our machine was suspended for %v", g.slept.Round(time.Second))
		}
		waited += to.Sub(from)
	}
	if took := end.Sub(start); waited > 0 && waited >= took/excusedShare {
		return prober.ExcuseStarved, fmt.Errorf("our machine let us wait for %v of %v",
			waited.Round(time.Millisecond), took.Round(time.Millisecond))
	}
	return "", nil
}

func (p *pulse) total() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starved
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
