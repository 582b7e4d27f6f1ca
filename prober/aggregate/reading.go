package aggregate

import (
	"context"
	"errors"
	"time"
)

// late is how far before a time that was just read there may yet be samples. Those of long before now were there.
func (a *Aggregator) late(to, now time.Time) time.Duration {
	if late := a.overlap + a.o.Settle; now.Sub(to) <= late {
		return late
	}
	return 0
}

// lighter has less asked for at once; it reports false where that cannot be.
func (a *Aggregator) lighter() bool {
	switch {
	case a.chunk > leastChunk:
		a.chunk = max(a.chunk/2, leastChunk)
	case a.overlap > leastBack:
		a.overlap = leastBack
	default:
		return false
	}
	return true
}

// read reads a time, and judges all that it completes. It reports whether something was missing.
// Where it fails, what was counted until then is of intervals that are still open: it is read once more,
// and passed over.
func (a *Aggregator) read(ctx context.Context, from, to, now time.Time) (partial bool, err error) {
	var found seen
	for _, query := range a.o.Source.queries() {
		lacks, err := a.ask(ctx, query, from, to, now, &found)
		if partial = partial || lacks; err != nil {
			return partial, err
		}
	}
	for _, change := range a.judged(to, found) {
		for _, f := range a.o.Changed {
			f(change)
		}
	}
	return partial, nil
}

// ask reads both counters of some checks, and adds what it has seen.
func (a *Aggregator) ask(ctx context.Context, query Query, from, to, now time.Time, found *seen) (partial bool, err error) {
	back := to.Sub(from).Truncate(time.Second) + time.Second
	for kind, selector := range []string{Runs: query.Runs, Failures: query.Failures} {
		answer, err := a.o.API.Read(ctx, selector, to, back)
		if ctx.Err() == nil {
			if answer.Partial {
				partial, err = true, a.lacks(now)
			}
			a.observe(err, answer.Clock)
		}
		if failed, ok := errors.AsType[*QueryError](err); ok && failed.Failure == FailureTimeout {
			a.lighter() // the next time
		}
		if err != nil {
			return partial, err
		}
		a.count(Kind(kind), answer.Series, to, found)
	}
	return partial, nil
}

// lacks returns the error of an answer that is not whole, as long as it is worth asking again.
func (a *Aggregator) lacks(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lacking.IsZero() {
		a.lacking = now
	}
	if now.Sub(a.lacking) < a.o.Patience {
		return &QueryError{Failure: FailurePartial, Text: "an answer that is not whole: it comes with warnings"}
	}
	return nil
}

// count takes account of series that were read.
func (a *Aggregator) count(kind Kind, series []Series, to time.Time, found *seen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range series {
		p := a.poolOf(a.o.Source.values(s.Labels), to)
		if p == nil {
			found.ignored++
			continue
		}
		if kind == Runs {
			found.runs++
		} else {
			found.failures++
		}
		p.add(kind, a.o.Source.key(s.Labels), a.o.Source.place(s.Labels), s.Samples)
	}
}
