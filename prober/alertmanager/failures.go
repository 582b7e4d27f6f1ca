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
	recent map[string][]failed // by check, and by group
}

type failed struct {
	at     time.Time
	step   string
	reason prober.Reason
}

func newFailures() *failures {
	return &failures{recent: map[string][]failed{}}
}

// add takes note of a run that failed.
func (f *failures) add(r *prober.Run) {
	step := r.FailedStep()
	if step == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := failed{r.End(), step.Name, step.Reason}
	f.keep(r.Check.Name, now)
	if r.Check.Group != "" {
		f.keep("group:"+r.Check.Group, now)
	}
}

func (f *failures) keep(name string, now failed) {
	all := f.recent[name]
	if len(all) == mostFailures {
		all = append(all[:0], all[1:]...)
	}
	f.recent[name] = append(all, now)
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
