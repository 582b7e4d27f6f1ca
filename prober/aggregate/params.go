package aggregate

import (
	"math"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// Scheduled returns the parameters of a check that so many instances run on its schedule,
// told in intervals of the width: the runs that all of them make in a period, confirming
// ones too, are as many as their schedules and budgets allow.
func Scheduled(c *prober.Check, width time.Duration) func(Load) detect.Params {
	s := c.Schedule
	return func(l Load) detect.Params {
		n := float64(l.Instances)
		p := c.Objective.ParamsBatched(max(1, time.Duration(float64(s.Every)/n)), width)
		due := n * float64(c.Objective.FalsePageEvery) / float64(s.Every)
		if s.Confirm > 0 {
			due += due*s.ConfirmBudget + n*float64(s.Confirming().Limit(s.Every))
		}
		p.RunsToFalsePage = max(math.Floor(p.RunsToFalsePage), due)
		return p
	}
}

// Measured returns the parameters of what has no schedule, by the pace of its busiest hour.
func Measured(o detect.Objective, width time.Duration) func(Load) detect.Params {
	return func(l Load) detect.Params {
		return o.ParamsBatched(max(1, time.Duration(float64(time.Hour)/max(l.RunsAnHour, 1))), width)
	}
}
