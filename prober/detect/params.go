package detect

import (
	"math"
	"time"
)

// Params are an objective in terms of runs: what a [Detector] works with. They
// come from [Objective.Params] and are comparable by ==.
type Params struct {
	Tolerate float64 `json:"tolerate"` // p0, see Objective
	Detect   float64 `json:"detect"`   // p1, see Objective
	// RunsToFalsePage is A: the statistic at which the check is paged for, which
	// is also the least mean number of counted runs from one page of a healthy
	// check to the next.
	RunsToFalsePage float64 `json:"runs_to_false_page"`
	// RunsToFalseClear is the statistic at which the check is healthy again,
	// which is also the least mean number of counted runs until a check that
	// still fails at the rate Detect or more is declared healthy.
	RunsToFalseClear float64       `json:"runs_to_false_clear"`
	Blip             time.Duration `json:"blip"` // see Objective
	// Opening is the statistic from which a check that is not firing confirms;
	// zero for one that does not, see Objective.ParamsConfirming.
	Opening float64 `json:"opening,omitempty"`
}

// Levels of evidence.
const (
	suspectFrom  = 0.1  // evidence from which a healthy check is suspect
	suspectUntil = 0.05 // evidence below which a suspect check is healthy
	mostAtRest   = 0.04 // evidence that passed runs alone may amount to
	mostOfABurst = 0.8  // evidence that one counted failure may amount to
)

// leastRunsADay is the least RunsToFalseClear: a check that runs less often than
// every hour recovers as if it ran every hour.
const leastRunsADay = 24

// Params puts the objective in terms of the runs of a check that runs at every.
// The objective must be valid; Params panics unless every is above zero.
//
// RunsToFalsePage is FalsePageEvery/every, and never below 1. A period of so few
// runs that passed runs alone, or a single blip, would be reason enough for a
// page asks for more false pages than there is anything to say in; there the
// threshold is raised as far as the package comment says, and false pages
// are rarer than agreed.
func (o Objective) Params(every time.Duration) Params {
	if every <= 0 {
		panic("detect: the time between runs must be above zero")
	}
	runs := func(in time.Duration) float64 { return float64(in) / float64(every) }
	return Params{
		Tolerate:         o.Tolerate,
		Detect:           o.Detect,
		RunsToFalsePage:  max(1, runs(o.FalsePageEvery), o.leastThreshold()),
		RunsToFalseClear: max(leastRunsADay, runs(24*time.Hour)),
		Blip:             o.Blip,
	}
}

// leastThreshold returns the smallest threshold that keeps the three floors of
// the package comment.
func (o Objective) leastThreshold() float64 {
	grid := rates(o.Tolerate, o.Detect)
	var rest, once, pass float64
	for _, p := range grid {
		// Where nothing fails, R tends to its fixed point under (1 + R) L.
		atRest := (1 - p) / (p - o.Tolerate)
		rest += weight * atRest
		once += weight * (1 + atRest) * p / o.Tolerate
		pass += weight * (1 - p)
	}
	// A passed run adds pass/(1-p0) to R and takes at least R (low-p0)/(1-p0) away,
	// low being the lowest rate: from above falling it leads down, and from below
	// it does not lead above.
	falling := pass / (grid[0] - o.Tolerate)
	least := max(rest/mostAtRest, falling/suspectFrom)
	if o.Blip > 0 {
		least = max(least, once/mostOfABurst)
	}
	return least
}

// Bound returns about how many runs any rule with as few false pages needs in
// the mean to notice that the failure rate is now the given one: ln(A) divided
// by the Kullback-Leibler divergence of the rate from Tolerate (Lorden 1971, Lai
// 1998). It is asymptotic and of first order; at low rates a mean may lie a
// little under it. It is +Inf for rates that are tolerated.
func (p Params) Bound(rate float64) float64 {
	if !(rate > p.Tolerate) {
		return math.Inf(1)
	}
	divergence := rate * math.Log(rate/p.Tolerate)
	if rate < 1 {
		divergence += (1 - rate) * (math.Log1p(-rate) - math.Log1p(-p.Tolerate))
	}
	return math.Log(p.RunsToFalsePage) / divergence
}
