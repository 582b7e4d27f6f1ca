package detect

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// clearRatio is the ratio of detect to tolerate below which they are hard to
// tell from each other.
const clearRatio = 2

func promise(o Objective, p Plan) string {
	// The threshold has a floor, so the promise may be better than what was asked for.
	runsADay := p.RunsADay + float64(p.ExtraRunsADay)
	in := o.FalsePageEvery
	if days := p.Params.RunsToFalsePage / runsADay; days > 1.01*in.Hours()/24 && days < 36500 {
		in = time.Duration(days * float64(24*time.Hour))
	}
	s := fmt.Sprintf("a check that fails %s of its runs or fewer is paged for at most once in %s in the mean, which is %s runs",
		percent(o.Tolerate), span(in), count(p.Params.RunsToFalsePage))
	if o.Blip > 0 {
		s += fmt.Sprintf("; failures come in bursts of up to %s, each of which counts once", span(o.Blip))
	}
	return s
}

// warnings returns what the objective cannot do on this schedule; atDetect is how
// long the check takes to page at the rate Detect.
func (s *simulation) warnings(p Plan, atDetect Delay) []string {
	o := s.objective
	var all []string
	warn := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if o.Detect < clearRatio*o.Tolerate {
		warn("detect is %s and tolerate %s: below %v times as much, the two are hard to tell apart, and pages come late",
			percent(o.Detect), percent(o.Tolerate), clearRatio)
	}
	plain := o.Params(s.every)
	if asked := float64(o.FalsePageEvery) / float64(s.every); plain.RunsToFalsePage > asked {
		warn("false_pages allows one in %s, which is %s runs: too few to tell chance from change, so one in %s runs or more is what it gets",
			span(o.FalsePageEvery), count(asked), count(plain.RunsToFalsePage))
	}
	runs := plain.Bound(o.Detect)
	late := atDetect.Median.Time > 24*time.Hour
	if atDetect.Median.Beyond && !late { // the simulation ended before the day did
		late = runs > p.RunsADay
	}
	if late {
		warn("a failure rate of %s, which detect wants a page for, takes %v in half of the cases: there %s a day",
			percent(o.Detect), atDetect.Median, onlyRuns(p.RunsADay))
	}
	if s.confirm != (Confirm{}) && float64(p.ExtraRunsADay) < runs {
		warn("confirm_budget is %s a day, and a failure rate of %s takes about %s runs to be sure of: the budget ends before that",
			extraRuns(p.ExtraRunsADay), percent(o.Detect), count(runs))
	}
	for _, r := range p.Rows {
		plainly, confirming := r.Delays[RuleDetector], r.Delays[RuleConfirming]
		if r.Rate < o.Detect || confirming.Reps == 0 {
			continue
		}
		if later(confirming.Median, plainly.Median) || later(confirming.P95, plainly.P95) {
			warn("confirming makes pages later: at a failure rate of %s %v in half of the cases and %v in 19 of 20, and without it %v and %v",
				percent(r.Rate), confirming.Median, confirming.P95, plainly.Median, plainly.P95)
			break
		}
	}
	return all
}

// later reports whether a time is longer than another by more than a simulation's chance.
func later(a, b Quantile) bool {
	if a.Beyond || b.Beyond {
		return a.Beyond && !b.Beyond
	}
	return float64(a.Time) > 1.1*float64(b.Time)
}

func onlyRuns(n float64) string {
	if s := count(n); s != "1" {
		return "are only " + s + " runs"
	}
	return "is only 1 run"
}

func extraRuns(n int) string {
	if n == 1 {
		return "1 extra run"
	}
	return count(float64(n)) + " extra runs"
}

// percent writes a rate as flows do: 0.001 is 0.1%.
func percent(rate float64) string {
	return Figures(rate*100, 6) + "%"
}

// count writes a number of runs, with a comma after the thousands.
func count(n float64) string {
	if n < 10 && n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	digits := []byte(strconv.FormatFloat(n, 'f', 0, 64))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}
