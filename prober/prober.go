package prober

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options are what a Prober is made of.
type Options struct {
	// Checks are what to run; their names differ.
	Checks []*Check
	// Observers are told of everything, in this order. One that is a [Confirmer],
	// as a [Judge] is, decides on confirming runs; without one there are none. One that
	// is a [Pager], as a Judge is too, has checks governed.
	Observers []Observer
	// Log gets what no observer is told: where a check panicked. Nil discards it.
	Log *zap.Logger
	// Grace is how long a run may go on after it was told to stop and after the
	// time of its clean-up, before Run gives it up. Zero means 5 s.
	Grace time.Duration
	// Paused, unless nil, reports whether somebody has paused all checks. It is asked
	// before anything is run and then every second, may be asked by any goroutine, and
	// should be as quick as looking for a file. While it is true each due time is missed, as paused, and
	// [Prober.Once] makes no run; runs in flight go on to their end.
	Paused func() bool
	// Excuse, unless nil, is asked about each run that failed, before anybody is told of
	// it, on the goroutine that made it: an error says that the fault was ours, and which,
	// and the run is errored. It returns soon after ctx is done.
	Excuse func(ctx context.Context, r *Run) error
}

// A Prober runs checks on their schedules.
type Prober struct {
	opts    Options
	paused  atomic.Bool // as opts.Paused said last
	started atomic.Bool
	running atomic.Bool

	mu      sync.Mutex
	loops   []*loop
	leaving []*loop // of checks that were replaced, with runs in flight perhaps
	live    *live   // while Run begins loops; nil before and after
}

// New returns a Prober that is not running. It complains about every mistake in
// the checks at once.
func New(opts Options) (*Prober, error) {
	if err := Validate(opts.Checks); err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	if opts.Grace == 0 {
		opts.Grace = 5 * time.Second
	}
	p := &Prober{opts: opts}
	for _, c := range opts.Checks {
		p.loops = append(p.loops, p.newLoop(c))
	}
	p.opts.Checks = nil // those that there are have loops
	return p, nil
}

// newLoop returns the loop of a check, which does not run yet.
func (p *Prober) newLoop(c *Check) *loop {
	l := newLoop(c, p.opts.Log)
	l.all, l.excuse, l.grace = &p.paused, p.opts.Excuse, p.opts.Grace
	if pager, knows := firstOf[Pager](p.opts.Observers); knows {
		l.firing = func() bool { return pager.Firing(l.check()) }
	}
	if confirmer, _ := firstOf[Confirmer](p.opts.Observers); confirmer != nil && c.Schedule.Confirm > 0 {
		l.confirmBy(confirmer)
	}
	return l
}

// firstOf returns the first observer that is a T.
func firstOf[T Observer](all []Observer) (first T, ok bool) {
	for _, o := range all {
		if first, ok = o.(T); ok {
			return first, true
		}
	}
	return first, false
}

// Running reports whether checks are being run: from when Run has begun until
// its context is done. It may be called by any goroutine.
func (p *Prober) Running() bool { return p.running.Load() }

// Run runs the checks until ctx is done, and may be called once. From then on
// no run begins; those in flight are told to stop, with [ErrShutdown] as the
// cause, and are waited for, as they may yet have to clean up. Every run has
// been seen by every observer when Run returns nil.
//
// Run returns an error only where a probe ignores that it was told to stop for
// longer than its clean-up and [Options.Grace]; it names the checks. What those
// runs come to is lost.
func (p *Prober) Run(ctx context.Context) error {
	if p.started.Swap(true) {
		return errors.New("running a prober again: it can run once")
	}
	collector := newCollector(p.opts.Observers, p.opts.Log)
	go collector.deliver()
	defer collector.close() // it waits for deliver

	runs, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	var loops sync.WaitGroup
	start := time.Now()
	if p.opts.Paused != nil {
		p.paused.Store(p.opts.Paused())
		loops.Go(func() { p.watchSwitch(ctx) })
	}
	p.goLive(&live{ctx: ctx, runs: runs, loops: &loops, collector: collector}, start)
	p.running.Store(true)
	<-ctx.Done()
	p.running.Store(false)
	p.mu.Lock() // a Replace comes to its end; from here on no loop begins
	p.live = nil
	p.mu.Unlock()
	abort(ErrShutdown)

	ended := make(chan struct{})
	go func() { loops.Wait(); close(ended) }()
	grace := time.NewTimer(p.longestCleanup() + p.opts.Grace)
	defer grace.Stop()
	select {
	case <-ended:
		return nil
	case <-grace.C:
		return p.stuck()
	}
}

// Once makes one run of a check now, whether or not the Prober runs, and tells
// no observer. The check need not be one of the Prober's. Where no run could
// begin, the run is an errored one whose Err is a [*MissedError].
func (p *Prober) Once(ctx context.Context, c *Check) *Run {
	runs, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	defer context.AfterFunc(ctx, func() { abort(ErrShutdown) })()
	now := time.Now()
	l := p.loop(c)
	var run *Run
	miss := MissPaused
	if off := p.opts.Paused; (off == nil || !off()) && !l.pausedByTarget(now) {
		run, miss = l.attempt(runs, now, false)
	}
	if miss != "" {
		run = &Run{Check: c, Seq: l.seq.Add(1), Due: now, Start: now, Outcome: Errored,
			Report: Report{Err: &MissedError{Check: c.Name, Reason: miss}}}
	}
	return run
}

// A MissedError says that no run began.
type MissedError struct {
	Check  string
	Reason MissReason
}

func (e *MissedError) Error() string {
	return fmt.Sprintf("check %q began no run: %s", e.Check, e.Reason)
}

func (p *Prober) loop(c *Check) *loop {
	for _, l := range p.all() {
		if l.check() == c {
			return l
		}
	}
	l := newLoop(c, p.opts.Log)
	l.excuse = p.opts.Excuse
	return l
}

// all returns every loop that may have a run in flight.
func (p *Prober) all() []*loop {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat(p.loops, p.leaving)
}

func (p *Prober) longestCleanup() (longest time.Duration) {
	for _, l := range p.all() {
		longest = max(longest, l.check().Schedule.Cleanup)
	}
	return longest
}

func (p *Prober) stuck() error {
	var names []string
	for _, l := range p.all() {
		if n := len(l.slots); n > 0 {
			names = append(names, fmt.Sprintf("%q (%d)", l.check().Name, n))
		}
	}
	return fmt.Errorf("stopping: runs that ignore it are given up: %s", strings.Join(names, ", "))
}
