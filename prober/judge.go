package prober

import (
	"sync"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Judge is the [Observer] that holds each check to be healthy, suspect or
// firing, by its objective, and that keeps its failure ratios. Only passed and
// failed runs count for either. It may be asked by any goroutine.
type Judge struct {
	changed []func(StateChange)
	checks  []*judged // in the order in which they were given
	byCheck map[*Check]*judged
}

// A judged is what the judge knows of one check, 3 KB or so however often it
// has run.
type judged struct {
	check *Check
	epoch time.Time // where the windows begin

	mu       sync.Mutex
	detector *detect.Detector
	windows  []window // one for each of Windows
	status   CheckStatus
}

// NewJudge returns a judge of checks that have never run. When the state of a
// check changes, each of the functions is called in turn, on the goroutine that
// observed the run, and must be as quick as an observer.
func NewJudge(checks []*Check, changed ...func(StateChange)) (*Judge, error) {
	if err := Validate(checks); err != nil {
		return nil, err
	}
	j := &Judge{changed: changed, byCheck: map[*Check]*judged{}}
	epoch := time.Now()
	for _, c := range checks {
		g := newJudged(c, epoch)
		j.checks = append(j.checks, g)
		j.byCheck[c] = g
	}
	return j, nil
}

func newJudged(c *Check, epoch time.Time) *judged {
	g := &judged{
		check:    c,
		epoch:    epoch,
		detector: detect.New(c.Objective.Params(c.Schedule.Every)),
		status:   CheckStatus{Check: c},
	}
	for _, length := range Windows {
		g.windows = append(g.windows, newWindow(length))
	}
	return g
}

// ObserveRun implements [Observer]. Runs of other checks are ignored.
func (j *Judge) ObserveRun(r *Run) {
	g := j.byCheck[r.Check]
	if g == nil {
		return
	}
	if change, changed := g.observe(r); changed {
		for _, f := range j.changed {
			f(change)
		}
	}
}

// ObserveMissed implements [Observer].
func (j *Judge) ObserveMissed(m Missed) {
	if g := j.byCheck[m.Check]; g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.status.Counts.Missed += uint64(m.N)
	}
}

// Status returns how a check stands at now. A check that the judge was not made
// with stands as one that has never run.
func (j *Judge) Status(c *Check, now time.Time) CheckStatus {
	g := j.byCheck[c]
	if g == nil {
		g = newJudged(c, now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.at(now)
}

// All returns how all the checks stand at now, in the order in which they were
// given.
func (j *Judge) All(now time.Time) []CheckStatus {
	all := make([]CheckStatus, 0, len(j.checks))
	for _, g := range j.checks {
		all = append(all, j.Status(g.check, now))
	}
	return all
}

func (g *judged) observe(r *Run) (StateChange, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status.Counts.add(r.Outcome)
	g.status.LastRun = r
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
	judgement := g.detector.Observe(end, failed)
	if !judgement.Changed() {
		return StateChange{}, false
	}
	return StateChange{Check: g.check, From: judgement.Before, To: judgement.After, At: end, Status: g.at(end)}, true
}

// at fills in what depends on now or lives in the detector. It holds g.mu.
func (g *judged) at(now time.Time) CheckStatus {
	s, d := g.status, g.detector
	s.State, s.Since = d.State(), d.Since()
	s.Evidence, s.Recovery = d.Evidence(), d.Recovery()
	s.ChangePoint, s.Bursts = d.ChangePoint(), d.Bursts()
	for _, length := range RatioWindows {
		failed, runs := g.sum(length, now)
		s.Ratios = append(s.Ratios, newRatio(length, failed, runs))
	}
	for _, t := range g.check.Thresholds {
		s.Thresholds = append(s.Thresholds, t.status(g.sum(t.Window, now)))
	}
	return s
}

func (g *judged) sum(length time.Duration, now time.Time) (failed, runs int) {
	for i, l := range Windows {
		if l == length {
			return g.windows[i].sum(now.Sub(g.epoch))
		}
	}
	return 0, 0
}
