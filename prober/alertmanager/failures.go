package alertmanager

import (
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
)

// mostFailures is how many failures of a check are kept: enough to know what most of
// them are.
const mostFailures = 256

// Failures are those of the last hour: what a status does not tell. They may be used
// by any goroutine.
type failures struct {
	mu     sync.Mutex
	recent map[string][]failed             // by check, and by group
	opened map[string]map[string]*failOpen // by check and step
}

type failed struct {
	at     time.Time
	step   string
	reason prober.Reason
}

// A failOpen is something that must be refused and was accepted.
type failOpen struct{ first, last time.Time }

func newFailures() *failures {
	return &failures{recent: map[string][]failed{}, opened: map[string]map[string]*failOpen{}}
}

// add takes note of a run that failed. It reports whether it is a fail-open.
func (f *failures) add(r *prober.Run) (open bool) {
	step := r.FailedStep()
	if step == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := failed{r.End(), step.Name, step.Reason}
	f.keep(r.Check.Name, now)
	if r.Check.Group != "" {
		f.keep("group:"+r.Check.Group, now)
	}
	if step.Reason != prober.ReasonNotRefused {
		return false
	}
	f.open1(r.Check.Name, now)
	return true
}

func (f *failures) keep(name string, now failed) {
	all := f.recent[name]
	if len(all) == mostFailures {
		all = append(all[:0], all[1:]...)
	}
	f.recent[name] = append(all, now)
}

func (f *failures) open1(name string, now failed) {
	steps := f.opened[name]
	if steps == nil {
		steps = map[string]*failOpen{}
		f.opened[name] = steps
	}
	if o := steps[now.step]; o != nil {
		o.last = now.at
		return
	}
	steps[now.step] = &failOpen{first: now.at, last: now.at}
}

// most returns the step and the reason of most failures of the last hour, the
// earliest where some are as many; false where there is none.
func (f *failures) most(name string, now time.Time) (step string, reason prober.Reason, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	type kind struct {
		step   string
		reason prober.Reason
	}
	counts := map[kind]int{}
	for _, x := range f.recent[name] {
		if now.Sub(x.at) < time.Hour {
			counts[kind{x.step, x.reason}]++
		}
	}
	best := 0
	for _, x := range f.recent[name] { // in order, so that it is always the same
		if n := counts[kind{x.step, x.reason}]; n > best {
			best, step, reason = n, x.step, x.reason
		}
	}
	return step, reason, best > 0
}

// open returns the fail-opens of a check that are still out at now, by step.
func (f *failures) open(name string, now time.Time) map[string]failOpen {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]failOpen{}
	for step, o := range f.opened[name] {
		if now.Sub(o.last) < failOpenStays {
			out[step] = *o
		} else {
			delete(f.opened[name], step)
		}
	}
	return out
}
