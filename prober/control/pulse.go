package control

import (
	"context"
	"errors"
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
	// asleepFrom is how long the machine has to have slept to count.
	asleepFrom = 2 * time.Second
	// aheadFrom is by how much the wall clock has to have been put forward to count as
	// sleep where nothing else tells of one. A guest whose hypervisor had stopped all of its
	// clocks has nothing but that to tell; and a clock that is kept by NTP is not off by so much.
	aheadFrom = 10 * time.Second
	// excusedShare of the time of a run has to have been waited for the processor.
	excusedShare = 4
	keptGaps     = 256
)

// A gap is a time in which nothing of ours went on.
type gap struct {
	from, to time.Time // by the monotonic clock
	slept    string    // what tells of sleep, for people; "" where it did not
}

// A reading is of all clocks at once.
type reading struct {
	at    time.Time     // by the monotonic clock
	wall  time.Time     // by the wall clock alone
	slept time.Duration // how long the machine has slept since it was started
	known bool          // whether the system tells that
}

func read() reading {
	slept, known := sleptSoFar()
	now := time.Now()
	return reading{now, now.Round(0), slept, known}
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
		before := read()
		timer.Reset(beat)
		select {
		case <-timer.C:
			p.note(before, read())
		case <-ctx.Done():
			return
		}
	}
}

// note is told of a beat that was asked for before, and came now.
func (p *pulse) note(before, now reading) {
	slept := asleep(before, now)
	late := now.at.Sub(before.at) - beat // by the monotonic clock
	if late < lateFrom && slept == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := gap{from: before.at, to: now.at}
	if late >= lateFrom {
		g.from = before.at.Add(beat)
		p.starved += late
	}
	if slept != "" {
		g.from, g.slept = before.at, slept
	}
	p.gaps = append(p.gaps, g)
	if len(p.gaps) > keptGaps {
		p.gaps = p.gaps[1:]
	}
}

// asleep says that the machine slept between the readings, and what tells so; "" if it
// did not, as where its wall clock alone was set by a little.
func asleep(before, now reading) string {
	if slept := now.slept - before.slept; before.known && now.known && slept >= asleepFrom {
		return fmt.Sprintf("our machine was suspended for %v", slept.Round(time.Second))
	}
	ahead := now.wall.Sub(before.wall) - now.at.Sub(before.at)
	if ahead >= aheadFrom {
		return fmt.Sprintf("our clock went forward by %v at once, as that of a machine does which stood still", ahead.Round(time.Second))
	}
	return ""
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
		if g.slept != "" {
			return prober.ExcuseSuspended, errors.New(g.slept)
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
