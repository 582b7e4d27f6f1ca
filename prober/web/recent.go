package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
)

const (
	stripLength = 120 // runs of a check that are shown at a glance
	keptWhole   = 256 // runs of all checks that are kept with their steps
)

// A Recent is the [prober.Observer] that keeps what pages show at a glance: a trace of
// the last 120 runs of each check and group, and the last 256 runs of all of them
// as they are, until a history has them. It takes some 16 KB a check. It may be
// asked by any goroutine.
type Recent struct {
	mu       sync.Mutex
	begin    time.Time
	checks   map[string]*trail
	whole    [keptWhole]whole // a ring
	next     int
	lag      lag
	id       func(*prober.Run) int64
	past     *history.Store // nil for none
	replaced int            // how often the checks were
}

// A trail is what is left of the last runs of a check.
type trail struct {
	check   *prober.Check
	runs    []trace // a ring once it is full
	next    int
	due     time.Time // the last due time of the schedule that is settled; zero before the first
	failed  trace     // the last run that failed
	touched time.Time // when anything last changed
}

// A whole is a run as it was.
type whole struct {
	id  int64
	run *prober.Run
}

// A trace is what is left of a run.
type trace struct {
	id      int64
	check   string
	end     time.Time
	outcome prober.Outcome
	step    string
	reason  prober.Reason
}

// A lag is how late runs have begun: our own fault.
type lag struct {
	last   time.Duration
	recent [keptWhole]time.Duration
	n      int
}

// NewRecent returns one that has seen no run of the checks. Id gives the run that is
// being observed the number that it has in the history; nil numbers runs by the
// microsecond at which they ended, as a history does.
func NewRecent(checks []*prober.Check, id func(*prober.Run) int64) *Recent {
	if id == nil {
		id = numberByEnd()
	}
	r := &Recent{begin: time.Now(), checks: map[string]*trail{}, id: id}
	for _, c := range checks {
		r.checks[c.Name] = &trail{check: c}
	}
	for _, g := range prober.Groups(checks) {
		r.checks[g.Check.Name] = &trail{check: g.Check}
	}
	return r
}

// ReplaceChecks implements [prober.Replacer].
func (r *Recent) ReplaceChecks(checks []*prober.Check) {
	fresh := NewRecent(checks, r.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replaced++
	for i := range r.whole {
		r.whole[i].run = r.whole[i].run.Retired()
	}
	for name, t := range fresh.checks {
		if old := r.checks[name]; old != nil {
			old.check, fresh.checks[name] = t.check, old
		} else if r.past != nil {
			ctx, cancel := context.WithTimeout(context.Background(), mostRestoring)
			_ = t.restore(ctx, r.past) // it begins without a past, as one that is new
			cancel()
		}
		fresh.checks[name].touched = time.Now()
	}
	r.checks = fresh.checks
}

// generation tells the checks that there are now from those before a reload, and this
// process from others.
func (r *Recent) generation() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d-%d", r.begin.UnixMilli(), r.replaced)
}

func numberByEnd() func(*prober.Run) int64 {
	last := int64(0)
	return func(r *prober.Run) int64 {
		last = max(last+1, r.End().UnixMicro())
		return last
	}
}

// ObserveRun implements [prober.Observer].
func (r *Recent) ObserveRun(run *prober.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.id(run)
	r.whole[r.next] = whole{id, run}
	r.next = (r.next + 1) % keptWhole
	r.lag.add(run.Start.Sub(run.Due))
	t := trace{id: id, check: run.Check.Name, end: run.End(), outcome: run.Outcome}
	if step := run.FailedStep(); step != nil {
		t.step, t.reason = step.Name, step.Reason
	}
	if own := r.checks[run.Check.Name]; own != nil {
		own.add(t)
		if !run.Confirm && run.Due.After(own.due) {
			own.due = run.Due
		}
	}
	if g := r.group(run.Check); g != nil {
		g.add(t)
	}
}

// ObserveMissed implements [prober.Observer].
func (r *Recent) ObserveMissed(m prober.Missed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if own := r.checks[m.Check.Name]; own != nil {
		own.touched = now
	}
	if g := r.group(m.Check); g != nil {
		g.touched = now
	}
}

// ObservePace implements [prober.PaceObserver].
func (r *Recent) ObservePace(p prober.PaceChange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own := r.checks[p.Check.Name]; own != nil {
		own.touched = time.Now()
	}
}

// group returns the trail of the group that a check is in; nil if it is in none.
func (r *Recent) group(c *prober.Check) *trail {
	if c.Group == "" {
		return nil
	}
	return r.checks["group:"+c.Group]
}

func (t *trail) add(one trace) {
	t.touched = time.Now()
	if one.outcome == prober.Failed {
		t.failed = one
	}
	if len(t.runs) < stripLength {
		t.runs = append(t.runs, one)
		return
	}
	t.runs[t.next] = one
	t.next = (t.next + 1) % stripLength
}

func (l *lag) add(d time.Duration) {
	l.last = d
	l.recent[l.n%keptWhole] = d
	l.n++
}

// Lag returns how late the last run began, and the worst of the last 256.
func (r *Recent) Lag() (last, worst time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.lag.recent[:min(r.lag.n, keptWhole)] {
		worst = max(worst, d)
	}
	return r.lag.last, worst
}

// strip returns the last runs of a check, the oldest first.
func (r *Recent) strip(check string) []trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.checks[check]
	if t == nil {
		return nil
	}
	return append(append(make([]trace, 0, len(t.runs)), t.runs[t.next:]...), t.runs[:t.next]...)
}

// run returns a run that is still here as it was, by its id or, unless that is "", its
// trace id; nil if it is not.
func (r *Recent) run(id int64, trace string) (int64, *prober.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.whole {
		if w.run != nil && (w.id == id || trace != "" && w.run.TraceID == trace) {
			return w.id, w.run
		}
	}
	return 0, nil
}

// lastIDs returns the numbers of the last run of a check and of its last failed one, if
// they ended then; zero for what is not known.
func (r *Recent) lastIDs(s *prober.CheckStatus) (last, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.checks[s.Check.Name]
	if t == nil || len(t.runs) == 0 {
		return 0, 0
	}
	newest := t.runs[(t.next-1+len(t.runs))%len(t.runs)]
	if s.LastRun != nil && newest.end.Equal(s.LastRun.End()) {
		last = newest.id
	}
	if s.LastFailed != nil && t.failed.end.Equal(s.LastFailed.End()) {
		failed = t.failed.id
	}
	return last, failed
}

// last returns the last runs of all checks that are still here as they were, the
// latest first.
func (r *Recent) last() (all []whole) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range keptWhole {
		if w := r.whole[(r.next-1-i+2*keptWhole)%keptWhole]; w.run != nil {
			all = append(all, w)
		}
	}
	return all
}

// nextDue returns when a check is due next, by its schedule; zero for a group.
func (r *Recent) nextDue(check string, now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.checks[check]
	if t == nil || t.check.Begin == nil {
		return time.Time{}
	}
	next := t.due.Add(t.check.Schedule.Every)
	if t.due.IsZero() {
		next = r.begin.Add(t.check.Schedule.Offset(check))
	}
	if late := now.Sub(next); late > 0 { // runs that are under way, or were missed
		every := t.check.Schedule.Every
		next = next.Add((late + every - 1) / every * every)
	}
	return next
}

// touchedSince names the checks of which something has changed at or after the moment.
func (r *Recent) touchedSince(since time.Time) (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, t := range r.checks {
		if !t.touched.Before(since) && !t.touched.IsZero() {
			names = append(names, name)
		}
	}
	return names
}
