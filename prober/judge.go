package prober

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Judge is the [Observer] that holds each check to be healthy, suspect or
// firing, by its objective, and that keeps its failure ratios. Only passed and
// failed runs count for either. It is the [Confirmer] of the checks that confirm,
// and judges each [Check.Group] too, by the runs of all its checks. It may be
// asked by any goroutine.
type Judge struct {
	changed []func(StateChange)
	drilled []func(DrillChange)

	mu     sync.RWMutex
	checks []*judged // in the order in which they were given, and then the groups
	byName map[string]*judged
}

// A judged is what the judge knows of one check, or of a group. It is 4 KB or so
// however often it has run; and up to half a megabyte while something speaks for a
// change, to know whom to blame.
type judged struct {
	kind   kind
	params detect.Params
	group  bool
	epoch  time.Time // where the windows begin

	mu       sync.Mutex
	check    *Check
	detector *detect.Detector
	budget   detect.Budget // of confirming runs
	seen     time.Time     // the end of the last run
	counted  bool          // the last run has moved the evidence
	blipEnd  time.Time     // of the last counted failure
	windows  []window      // one for each of Windows
	status   CheckStatus
	open     openings  // what was let in that must be refused, while that stands; none of a group
	since    time.Time // of the last change of the state; zero before
	trouble  time.Time // of a group: since when it was in trouble, by its account when it last began to fire
	drill    Drill
	drilling atomic.Bool // somebody has been told of drill, and not of its end
	blaming
	explaining
}

// NewJudge returns a judge of checks that have never run. When the state of a
// check changes, each of the functions is called in turn, on the goroutine that
// observed the run, and must be as quick as an observer.
//
// For each kind of check that confirms, told by its schedule and its objective, it
// takes some 30 ms.
func NewJudge(checks []*Check, changed ...func(StateChange)) (*Judge, error) {
	if err := Validate(checks); err != nil {
		return nil, err
	}
	j := &Judge{changed: changed}
	j.ReplaceChecks(checks)
	return j, nil
}

// ReplaceChecks implements [Replacer]. A check goes on where that of its name was, with
// its evidence, its state, its ratios and its counts, if its objective is the same and
// so are the schedule's every, confirm and its budget, for evidence is of runs at that
// pace. Where they are not it begins without evidence or counts, but its ratios go on,
// which have nothing to do with that, and so does a page, until runs have shown that it
// may end. So it is with groups, and the members' paces.
func (j *Judge) ReplaceChecks(checks []*Check) {
	epoch, known := time.Now(), paramsCache{}
	var all []*judged
	for _, g := range j.all() {
		known[g.kind] = g.params
	}
	for _, c := range checks {
		all = append(all, j.goOn(c, known.of(c), epoch, false))
	}
	for _, group := range Groups(checks) {
		all = append(all, j.goOn(group.Check, group.Params(), epoch, true))
	}
	byName := map[string]*judged{}
	for _, g := range all {
		byName[g.check.Name] = g
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.checks, j.byName = all, byName
}

// goOn returns what judges the check: what has judged it so far, if it can.
func (j *Judge) goOn(c *Check, params detect.Params, epoch time.Time, group bool) *judged {
	g := j.of(c)
	if g == nil || g.kind != kindOf(c) || g.params != params {
		before := g
		g = newJudged(c, params, epoch)
		g.group = group
		if before != nil {
			before.mu.Lock()
			defer before.mu.Unlock()
			g.goOnFrom(before)
			g.goOnOpen(before)
			g.retire()
			g.drill = before.drill
			g.drilling.Store(before.drilling.Load())
		}
		return g
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.check, g.status.Check = c, c
	g.open = g.open.of(c)
	g.retire()
	return g
}

// goOnFrom takes up what does not depend on the objective and the pace. It holds before.mu.
func (g *judged) goOnFrom(before *judged) {
	g.epoch, g.windows = before.epoch, slices.Clone(before.windows)
	g.seen, g.status.LastPass, g.status.LastRun, g.status.LastFailed = before.seen, before.status.LastPass, before.status.LastRun, before.status.LastFailed
	if g.detector.Succeed(before.detector); g.detector.State() == detect.Firing {
		g.since, g.trouble, g.blipEnd, g.explaining = before.since, before.trouble, before.blipEnd, before.explaining
	}
}

// Afresh returns the names of the checks, and groups, whose evidence a Judge forgets
// where the first configuration is replaced by the second, in the order of the second.
func Afresh(before, after []*Check) (names []string) {
	kinds, groups := map[string]kind{}, map[string]detect.Params{}
	for _, c := range before {
		kinds[c.Name] = kindOf(c)
	}
	for _, g := range Groups(before) {
		groups[g.Check.Name] = g.Params()
	}
	for _, c := range after {
		if k, there := kinds[c.Name]; there && k != kindOf(c) {
			names = append(names, c.Name)
		}
	}
	for _, g := range Groups(after) {
		if p, there := groups[g.Check.Name]; there && p != g.Params() {
			names = append(names, g.Check.Name)
		}
	}
	return names
}

// of returns what judges the check of that name; nil if nothing does.
func (j *Judge) of(c *Check) *judged { return j.named(c.Name) }

func (j *Judge) named(name string) *judged {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.byName[name]
}

// groupOf returns what judges the group of the check; nil if it is in none.
func (j *Judge) groupOf(c *Check) *judged {
	if c.Group == "" {
		return nil
	}
	return j.named(groupPrefix + c.Group)
}

// all returns what judges the checks, in order, and then the groups.
func (j *Judge) all() []*judged {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.checks // never written to
}

// A paramsCache keeps the parameters of each kind of check.
type paramsCache map[kind]detect.Params

// A kind is what parameters depend on.
type kind struct {
	objective detect.Objective
	every     time.Duration
	confirm   detect.Confirm
}

func kindOf(c *Check) kind {
	return kind{c.Objective, c.Schedule.Every, c.Schedule.Confirming()}
}

func (p paramsCache) of(c *Check) detect.Params {
	k := kindOf(c)
	params, known := p[k]
	if !known {
		params = k.objective.ParamsConfirming(k.every, k.confirm)
		p[k] = params
	}
	return params
}

func newJudged(c *Check, params detect.Params, epoch time.Time) *judged {
	g := &judged{check: c, kind: kindOf(c), params: params, epoch: epoch, detector: detect.New(params), status: CheckStatus{Check: c}}
	if c.Schedule.Confirm > 0 {
		g.budget.Limit = c.Schedule.Confirming().Limit(c.Schedule.Every)
	}
	for _, length := range Windows {
		g.windows = append(g.windows, newWindow(length))
	}
	return g
}

// ObserveRun implements [Observer]. Runs of other checks are ignored.
func (j *Judge) ObserveRun(r *Run) {
	if g := j.of(r.Check); g != nil {
		j.observe(g, r)
		if group := j.groupOf(r.Check); group != nil {
			j.observe(group, r)
		}
	}
}

func (j *Judge) observe(g *judged, r *Run) {
	if g.drilling.Load() {
		j.endDrill(g, time.Now())
	}
	if change, changed := g.observe(r); changed {
		if g.group && change.From == detect.Firing && change.To != detect.Firing {
			j.explainMembers(g)
		}
		for _, f := range j.changed {
			f(change)
		}
	}
}

// ObserveMissed implements [Observer].
func (j *Judge) ObserveMissed(m Missed) {
	if m.Confirm {
		return
	}
	for _, g := range []*judged{j.of(m.Check), j.groupOf(m.Check)} {
		if g != nil {
			g.mu.Lock()
			g.status.Counts.Missed += uint64(m.N)
			g.mu.Unlock()
			j.endDrill(g, m.At)
		}
	}
}

// ObservePace implements [PaceObserver].
func (j *Judge) ObservePace(p PaceChange) {
	if g := j.of(p.Check); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.status.Pace = p
	}
}

// Firing implements [Pager].
func (j *Judge) Firing(c *Check) bool {
	g := j.of(c)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state() == detect.Firing
}

// ConfirmAt implements [Confirmer].
func (j *Judge) ConfirmAt(c *Check, earliest time.Time) (time.Time, bool) {
	g := j.of(c)
	if g == nil {
		return time.Time{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := earliest
	if at.Before(g.blipEnd) {
		at = g.blipEnd
	}
	return at, g.detector.WantsConfirm(at, &g.budget)
}

// Groups returns the [Group.Check] of each group, to be asked for by [Judge.Status].
func (j *Judge) Groups() []*Check {
	var groups []*Check
	for _, g := range j.all() {
		if g.group {
			groups = append(groups, g.is())
		}
	}
	return groups
}

// Status returns how a check, or a group, stands at now. One that the judge was not
// made with stands as one that has never run.
func (j *Judge) Status(c *Check, now time.Time) CheckStatus {
	g := j.of(c)
	if g == nil {
		g = newJudged(c, c.Objective.Params(c.Schedule.Every), now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.at(now)
}

// All returns how all the checks stand at now, in the order in which they were
// given, and then the groups by name.
func (j *Judge) All(now time.Time) []CheckStatus {
	checks := j.all()
	all := make([]CheckStatus, 0, len(checks))
	for _, g := range checks {
		g.mu.Lock()
		all = append(all, g.at(now))
		g.mu.Unlock()
	}
	return all
}

// is is the check as it is now.
func (g *judged) is() *Check {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.check
}

func (g *judged) observe(r *Run) (StateChange, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status.Counts.add(r.Outcome)
	g.status.LastRun = r
	g.seen, g.counted = r.End(), false
	if r.Confirm {
		g.status.Confirmed++
		g.budget.Take(r.Start)
	}
	if !r.Outcome.Counted() {
		return StateChange{}, false
	}
	end, failed := r.End(), r.Outcome == Failed
	if failed {
		g.status.LastFailed = r
	} else {
		g.status.LastPass = end
	}
	for i := range g.windows {
		g.windows[i].add(end.Sub(g.epoch), failed)
	}
	before, opened, stood := g.state(), "", len(g.open) > 0
	if !g.group { // a group is judged by rates alone
		opened = g.open.observe(r)
	}
	judgement := g.detector.Observe(end, failed)
	if g.counted = judgement.Counted; g.counted {
		n := 0
		if failed {
			n = 1
			g.blipEnd = end.Add(g.check.Objective.Blip)
		}
		g.keep(r, g.group, g.detector.ChangePoint())
		g.explaining.observe(n, judgement.After == detect.Firing)
	}
	change := StateChange{Check: g.check, From: before, To: g.state(), At: end, Step: opened}
	paged := judgement.Changed() && judgement.After == detect.Firing // as it may be for what was let in already
	if change.From == change.To && opened == "" && !paged {
		return StateChange{}, false
	}
	if change.Cause = CauseRate; opened != "" || stood && change.From != change.To {
		change.Cause = CauseFailOpen
	}
	if change.From != change.To {
		g.since = end
		if g.group && change.To == detect.Firing {
			g.trouble = g.detector.ChangePoint()
		}
	}
	g.forget() // what was found before: who is woken sees what is known by now
	change.Status = g.at(end)
	return change, true
}

// state is that of the detector, or Firing while something stands that was let in. It
// holds g.mu.
func (g *judged) state() detect.State { return g.open.stateWith(g.detector.State()) }

// at fills in what depends on now or lives in the detector. It holds g.mu.
func (g *judged) at(now time.Time) CheckStatus {
	s, d := g.status, g.detector
	if s.Pace.To == "" {
		s.Pace.To = PaceScheduled
	}
	if s.State, s.Since = g.state(), g.since; s.Since.IsZero() {
		s.Since = d.Since()
	}
	s.FailOpens = slices.Clone(g.open)
	if g.drill.On(now) {
		s.Drill = g.drill
	}
	s.Evidence, s.Recovery = d.Evidence(), d.Recovery()
	s.ChangePoint, s.Bursts = d.ChangePoint(), d.Bursts()
	s.ConfirmLeft = g.budget.Left(now)
	s.Explained = g.explained
	if s.State != detect.Healthy {
		s.Blame = g.find(s.ChangePoint, now)
	}
	for _, length := range RatioWindows {
		failed, runs := g.sum(length, now)
		s.Ratios = append(s.Ratios, newRatio(length, failed, runs))
	}
	for _, t := range g.check.Thresholds {
		if s.Pace.To == PaceGoverned { // there are few runs on purpose, and that is no news of the target
			t.MinRuns = 1
		}
		s.Thresholds = append(s.Thresholds, t.status(g.sum(t.Window, now)))
	}
	return s
}

func (g *judged) sum(length time.Duration, now time.Time) (failed, runs int) {
	if i := slices.Index(Windows, length); i >= 0 {
		return g.windows[i].sum(now.Sub(g.epoch))
	}
	return 0, 0
}
