package detect

import (
	"math"
	"time"
)

// A Batch is the runs of an interval of which only the numbers are known: from
// counters that somebody has read at its two ends. Their order is not known.
type Batch struct {
	// From and To are times between which all of its runs ended.
	From, To time.Time
	// Passed and Failed are how many did; zero or more.
	Passed, Failed int
}

// Runs is how many runs it has.
func (b Batch) Runs() int { return b.Passed + b.Failed }

// ObserveBatch takes account of a batch. Batches are best told in the order of their
// times. One of a single run is that run, see [Detector.Observe]. One without any changes
// nothing. Batches say nothing of [Bursts].
//
// # What becomes of the order
//
// The statistic of runs depends on their order, R <- (1 + R) L, and that is not known. So
// what a batch of n runs says is taken at once:
//
//	R <- (n + R) L, L being how much likelier the batch is at the rate p than at p0
//
// as if a change within the batch had been one at its beginning. It invents no order, and
// the promise stands as it is: at p0 the mean of L is 1 whatever n is, so that the mean of
// R grows by n with n runs, and R - (runs so far) is a martingale of batches. At lower
// rates it is a supermartingale. Optional stopping gives A runs from one false page to the
// next at least. All it takes is that n does not depend on outcomes. Of a change before the batch it says what
// the runs say one by one, in whatever order. Of one within it, to a rate p, no more than
// n (p/p0)^failed of R depends on the order, and by so much the two may differ.
//
// # Blips
//
// Without a blip L is (p/p0)^failed ((1-p)/(1-p0))^passed. With one, how many runs of the
// batch failed is not looked at, only whether one did, since together they may be one burst:
//
//	L = ((1-p) / (1-p0))^n                  if all passed
//	L = (1 - (1-p)^n) / (1 - (1-p0)^n)      if not
//
// the mean of which is 1 as well, where runs fail independently and where failures come in
// bursts that begin with probability p0. After a batch in which one failed,
// no batch counts that may hold runs of less than a blip after its end, so that a burst no
// longer than the blip counts once, wherever the ends of the intervals cut it. The price is
// an interval or two a failure. It is small while n p0 is; where most batches of a healthy
// stream have a failure it is all there was to know, and the blip should be zero, or the
// interval shorter: see [Objective.Crowded].
func (d *Detector) ObserveBatch(b Batch) Judgement {
	j := Judgement{Before: d.state, After: d.state, Counted: b.Runs() > 0 && !d.skipsBatch(b)}
	if !j.Counted {
		return j
	}
	d.countBatch(b)
	j.After = d.next()
	if j.Changed() {
		d.enter(j.After, b.To)
	}
	return j
}

// skipsBatch reports whether a run of the batch may be part of the last blip.
func (d *Detector) skipsBatch(b Batch) bool {
	if d.failedAt.IsZero() || d.params.Blip == 0 {
		return false
	}
	return b.From.Before(d.failedAt.Add(d.params.Blip)) && b.To.After(d.failedAt.Add(-d.params.Blip))
}

func (d *Detector) countBatch(b Batch) {
	p, once := d.params, d.params.Blip > 0
	if d.state == Firing {
		d.clear.r = (float64(b.Runs()) + d.clear.r) * b.ratio(p.Tolerate, p.Detect, once)
	} else {
		d.page.batch(b, rates(p.Tolerate, p.Detect), p.Tolerate, once)
	}
	if b.Failed > 0 {
		d.failedAt = b.To
	}
}

// batch is failed and passed, for the runs of a batch.
func (m *mixture) batch(b Batch, grid [points]float64, tolerate float64, once bool) {
	m.total = 0
	for j, p := range grid {
		ratio := b.ratio(p, tolerate, once)
		m.r[j] = (weight*float64(b.Runs()) + m.r[j]) * ratio
		m.total += m.r[j]
		if m.peak[j] == 1 && b.Failed > 0 {
			m.since[j] = b.From
		}
		m.peak[j] = min(max(1, m.peak[j]*ratio), math.Exp(mostLog))
	}
}

// mostLog keeps every number finite. Nothing below it is less than certain.
const mostLog = 300

// ratio is how much likelier the batch is at the failure rate p than at q. With once,
// all that is known is whether a run failed.
func (b Batch) ratio(p, q float64, once bool) float64 {
	pass := math.Log1p(-p) - math.Log1p(-q)
	log := float64(b.Failed)*math.Log(p/q) + float64(b.Passed)*pass
	if once && b.Failed > 0 {
		log = math.Log(someFail(p, b.Runs()) / someFail(q, b.Runs()))
	}
	return math.Exp(min(log, mostLog))
}

// someFail is the probability that one or more of n runs fail, at a failure rate p.
func someFail(p float64, n int) float64 { return -math.Expm1(float64(n) * math.Log1p(-p)) }

// ParamsBatched is [Objective.Params] for runs that are told in batches, of an interval
// each. What a single batch with a failure may amount to is raised to, where
// there is a blip, so that a burst cannot page by itself.
func (o Objective) ParamsBatched(every, interval time.Duration) Params {
	p := o.Params(every)
	if o.Blip == 0 {
		return p
	}
	b := Batch{Passed: max(0, int(math.Ceil(float64(interval)/float64(every)))-1), Failed: 1}
	n := float64(b.Runs())
	var once float64
	for _, rate := range rates(o.Tolerate, o.Detect) {
		passed := Batch{Passed: b.Runs()}.ratio(rate, o.Tolerate, true)
		atRest := n * passed / (1 - passed)
		once += weight * (n + atRest) * b.ratio(rate, o.Tolerate, true)
	}
	p.RunsToFalsePage = max(p.RunsToFalsePage, once/mostOfABurst)
	return p
}

// Crowded reports whether, at the tolerated rate, more than one batch of four would have a
// failed run: there a blip hides most of what there is to know.
func (o Objective) Crowded(runsABatch float64) bool {
	return o.Blip > 0 && runsABatch*o.Tolerate > math.Log(4./3)
}

// Rescale exchanges the numbers of runs to a false page and to a false end of one, as
// when a stream has more runs a day than before. The statistics go on: the promise is
// that of the smallest number used. It reports false, and changes nothing, while
// firing, for evidence rests then, and where the objective is not the same.
func (d *Detector) Rescale(p Params) bool {
	same := d.params
	same.RunsToFalsePage, same.RunsToFalseClear = p.RunsToFalsePage, p.RunsToFalseClear
	if d.state == Firing || p != same {
		return false
	}
	d.params = p
	return true
}
