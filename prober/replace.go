package prober

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Replacer is an [Observer] that keeps something of each check, and goes on with it
// when the configuration is read again.
type Replacer interface {
	Observer
	// ReplaceChecks is told which checks there are from now on; they are valid. A check
	// goes on where that of its name was, as far as it is the same. It is called like
	// the other methods, after all that came of the checks before, but for their runs
	// in flight.
	ReplaceChecks(checks []*Check)
}

// live is what Run gives the loops that it begins.
type live struct {
	ctx, runs context.Context // of the schedules, and of the runs
	loops     *sync.WaitGroup
	collector *collector
}

// begin begins a loop, whose schedule starts then.
func (v *live) begin(l *loop, start time.Time) {
	ctx, cancel := context.WithCancel(v.ctx)
	l.tell, l.cancel = v.collector.tell, cancel
	v.loops.Go(func() {
		defer cancel()
		l.run(ctx, v.runs, start)
	})
}

// goLive begins the loops.
func (p *Prober) goLive(v *live, start time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = v
	for _, l := range p.loops {
		v.begin(l, start)
	}
}

// Replace goes over to other checks, all or nothing: where they are not valid it
// complains about every mistake and changes nothing. It may be called by any goroutine,
// one at a time, whether or not the Prober runs, and returns when every observer knows.
//
// A check whose name and schedule are those of one that runs goes on: its due times
// stay what they are, and so do its pace and the count of its runs. Any other begins as
// at the start of the Prober. Runs in flight go on to their end, and are those of the
// check that they began with; those of one that is gone are of no more concern to
// whoever was told so.
func (p *Prober) Replace(checks []*Check) error {
	if err := Validate(checks); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := map[string]*loop{}
	for _, l := range p.loops {
		before[l.check().Name] = l
	}
	var next, fresh []*loop
	kept := map[*loop]*Check{}
	for _, c := range checks {
		l := before[c.Name]
		if l != nil && l.check().Schedule == c.Schedule {
			kept[l] = c
		} else {
			l = p.newLoop(c)
			fresh = append(fresh, l)
		}
		next = append(next, l)
	}
	p.forgetOver()
	for _, l := range p.loops {
		if kept[l] == nil {
			p.end(l)
		}
	}
	for _, l := range fresh {
		l.succeed(before[l.check().Name])
	}
	p.tellReplaced(checks)
	for l, c := range kept {
		l.of.Store(c)
	}
	p.loops = next
	if p.live != nil {
		for _, l := range fresh {
			p.live.begin(l, time.Now())
		}
	}
	return nil
}

// forgetOver lets go of the loops that have left and whose runs are over. It holds p.mu.
func (p *Prober) forgetOver() {
	p.leaving = slices.DeleteFunc(p.leaving, func(l *loop) bool {
		select {
		case <-l.over:
			return true
		default:
			return false
		}
	})
}

// end ends the schedule of a loop, whose runs go on. It holds p.mu.
func (p *Prober) end(l *loop) {
	if l.cancel == nil { // it has never begun
		return
	}
	l.cancel()
	<-l.idle
	p.leaving = append(p.leaving, l)
}

// succeed goes on from the loop that had the check before, on another schedule. There
// may be none.
func (l *loop) succeed(before *loop) {
	if before == nil {
		return
	}
	l.seq, l.standing = before.seq, before.standing
	before.mu.Lock()
	defer before.mu.Unlock()
	l.until = before.until
}

// tellReplaced has the observers go over to other checks. It holds p.mu.
func (p *Prober) tellReplaced(checks []*Check) {
	if p.live == nil {
		c := newCollector(p.opts.Observers, p.opts.Log)
		c.observe(event{checks: &checks})
		return
	}
	done := make(chan struct{})
	p.live.collector.tell(event{checks: &checks, seen: func() { close(done) }})
	<-done
}
