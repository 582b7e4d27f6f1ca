package history

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authprober/authprober/prober"
)

// mostTagsets is how many sets of tags a filter by tags looks at, the newest: each set
// is one more search.
const mostTagsets = 256

// Runs returns the runs that a filter chooses, the newest first. A name that nothing
// has chooses none.
func (s *Store) Runs(ctx context.Context, f Filter) (Page, error) { return s.reader().runs(ctx, f) }

func (r reader) runs(ctx context.Context, f Filter) (page Page, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	limit := min(f.Limit, MostOnPage)
	q, known, err := r.resolve(ctx, &f)
	if err != nil || !known {
		return Page{}, err
	}
	if len(f.Tags) == 0 {
		page.Runs, err = r.search(ctx, q, limit+1)
	} else {
		page.Runs, err = r.searchTags(ctx, &f, q, limit+1)
	}
	if err != nil {
		return Page{}, err
	}
	if len(page.Runs) > limit {
		page.Runs = page.Runs[:limit]
		page.Next = page.Runs[limit-1].ID
	}
	return page, nil
}

// A search is a filter in terms of the table: what is asked for, and at least one of
// the columns has an index that is in the order of ids.
type search struct {
	from, until                          int64 // of ids
	check, step, reason, account, tagset int64 // 0 is any
	group                                int64 // of the checks, 0 is any
	outcome                              int   // -1 is any
}

// resolve looks up the names of a filter.
func (r reader) resolve(ctx context.Context, f *Filter) (q search, known bool, err error) {
	q = search{from: fromMicro(f.Since), until: untilMicro(f.Until), outcome: -1}
	if f.Before > 0 {
		q.until = min(q.until, int64(f.Before))
	}
	if f.Outcome != "" {
		if q.outcome = slices.Index(outcomes, f.Outcome); q.outcome < 0 {
			return q, false, fmt.Errorf("outcome is %q, want one of %q", f.Outcome, prober.Outcomes)
		}
	}
	for _, one := range []struct {
		text string
		id   *int64
	}{{f.Check, &q.check}, {f.Step, &q.step}, {string(f.Reason), &q.reason}, {f.Account, &q.account}} {
		if one.text == "" {
			continue
		}
		if *one.id, known, err = r.name(ctx, one.text); err != nil || !known {
			return q, false, err
		}
	}
	if strings.HasPrefix(f.Check, groupPrefix) {
		q.check, q.group = 0, q.check
	}
	return q, true, nil
}

// index is the one that leaves the fewest runs to be looked at, and the conditions that
// it wants to be there.
func (q *search) index() (name, condition string) {
	bad := q.outcome > 0
	if q.reason != 0 {
		condition = " AND r.reason_id IS NOT NULL"
	} else if bad {
		condition = " AND r.outcome > 0"
	}
	switch {
	case q.tagset != 0 && bad:
		return "bad_tagset", " AND r.outcome > 0"
	case q.account != 0 && bad:
		return "bad_account", " AND r.outcome > 0"
	case q.reason != 0 && q.check != 0:
		return "bad_check_reason", condition
	case q.reason != 0:
		return "bad_reason", condition
	case q.tagset != 0:
		return "run_tagset", " AND r.tagset_id IS NOT NULL"
	case q.account != 0:
		return "run_account", " AND r.account_id IS NOT NULL"
	case q.check != 0 && bad:
		return "bad_check", condition
	case bad:
		return "bad", condition
	case q.check != 0:
		return "run_check", ""
	case q.group != 0:
		return "run_group", " AND r.group_id IS NOT NULL"
	}
	return "", "" // the table itself is in that order
}

// search returns at most so many runs, the newest first.
func (r reader) search(ctx context.Context, q search, limit int) (runs []Run, err error) {
	where, index, args, none := q.conditions()
	if none {
		return nil, nil
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		runs = append(runs, run)
		return err
	}, "SELECT "+runColumns+" FROM run r"+index+runNames+" WHERE "+where+" ORDER BY r.id DESC LIMIT ?", append(args, limit)...)
	return runs, err
}

// conditions are the search in SQL, and the index for it; none says that nothing can be
// found.
func (q search) conditions() (where, index string, args []any, none bool) {
	if q.step != 0 || q.reason != 0 { // only runs that failed have any
		if q.outcome >= 0 && q.outcome != outcomeNumber(prober.Failed) {
			return "", "", nil, true
		}
		q.outcome = outcomeNumber(prober.Failed)
	}
	index, condition := q.index()
	if index != "" {
		index = " INDEXED BY " + index
	}
	all, args := []string{"r.id >= ?", "r.id < ?"}, []any{q.from, q.until}
	for _, one := range []struct {
		column string
		id     int64
	}{{"check_id", q.check}, {"step_id", q.step}, {"reason_id", q.reason}, {"account_id", q.account}, {"tagset_id", q.tagset}, {"group_id", q.group}} {
		if one.id != 0 {
			all, args = append(all, "r."+one.column+" = ?"), append(args, one.id)
		}
	}
	if q.outcome >= 0 {
		all, args = append(all, "r.outcome = ?"), append(args, q.outcome)
	}
	return strings.Join(all, " AND ") + condition, index, args, false
}

// searchTags is search for each set that has all the tags, put in one order. Of each
// only the ids are read, and the runs once it is known which they are.
func (r reader) searchTags(ctx context.Context, f *Filter, q search, limit int) (runs []Run, err error) {
	sets, err := r.tagsets(ctx, q.check, f.Tags)
	if err != nil {
		return nil, err
	}
	q.check = 0 // each set is of one
	var ids []any
	for _, q.tagset = range sets {
		where, index, args, none := q.conditions()
		if none {
			return nil, nil
		}
		err := r.each(ctx, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, "SELECT r.id FROM run r"+index+" WHERE "+where+" ORDER BY r.id DESC LIMIT ?", append(args, limit)...)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(ids, func(a, b any) int { return cmp.Compare(b.(int64), a.(int64)) })
		if len(ids) >= limit {
			ids = ids[:limit]
			q.from = max(q.from, ids[limit-1].(int64)+1) // older ones are none of the page
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		runs = append(runs, run)
		return err
	}, "SELECT "+runColumns+" FROM run r"+runNames+" WHERE r.id IN (?"+strings.Repeat(", ?", len(ids)-1)+") ORDER BY r.id DESC", ids...)
	return runs, err
}

// tagsets are the newest sets with all of the tags, of a check or, where that is 0, of
// any.
func (r reader) tagsets(ctx context.Context, check int64, tags map[string]string) (sets []int64, err error) {
	var where []string
	var args []any
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		condition := "key = ? AND value = ?"
		if len(where) > 0 {
			condition = "EXISTS (SELECT 1 FROM tag o WHERE o.key = ? AND o.value = ? AND o.tagset_id = tag.tagset_id)"
		}
		where, args = append(where, condition), append(args, key, tags[key])
	}
	if check != 0 {
		where = append(where, "(SELECT check_id FROM tagset WHERE id = tagset_id) = ?")
		args = append(args, check)
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		sets = append(sets, id)
		return err
	}, "SELECT tagset_id FROM tag WHERE "+strings.Join(where, " AND ")+" ORDER BY tagset_id DESC LIMIT ?", append(args, mostTagsets)...)
	return sets, err
}
