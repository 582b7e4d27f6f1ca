package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	chunk      = 2000 // rows that one transaction deletes
	mostChunks = 50   // that one tidying does: what is written waits for it
	keepBack   = 0.95 // of the size: a tidying that had to begin goes on to there
	tagsEvery  = time.Hour

	mayBeLarger = 1.1   // the file than its size, before it is made smaller
	mostShrunk  = 10000 // pages at a time
)

// tidyUp deletes what is too old or too much, and says how the store is.
func (w *writer) tidyUp(ctx context.Context, now time.Time) error {
	db := w.store.db.Load()
	if err := w.tooOld(ctx, db, now); err != nil {
		return err
	}
	if err := w.tooMuch(ctx, db, now); err != nil {
		return err
	}
	if now.Sub(w.tags) >= tagsEvery || now.Before(w.tags) {
		w.tags = now
		if err := w.forgetTags(ctx, db); err != nil {
			return err
		}
	}
	if err := w.shrink(ctx, db); err != nil {
		return err
	}
	return w.measure(ctx, db)
}

// shrink gives back to the system what a file has to spare that was larger once: by
// itself it keeps what is free for what comes.
func (w *writer) shrink(ctx context.Context, db *sql.DB) error {
	var pages, free, size int64
	for pragma, to := range map[string]*int64{"PRAGMA page_count": &pages, "PRAGMA freelist_count": &free, "PRAGMA page_size": &size} {
		if err := db.QueryRowContext(ctx, pragma).Scan(to); err != nil {
			return err
		}
	}
	over := pages - int64(float64(w.store.opts.Size)*mayBeLarger)/size
	if over = min(over, free, mostShrunk); over <= 0 {
		return nil
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", over))
	if err != nil {
		return err
	}
	for rows.Next() { // a page each
	}
	return errors.Join(rows.Err(), rows.Close())
}

// measure notes how large the store is, and how old.
func (w *writer) measure(ctx context.Context, db *sql.DB) error {
	bytes, err := used(ctx, db)
	if err != nil {
		return err
	}
	var oldest sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT min(id) FROM run").Scan(&oldest); err != nil {
		return err
	}
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Bytes, s.stats.Oldest = bytes, time.Time{}
	if oldest.Valid {
		s.stats.Oldest = RunID(oldest.Int64).Time()
	}
	return nil
}

// used is how many bytes of the database are in use.
func used(ctx context.Context, db *sql.DB) (int64, error) {
	var n [3]int64
	for i, pragma := range []string{"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"} {
		if err := db.QueryRowContext(ctx, pragma).Scan(&n[i]); err != nil {
			return 0, err
		}
	}
	return (n[0] - n[1]) * n[2], nil
}

// tooOld deletes what is older than the age, and sums by the minute that are older than
// charts of minutes go back: sums once their end is, as the hour that began an age ago
// has what is younger.
func (w *writer) tooOld(ctx context.Context, db *sql.DB, now time.Time) error {
	end := now.Add(-w.store.opts.Age)
	minutes := now.Add(-minutesKept)
	if minutes.Before(end) {
		minutes = end
	}
	type deletion struct {
		query string
		args  []any
	}
	old := func(table, key, condition string, args ...any) deletion {
		return deletion{fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s LIMIT %d)", table, key, key, table, condition, chunk), args}
	}
	us := end.UnixMicro()
	steps := []deletion{
		old("change", "id", "at_us < ?", us),
		old("missed", "check_id, at, reason_id", "at < ?", end.Unix()),
	}
	for table, key := range map[string]string{"bucket": "", "step_bucket": ", step_id", "cause": ", tagset_id, step_id, reason_id"} {
		steps = append(steps, old(table, "check_id, width, at"+key, "width = ? AND at <= ?", minute, minutes.Unix()-minute),
			old(table, "check_id, width, at"+key, "width = ? AND at <= ?", hour, end.Unix()-hour))
	}
	for range mostChunks {
		runs, err := removeRuns(ctx, db, "SELECT id FROM run WHERE id < ? ORDER BY id LIMIT ?", us, chunk)
		if err != nil {
			return err
		}
		deleted, err := inOne(ctx, db, func(tx *sql.Tx) (n int64, err error) {
			for _, one := range steps {
				some, err := affected(tx.ExecContext(ctx, one.query, one.args...))
				if err != nil {
					return n, err
				}
				n += some
			}
			return n, nil
		})
		if err != nil || runs+deleted == 0 {
			return err
		}
	}
	return nil
}

// A class is what is deleted together where the database is larger than it may be: of
// the class whose oldest is oldest, by its weight, some goes.
type class struct {
	weight float64 // of an age: what failed is kept eight times as long as what passed
	oldest func(context.Context, *sql.DB) (sql.NullInt64, error)
	remove func(ctx context.Context, db *sql.DB, oldest int64) (int64, error)
}

const failuresWeigh = 1.0 / 8

func (w *writer) classes() []class {
	return []class{
		{1, w.oldestPassed, w.removePassed},
		{1, oldestSum(minute), removeSums(minute, 10)},
		{failuresWeigh, oldestBad, removeBad},
		{failuresWeigh, oldestSum(hour), removeSums(hour, 1)},
	}
}

// tooMuch deletes while the database is larger than it may be.
func (w *writer) tooMuch(ctx context.Context, db *sql.DB, now time.Time) error {
	size := float64(w.store.opts.Size)
	for i := range mostChunks {
		bytes, err := used(ctx, db)
		if err != nil {
			return err
		}
		if float64(bytes) <= keepBack*size || i == 0 && float64(bytes) <= size {
			return nil
		}
		if n, err := w.removeSome(ctx, db, now); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// removeSome deletes some of the class whose turn it is, and says how many rows that
// were.
func (w *writer) removeSome(ctx context.Context, db *sql.DB, now time.Time) (int64, error) {
	var next *class
	var from int64
	oldest := 0.0
	for _, c := range w.classes() {
		us, err := c.oldest(ctx, db)
		if err != nil {
			return 0, err
		}
		if age := float64(max(1, now.UnixMicro()-us.Int64)) * c.weight; us.Valid && age > oldest {
			next, from, oldest = &c, us.Int64, age
		}
	}
	if next == nil {
		return 0, nil
	}
	return next.remove(ctx, db, from)
}

func (w *writer) oldestPassed(ctx context.Context, db *sql.DB) (id sql.NullInt64, err error) {
	err = db.QueryRowContext(ctx, "SELECT id FROM run WHERE outcome = 0 AND id > ? ORDER BY id LIMIT 1", w.from).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return id, nil
	}
	if err == nil {
		w.from = id.Int64 - 1 // so that failed runs before it are not looked at again
	}
	return id, err
}

func (w *writer) removePassed(ctx context.Context, db *sql.DB, oldest int64) (int64, error) {
	return removeRuns(ctx, db, "SELECT id FROM run WHERE outcome = 0 AND id >= ? ORDER BY id LIMIT ?", oldest, chunk)
}

func oldestBad(ctx context.Context, db *sql.DB) (id sql.NullInt64, err error) {
	err = db.QueryRowContext(ctx, `SELECT min(id) FROM (SELECT min(id) AS id FROM run WHERE outcome = 1
		UNION ALL SELECT min(id) FROM run WHERE outcome = 2 UNION ALL SELECT min(id) FROM run WHERE outcome = 3)`).Scan(&id)
	return id, err
}

func removeBad(ctx context.Context, db *sql.DB, oldest int64) (int64, error) {
	return removeRuns(ctx, db, "SELECT id FROM run WHERE outcome > 0 AND id >= ? ORDER BY id LIMIT ?", oldest, chunk/4)
}

// removeRuns deletes runs, which a query chooses by two arguments, with their steps.
func removeRuns(ctx context.Context, db *sql.DB, chosen string, args ...any) (int64, error) {
	return inOne(ctx, db, func(tx *sql.Tx) (int64, error) {
		if _, err := tx.ExecContext(ctx, "DELETE FROM step WHERE run_id IN ("+chosen+")", args...); err != nil {
			return 0, err
		}
		return affected(tx.ExecContext(ctx, "DELETE FROM run WHERE id IN ("+chosen+")", args...))
	})
}

// oldestSum is the end of the oldest bucket, for as old is what it was added last, unless
// it is the newest too.
func oldestSum(width int64) func(context.Context, *sql.DB) (sql.NullInt64, error) {
	return func(ctx context.Context, db *sql.DB) (at sql.NullInt64, err error) {
		err = db.QueryRowContext(ctx, `SELECT (min(at) + ?1) * 1000000 FROM bucket INDEXED BY bucket_at WHERE width = ?1
			AND at < (SELECT max(at) FROM bucket INDEXED BY bucket_at WHERE width = ?1)`, width).Scan(&at)
		return at, err
	}
}

// removeSums deletes the sums of the oldest buckets, so many of them, but never those that
// are still added to.
func removeSums(width, buckets int64) func(context.Context, *sql.DB, int64) (int64, error) {
	return func(ctx context.Context, db *sql.DB, oldest int64) (int64, error) {
		return inOne(ctx, db, func(tx *sql.Tx) (n int64, err error) {
			for _, table := range sumTables {
				some, err := affected(tx.ExecContext(ctx, "DELETE FROM "+table+` WHERE width = ?1 AND at < ?2
					AND at < (SELECT max(at) FROM bucket INDEXED BY bucket_at WHERE width = ?1)`, width, oldest/1e6+(buckets-1)*width))
				if err != nil {
					return 0, err
				}
				n += some
			}
			return n, nil
		})
	}
}

// sumTables are the tables of sums.
var sumTables = []string{"bucket", "step_bucket", "cause"}

// forgetTags deletes sets of tags that nothing has any more.
func (w *writer) forgetTags(ctx context.Context, db *sql.DB) error {
	_, err := inOne(ctx, db, func(tx *sql.Tx) (int64, error) {
		n, err := affected(tx.ExecContext(ctx, `DELETE FROM tagset WHERE NOT EXISTS (SELECT 1 FROM cause WHERE cause.tagset_id = tagset.id)
			AND NOT EXISTS (SELECT 1 FROM run WHERE run.tagset_id = tagset.id)`))
		if err != nil || n == 0 {
			return 0, err
		}
		return affected(tx.ExecContext(ctx, "DELETE FROM tag WHERE tagset_id NOT IN (SELECT id FROM tagset)"))
	})
	clear(w.sets)
	return err
}

// inOne does something in one transaction.
func inOne(ctx context.Context, db *sql.DB, f func(*sql.Tx) (int64, error)) (n int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it is none
	if n, err = f(tx); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
