package checks

import (
	"fmt"
	"math"
	"time"

	"github.com/authprober/authprober/prober"
)

// A Demand is the most that a check asks of its target in some time, by what its flow
// says: every redirect is followed that may be, every poll is in vain, all that must be refused is accepted and asked for again, every proof is
// asked for again with a nonce, no step is skipped, the clean-up takes place, and the
// confirming runs of a day are all made in it.
type Demand struct {
	Runs, Requests, Logins float64
}

// Demand returns the most that the check asks for in any time of the given length.
// Requests to mail servers are not among it, nor what a proxy does.
func (c *Config) Demand(check *prober.Check, in time.Duration) Demand {
	d, ok := c.demands[check]
	if !ok {
		return Demand{}
	}
	return d(in)
}

// An asker is a Step that sends another number of requests than one each time that it
// is performed. It is asked once it has been vetted.
type asker interface {
	Step
	// asks is the most that it sends.
	asks() int
}

// asks is the most that a step sends, of a run or a clean-up that has so much time.
func (st *step) asks(within time.Duration) int {
	n := 1
	if a, ok := st.Step.(asker); ok {
		n = a.asks()
	}
	if st.Within != nil {
		return n * asksWithin(time.Duration(st.Within.Time))
	}
	if st.Poll == nil {
		return n
	}
	if st.Timeout > 0 {
		within = min(within, time.Duration(st.Timeout))
	}
	most := within - time.Duration(st.Poll.Every) // see PollSettings.most
	if st.Poll.For > 0 {
		most = time.Duration(st.Poll.For)
	}
	return n * (1 + int(max(most, 0)/max(time.Duration(st.Poll.Every), leastPoll)))
}

// asksToRepeat is the most that the confirming repeat of a step sends.
func (st *step) asksToRepeat() int {
	switch a, ok := st.Step.(asker); {
	case st.StepSettings == nil || len(st.Refuse) == 0 || st.Repeat != nil && !*st.Repeat:
		return 0
	case ok:
		return a.asks()
	}
	return 1
}

// demandOfRun is the most that one run sends.
func (f *compiled) demandOfRun() (requests int) {
	count := func(steps []step, within time.Duration) {
		for i := range steps {
			if steps[i].StepSettings != nil {
				requests += steps[i].asks(within)
			}
		}
	}
	count(f.steps, f.check.Schedule.Timeout)
	for i := range f.steps {
		requests += f.steps[i].asksToRepeat()
	}
	count(f.cleanup, f.check.Schedule.Cleanup)
	return requests
}

// demand is the most that the flow asks for in a time.
func (f *compiled) demand(in time.Duration) Demand {
	s := f.check.Schedule
	runs := math.Ceil(float64(in) / float64(s.Every))
	if s.Confirm > 0 {
		days := math.Ceil(float64(in) / float64(24*time.Hour))
		runs += min(days*float64(s.Confirming().Limit(s.Every)), math.Ceil(float64(in)/float64(s.Confirm)))
	}
	d := Demand{Runs: runs, Requests: runs * float64(f.requests)}
	if f.pool != nil {
		d.Logins = runs
	}
	return d
}

// vetBudget holds the most that the flow asks for against what it may.
func (f *compiled) vetBudget(src *source) {
	f.requests = f.demandOfRun()
	budget := &src.flow.Budget
	for _, one := range []struct {
		key  string
		may  Frequency
		asks func(Demand) float64
		of   string
	}{
		{"requests", budget.Requests, func(d Demand) float64 { return d.Requests }, fmt.Sprintf(" of %d requests", f.requests)},
		{"logins", budget.Logins, func(d Demand) float64 { return d.Logins }, ""},
	} {
		switch most := f.demand(time.Hour); {
		case one.may.Count == 0 && src.flow.Environment == production && one.asks(most) > 0:
			src.mistake("environment", "a flow against production needs budget: {%s: … per hour}; this one asks for %.0f %s per hour at the most", one.key, one.asks(most), one.key)
		case one.may.Count == 0 || f.options.AnyPace:
		default:
			if d := f.demand(one.may.Per); one.asks(d) > float64(one.may.Count) {
				src.doc.Errorf(src.inside("budget", one.key), "the flow asks for %.0f %s in %s at the most, in %.0f runs%s, and may ask for %d; run less often, or raise the budget",
					one.asks(d), one.key, short(one.may.Per), d.Runs, one.of, one.may.Count)
			}
		}
	}
	if f.options.KeepBudget {
		f.spending = newSpending(budget, f.requests, f.pool != nil)
	}
}
