package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
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

// Causes says why the runs of a check failed from one time to another, and how often
// runs with each tag did. Like a Series it is of whole buckets. Only counted outcomes
// are in it: passed and failed.
func (s *Store) Causes(ctx context.Context, check string, from, to time.Time) (c Causes, err error) {
	r, at := s.reader(), spanOf(from, to, time.Now())
	id, known, err := r.name(ctx, check)
	if err != nil || !known {
		return c, err
	}
	sets, reasons := map[string]*TagCount{}, map[ReasonCount]int{}
	err = r.each(ctx, func(rows *sql.Rows) error {
		var tags, step, reason sql.NullString
		var n int
		if err := rows.Scan(&tags, &step, &reason, &n); err != nil {
			return err
		}
		set := sets[tags.String]
		if set == nil {
			set = &TagCount{}
			sets[tags.String] = set
		}
		set.Runs += n
		c.Runs += n
		if reason.Valid {
			set.Failed += n
			c.Failed += n
			reasons[ReasonCount{Step: step.String, Reason: prober.Reason(reason.String)}] += n
		}
		return nil
	}, `SELECT t.tags, s.text, y.text, x.n FROM cause x LEFT JOIN tagset t ON t.id = x.tagset_id
		LEFT JOIN name s ON s.id = x.step_id LEFT JOIN name y ON y.id = x.reason_id
		WHERE x.check_id = ? AND x.width = ? AND x.at >= ? AND x.at < ?`, id, at.width, at.from, at.to)
	c.Reasons = sortedReasons(reasons)
	c.Tags = tagCounts(sets)
	return c, err
}

func sortedReasons(reasons map[ReasonCount]int) (all []ReasonCount) {
	for r, n := range reasons {
		r.N = n
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b ReasonCount) int {
		return cmp.Or(b.N-a.N, strings.Compare(a.Step, b.Step), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	return all
}

// tagCounts adds up sets of tags by tag.
func tagCounts(sets map[string]*TagCount) (all []TagCount) {
	byTag := map[detect.Tag]*TagCount{}
	for text, set := range sets {
		var tags map[string]string
		if json.Unmarshal([]byte(text), &tags) != nil {
			continue // a run without any
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
	return all
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
