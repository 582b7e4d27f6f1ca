package detect

import (
	"fmt"
	"math"
	"time"
)

// A Rule is one of those that a [Plan] compares.
type Rule uint8

const (
	RuleDetector   Rule = iota // a [Detector] on the runs of the schedule
	RuleConfirming             // a [Detector] that confirms
	RuleInARow                 // 3 failed runs in a row, [ConsecutiveFailures]
	RuleBurnRate               // the pair of [BurnRate] for ServiceLevel
	numRules
)

// ServiceLevel is the objective, 99.9 %, whose burn rate a plan compares with.
const ServiceLevel = 0.999

// PlanRates are the failure rates of a plan's rows.
var PlanRates = [...]float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1}

// A Plan says what an objective and a schedule amount to, before anybody relies
// on them. It comes from [NewPlan].
type Plan struct {
	Params Params // of the detector that confirms, if it does
	// RunsADay are the runs that the schedule has due in 24 hours, ExtraRunsADay the
	// most that confirming adds to them, and HealthyExtra the share that it adds
	// in the mean to a check that fails at the rate Tolerate.
	RunsADay      float64
	ExtraRunsADay int
	HealthyExtra  float64
	// Horizon is how long each simulated check was given to page.
	Horizon time.Duration
	Rows    []PlanRow
	// FalsePages says for each Rule how often a check that fails at the rate
	// Tolerate was paged for: what a rule's haste costs. The zero value stands where
	// a PlanRow has it.
	FalsePages [numRules]FalsePages
	// Promise is one sentence on false pages. Warnings say what the objective
	// cannot do on this schedule; nil if there is nothing to say.
	Promise  string
	Warnings []string
}

// A PlanRow says how long each rule takes to page from the moment on at which runs
// begin to fail at Rate. Delays has a place for each Rule; that of RuleConfirming
// is the zero value where the check does not confirm, and that of RuleBurnRate
// where it runs more often than every 100 ms.
type PlanRow struct {
	Rate   float64
	Delays [numRules]Delay
}

// FalsePages is the number of false pages in a simulated time; some 2 million
// runs, so that a few pages are a rough measure only.
type FalsePages struct {
	Pages int
	In    time.Duration
}

// A Delay is how long a rule takes to page.
type Delay struct {
	Median, P95 Quantile
	Reps        int // simulated checks that it comes from
}

// A Quantile is a time, or more than that time where Beyond is true: the rule had
// not paged when the simulation ended.
type Quantile struct {
	Time   time.Duration
	Beyond bool
}

// NewPlan simulates a check, which runs at every one run at a time, at each of the
// rates. Objective and confirm must be valid, see [Objective.Validate] and
// [Confirm.Validate]; every must be above zero. It takes a second or two, and
// comes to the same plan each time: its seed is fixed. The length of the runs
// themselves is left out of account. The change comes right after a run.
func NewPlan(o Objective, every time.Duration, c Confirm) Plan {
	return newSimulation(o, every, c).plan(o.ParamsConfirming(every, c), c.Limit(every))
}

// NewGroupPlan is [NewPlan] for checks that are judged together, by a detector with
// these parameters, and that make a run each every in the mean. ExtraRunsADay are
// the confirming runs that they may make; the simulation leaves them out.
func NewGroupPlan(o Objective, every time.Duration, p Params, extraRunsADay int) Plan {
	s := newSimulation(o, every, Confirm{})
	s.plain = p
	return s.plan(p, extraRunsADay)
}

func (s *simulation) plan(params Params, extraRunsADay int) Plan {
	o, every, c := s.objective, s.every, s.confirm
	p := Plan{
		Params:        params,
		RunsADay:      float64(24*time.Hour) / float64(every),
		ExtraRunsADay: extraRunsADay,
		Horizon:       s.horizon,
		Rows:          make([]PlanRow, len(PlanRates)),
	}
	p.Promise = promise(o, p)
	var atDetect Delay // of the detector that the check will have
	for rule := range numRules {
		if rule == RuleConfirming && c == (Confirm{}) || rule == RuleBurnRate && every < fastestBurn {
			continue
		}
		healthy, extra := s.starts(rule)
		if rule == RuleConfirming {
			p.HealthyExtra = extra
		}
		p.FalsePages[rule] = s.falsePages(healthy[0], rule)
		for i, rate := range PlanRates {
			p.Rows[i].Rate = rate
			p.Rows[i].Delays[rule] = newDelay(s.delays(healthy, rule, rate), s.horizon)
		}
		if rule <= RuleConfirming {
			atDetect = newDelay(s.delays(healthy, rule, o.Detect), s.horizon)
		}
	}
	p.Warnings = s.warnings(p, atDetect)
	return p
}

func newDelay(took []time.Duration, horizon time.Duration) Delay {
	return Delay{quantile(took, 0.5, horizon), quantile(took, 0.95, horizon), len(took)}
}

// quantile returns the smallest of the times that is no less than so many of them.
func quantile(sorted []time.Duration, share float64, horizon time.Duration) Quantile {
	q := sorted[int(math.Ceil(share*float64(len(sorted))))-1]
	return Quantile{min(q, horizon), q > horizon}
}

// String returns the time to three digits or so, such as 14m50s, 2h5m or > 11d13h.
func (q Quantile) String() string {
	s := span(q.Time)
	if q.Beyond {
		s = "> " + s
	}
	return s
}

// span writes a time in the two largest units it has.
func span(d time.Duration) string {
	units := []struct {
		name string
		of   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units[:len(units)-1] {
		next := units[i+1]
		whole, part := d.Round(next.of)/u.of, d.Round(next.of)%u.of/next.of
		switch {
		case whole > 0 && part > 0:
			return fmt.Sprintf("%d%s%d%s", whole, u.name, part, next.name)
		case whole > 0:
			return fmt.Sprintf("%d%s", whole, u.name)
		}
	}
	if d >= time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
