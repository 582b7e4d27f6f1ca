package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// A Past is a run as a detector and a blame want it.
type Past struct {
	End     time.Time
	Check   string
	Outcome prober.Outcome
	// Tags are what blame sees of it, with the account; not to be changed. Nil where
	// there are none.
	Tags map[string]string
}

// replayed is how many runs are read at a time: a long question would keep the daemon
// from tidying its log up.
const replayed = 2000

// Replay calls f for each run of a check, or of a group, "group:NAME", of the database
// that [OpenReadOnly] has opened, the oldest first, until f returns an error. It begins
// where the history is whole: of earlier times only failures are left, and it says how
// many of those it has left out.
func Replay(ctx context.Context, db *sql.DB, check string, f func(*Past) error) (leftOut int, err error) {
	r := reader{db: db}
	id, known, err := r.name(ctx, check)
	if err != nil {
		return 0, err
	}
	if !known {
		return 0, fmt.Errorf("the history has no run of %q", check)
	}
	column, index := "check_id", "run_check"
	if strings.HasPrefix(check, groupPrefix) {
		column, index = "group_id", "run_group"
	}
	whole, leftOut, err := r.whole(ctx, column, id)
	if err != nil {
		return 0, err
	}
	p := replay{reader: r, sets: map[int64]map[string]string{}, f: f, query: `SELECT r.id, c.text, r.outcome, a.text, r.tagset_id, t.tags
		FROM run r INDEXED BY ` + index + ` LEFT JOIN name c ON c.id = r.check_id LEFT JOIN name a ON a.id = r.account_id
		LEFT JOIN tagset t ON t.id = r.tagset_id WHERE r.` + column + ` = ? AND r.id >= ? ORDER BY r.id LIMIT ?`}
	for from := whole; ; {
		n, last, err := p.some(ctx, id, from)
		if err != nil || n < replayed {
			return leftOut, err
		}
		from = last + 1
	}
}

// whole is the first run that passed: before it what passed is no longer kept. Where
// none is, nothing is known to be missing.
func (r reader) whole(ctx context.Context, column string, id int64) (from int64, before int, err error) {
	var first sql.NullInt64
	err = r.row(ctx, "SELECT min(id) FROM (SELECT id FROM run WHERE outcome = 0 ORDER BY id LIMIT 1)").Scan(&first)
	if err == nil && first.Valid {
		err = r.row(ctx, "SELECT count(*) FROM run WHERE "+column+" = ? AND id < ?", id, first.Int64).Scan(&before)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reading the history: %w", err)
	}
	return first.Int64, before, nil
}

// A replay keeps what runs have in common.
type replay struct {
	reader
	query string
	sets  map[int64]map[string]string
	f     func(*Past) error
}

// some tells of at most so many runs.
func (p *replay) some(ctx context.Context, id, from int64) (n int, last int64, err error) {
	var run Past
	err = p.each(ctx, func(rows *sql.Rows) error {
		var check, account, tags sql.NullString
		var set sql.NullInt64
		var outcome int
		if err := rows.Scan(&last, &check, &outcome, &account, &set, &tags); err != nil {
			return err
		}
		n++
		run.End, run.Check, run.Outcome = RunID(last).Time(), check.String, outcomeOf(outcome)
		if run.Tags, err = p.tags(set, tags, account.String); err != nil {
			return err
		}
		return p.f(&run)
	}, p.query, id, from, replayed)
	return n, last, err
}

// tags are those of a set, which is read once, and the account.
func (p *replay) tags(set sql.NullInt64, text sql.NullString, account string) (map[string]string, error) {
	of := p.sets[set.Int64]
	if of == nil && text.Valid {
		if err := json.Unmarshal([]byte(text.String), &of); err != nil {
			return nil, err
		}
		if len(p.sets) >= mostSets {
			clear(p.sets)
		}
		p.sets[set.Int64] = of
	}
	if account == "" {
		return of, nil
	}
	with := map[string]string{"account": account}
	for k, v := range of {
		with[k] = v
	}
	return with, nil
}
