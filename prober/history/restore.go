package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// Attach puts each check of a new judge, and each group, where it was when the history
// was last written, and has the judge asked from then on what it knows after each run.
// It is called once, before anything is run. What cannot be restored begins afresh, and
// the log says why; an error is one of reading.
func (s *Store) Attach(ctx context.Context, judge *prober.Judge, checks []*prober.Check) error {
	s.mu.Lock()
	s.judge = judge
	s.mu.Unlock()
	return s.restoreNew(ctx, slices.Concat(checks, judge.Groups()))
}

// mostRestoring is how long a reload may wait for the history.
const mostRestoring = 2 * time.Second

// ReplaceChecks implements [prober.Replacer]: a check that comes, or comes back, goes on
// where it was when it was last run, as at a start. Those that the judge has been
// judging are its own concern.
func (s *Store) ReplaceChecks(checks []*prober.Check) {
	s.mu.Lock()
	judge := s.judge
	s.mu.Unlock()
	if judge == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), mostRestoring)
	defer cancel()
	if err := s.restoreNew(ctx, slices.Concat(checks, judge.Groups())); err != nil {
		s.opts.Log.Error("the history cannot be read: checks begin afresh", zap.Error(err))
	}
}

// restoreNew restores those that were not among the checks before.
func (s *Store) restoreNew(ctx context.Context, checks []*prober.Check) error {
	before := s.attached
	s.attached = map[string]bool{}
	for _, c := range checks {
		s.attached[c.Name] = true
	}
	now, restored := time.Now(), 0
	for _, c := range checks {
		if before[c.Name] {
			continue
		}
		ok, err := s.restore(ctx, s.judge, c, now)
		if err != nil {
			return fmt.Errorf("restoring %q: %w", c.Name, err)
		}
		if ok {
			restored++
		}
	}
	if restored > 0 {
		s.opts.Log.Info("restored", zap.Int("checks", restored), zap.String("file", s.opts.File))
	}
	return nil
}

// lastState is what the judge knew of a check: that of this process, or else what is
// written.
func (s *Store) lastState(ctx context.Context, r reader, name string, id int64) (state prober.Snapshot, known bool, err error) {
	s.mu.Lock()
	if last := s.states[name]; last != nil {
		state = *last
		state.Windows = slices.Clone(state.Windows)
		known = true
	}
	s.mu.Unlock()
	if known {
		return state, true, nil
	}
	var text string
	switch err := r.row(ctx, "SELECT snapshot FROM state WHERE check_id = ?", id).Scan(&text); {
	case err == sql.ErrNoRows:
		return state, false, nil
	case err != nil:
		return state, false, err
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		s.opts.Log.Warn("begins afresh", zap.String("check", name), zap.Error(err))
	}
	return state, true, nil
}

// restore reports whether there was something to restore.
func (s *Store) restore(ctx context.Context, judge *prober.Judge, c *prober.Check, now time.Time) (bool, error) {
	r := s.reader()
	id, known, err := r.name(ctx, c.Name)
	if err != nil || !known {
		return false, err
	}
	state, known, err := s.lastState(ctx, r, c.Name, id)
	if err != nil || !known {
		return false, err
	}
	if err := judge.Restore(c, state, now); err != nil {
		s.opts.Log.Warn("begins afresh", zap.String("check", c.Name), zap.Error(err))
	}
	if err := r.recallRuns(ctx, judge, c, id); err != nil {
		return false, err
	}
	status := judge.Status(c, now)
	if status.State != detect.Healthy {
		s.opts.Log.Warn("still", zap.String("check", c.Name), zap.Stringer("state", status.State), zap.Time("since", status.Since),
			zap.Float64("evidence", status.Evidence))
	}
	return true, r.recall(ctx, judge, c, id, status.ChangePoint)
}

// recallRuns gives the judge the last run of a check and the last that failed.
func (r reader) recallRuns(ctx context.Context, judge *prober.Judge, c *prober.Check, id int64) error {
	if strings.HasPrefix(c.Name, groupPrefix) {
		return nil
	}
	last, err := r.search(ctx, search{until: 1 << 62, check: id, outcome: -1}, 1)
	if err != nil {
		return err
	}
	failed, err := r.search(ctx, search{until: 1 << 62, check: id, outcome: outcomeNumber(prober.Failed)}, 1)
	if err != nil {
		return err
	}
	var runs [2]*prober.Run
	for i, found := range [][]Run{last, failed} {
		if len(found) > 0 {
			if runs[i], err = r.again(ctx, c, found[0].ID); err != nil {
				return err
			}
		}
	}
	judge.RecallRuns(c, runs[0], runs[1])
	return nil
}

const groupPrefix = "group:"

// again makes a run of what is recorded of it.
func (r reader) again(ctx context.Context, c *prober.Check, id RunID) (*prober.Run, error) {
	d, err := r.run(ctx, id)
	if err != nil {
		return nil, err
	}
	run := &prober.Run{Check: c, Seq: d.Seq, Due: d.Due, Start: d.Start, Took: d.Took, Outcome: d.Outcome, Account: d.Account,
		Confirm: d.Confirm, Report: prober.Report{Steps: d.Steps, Cleanup: d.Cleanup, Tags: d.Tags, TraceID: d.TraceID}}
	switch {
	case run.Outcome == prober.Failed && run.FailedStep() == nil:
		run.Steps = append(run.Steps, prober.StepResult{Name: d.Step, Reason: d.Reason, Detail: d.Detail})
	case run.Outcome == prober.Errored || run.Outcome == prober.Aborted:
		run.Err = recordedError(d.Detail)
	}
	return run, nil
}

// A recordedError is the text of an error that a run ended with.
type recordedError string

func (e recordedError) Error() string { return string(e) }

// recall tells the judge again of the runs that counted since the given moment, as many
// as a blame keeps.
func (r reader) recall(ctx context.Context, judge *prober.Judge, c *prober.Check, id int64, since time.Time) error {
	if since.IsZero() {
		return nil
	}
	runs, err := r.counted(ctx, c, id, since)
	for _, run := range slices.Backward(runs) {
		tags := map[string]string{}
		if run.Account != "" {
			tags["account"] = run.Account
		}
		if run.Check != c.Name {
			tags["check"] = run.Check
		}
		for k, v := range run.Tags {
			tags[k] = v
		}
		end := run.Start.Add(run.Took)
		if end.Before(since) { // by less than a microsecond, which is what is stored
			end = since
		}
		judge.Recall(c, end, run.Outcome == prober.Failed, tags)
	}
	return err
}

// counted are the last runs that moved the evidence of a check or a group since then,
// the newest first.
func (r reader) counted(ctx context.Context, c *prober.Check, id int64, since time.Time) (runs []Run, err error) {
	flag, of, index := flagCounted, "r.check_id = ?", " INDEXED BY run_check"
	if strings.HasPrefix(c.Name, groupPrefix) {
		flag, of, index = flagGroupCounted, "r.group_id = ?", " INDEXED BY run_group"
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		runs = append(runs, run)
		return err
	}, "SELECT "+runColumns+" FROM run r"+index+runNames+" WHERE r.id >= ? AND "+of+" AND r.flags & ? ORDER BY r.id DESC LIMIT ?",
		since.UnixMicro(), id, flag, detect.MostBlamedRuns)
	return runs, err
}
