package prober

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
)

// attempt makes one run of a check, on the calling goroutine. If there is
// nothing to make it with, it returns the reason instead.
//
// The run ends early when ctx does, whose cause is then [ErrShutdown], or after
// the schedule's timeout, with [ErrTimeout].
func (l *loop) attempt(ctx context.Context, due time.Time, confirm bool) (*Run, MissReason) {
	run, a, miss := l.open(due, time.Now(), confirm)
	if miss != "" {
		return nil, miss
	}
	if run.Err == nil {
		run.Report = l.probe(ctx, run.Check, a)
	}
	l.close(ctx, run, a, time.Now())
	return run, ""
}

// open begins a run at start, whose probe is then to be made, unless it has an error
// already. If there is nothing to make it with, it returns the reason instead.
func (l *loop) open(due, start time.Time, confirm bool) (*Run, Attempt, MissReason) {
	check := l.check() // one check from the beginning of a run to its end
	a, miss, err := l.begin(check, start, confirm)
	if miss != "" {
		return nil, a, miss
	}
	l.runBegan()
	return &Run{Check: check, Seq: l.seq.Add(1), Due: due, Start: start, Account: a.Account, Confirm: confirm,
		Report: Report{Err: err}}, a, ""
}

// close settles a run whose probe has ended at now.
func (l *loop) close(ctx context.Context, run *Run, a Attempt, now time.Time) {
	run.Took = run.Report.Took
	if run.Took <= 0 {
		run.Took = now.Sub(run.Start)
	}
	if err := run.Check.vet(&run.Report); err != nil {
		run.Err = err
	}
	run.Outcome = run.Report.Outcome()
	l.excuseRun(ctx, run)
	l.release(a, run)
	l.runEnded(run)
}

// excuseRun makes a failed run an errored one where the fault is found to be ours. What
// its steps have come to is left as it is.
func (l *loop) excuseRun(ctx context.Context, r *Run) {
	if l.excuse == nil || r.Outcome != Failed {
		return
	}
	var err error
	defer func() {
		if err != nil {
			r.Err, r.Outcome = err, Errored
		}
	}()
	defer l.recovered("excuse", &err)
	err = l.excuse(ctx, r)
}

func (l *loop) begin(c *Check, now time.Time, confirm bool) (a Attempt, miss MissReason, err error) {
	defer l.recovered("begin", &err)
	begin := c.Begin
	if confirm && c.BeginConfirm != nil {
		begin = c.BeginConfirm
	}
	a, miss = begin(now)
	if miss == "" && a.Probe == nil {
		err = fmt.Errorf("check %q began a run without a probe", c.Name)
	}
	return a, miss, err
}

func (l *loop) probe(ctx context.Context, c *Check, a Attempt) Report {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Schedule.Timeout, ErrTimeout)
	defer cancel()
	return l.probeIn(ctx, a)
}

func (l *loop) probeIn(ctx context.Context, a Attempt) (report Report) {
	defer l.recovered("probe", &report.Err)
	return a.Probe(ctx)
}

func (l *loop) release(a Attempt, run *Run) {
	if a.Release == nil {
		return
	}
	var err error // it is logged; the run stands
	defer l.recovered("release", &err)
	a.Release(run.Outcome, run.Report)
}

// recovered, deferred, turns a panic into an error and logs where it was.
func (l *loop) recovered(where string, err *error) {
	if v := recover(); v != nil {
		what := describePanic(v)
		*err = fmt.Errorf("panic in %s: %s", where, what)
		l.log.Error("check panicked", zap.String("check", l.check().Name), zap.String("where", where),
			zap.String("panic", what), zap.Stack("stack"))
	}
}

// vet finds what a probe must not report, as metrics have closed labels.
func (c *Check) vet(r *Report) error {
	if r.Err != nil {
		return nil
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		if !slices.Contains(c.Steps, s.Name) {
			return fmt.Errorf("check %q reports the step %q, want one of %q", c.Name, s.Name, c.Steps)
		}
		if s.Reason != "" && !slices.Contains(Reasons, s.Reason) {
			return fmt.Errorf("step %q reports the reason %q, which is not in the list", s.Name, s.Reason)
		}
	}
	return nil
}
