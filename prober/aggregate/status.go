package aggregate

import (
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
