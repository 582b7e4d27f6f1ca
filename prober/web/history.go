package web

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/web/api"
)

// runOfHistory finds a run that has been made long ago, by its id or its trace id.
func (p *pages) runOfHistory(ctx context.Context, id int64, trace string) (*api.Run, bool, error) {
	if p.opts.History == nil {
		return nil, false, nil
	}
	var d history.RunDetail
	var err error
	if trace != "" {
		d, err = p.opts.History.RunOfTrace(ctx, trace)
	} else {
		d, err = p.opts.History.Run(ctx, history.RunID(id))
	}
	switch {
	case errors.Is(err, history.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	run := &api.Run{Summary: summaryOfHistory(&d.Run), StepsKept: d.Kept, Steps: api.NewSteps(d.Steps), Cleanup: api.NewSteps(d.Cleanup), NotBegun: []string{}}
	run.Certificate = run.Tags["certificate"]
	delete(run.Tags, "certificate")
	if s, ok := p.status(d.Check); ok && d.Kept && len(d.Steps) < len(s.Check.Steps) {
		run.NotBegun = append(run.NotBegun, s.Check.Steps[len(d.Steps):]...)
	}
	return run, true, nil
}

func summaryOfHistory(r *history.Run) api.Summary {
	s := api.Summary{
		ID: api.RunID(int64(r.ID)), Check: r.Check, Outcome: string(r.Outcome), Due: r.Due.UTC(), Start: r.Start.UTC(), Took: r.Took.Seconds(),
		Confirm: r.Confirm, Step: r.Step, Reason: string(r.Reason), Detail: r.Detail, Account: r.Account, TraceID: r.TraceID, Tags: r.Tags,
	}
	if !r.Outcome.Counted() {
		s.Detail, s.Error = "", r.Detail
	}
	if r.Outcome == prober.Failed || r.Outcome == prober.Passed {
		evidence := r.Evidence
		s.Evidence = &evidence
	}
	return s
}

// runsOfHistory finds runs; ok is false where there is no history.
func (p *pages) runsOfHistory(ctx context.Context, q runQuery) (found api.Runs, ok bool, err error) {
	found.Runs = []api.Summary{}
	if p.opts.History == nil {
		return found, false, nil
	}
	page, err := p.opts.History.Runs(ctx, history.Filter{
		Check: q.check, Outcome: q.outcome, Step: q.step, Reason: q.reason, Account: q.account, Tags: q.tags,
		Since: q.since, Until: q.until, Before: history.RunID(q.before), Limit: q.limit,
	})
	if q.before == 0 {
		found.Runs = p.opts.Recent.runsAfter(page.Runs, q)
	}
	for i := range page.Runs {
		found.Runs = append(found.Runs, summaryOfHistory(&page.Runs[i]))
	}
	if page.Next > 0 {
		found.Next = api.RunID(int64(page.Next))
	}
	if len(found.Runs) > q.limit {
		found.Runs = found.Runs[:q.limit]
		found.Next = found.Runs[q.limit-1].ID
	}
	return found, true, err
}

// runsAfter are the runs that the history does not have yet, the latest first.
func (r *Recent) runsAfter(written []history.Run, q runQuery) []api.Summary {
	last := int64(0)
	if len(written) > 0 {
		last = int64(written[0].ID)
	}
	fresh := r.runs(q).Runs
	return slices.DeleteFunc(fresh, func(s api.Summary) bool {
		id, _ := api.ParseRunID(s.ID)
		return id <= last
	})
}

// changes finds changes of state, the latest first.
func (p *pages) changes(ctx context.Context, check string, since, until time.Time, cursor history.ChangeCursor, limit int) (api.Changes, error) {
	found := api.Changes{Changes: []api.Change{}}
	if p.opts.History == nil {
		return found, nil
	}
	page, err := p.opts.History.ChangePage(ctx, check, since, until, cursor, limit)
	found.Next = page.Next.String()
	for _, c := range page.Changes {
		one := api.Change{
			Check: c.Check, From: c.From.String(), To: c.To.String(), At: c.At.UTC(), Evidence: c.Evidence,
			Ratio: api.RatioOf("1h", c.Failed, c.Runs), Blame: c.Blame, Step: c.Step, Reason: string(c.Reason),
		}
		if c.Run > 0 {
			one.Run = api.RunID(int64(c.Run))
		}
		found.Changes = append(found.Changes, one)
	}
	return found, err
}

// series is a check, or a group, over time.
func (p *pages) series(ctx context.Context, check string, from, to time.Time) (api.Series, error) {
	out := api.Series{Check: check, From: from.UTC(), To: to.UTC(), Buckets: []api.Bucket{}, Steps: []api.StepSeries{}}
	if p.opts.History == nil {
		return out, nil
	}
	s, err := p.opts.History.Series(ctx, check, from, to)
	out.From, out.To, out.Width = s.From.UTC(), s.To.UTC(), s.Width.Seconds()
	for _, b := range s.Buckets {
		r := api.RatioOf("", b.Failed, b.Passed+b.Failed)
		out.Buckets = append(out.Buckets, api.Bucket{
			At: b.At.UTC(), Passed: b.Passed, Failed: b.Failed, Errored: b.Errored, Aborted: b.Aborted, Missed: b.Missed,
			Lower: r.Lower, Upper: r.Upper, Evidence: b.Evidence, EvidenceLast: b.EvidenceLast, Took: newQuantiles(b.Took),
		})
	}
	for _, step := range s.Steps {
		one := api.StepSeries{Step: step.Step, Buckets: []api.StepBucket{}}
		for _, b := range step.Buckets {
			one.Buckets = append(one.Buckets, api.StepBucket{At: b.At.UTC(), Failed: b.Failed, Took: newQuantiles(b.Quantiles)})
		}
		out.Steps = append(out.Steps, one)
	}
	return out, err
}

func newQuantiles(q history.Quantiles) api.Quantiles {
	return api.Quantiles{N: q.N, Median: q.P50.Seconds(), P95: q.P95.Seconds(), P99: q.P99.Seconds(), Max: q.Max.Seconds()}
}

// causes are why runs of a check, or a group, failed.
func (p *pages) causes(ctx context.Context, check string, from, to time.Time) (api.Causes, error) {
	out := api.Causes{Check: check, From: from.UTC(), To: to.UTC(), Reasons: []api.ReasonCount{}, Tags: []api.TagCount{}}
	if p.opts.History == nil {
		return out, nil
	}
	c, err := p.opts.History.Causes(ctx, check, from, to)
	out.Runs, out.Failed = c.Runs, c.Failed
	for _, r := range c.Reasons {
		out.Reasons = append(out.Reasons, api.ReasonCount{Step: r.Step, Reason: string(r.Reason), Failed: r.N})
	}
	for _, t := range c.Tags {
		out.Tags = append(out.Tags, api.TagCount{
			Tag: t.Tag.Key, Value: t.Tag.Value, Failed: t.Failed, Runs: t.Runs, Lower: t.Lower, Upper: t.Upper,
			Over: t.Runs < c.Runs && t.Lower*float64(c.Runs) > float64(c.Failed),
		})
	}
	return out, err
}

// historyItself is how the history is; nil where there is none.
func (p *pages) historyItself() *api.History {
	if p.opts.History == nil {
		return nil
	}
	s := p.opts.History.Stats()
	h := &api.History{Durable: s.Durable, File: s.File, Bytes: s.Bytes, Dropped: s.Dropped, WritesFailed: s.WritesFailed, LastError: s.LastError}
	if !s.Oldest.IsZero() {
		oldest := s.Oldest.UTC()
		h.Oldest = &oldest
	}
	return h
}

// mostRestoring is how long a reload may wait for the strip of a check.
const mostRestoring = time.Second

// Restore has the strips go on with the runs that the history has, before the first
// run is observed, and those of checks that come later.
func (r *Recent) Restore(ctx context.Context, past *history.Store) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past = past
	for _, t := range r.checks {
		if err := t.restore(ctx, past); err != nil {
			return err
		}
	}
	return nil
}

// restore begins with the last runs that the history has, and the last that failed.
func (t *trail) restore(ctx context.Context, past *history.Store) error {
	page, err := past.Runs(ctx, history.Filter{Check: t.check.Name, Limit: stripLength})
	if err != nil {
		return err
	}
	failed, err := past.Runs(ctx, history.Filter{Check: t.check.Name, Outcome: prober.Failed, Limit: 1})
	if err != nil {
		return err
	}
	for i := range failed.Runs {
		t.failed = traceOf(&failed.Runs[i])
	}
	for i := len(page.Runs) - 1; i >= 0; i-- {
		t.add(traceOf(&page.Runs[i]))
	}
	return nil
}

func traceOf(r *history.Run) trace {
	return trace{int64(r.ID), r.Check, r.Start.Add(r.Took), r.Outcome, r.Step, r.Reason}
}
