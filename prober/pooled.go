package prober

import (
	"sync"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// PooledPrefix begins the name of a check that stands for the runs of all instances, or
// for the logins of customers, and no name of any other.
const PooledPrefix = "all:"

// A Pooled holds one check to be healthy, suspect or firing, as a [Judge] does, by batches
// of runs that were counted elsewhere. Of what such a run was it knows nothing: nobody is
// blamed, and nothing is confirmed. It may be asked by any goroutine.
type Pooled struct {
	check *Check
	epoch time.Time

	mu       sync.Mutex
	detector *detect.Detector
	windows  []window
	counts   Counts
	lastPass time.Time
	explaining
}

// NewPooled returns one that has seen nothing. Its Status has the check, which needs a
// name, an objective, a group and labels only. What ended before epoch is in no ratio.
func NewPooled(c *Check, params detect.Params, epoch time.Time) *Pooled {
	p := &Pooled{check: c, epoch: epoch, detector: detect.New(params)}
	for _, length := range Windows {
		p.windows = append(p.windows, newWindow(length))
	}
	return p
}

// ObserveBatch takes account of runs. It returns the change of the state that
// they made, and whether there was one.
func (p *Pooled) ObserveBatch(b detect.Batch) (StateChange, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Passed += uint64(b.Passed)
	p.counts.Failed += uint64(b.Failed)
	if b.Passed > 0 {
		p.lastPass = b.To
	}
	for i := range p.windows {
		p.windows[i].addAll(b.To.Sub(p.epoch), tally{failed: uint32(b.Failed), runs: uint32(b.Runs())})
	}
	j := p.detector.ObserveBatch(b)
	p.explaining.observe(p.countedFailures(b, j), j.After == detect.Firing)
	if !j.Changed() {
		return StateChange{}, false
	}
	return StateChange{Check: p.check, From: j.Before, To: j.After, At: b.To, Cause: CauseRate, Status: p.status(b.To)}, true
}

// countedFailures are those of a batch that are news: what is less than a blip apart counts once.
func (p *Pooled) countedFailures(b detect.Batch, j detect.Judgement) int {
	switch {
	case !j.Counted:
		return 0
	case p.check.Objective.Blip > 0:
		return min(b.Failed, 1)
	}
	return b.Failed
}

// Explain is told when the page of the check's group is over, whose trouble began then: what the check
// has begun to fire for since, and still does, has been told, see [CheckStatus.Explained].
func (p *Pooled) Explain(trouble time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detector.State() == detect.Firing && !p.detector.Since().Before(trouble) {
		p.explaining = explaining{explained: true}
	}
}

// Rescale is [detect.Detector.Rescale].
func (p *Pooled) Rescale(params detect.Params) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.detector.Rescale(params)
}

// Params are what the check is judged by.
func (p *Pooled) Params() detect.Params {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.detector.Params()
}

// Status returns how the check stands at now.
func (p *Pooled) Status(now time.Time) CheckStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status(now)
}

func (p *Pooled) status(now time.Time) CheckStatus {
	d := p.detector
	s := CheckStatus{
		Check: p.check, State: d.State(), Since: d.Since(), Evidence: d.Evidence(), Recovery: d.Recovery(),
		ChangePoint: d.ChangePoint(), Pace: PaceChange{To: PaceScheduled}, Counts: p.counts, LastPass: p.lastPass,
		Explained: p.explained,
	}
	for _, length := range RatioWindows {
		for i, l := range Windows {
			if l == length {
				failed, runs := p.windows[i].sum(now.Sub(p.epoch))
				s.Ratios = append(s.Ratios, newRatio(length, failed, runs))
			}
		}
	}
	return s
}
