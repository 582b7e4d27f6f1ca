package history

import (
	"database/sql"
	"errors"
	"time"

	"github.com/authprober/authprober/prober"
)

// The widths of the buckets that runs are added up in, in seconds.
const (
	minute = 60
	hour   = 3600
)

var widths = []int64{minute, hour}

// minutesKept is how long sums by the minute are kept; charts of more than that are by
// the hour.
const minutesKept = 48 * time.Hour

// Sums are what the runs of a batch add to.
type sums struct {
	checks map[sumKey]*checkSum
	steps  map[stepKey]*stepSum
	causes map[causeKey]int64
}

type sumKey struct{ check, width, at int64 }

type stepKey struct {
	sumKey
	step int64
}

type causeKey struct {
	sumKey
	tagset, step, reason int64
}

type checkSum struct {
	outcomes               [4]int64
	missed                 int64
	evidence, evidenceLast float64
	judged                 bool
	took                   histogram
}

type stepSum struct {
	failed int64
	took   histogram
}

func newSums() *sums {
	return &sums{checks: map[sumKey]*checkSum{}, steps: map[stepKey]*stepSum{}, causes: map[causeKey]int64{}}
}

// each calls f for the buckets of a check that a time is in.
func each(check int64, at time.Time, f func(sumKey)) {
	for _, width := range widths {
		f(sumKey{check, width, at.Unix() / width * width})
	}
}

func (s *sums) check(k sumKey) *checkSum {
	if s.checks[k] == nil {
		s.checks[k] = &checkSum{}
	}
	return s.checks[k]
}

func (s *sums) missed(check int64, at time.Time, n int) {
	each(check, at, func(k sumKey) { s.check(k).missed += int64(n) })
}

func (c *checkSum) add(r *prober.Run, evidence float64) {
	c.outcomes[outcomeNumber(r.Outcome)]++
	c.evidence, c.evidenceLast = max(c.evidence, evidence), evidence
	c.judged = true
	if r.Outcome.Counted() {
		c.took.add(r.Took)
	}
}

// sum adds a run to the buckets that it is in, by the time that its id tells.
func (t *writing) sum(r *record, check int64, tagset, step, reason, group any) (err error) {
	run, at := r.run, r.id.Time()
	steps := make([]int64, len(run.Steps))
	for i := range run.Steps {
		if steps[i], err = t.nameID(run.Steps[i].Name); err != nil {
			return err
		}
	}
	each(check, at, func(k sumKey) {
		t.sums.check(k).add(run, r.evidence)
		if run.Outcome.Counted() {
			t.sums.causes[causeKey{k, number(tagset), number(step), number(reason)}]++
		}
		for i := range run.Steps {
			t.sums.step(stepKey{k, steps[i]}, &run.Steps[i])
		}
	})
	if group := number(group); group != 0 {
		each(group, at, func(k sumKey) {
			t.sums.check(k).add(run, r.group)
			if run.Outcome.Counted() {
				t.sums.causes[causeKey{k, number(tagset), number(step), number(reason)}]++
			}
		})
	}
	return nil
}

func number(id any) int64 {
	n, _ := id.(int64)
	return n
}

func (s *sums) step(k stepKey, r *prober.StepResult) {
	if r.Skipped {
		return
	}
	if s.steps[k] == nil {
		s.steps[k] = &stepSum{}
	}
	s.steps[k].took.add(r.Took)
	if r.Reason != "" {
		s.steps[k].failed++
	}
}

// writeSums adds what the batch came to to what is there.
func (t *writing) writeSums() error {
	for k, c := range t.sums.checks {
		if err := t.writeCheck(k, c); err != nil {
			return err
		}
	}
	for k, s := range t.sums.steps {
		if err := t.writeStep(k, s); err != nil {
			return err
		}
	}
	for k, n := range t.sums.causes {
		if err := t.exec(`INSERT INTO cause (check_id, width, at, tagset_id, step_id, reason_id, n) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, k.check, k.width, k.at, k.tagset, k.step, k.reason, n); err != nil {
			return err
		}
	}
	return nil
}

const addBucket = `INSERT INTO bucket (check_id, width, at, passed, failed, errored, aborted, missed, evidence, evidence_last, longest_us, took)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET passed = passed + excluded.passed, failed = failed + excluded.failed,
		errored = errored + excluded.errored, aborted = aborted + excluded.aborted, missed = missed + excluded.missed,
		evidence = max(evidence, excluded.evidence),
		evidence_last = CASE WHEN ? THEN excluded.evidence_last ELSE evidence_last END,
		longest_us = max(longest_us, excluded.longest_us), took = excluded.took`

func (t *writing) writeCheck(k sumKey, c *checkSum) error {
	err := t.merge(&c.took, "SELECT took, longest_us FROM bucket WHERE check_id = ? AND width = ? AND at = ?", k.check, k.width, k.at)
	if err != nil {
		return err
	}
	return t.exec(addBucket, k.check, k.width, k.at, c.outcomes[0], c.outcomes[1], c.outcomes[2], c.outcomes[3], c.missed,
		c.evidence, c.evidenceLast, c.took.longest.Microseconds(), c.took.encode(), c.judged)
}

func (t *writing) writeStep(k stepKey, s *stepSum) error {
	err := t.merge(&s.took, "SELECT took, longest_us FROM step_bucket WHERE check_id = ? AND width = ? AND at = ? AND step_id = ?",
		k.check, k.width, k.at, k.step)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO step_bucket (check_id, width, at, step_id, failed, longest_us, took) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET failed = failed + excluded.failed, longest_us = max(longest_us, excluded.longest_us), took = excluded.took`,
		k.check, k.width, k.at, k.step, s.failed, s.took.longest.Microseconds(), s.took.encode())
}

// merge adds the histogram that is stored.
func (t *writing) merge(h *histogram, query string, args ...any) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	var stored []byte
	var longest int64
	switch err := stmt.QueryRowContext(t.ctx, args...).Scan(&stored, &longest); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	h.decode(stored)
	h.longest = max(h.longest, time.Duration(longest)*time.Microsecond)
	return nil
}
