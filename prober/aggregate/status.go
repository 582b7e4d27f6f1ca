package aggregate

import (
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// status is how the pool stands at now, but for what is known of the reading.
func (p *pool) status(now time.Time) prober.CheckStatus {
	s := p.pooled.Status(now)
	p.addParts(&s, now)
	s.Pooled = &prober.PooledStatus{
		Instances: p.load.Instances, RunsToFalsePage: p.pooled.Params().RunsToFalsePage, Measured: p.subject.Measured,
		Last: p.last,
	}
	if p.stream.begun {
		s.Pooled.Through = p.stream.end(p.stream.closed)
	}
	for _, b := range p.held {
		s.Pooled.Held += b.Runs()
	}
	return s
}

// status is how a pool stands at now, for the holder of the lock.
func (a *Aggregator) status(p *pool, now time.Time) prober.CheckStatus {
	s := p.status(now)
	s.Pooled.Read, s.Pooled.Every, s.Pooled.Partial = a.tally.last, a.o.Every, a.tally.partial
	return s
}

// Ready reports whether the replay is done: before, nothing is known of any check.
func (a *Aggregator) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ready
}

// Status returns how all checks stand at now; none before it is ready, so that a
// restart looks like a scrape that is missing, and not like a recovery.
func (a *Aggregator) Status(now time.Time) (all []prober.CheckStatus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ready {
		return nil
	}
	for _, p := range a.order {
		all = append(all, a.status(p, now))
	}
	return all
}

// Partial reports whether what was read last is not all that there is.
func (a *Aggregator) Partial() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tally.partial
}

// A Standing is how the pool of one check stands.
type Standing struct {
	Status prober.CheckStatus
	Load   Load
	// RunsToFalsePage is the threshold of the statistic.
	RunsToFalsePage float64
	// Through is until when what was counted is judged.
	Through time.Time
	// Resets are the counters that began anew.
	Resets uint64
	// Unmatched are failures of runs that nobody has counted yet.
	Unmatched float64
	// Held are the runs that wait for a pace to be measured.
	Held int
	// Doubts say why counters that are no probers' can hardly be what was meant.
	Doubts []string
}

// Standings returns how all pools stand at now, sorted by the name of the check.
func (a *Aggregator) Standings(now time.Time) (all []Standing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.order {
		s := Standing{Status: a.status(p, now), Load: p.load.clone(), Resets: p.stream.resets, Unmatched: p.stream.left[Failures], Doubts: p.doubts()}
		s.RunsToFalsePage, s.Through, s.Held = s.Status.Pooled.RunsToFalsePage, s.Status.Pooled.Through, s.Status.Pooled.Held
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Standing) int { return strings.Compare(a.Status.Check.Name, b.Status.Check.Name) })
	return all
}
