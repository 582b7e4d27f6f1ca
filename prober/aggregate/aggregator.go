package aggregate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

const (
	lookBack   = 5 * time.Minute // how far each reading overlaps the one before, beyond the settling time
	leastBack  = time.Minute     // where that is too much for the API
	mostChunk  = time.Hour       // of a replay, read at once
	leastChunk = time.Minute
	mostChecks = 2000 // that labels make by themselves

	firstWait, mostWait = time.Second, 30 * time.Second // before a failed reading is made again

	// DefaultPatience is how long answers that are not whole are asked for again.
	DefaultPatience = lookBack
	// mostStep is how far a clock may be set back and still be taken for the same one.
	mostStep = time.Minute
	// mostSkew is how far the API's clock may be from ours before somebody is told.
	mostSkew = 30 * time.Second
)

// Options are what an Aggregator is made of.
type Options struct {
	API    *API
	Source Source
	// Subject returns the check that the values of Source.By stand for, and whether there
	// is one. It is asked once for each.
	Subject func(values []string) (Subject, bool)
	// Group returns the group in which the runs of a check count as well, and whether there is one; nil
	// for none. It is asked once for each check, and the first of a group says what it is.
	Group func(check *prober.Check) (Subject, bool)
	// Known are the values whose checks there are before any series is.
	Known [][]string
	// Every is how often to read, and the width of the intervals; whole seconds.
	Every time.Duration
	// Settle is how late samples come at the most, to count in their own interval.
	Settle time.Duration
	// Replay is how much of the past to read at the beginning.
	Replay time.Duration
	// Patience is how long an answer that is not whole is asked for again, before what there is is
	// taken. What is missing is then a gap in its series, as if it had not been scraped.
	Patience time.Duration
	// Changed are told of each change of a state, but for those of a replay.
	Changed []func(prober.StateChange)
	// Log gets a line when the API begins to fail, and when it answers again.
	Log *zap.Logger
}

// An Aggregator reads, and judges what it has read. Its methods may be called by any
// goroutine, but for Run and Poll.
type Aggregator struct {
	o       Options
	chunk   time.Duration
	overlap time.Duration
	skewed  bool // the log has it

	mu      sync.Mutex
	pools   map[string]*pool // by the values; nil for those that are no check
	groups  map[string]*pool // by the name of their check
	order   []*pool          // those that are not nil, by the values, and then the groups by name
	names   map[string]bool  // of their checks
	through time.Time        // everything until then was read; zero at the beginning
	ready   bool             // the replay is done
	lacking time.Time        // since when answers are not whole; zero while they are
	alive   time.Time        // when there was progress last
	tally   tally
}

// New returns an Aggregator that has read nothing.
func New(o Options) *Aggregator {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	a := &Aggregator{o: o, tally: newTally()}
	a.begin(time.Now())
	return a
}

// begin forgets everything that was read.
func (a *Aggregator) begin(now time.Time) {
	a.chunk, a.overlap = a.longest(), lookBack
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pools, a.groups, a.names, a.order = map[string]*pool{}, map[string]*pool{}, map[string]bool{}, nil
	a.through, a.ready, a.alive = time.Time{}, false, now
	for _, values := range a.o.Known {
		a.poolOf(values, now.Add(-a.o.Replay))
	}
}

// longest is the time that is read at once where the API allows it. Intervals stay open until all queries are
// answered, so where there are many of them it is less.
func (a *Aggregator) longest() time.Duration {
	return max(leastChunk, mostChunk/time.Duration(max(1, len(a.o.Source.queries())/4)))
}

// Run reads until ctx is done. What fails is tried again, soon and then less often.
func (a *Aggregator) Run(ctx context.Context) {
	var wait time.Duration
	for {
		err := a.Poll(ctx, time.Now())
		if ctx.Err() != nil {
			return
		}
		next := a.o.Every - time.Duration(time.Now().UnixNano()%int64(a.o.Every)) // the end of an interval
		switch {
		case err != nil:
			if wait == 0 {
				a.o.Log.Error("reading fails", zap.Error(err))
			}
			wait = min(max(firstWait, 2*wait), mostWait)
			next = wait
		case wait > 0:
			a.o.Log.Info("reading again")
			wait = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(next):
		}
	}
}

// Alive returns an error where Run has come to a stop: it has neither asked nor waited for as long as
// either may take, and slack.
func (a *Aggregator) Alive(now time.Time, slack time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if stood := now.Sub(a.alive); stood > max(a.o.Every, mostWait)+queryTimeout+slack {
		return fmt.Errorf("nothing was asked for %v", stood.Round(time.Second))
	}
	return nil
}

// Poll reads what has come until now, since it was read last, and judges it. The first time
// it is a replay. Where it fails, what was read stays, and the next one goes on from there.
// After a clock was set back by more than a minute it begins anew.
func (a *Aggregator) Poll(ctx context.Context, now time.Time) error {
	now = now.Round(0) // what the API is asked for is the time of the day
	a.mu.Lock()
	from := a.through
	a.mu.Unlock()
	if from.After(now.Add(mostStep)) {
		a.o.Log.Error("the clock was set back: beginning anew", zap.Time("before", from), zap.Time("now", now))
		a.begin(now)
		from = time.Time{}
	}
	overlap := a.overlap + a.o.Settle
	if from.IsZero() {
		from, overlap = now.Add(-a.o.Replay), 0
	}
	partial := false
	for from.Before(now) {
		to := now
		if end := from.Add(a.chunk); end.Before(now) {
			to = end
		}
		lacks, err := a.read(ctx, from.Add(-overlap), to, now)
		if failed, ok := errors.AsType[*QueryError](err); ok && failed.Heavy && a.lighter() {
			overlap = min(overlap, a.overlap+a.o.Settle)
			continue
		}
		if err != nil {
			return err
		}
		from, partial, overlap = to, partial || lacks, a.late(to, now)
	}
	a.done(now, partial)
	return nil
}

// judged judges what was counted until then; it returns what changed, unless it is a replay.
func (a *Aggregator) judged(to time.Time, found seen) (changes []prober.StateChange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tally.seen = found
	changes = a.judge(to.Add(-a.o.Settle))
	a.through = to
	if !a.ready {
		return nil
	}
	return changes
}

// judge closes the intervals that end by then, and returns what changed. All of an interval is judged before
// the next one, flows before their groups: what one does to the other must not depend on how much is judged at once.
func (a *Aggregator) judge(by time.Time) (changes []prober.StateChange) {
	type due struct {
		pool  *pool
		batch detect.Batch
	}
	var all []due
	for _, p := range a.order {
		for _, b := range p.stream.Close(by) {
			all = append(all, due{p, b})
		}
	}
	slices.SortStableFunc(all, func(x, y due) int { return x.batch.To.Compare(y.batch.To) })
	for _, d := range all {
		changes = append(changes, d.pool.judge(d.batch)...)
	}
	for _, p := range a.order {
		p.forget(by)
	}
	return changes
}

// poolOf returns the pool of the values, which it makes if there is to be one.
func (a *Aggregator) poolOf(values []string, epoch time.Time) *pool {
	key := strings.Join(values, "\xff")
	if p, known := a.pools[key]; known {
		return p
	}
	if len(a.pools) >= mostChecks+len(a.o.Known) { // labels are not ours to trust
		return nil
	}
	subject, ok := a.o.Subject(values)
	if ok && a.names[subject.Check.Name] {
		a.o.Log.Error("two checks have one name: the second is not judged", zap.String("check", subject.Check.Name), zap.Strings("labels", values))
		ok = false
	}
	if !ok {
		a.pools[key] = nil
		return nil
	}
	p := newPool(subject, values, a.o.Every, epoch.Add(-a.o.Replay))
	a.pools[key], a.names[subject.Check.Name] = p, true
	p.group = a.groupOf(p, epoch)
	a.inOrder()
	if len(a.pools) == mostChecks+len(a.o.Known) {
		a.o.Log.Error("there are more checks than may be: others are not judged", zap.Int("checks", len(a.order)))
	}
	return p
}

// groupOf returns the pool of the group of a check, which it makes if it is the first; nil for none.
func (a *Aggregator) groupOf(p *pool, epoch time.Time) *pool {
	if a.o.Group == nil {
		return nil
	}
	subject, ok := a.o.Group(p.subject.Check)
	if !ok {
		return nil
	}
	g := a.groups[subject.Check.Name]
	if g == nil {
		g = newPool(subject, nil, a.o.Every, epoch.Add(-a.o.Replay))
		a.groups[subject.Check.Name] = g
	}
	g.members = append(g.members, p)
	return g
}

// inOrder puts the pools in their order.
func (a *Aggregator) inOrder() {
	a.order = a.order[:0]
	for _, all := range []map[string]*pool{a.pools, a.groups} {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if p := all[key]; p != nil {
				a.order = append(a.order, p)
			}
		}
	}
}

// done says that all there is was read, but for what is partial.
func (a *Aggregator) done(now time.Time, partial bool) {
	a.chunk = a.longest()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tally.last = now
	if partial != a.tally.partial {
		a.o.Log.Warn("what is read", zap.Bool("whole", !partial))
	}
	if a.tally.partial = partial; !partial {
		a.lacking = time.Time{}
	}
	if a.ready {
		return
	}
	a.ready = true
	var firing []string
	var samples uint64
	for _, p := range a.order {
		if p.subject.Flows == nil { // a group has those of its flows
			samples += p.stream.samples
		}
		if s := p.pooled.Status(now); s.Evidence >= 1 {
			firing = append(firing, s.Check.Name)
		}
		p.warn(a.o.Log, a.o.Every)
	}
	a.o.Log.Info("replayed", zap.Duration("past", a.o.Replay), zap.Int("checks", len(a.order)),
		zap.Uint64("samples", samples), zap.Strings("firing", firing))
	if len(a.order) == 0 {
		a.o.Log.Warn("there is no check: no series was read", zap.String("runs", a.o.Source.queries()[0].Runs))
	}
}
