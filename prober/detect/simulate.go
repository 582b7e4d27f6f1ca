package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// How much is simulated for a [Plan]. Counts, never the clock, say when it is
// enough, so that the same plan comes to the same numbers on any day.
const (
	planSeed     = 2026
	mostReps     = 1000      // of each rule at each failure rate
	leastReps    = 20        // however many runs each takes
	enoughRuns   = 1_000_000 // of each rule at each failure rate
	horizonRuns  = 100_000   // of the schedule, in a repetition
	horizonTime  = 30 * 24 * time.Hour
	mostStarts   = 64                         // healthy checks to begin with
	leastStarts  = 8                          // however long each takes to become one
	startingRuns = 1_000_000                  // for all of them
	falseRuns    = 2_000_000                  // of each rule, to count its false pages
	leastHistory = 1000                       // runs of each of them
	enoughFailed = 30                         // failed runs of healthy checks, to say what follows them
	spendingRuns = 10_000_000                 // to come to as many, where they are rare
	longestTime  = 100 * 365 * 24 * time.Hour // a healthy check is looked at for
)

// fastestBurn is the time between runs below which there is no burn rate: its
// windows are counted in runs, and would be very many.
const fastestBurn = 100 * time.Millisecond

// A subject is a check in a simulation, with one rule that it is paged by.
type subject struct {
	pace     pace
	detector *Detector // nil for another rule
	inARow   *ConsecutiveFailures
	burn     *BurnRate
}

// pages makes the next run, which fails or not, and reports whether that is a page.
func (s *subject) pages(failed bool) bool {
	switch {
	case s.detector != nil:
		return s.detector.Observe(s.pace.now, failed).After == Firing
	case s.inARow != nil:
		return s.inARow.Observe(s.pace.now, failed)
	}
	return s.burn.Observe(s.pace.now, failed)
}

func (s *subject) clone() *subject {
	c := *s
	switch {
	case s.detector != nil:
		d := *s.detector
		c.detector = &d
	case s.inARow != nil:
		r := *s.inARow
		c.inARow = &r
	default:
		b := *s.burn
		b.ring = slices.Clone(b.ring)
		c.burn = &b
	}
	return &c
}

// A simulation finds how long rules take to page.
type simulation struct {
	objective Objective
	every     time.Duration
	confirm   Confirm
	plain     Params // of the detector that does not confirm
	horizon   time.Duration
}

func newSimulation(o Objective, every time.Duration, c Confirm) *simulation {
	horizon := horizonTime
	if every < horizon/horizonRuns {
		horizon = every * horizonRuns
	}
	return &simulation{o, every, c, o.Params(every), max(horizon, every)}
}

// subject returns a check that has never run. Its clock begins at the epoch of
// the clocks.
func (s *simulation) subject(rule Rule) *subject {
	begin := time.Unix(0, 0)
	sub := &subject{pace: newPace(s.every, Confirm{}, begin)}
	switch rule {
	case RuleDetector:
		sub.detector = New(s.plain)
	case RuleConfirming:
		sub.pace = newPace(s.every, s.confirm, begin)
		sub.detector = New(s.objective.ParamsConfirming(s.every, s.confirm))
	case RuleInARow:
		sub.inARow = &ConsecutiveFailures{N: 3}
	case RuleBurnRate:
		sub.burn = NewBurnRate(1-ServiceLevel, s.every)
	}
	return sub
}

// starts returns checks that have been healthy for a while, each as it was left
// by a run of the schedule; and how many extra runs were made to one that was
// due.
func (s *simulation) starts(rule Rule) (healthy []*subject, extra float64) {
	history := leastHistory
	if rule == RuleBurnRate {
		history = max(history, len(s.subject(rule).burn.ring))
	}
	history = max(1, min(history, int(longestTime/s.every)))
	n := min(max(startingRuns/history, leastStarts), mostStarts)
	rng := rand.New(rand.NewPCG(planSeed, uint64(rule)))
	sub := s.subject(rule)
	due, failed := 0, 0
	// A rule that holds for most of the time is given up on.
	for len(healthy) < n && due <= 4*n*history {
		paged := false
		last := sub.pace.due.Add(time.Duration(history-1) * s.every)
		for sub.pace.now.Before(last) {
			sub.pace.next(sub.detector)
			fails := rng.Float64() < s.objective.Tolerate
			if fails {
				failed++
			}
			paged = sub.pages(fails)
		}
		due += history
		if !paged {
			healthy = append(healthy, sub.clone())
		}
	}
	if len(healthy) == 0 {
		healthy = append(healthy, s.subject(rule))
	}
	if rule == RuleConfirming && failed < enoughFailed {
		return healthy, s.spends(healthy[0], rng)
	}
	return healthy, float64(sub.pace.extra) / float64(due)
}

// spends returns how many extra runs a healthy check makes to one that is due, where
// few runs fail: only those that do bring extra ones on. If they are too rare to wait
// for, it is what the opening level comes to, which is somewhat more, since a budget
// that runs low raises the level.
func (s *simulation) spends(healthy *subject, rng *rand.Rand) float64 {
	sub := healthy.clone()
	before, failed, runs := sub.pace.extra, 0, 0
	end := sub.pace.now.Add(longestTime)
	for ; runs < spendingRuns && failed < 4*enoughFailed && sub.pace.now.Before(end); runs++ {
		sub.pace.next(sub.detector)
		fails := rng.Float64() < s.objective.Tolerate
		if fails {
			failed++
		}
		sub.pages(fails)
	}
	if failed >= enoughFailed {
		return share(sub.pace.extra-before, runs)
	}
	_, extra := opening(s.plain, s.every, s.confirm)
	return extra
}

// share is the number of extra runs to one that is due, of so many in all.
func share(extra, runs int) float64 { return float64(extra) / float64(runs-extra) }

// falsePages counts how often a check that fails at the rate Tolerate is paged
// for.
func (s *simulation) falsePages(healthy *subject, rule Rule) FalsePages {
	rng := rand.New(rand.NewPCG(planSeed+1, uint64(rule)))
	sub := healthy.clone()
	begin := sub.pace.now
	end := begin.Add(longestTime)
	var f FalsePages
	paged := false
	for runs := 0; runs < falseRuns && sub.pace.now.Before(end); runs++ {
		sub.pace.next(sub.detector)
		now := sub.pages(rng.Float64() < s.objective.Tolerate)
		if now && !paged {
			f.Pages++
		}
		paged = now
	}
	f.In = sub.pace.now.Sub(begin)
	return f
}

// delays returns how long checks of which one run in so many fails, from just
// after a run of the schedule on, take to page; in rising order. Those that do not
// within the horizon are at the end, as math.MaxInt64.
func (s *simulation) delays(healthy []*subject, rule Rule, rate float64) []time.Duration {
	var took []time.Duration
	rng := rand.New(rand.NewPCG(planSeed, uint64(rule)<<32|uint64(math.Round(rate*1e6))))
	for runs := 0; len(took) < mostReps && (len(took) < leastReps || runs < enoughRuns); {
		sub := healthy[len(took)%len(healthy)].clone()
		delay, ran := s.delay(sub, func() bool { return rng.Float64() < rate })
		took = append(took, delay)
		runs += ran
	}
	slices.Sort(took)
	return took
}

// delay returns how long a check takes to page, math.MaxInt64 if it does not
// within the horizon, and how many runs it made.
func (s *simulation) delay(sub *subject, failed func() bool) (took time.Duration, runs int) {
	begin := sub.pace.now
	end := begin.Add(s.horizon)
	for {
		sub.pace.next(sub.detector)
		if sub.pace.now.After(end) {
			return math.MaxInt64, runs
		}
		runs++
		if sub.pages(failed()) {
			return sub.pace.now.Sub(begin), runs
		}
	}
}
