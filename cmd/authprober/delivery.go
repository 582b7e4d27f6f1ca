package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A delivery runs checks again and again until gates have decided about them.
type delivery struct {
	params detect.GateParams // of each check
	prober *prober.Prober
	begun  time.Time

	mu          sync.Mutex
	checks      []*gated
	ended       time.Time     // zero while it runs
	interrupted bool          // by a signal
	limit       time.Duration // as it was given to run
	supply      supply
}

// A supply says which pool a check leases from, "" if none, and how many logins a
// second that can give it in the long run.
type supply func(*prober.Check) (pool string, perSecond float64)

// A gated is one check of a delivery. Its fields are guarded by delivery.mu.
type gated struct {
	check    *prober.Check
	gate     *detect.Gate
	blame    *detect.Blame
	failOpen bool
	hopeless bool // our own errors, and nothing else
	reasons  map[failure]*failures
	counts   map[prober.Outcome]int
	misses   map[prober.MissReason]int // times at which there was nothing to run with
	lastErr  error
	decided  time.Time
}

// A failure is where and why a run failed.
type failure struct {
	step   string
	reason prober.Reason
}

// failures are the runs that failed for one reason.
type failures struct {
	runs   int
	detail string // of the first
}

// mostErrored is how many runs in a row without a single verdict make a check
// hopeless.
const mostErrored = 6

// How long to wait where there was nothing to run with, or a run was errored: the
// shortest at first, then twice as long each time.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second
)

func newDelivery(chosen []*prober.Check, params detect.GateParams, supply supply, o prober.Options) (*delivery, error) {
	o.Checks = chosen
	p, err := prober.New(o)
	if err != nil {
		return nil, err
	}
	d := &delivery{params: params, prober: p, begun: time.Now(), supply: supply}
	for _, c := range chosen {
		d.checks = append(d.checks, &gated{
			check: c, gate: detect.NewGate(params), blame: detect.NewBlame(),
			reasons: map[failure]*failures{}, counts: map[prober.Outcome]int{}, misses: map[prober.MissReason]int{},
		})
	}
	return d, nil
}

// run runs the checks until the delivery is decided, the time is over or ctx is
// done. It returns when every run has ended and cleaned up.
func (d *delivery) run(ctx context.Context, limit time.Duration) {
	all, stop := context.WithTimeout(ctx, limit)
	defer stop()
	var runs sync.WaitGroup
	for _, g := range d.checks {
		one, enough := context.WithCancel(all)
		defer enough()
		for range g.check.Schedule.Concurrency {
			runs.Go(func() { d.repeat(one, g, enough, stop) })
		}
	}
	runs.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended, d.limit, d.interrupted = time.Now(), limit, ctx.Err() != nil
}

// repeat makes one run of the check after the other until ctx is done. It calls
// enough when the check is decided, and stop when the delivery is.
func (d *delivery) repeat(ctx context.Context, g *gated, enough, stop func()) {
	wait := shortestWait
	for ctx.Err() == nil {
		r := d.prober.Once(ctx, g.check)
		counted, over := d.observe(g, r)
		if over {
			stop()
		}
		if d.done(g) {
			enough()
		}
		if counted {
			wait = shortestWait
			continue
		}
		sleep(ctx, wait)
		wait = min(2*wait, longestWait)
	}
}

// observe takes account of a run, and reports whether it counts and whether the
// whole delivery is decided or beyond hope.
func (d *delivery) observe(g *gated, r *prober.Run) (counted, over bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var missed *prober.MissedError
	switch {
	case g.done():
		return false, false // it was under way when that was decided
	case errors.As(r.Err, &missed):
		g.misses[missed.Reason]++
		return false, false
	}
	g.counts[r.Outcome]++
	if r.Outcome.Counted() {
		g.observe(r)
	} else if r.Outcome == prober.Errored {
		g.lastErr = r.Err
		_, n := g.gate.Counts()
		g.hopeless = n == 0 && g.counts[prober.Errored] >= mostErrored
	}
	if g.done() {
		g.decided = r.End()
	}
	return r.Outcome.Counted(), g.hopeless || g.decision() == detect.Bad
}

// observe takes account of a run that passed or failed.
func (g *gated) observe(r *prober.Run) {
	failed := r.Outcome == prober.Failed
	g.gate.Observe(failed)
	g.blame.Observe(r.End(), failed, tagsOf(r))
	s := r.FailedStep()
	if s == nil {
		return
	}
	key := failure{s.Name, s.Reason}
	if g.reasons[key] == nil {
		g.reasons[key] = &failures{detail: s.Detail}
	}
	g.reasons[key].runs++
	g.failOpen = g.failOpen || s.Reason == prober.ReasonNotRefused
}

// decision is that of the gate, but for what is let in: it is bad at once.
func (g *gated) decision() detect.Decision {
	if g.failOpen {
		return detect.Bad
	}
	return g.gate.Decision()
}

func (g *gated) done() bool { return g.hopeless || g.decision() != detect.Undecided }

func (d *delivery) done(g *gated) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return g.done()
}

// decision is bad if one of the checks is, and good if all are.
func (d *delivery) decision() detect.Decision {
	all := detect.Good
	for _, g := range d.checks {
		switch g.decision() {
		case detect.Bad:
			return detect.Bad
		case detect.Undecided:
			all = detect.Undecided
		}
	}
	return all
}

// result says what the delivery has come to.
func (d *delivery) result() *gateResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &gateResult{
		Decision: d.decision().String(), MaxFailures: d.params.Bad, GoodBelow: d.params.Good,
		FalseAlarm: d.params.FalseAlarm * float64(len(d.checks)), FalsePass: d.params.FalsePass,
		Took: d.ended.Sub(d.begun).Seconds(),
	}
	for _, g := range d.checks {
		r.Checks = append(r.Checks, g.result(cmp.Or(g.decided, d.ended).Sub(d.begun)))
	}
	for i, g := range d.checks {
		r.Checks[i].Because = d.why(g)
	}
	r.Because = d.because()
	r.ours = d.decision() == detect.Undecided && slices.ContainsFunc(d.checks, (*gated).ours)
	return r
}

// ours reports whether our own errors are why the check is undecided: there are
// more of them than runs that count, or nothing was to be had to run with.
func (g *gated) ours() bool {
	_, n := g.gate.Counts()
	return !g.done() && (n == 0 && len(g.misses) > 0 || g.counts[prober.Errored] > n) || g.hopeless
}
