package main

import (
	"context"
	"fmt"
	"time"
)

// A cost is one measurement of what a tool uses, while no flow fails.
type cost struct {
	Flows  int64   `json:"flows"` // whole, as the bank has seen them; logins of a tool that has no more
	PerSec float64 `json:"flows_per_second"`
	CPU    float64 `json:"cpu_ms_per_flow"`
	memory
}

// scrapeEvery is how often a tool is asked for its metrics while its cost is measured.
const scrapeEvery = 5 * time.Second

// cost measures one tool alone.
func (h *harness) cost(ctx context.Context, t tool, seed uint64) (c cost, err error) {
	s, err := h.newStand(ctx, t, seed, "http://127.0.0.1:1")
	if err != nil {
		return c, err
	}
	defer s.end()
	if err := s.begin(ctx, h.paths[t.name], true); err != nil {
		return c, err
	}
	if err := pause(ctx, h.settle); err != nil {
		return c, err
	}
	before, err := s.use(ctx)
	if err != nil {
		return c, err
	}
	for left := h.measure; left > 0; left -= scrapeEvery {
		if err := pause(ctx, min(left, scrapeEvery)); err != nil {
			return c, err
		}
		if !s.ends {
			if _, err := call(ctx, "GET", s.base+"/metrics", ""); err != nil {
				return c, err
			}
		}
	}
	after, err := s.use(ctx)
	if err != nil {
		return c, err
	}
	if c.memory, err = memoryOf(s.process.pid()); err != nil {
		return c, err
	}
	c.Flows = s.done(after.bank.minus(before.bank))
	if c.Flows == 0 {
		return c, fmt.Errorf("%s has done nothing in %v; the last of what it wrote:\n%s", s.name, h.measure, s.process.log)
	}
	c.PerSec = float64(c.Flows) / after.at.Sub(before.at).Seconds()
	c.CPU = float64((after.cpu - before.cpu).Microseconds()) / 1000 / float64(c.Flows)
	return c, h.sane(ctx, s, after.bank)
}

// slow says so where a tool made so few flows that the measurement is of the machine: what
// a tool does besides its flows then weighs more than it would.
func (c cost) slow() bool { return c.PerSec < 0.9*float64(time.Second)/float64(interval) }

// A use is what there is at one time.
type use struct {
	at   time.Time
	cpu  time.Duration
	bank seen
}

func (s *stand) use(ctx context.Context) (u use, err error) {
	if err := s.process.alive(); err != nil {
		return u, err
	}
	if u.cpu, err = cpuOf(s.process.pid()); err != nil {
		return u, err
	}
	u.bank, err = s.bank.seen(ctx)
	u.at = time.Now()
	return u, err
}

// inFlight is how many flows a tool may have done that it does not count yet: its
// concurrency, or what it holds back from its metrics for a while.
const inFlight = 10

// sane holds what the tool says it has done against what the bank had seen a moment before:
// it cannot have done less, but for those flows whose answer was still under way.
func (h *harness) sane(ctx context.Context, s *stand, earlier seen) error {
	if s.ends {
		return nil // it says nothing yet
	}
	says, err := s.count(ctx)
	if err != nil {
		return err
	}
	later, err := s.bank.seen(ctx)
	if err != nil {
		return err
	}
	passed := int64(says.Runs - says.Failed)
	if passed < s.done(earlier)-inFlight || passed > s.done(later) {
		return fmt.Errorf("%s says %d flows passed; the bank has seen %d before and %d after", s.name, passed, s.done(earlier), s.done(later))
	}
	return nil
}
