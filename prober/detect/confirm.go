package detect

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Confirm lets evidence decide how often to look: while there is some, a check
// runs every Interval, and not only when its schedule has it due. It is the opposite
// of a retry, which throws a failure away: this one looks harder. The zero
// value never confirms.
//
// When to run next depends on past runs alone, so the promise on false pages stands
// as it does without: A counts runs, whenever they are made. That the extra runs
// bring the A-th run about sooner is paid for by a larger A, see
// [Objective.ParamsConfirming].
type Confirm struct {
	// Interval is the time from one run to the next while confirming; above
	// zero, and below the time between the runs of the schedule.
	Interval time.Duration
	// Budget is the most extra runs in any 24 hours, as a share of those that the
	// schedule has due in them; in (0, MostBudget]. Extra runs are those beside the
	// schedule's own, which are made in any case.
	Budget float64
}

const (
	DefaultBudget = 0.1 // what a flow that names no budget has
	MostBudget    = 10  // of Confirm.Budget
)

const (
	// healthyShare is the part of the budget that a healthy check spends in the
	// mean. The rest is for the days on which it fails more often, and for the
	// day on which it matters.
	healthyShare = 0.5
	// recoveringFrom is the recovery at which a firing check begins to confirm: a
	// twentieth of the passed runs that show it. A budget is not for watching an
	// outage go on.
	recoveringFrom = 0.05
)

// Validate returns every mistake, joined by [errors.Join], each an
// [*ObjectiveError]; nil if there is none. A check that runs at every may have the
// zero value.
func (c Confirm) Validate(every time.Duration) error {
	if c == (Confirm{}) {
		return nil
	}
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, &ObjectiveError{field, fmt.Sprintf(format, args...)})
	}
	switch {
	case c.Interval <= 0:
		wrong("confirm", "got %v, want a time above zero", c.Interval)
	case c.Interval >= every:
		wrong("confirm", "got %v, want less than the %v between runs", c.Interval, every)
	}
	if !(c.Budget > 0 && c.Budget <= MostBudget) {
		wrong("confirm_budget", "got %v, want above 0 and at most %v of the runs a day", c.Budget, MostBudget)
	}
	return errors.Join(errs...)
}

// Limit returns the most extra runs in any 24 hours for a check that runs at
// every, rounded down: what [Budget.Limit] is to be.
func (c Confirm) Limit(every time.Duration) int {
	return int(min(c.Budget*float64(24*time.Hour)/float64(every), math.MaxInt32))
}

// ParamsConfirming is [Objective.Params] for a check that confirms. Both must be
// valid; the zero Confirm makes it the same as Params.
//
// In a time in which the schedule has n runs due no more than n and the budget
// of that time and one day more are made. RunsToFalsePage is raised by as much, so
// that FalsePageEvery stands as a time too.
//
// Opening is the lowest statistic, in steps of one in a hundred, from which a
// check that fails at the rate Tolerate can confirm every time and spend no more
// than half of its budget in the mean; it is twice as high as passed runs alone
// can lead at least. It never falls where the budget falls, or the interval. It
// comes from a simulation with a fixed seed, of milliseconds; another platform may
// round it to another step. So whoever has many checks of one kind keeps the result.
func (o Objective) ParamsConfirming(every time.Duration, c Confirm) Params {
	p := o.Params(every)
	if c == (Confirm{}) {
		return p
	}
	p.Opening, _ = opening(p, every, c)
	due := float64(o.FalsePageEvery) / float64(every)
	p.RunsToFalsePage = max(p.RunsToFalsePage, due*(1+c.Budget)+float64(c.Limit(every)))
	return p
}

// WantsConfirm reports whether a run at the given time, beside those of the schedule,
// is worth its price: the budget has one left, the run would count, not be skipped
// as part of a blip, and either the evidence is above the opening level or the check
// is firing and has begun to recover. Once more than half of the budget is spent
// the level rises as what is left falls, so that a few failures by chance do not
// use up what the next outage needs. It is always false for a check that does not
// confirm. It changes nothing: whoever makes the run calls [Budget.Take].
func (d *Detector) WantsConfirm(at time.Time, b *Budget) bool {
	switch {
	case d.params.Opening == 0 || d.skips(at):
		return false
	case d.state == Firing:
		return d.Recovery() >= recoveringFrom && b.Left(at) > 0
	case d.page.total < d.params.Opening:
		return false
	}
	left := float64(b.Left(at))
	return left > 0 && d.page.total*left >= d.params.Opening*float64(b.Limit)*(1-healthyShare)
}
