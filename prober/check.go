package prober

import (
	"context"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Check is a compiled flow: something to do on a schedule, and to judge.
// It is made once, when the configuration is loaded, and is immutable from
// then on; every field may be read by any goroutine.
type Check struct {
	// Name identifies the check in every metric, log line and page. It is
	// unique within a Prober and matches [a-z0-9][a-z0-9-]*.
	Name string
	// About is one sentence for people; it may be empty.
	About string
	// AuthorisedBy says, for people, who agreed to the check being run; it may be empty.
	AuthorisedBy string
	// Steps are the names of the steps in order, without the clean-up, and
	// Reasons the reasons each of them can fail for, so that every series
	// exists before the first run. Both have the same length.
	Steps   []string
	Reasons [][]Reason
	// RefuseSteps are the names of those steps whose acceptance by the target
	// is a fail-open.
	RefuseSteps []string
	// RevokedSteps are the names of those of RefuseSteps that may be accepted for a while
	// after something was revoked, and that measure for how long they are.
	RevokedSteps []string
	// SameAs has, for those of RefuseSteps whose refusal must not differ from that of an
	// earlier one, the name of that one.
	SameAs map[string]string
	// DeliverySteps are the names of those steps that wait for a delivery, such as
	// that of a one-time code by mail.
	DeliverySteps []string
	Schedule      Schedule
	Objective     detect.Objective
	// Group is the name of the group whose checks pool their runs into one more
	// detector; "" is none. It is spelled as the name of a check, and all checks of
	// a group have the same Objective.
	Group      string
	Thresholds []Threshold
	// Labels route a page: team, severity and the like. The keys are valid
	// Prometheus label names and none of them is "check".
	Labels map[string]string
	// Begin reserves what one run needs, such as an account, just before the
	// run begins. It does not block. Where something is not to be had it
	// returns the reason for which the due time counts as missed; otherwise
	// that is "" and the attempt is ready to be made. It is called by several
	// goroutines at once where the schedule's concurrency is above 1.
	Begin func(now time.Time) (Attempt, MissReason)
	// BeginConfirm is Begin for a confirming run. It refuses what a run of a
	// schedule could then be short of. Nil is Begin.
	BeginConfirm func(now time.Time) (Attempt, MissReason)
}

// An Attempt is a run that is ready to be made, with what it has reserved.
type Attempt struct {
	// Account is the name of the leased account; "" where the flow uses none.
	Account string
	// Probe performs the check once, on the goroutine that calls it. It never
	// retries, returns soon after ctx is done (a clean-up has a deadline of its
	// own, [Schedule.Cleanup]), and starts nothing that outlives it. The cause
	// of ctx, [context.Cause], is [ErrTimeout] when the run has used up its
	// time, which is a failure of the target, and [ErrShutdown] when the prober
	// stops, which is nobody's.
	Probe func(ctx context.Context) Report
	// Release gives back what Begin reserved. It is called exactly once, after
	// Probe has returned or panicked. It may be nil.
	Release func(Outcome, Report)
}

// A Threshold is a plain limit on the failure ratio, for those who want one
// beside the objective.
type Threshold struct {
	Ratio  float64       // exceeded when failed/(passed+failed) is above it; in (0, 1)
	Window time.Duration // one of Windows
	// MinRuns is how many counted runs the window must hold to be exceeded; at least 1.
	// A check that is governed has too few of them on purpose, and needs 1.
	MinRuns  int
	Severity string // a label for the page, such as "ticket"
}

// Windows are the lengths of time over which failure ratios are kept.
// Thresholds choose one of them; the pages and metrics show RatioWindows.
var (
	Windows      = []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}
	RatioWindows = []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}
)
