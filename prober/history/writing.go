package history

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/authprober/authprober/prober"
)

// A writing is one transaction.
type writing struct {
	ctx context.Context
	tx  *sql.Tx
	*writer
	sums  *sums
	stmts map[string]*sql.Stmt
}

// exec executes a statement.
func (t *writing) exec(query string, args ...any) error {
	_, err := t.result(query, args...)
	return err
}

func (t *writing) result(query string, args ...any) (sql.Result, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(t.ctx, args...)
}

func (t *writing) prepare(query string) (*sql.Stmt, error) {
	if stmt := t.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.made.in(t.ctx, t.tx, query)
	if err != nil {
		return nil, err
	}
	if t.stmts == nil {
		t.stmts = map[string]*sql.Stmt{}
	}
	t.stmts[query] = stmt
	return stmt, nil
}

// name is the id of a text, nil of "".
func (t *writing) name(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	return t.nameID(text)
}

func (t *writing) nameID(text string) (id int64, err error) {
	if id, known := t.names[text]; known {
		return id, nil
	}
	if err := t.exec("INSERT INTO name (text) VALUES (?) ON CONFLICT DO NOTHING", text); err != nil {
		return 0, err
	}
	stmt, err := t.prepare("SELECT id FROM name WHERE text = ?")
	if err != nil {
		return 0, err
	}
	if err := stmt.QueryRowContext(t.ctx, text).Scan(&id); err != nil {
		return 0, err
	}
	t.names[text] = id
	return id, nil
}

const insertRun = `INSERT INTO run (id, check_id, seq, start_us, lag_us, took_us, outcome, flags, step_id, reason_id,
	account_id, tagset_id, group_id, trace, evidence, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (t *writing) run(r *record) error {
	run, flags := r.run, r.flags
	if keeps(run) {
		flags |= flagKept
	}
	check, err := t.nameID(run.Check.Name)
	if err != nil {
		return err
	}
	tags, err := t.tagset(check, run)
	if err != nil {
		return err
	}
	var step, reason, account, group any
	var stepName, detail, why, groupName string
	if r.group >= 0 {
		groupName = groupPrefix + run.Check.Group
	}
	if s := run.FailedStep(); s != nil && run.Outcome == prober.Failed {
		stepName, why, detail = s.Name, string(s.Reason), s.Detail
	} else if run.Err != nil {
		detail = run.Err.Error()
	}
	for _, one := range []struct {
		text string
		id   *any
	}{{stepName, &step}, {why, &reason}, {run.Account, &account}, {groupName, &group}} {
		if *one.id, err = t.name(one.text); err != nil {
			return err
		}
	}
	trace, err := hex.DecodeString(run.TraceID)
	if err != nil || len(trace) == 0 {
		trace = nil
	}
	err = t.exec(insertRun, int64(r.id), check, int64(run.Seq), run.Start.UnixMicro(), run.Start.Sub(run.Due).Microseconds(),
		run.Took.Microseconds(), outcomeNumber(run.Outcome), flags, step, reason, account, tags, group, trace, r.evidence, orNull(detail))
	if err != nil {
		return err
	}
	if flags&flagKept != 0 {
		if err := t.steps(r.id, run); err != nil {
			return err
		}
	}
	return t.sum(r, check, tags, step, reason, group)
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// keeps reports whether the steps of a run are kept: those that failed, and those that
// the flow has chosen.
func keeps(r *prober.Run) bool {
	if r.Outcome != prober.Passed {
		return true
	}
	for i := range r.Steps {
		if r.Steps[i].Exchange != nil {
			return true
		}
	}
	return false
}

const insertStep = `INSERT INTO step (run_id, n, cleanup, name_id, start_us, took_us, resolve_us, connect_us, tls_us,
	processing_us, transfer_us, skipped, reason_id, detail, request, status, remote, attempts, polls, delivery_us, repeat, propagation_us, sent, exchange)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (t *writing) steps(id RunID, run *prober.Run) error {
	for i := range run.Steps {
		if err := t.step(id, i, false, &run.Steps[i]); err != nil {
			return err
		}
	}
	for i := range run.Cleanup {
		if err := t.step(id, len(run.Steps)+i, true, &run.Cleanup[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *writing) step(id RunID, n int, cleanup bool, s *prober.StepResult) error {
	name, err := t.nameID(s.Name)
	if err != nil {
		return err
	}
	reason, err := t.name(string(s.Reason))
	if err != nil {
		return err
	}
	var exchange, sent any
	if s.Exchange != nil {
		if exchange, err = marshal(s.Exchange); err != nil {
			return err
		}
	}
	if s.Sent != (prober.Sent{}) {
		if sent, err = marshal(s.Sent); err != nil {
			return err
		}
	}
	p := &s.Phases
	return t.exec(insertStep, int64(id), n, cleanup, name, s.Start.Microseconds(), s.Took.Microseconds(),
		p.Resolve.Microseconds(), p.Connect.Microseconds(), p.TLS.Microseconds(), p.Processing.Microseconds(), p.Transfer.Microseconds(),
		s.Skipped, reason, orNull(s.Detail), orNull(s.Request), s.Status, orNull(s.Remote), s.Attempts, s.Polls,
		s.Delivery.Microseconds(), orNull(string(s.Repeat)), s.Propagation.Microseconds(), sent, exchange)
}

func marshal(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func (t *writing) missed(m *prober.Missed) error {
	check, err := t.nameID(m.Check.Name)
	if err != nil {
		return err
	}
	reason, err := t.nameID(string(m.Reason))
	if err != nil {
		return err
	}
	t.sums.missed(check, m.At, m.N)
	return t.exec(`INSERT INTO missed (check_id, at, reason_id, n) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET n = n + excluded.n`, check, m.At.Unix()/60*60, reason, m.N)
}

func (t *writing) change(r *record) error {
	c := r.change
	check, err := t.nameID(c.Check.Name)
	if err != nil {
		return err
	}
	var step, reason any
	if c.Step != "" {
		if step, err = t.name(c.Step); err != nil {
			return err
		}
		if reason, err = t.name(string(prober.ReasonNotRefused)); err != nil {
			return err
		}
	} else if last := c.Status.LastFailed; last != nil && last.FailedStep() != nil {
		if step, err = t.name(last.FailedStep().Name); err != nil {
			return err
		}
		if reason, err = t.name(string(last.FailedStep().Reason)); err != nil {
			return err
		}
	}
	var run any
	if r.id != 0 {
		run = int64(r.id)
	}
	ratio := c.Status.Ratio(time.Hour)
	return t.exec(`INSERT INTO change (at_us, check_id, was, now, cause, evidence, failed, runs, blame, step_id, reason_id, run_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, c.At.UnixMicro(), check, c.From.String(), c.To.String(), string(c.Cause),
		c.Status.Evidence, ratio.Failed, ratio.Runs, orNull(c.Status.BlameText()), step, reason, run)
}

func (t *writing) state(s stateOf) error {
	check, err := t.nameID(s.name)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO state (check_id, at_us, snapshot) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET at_us = excluded.at_us, snapshot = excluded.snapshot`,
		check, s.state.At.UnixMicro(), string(text))
}
