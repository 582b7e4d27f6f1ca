package prober

import (
	"fmt"
	"runtime"
	"time"

	"go.uber.org/zap"
)

// An Observer is told of everything that a due time came to. One goroutine
// calls it, one call at a time; it must be quick, since while it is not, in the
// end the schedule is late, which is counted, rather than anything dropped.
type Observer interface {
	// ObserveRun is told of each run, once it has ended.
	ObserveRun(*Run)
	// ObserveMissed is told of due times at which no run began, and of confirming
	// runs that did not.
	ObserveMissed(Missed)
}

// Missed are due times of one check at which no run began, for one reason.
type Missed struct {
	Check  *Check
	Reason MissReason
	N      int       // how many due times; at least 1
	At     time.Time // when that was found
	// Confirm says that it was a confirming run that did not begin: no due time,
	// so it is neither due nor missed, and the schedule lost nothing.
	Confirm bool
}

// A Confirmer is an [Observer] that says when a check is worth an extra run. The
// first one among the observers of a [Prober] decides.
type Confirmer interface {
	Observer
	// ConfirmAt returns the earliest moment, not before the given one, at which a
	// confirming run of the check is wanted as things stand; false if there is none.
	// It is asked by the check's loop only while every run of the check has been
	// observed, is quick, and changes nothing.
	ConfirmAt(c *Check, earliest time.Time) (time.Time, bool)
}

// An event is a run, a change of pace, other checks, or missed runs where all are nil.
type event struct {
	run    *Run
	pace   *PaceChange
	checks *[]*Check
	missed Missed
	seen   func() // called when every observer was told, unless it is nil; it does not block
}

// A collector hands events on to observers, in the order in which they came.
type collector struct {
	observers []Observer
	log       *zap.Logger
	events    chan event    // bounded: who is too fast waits
	closed    chan struct{} // closed when no more events are to come
	done      chan struct{} // closed when deliver has returned
}

func newCollector(observers []Observer, log *zap.Logger) *collector {
	return &collector{
		observers: observers,
		log:       log,
		events:    make(chan event, 256),
		closed:    make(chan struct{}),
		done:      make(chan struct{}),
	}
}

// tell blocks until there is room for the event. After close it may discard it.
func (c *collector) tell(e event) {
	select {
	case c.events <- e:
	case <-c.closed:
	}
}

// deliver runs until close is called and everything told before is delivered.
func (c *collector) deliver() {
	defer close(c.done)
	for {
		select {
		case e := <-c.events:
			c.observe(e)
		case <-c.closed:
			for {
				select {
				case e := <-c.events:
					c.observe(e)
				default:
					return
				}
			}
		}
	}
}

func (c *collector) close() {
	close(c.closed)
	<-c.done
}

func (c *collector) observe(e event) {
	for _, o := range c.observers {
		c.observeOne(o, e)
	}
	if e.seen != nil {
		e.seen()
	}
}

// observeOne keeps a bug of one observer from the others.
func (c *collector) observeOne(o Observer, e event) {
	defer func() {
		if v := recover(); v != nil {
			c.log.Error("observer panicked", zap.String("observer", fmt.Sprintf("%T", o)),
				zap.String("panic", describePanic(v)), zap.Stack("stack"))
		}
	}()
	switch {
	case e.run != nil:
		o.ObserveRun(e.run)
	case e.pace != nil:
		if p, ok := o.(PaceObserver); ok {
			p.ObservePace(*e.pace)
		}
	case e.checks != nil:
		if r, ok := o.(Replacer); ok {
			r.ReplaceChecks(*e.checks)
		}
	case e.missed.N > 0: // otherwise somebody wants to know whether we listen
		o.ObserveMissed(e.missed)
	}
}

// describePanic says what panicked without repeating a text that could hold a
// secret: what the runtime says of its own errors, otherwise the type alone.
func describePanic(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", v)
}
