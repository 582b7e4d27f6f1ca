package aggregate

import (
	"math"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// ScheduledGroup returns the parameters of a group of such checks: it makes the runs of all of them, each
// with as many instances as it has.
func ScheduledGroup(o detect.Objective, checks []*prober.Check, width time.Duration) func(Load) detect.Params {
	return func(l Load) detect.Params {
		var perSecond, runs float64
		for _, c := range checks {
			n := float64(max(1, l.Of[c.Name]))
			perSecond += n / c.Schedule.Every.Seconds()
			runs += runsIn(c, o.FalsePageEvery, n)
		}
		p := o.ParamsBatched(max(1, time.Duration(float64(time.Second)/perSecond)), width)
		p.RunsToFalsePage = max(math.Floor(p.RunsToFalsePage), runs)
		return p
	}
}

// runsIn is how many runs so many instances of a check make in a time, at the most.
func runsIn(c *prober.Check, period time.Duration, instances float64) float64 {
	s := c.Schedule
	due := instances * float64(period) / float64(s.Every)
	if s.Confirm > 0 {
		due += due*s.ConfirmBudget + instances*float64(s.Confirming().Limit(s.Every))
	}
	return due
}

// Scheduled returns the parameters of a check that so many instances run on its schedule,
// told in intervals of the width: the runs that all of them make in a period, confirming
// ones too, are as many as their schedules and budgets allow.
func Scheduled(c *prober.Check, width time.Duration) func(Load) detect.Params {
	return func(l Load) detect.Params {
		n := float64(l.Instances)
		p := c.Objective.ParamsBatched(max(1, time.Duration(float64(c.Schedule.Every)/n)), width)
		p.RunsToFalsePage = max(math.Floor(p.RunsToFalsePage), runsIn(c, c.Objective.FalsePageEvery, n))
		return p
	}
}

// Measured returns the parameters of what has no schedule, by the pace of its busiest hour.
func Measured(o detect.Objective, width time.Duration) func(Load) detect.Params {
	return func(l Load) detect.Params {
		return o.ParamsBatched(max(1, time.Duration(float64(time.Hour)/max(l.RunsAnHour, 1))), width)
	}
}
