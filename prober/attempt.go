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
	start, check := time.Now(), l.check() // one check from the beginning of a run to its end
	a, miss, err := l.begin(check, start, confirm)
	if miss != "" {
		return nil, miss
	}
	l.runBegan()
	run := &Run{Check: check, Seq: l.seq.Add(1), Due: due, Start: start, Account: a.Account, Confirm: confirm}
	if err == nil {
		run.Report = l.probe(ctx, check, a)
	} else {
		run.Err = err
	}
	run.Took = run.Report.Took
	if run.Took <= 0 {
		run.Took = time.Since(start)
	}
	if err := check.vet(&run.Report); err != nil {
		run.Err = err
	}
	run.Outcome = run.Report.Outcome()
	l.excuseRun(ctx, run)
	l.release(a, run)
	l.runEnded(run)
	return run, ""
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

func (l *loop) probe(ctx context.Context, c *Check, a Attempt) (report Report) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Schedule.Timeout, ErrTimeout)
	defer cancel()
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
