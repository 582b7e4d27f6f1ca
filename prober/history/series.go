package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A span is whole buckets of one width.
type span struct{ width, from, to int64 }

// spanOf is the buckets that a length of time touches: minutes where they are few and
// still kept, hours elsewhere.
func spanOf(from, to, now time.Time) span {
	s := span{width: minute}
	if to.Sub(from) > minutesKept || from.Before(now.Add(-minutesKept)) {
		s.width = hour
	}
	s.from = from.Unix() / s.width * s.width
	s.to = (to.Unix() + s.width - 1) / s.width * s.width
	return s
}

// Series returns what became of the runs of a check, or a group, from one time to
// another.
func (s *Store) Series(ctx context.Context, check string, from, to time.Time) (Series, error) {
	r, at := s.reader(), spanOf(from, to, time.Now())
	series := Series{Check: check, From: time.Unix(at.from, 0), To: time.Unix(at.to, 0), Width: time.Duration(at.width) * time.Second}
	id, known, err := r.name(ctx, check)
	if err != nil || !known {
		return series, err
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		b, err := scanBucket(rows)
		series.Buckets = append(series.Buckets, b)
		return err
	}, `SELECT at, passed, failed, errored, aborted, missed, evidence, evidence_last, longest_us, took FROM bucket
		WHERE check_id = ? AND width = ? AND at >= ? AND at < ? ORDER BY at`, id, at.width, at.from, at.to)
	if err != nil {
		return series, err
	}
	steps := map[string]*StepSeries{}
	err = r.each(ctx, func(rows *sql.Rows) error {
		var name string
		b, err := scanStepBucket(rows, &name)
		if steps[name] == nil {
			steps[name] = &StepSeries{Step: name}
		}
		steps[name].Buckets = append(steps[name].Buckets, b)
		return err
	}, `SELECT b.at, m.text, b.failed, b.longest_us, b.took FROM step_bucket b CROSS JOIN name m ON m.id = b.step_id
		WHERE b.check_id = ? AND b.width = ? AND b.at >= ? AND b.at < ? ORDER BY b.at`, id, at.width, at.from, at.to)
	for _, one := range steps {
		series.Steps = append(series.Steps, *one)
	}
	slices.SortFunc(series.Steps, func(a, b StepSeries) int { return strings.Compare(a.Step, b.Step) })
	return series, err
}

func scanBucket(rows *sql.Rows) (b Bucket, err error) {
	var at, longest int64
	var h histogram
	var took []byte
	err = rows.Scan(&at, &b.Passed, &b.Failed, &b.Errored, &b.Aborted, &b.Missed, &b.Evidence, &b.EvidenceLast, &longest, &took)
	h.decode(took)
	h.longest = micro(longest)
	b.At, b.Took = time.Unix(at, 0), h.quantiles()
	return b, err
}

func scanStepBucket(rows *sql.Rows, name *string) (b StepBucket, err error) {
	var at, longest int64
	var h histogram
	var took []byte
	err = rows.Scan(&at, name, &b.Failed, &longest, &took)
	h.decode(took)
	h.longest = micro(longest)
	b.At, b.Quantiles = time.Unix(at, 0), h.quantiles()
	return b, err
}

// Causes says why the runs of a check, or a group, failed from one time to another, and how often
// runs with each tag did. Like a Series it is of whole buckets. Only counted outcomes
// are in it: passed and failed.
func (s *Store) Causes(ctx context.Context, check string, from, to time.Time) (c Causes, err error) {
	r, at := s.reader(), spanOf(from, to, time.Now())
	id, known, err := r.name(ctx, check)
	if err != nil || !known {
		return c, err
	}
	sets, reasons := map[int64]*TagCount{}, map[[2]int64]int{}
	err = r.each(ctx, func(rows *sql.Rows) error {
		var set, step, reason int64
		var n int
		if err := rows.Scan(&set, &step, &reason, &n); err != nil {
			return err
		}
		if sets[set] == nil {
			sets[set] = &TagCount{}
		}
		sets[set].Runs += n
		c.Runs += n
		if reason != 0 {
			sets[set].Failed += n
			c.Failed += n
			reasons[[2]int64{step, reason}] += n
		}
		return nil
	}, "SELECT tagset_id, step_id, reason_id, n FROM cause WHERE check_id = ? AND width = ? AND at >= ? AND at < ?", id, at.width, at.from, at.to)
	if err != nil {
		return c, err
	}
	if c.Reasons, err = r.namedReasons(ctx, reasons); err != nil {
		return c, err
	}
	c.Tags, err = r.tagCounts(ctx, sets)
	return c, err
}

// namedReasons are counts of steps and reasons by their names.
func (r reader) namedReasons(ctx context.Context, reasons map[[2]int64]int) (all []ReasonCount, err error) {
	for ids, n := range reasons {
		one := ReasonCount{N: n}
		err := r.row(ctx, "SELECT s.text, y.text FROM name s, name y WHERE s.id = ? AND y.id = ?", ids[0], ids[1]).Scan(&one.Step, &one.Reason)
		if err != nil {
			return nil, fmt.Errorf("reading the history: %w", err)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b ReasonCount) int {
		return cmp.Or(b.N-a.N, strings.Compare(a.Step, b.Step), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	return all, nil
}

// tagCounts adds up sets of tags by tag.
func (r reader) tagCounts(ctx context.Context, sets map[int64]*TagCount) (all []TagCount, err error) {
	byTag := map[detect.Tag]*TagCount{}
	for id, set := range sets {
		var text string
		var tags map[string]string
		switch err := r.row(ctx, "SELECT tags FROM tagset WHERE id = ?", id).Scan(&text); {
		case errors.Is(err, sql.ErrNoRows):
			continue // runs without any
		case err != nil:
			return nil, fmt.Errorf("reading the history: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &tags); err != nil {
			return nil, fmt.Errorf("reading the history: %w", err)
		}
		for k, v := range tags {
			tag := detect.Tag{Key: k, Value: v}
			if byTag[tag] == nil {
				byTag[tag] = &TagCount{Tag: tag}
			}
			byTag[tag].Failed += set.Failed
			byTag[tag].Runs += set.Runs
		}
	}
	for _, t := range byTag {
		t.Interval = detect.Wilson(t.Failed, t.Runs)
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b TagCount) int {
		return cmp.Or(cmp.Compare(float64(b.Failed)/float64(b.Runs), float64(a.Failed)/float64(a.Runs)), b.Runs-a.Runs,
			strings.Compare(a.Tag.Key, b.Tag.Key), strings.Compare(a.Tag.Value, b.Tag.Value))
	})
	return all, nil
}

// Missed returns the due times of a check that were missed from one time to another, by
// the minute.
func (s *Store) Missed(ctx context.Context, check string, from, to time.Time) (all []MissedCount, err error) {
	r := s.reader()
	id, known, err := r.name(ctx, check)
	if err != nil || !known {
		return nil, err
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		var m MissedCount
		var at int64
		err := rows.Scan(&at, &m.Reason, &m.N)
		m.At = time.Unix(at, 0)
		all = append(all, m)
		return err
	}, `SELECT m.at, y.text, m.n FROM missed m CROSS JOIN name y ON y.id = m.reason_id
		WHERE m.check_id = ? AND m.at >= ? AND m.at < ? ORDER BY m.at`, id, from.Unix()/minute*minute, to.Unix())
	return all, err
}
