package prober

import "time"

const (
	// governWindow is how many counted runs the governor looks back on, and
	// governAbove how many of them have to have failed, to be more than 80 %.
	governWindow = 10
	governAbove  = 8
	// A governed check meets one due time of slowest, but one a minute at least.
	slowest     = 10
	longestStep = time.Minute
	// MostRetryAfter is the longest that a target's Retry-After keeps a governed
	// check from running: an outage must not end the measuring of it.
	MostRetryAfter = 10 * time.Minute
)

// A governor slows a check down whose target has fallen over, so that what looks at
// the outage is no part of it. It is pure: who owns it says what happened and when,
// and locks it.
//
// It begins only when the check is firing: until the page is out every run is
// needed, and no total outage is noticed later for its sake. From then on one run
// that found the target overloaded is enough, or more than 80 % of the last ten that
// passed or failed. It ends with the first run that passes. A recovery is a row of
// passed runs, and at a tenth of the pace that row would take ten times as long; so
// it costs the recovery the wait for one run, and nothing after it. A target that
// fails again at once is governed again at once, as long as the check is firing. A run
// in which something was let in that must be refused counts as one that passed here:
// the target is up.
type governor struct {
	met        int // due times since the last run began, while governed
	trickle    int // every so many of them is met
	why        PaceReason
	overloaded bool      // the last counted run found the target so
	notBefore  time.Time // as the target has asked; zero if it has not
	failed     [governWindow]bool
	counted    int // runs that are in failed, or have been
}

func newGovernor(every time.Duration) governor {
	return governor{trickle: trickleOf(every)}
}

// trickleOf says of how many due times one is met while a check is governed: ten, or
// as many as are within a minute, and each one of a schedule slower than that.
func trickleOf(every time.Duration) int {
	return int(max(1, min(slowest, longestStep/every)))
}

// observe takes account of a run that ended at the given time. It reports whether
// the run has ended the governing.
func (g *governor) observe(outcome Outcome, r *Report, end time.Time) (released bool) {
	if failOpenOf(outcome, r) != nil { // a target that lets somebody in is up
		outcome = Passed
	}
	switch outcome {
	case Passed:
		if g.why != "" {
			*g = governor{trickle: g.trickle}
			released = true
		}
		g.overloaded, g.notBefore = false, time.Time{}
	case Failed:
		g.overloaded = r.Overloaded
		if r.Overloaded && r.RetryAfter > 0 {
			if until := end.Add(min(r.RetryAfter, MostRetryAfter)); until.After(g.notBefore) {
				g.notBefore = until
			}
		}
	default:
		return false // it says nothing about the target
	}
	g.failed[g.counted%governWindow] = outcome == Failed
	g.counted++
	return released
}

// governed says why the check is slowed down, given whether it is firing; "" where
// it is not.
func (g *governor) governed(firing bool) PaceReason {
	switch {
	case g.why != "" || !firing || !g.overwhelmed():
	case g.overloaded:
		g.why = PaceOverloaded
	default:
		g.why = PaceFailing
	}
	return g.why
}

// overwhelmed reports whether the target is, so that a check which is firing is governed.
func (g *governor) overwhelmed() bool {
	return g.overloaded || g.counted >= governWindow && g.failures() > governAbove
}

func (g *governor) failures() (n int) {
	for _, failed := range g.failed {
		if failed {
			n++
		}
	}
	return n
}

// skip reports whether a governed check leaves the due time out that is now.
func (g *governor) skip(now time.Time) bool {
	g.met++
	return g.met < g.trickle || now.Before(g.notBefore)
}

// begun is called when a run has begun. Where one could not, for want of an account,
// the next due time is met in its place.
func (g *governor) begun() { g.met = 0 }
