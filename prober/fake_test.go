package prober

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testCheck is a check of two steps, each 10 s, whose runs are made by probe.
func testCheck(name string, probe func(context.Context) Report) *Check {
	return &Check{
		Name:        name,
		Steps:       []string{"login", "replay"},
		Reasons:     [][]Reason{{ReasonTimeout, ReasonStatus5xx}, {ReasonNotRefused}},
		RefuseSteps: []string{"replay"},
		Schedule:    Schedule{Every: 10 * time.Second, Timeout: 5 * time.Second, Cleanup: 2 * time.Second, Concurrency: 1},
		Objective:   detect.DefaultObjective,
		Begin: func(time.Time) (Attempt, MissReason) {
			return Attempt{Probe: probe}, ""
		},
	}
}

// passing is a probe whose runs pass after d.
func passing(d time.Duration) func(context.Context) Report {
	return func(ctx context.Context) Report {
		if r, ok := wait(ctx, d); !ok {
			return r
		}
		return Report{Steps: []StepResult{{Name: "login", Took: d}, {Name: "replay"}}}
	}
}

// wait takes d, or until ctx is done, and then reports what a probe must.
func wait(ctx context.Context, d time.Duration) (Report, bool) {
	select {
	case <-time.After(d):
		return Report{}, true
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), ErrTimeout) {
			return failure1(ReasonTimeout), false
		}
		return Report{Err: context.Cause(ctx)}, false
	}
}

func failure1(reason Reason) Report {
	return Report{Steps: []StepResult{{Name: "login", Took: time.Second, Reason: reason, Detail: "got what is not wanted"}}}
}

// put panics, with an error of the runtime, if m is nil.
func put(m map[string]int) { m["x"] = 1 }

// A recorder is an observer that keeps everything.
type recorder struct {
	mu     sync.Mutex
	runs   []*Run
	missed []Missed
}

func (r *recorder) ObserveRun(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = append(r.runs, run)
}

func (r *recorder) ObserveMissed(m Missed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed = append(r.missed, m)
}

// counts is what the recorder saw of a check.
func (r *recorder) counts(c *Check) (n Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		if run.Check == c {
			n.add(run.Outcome)
		}
	}
	for _, m := range r.missed {
		if m.Check == c {
			n.Missed += uint64(m.N)
		}
	}
	return n
}

func (r *recorder) misses(c *Check) map[MissReason]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := map[MissReason]int{}
	for _, m := range r.missed {
		if m.Check == c {
			n[m.Reason] += m.N
		}
	}
	return n
}

// runFor runs the checks for d, inside a synctest bubble, and returns what Run does.
func runFor(t *testing.T, d time.Duration, opts Options) error {
	t.Helper()
	p, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return p.Run(ctx)
}

// dues is how many due times of c are in [0, d) after the start.
func dues(c *Check, d time.Duration) uint64 {
	first := c.Schedule.Offset(c.Name)
	if first >= d {
		return 0
	}
	return uint64((d-first-1)/c.Schedule.Every) + 1
}
