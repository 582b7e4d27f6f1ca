package history

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// A reader asks a database.
type reader struct {
	db   *sql.DB
	seen func(query string, args []any) // for a test
}

func (s *Store) reader() reader { return reader{s.db.Load(), s.seen} }

func (r reader) row(ctx context.Context, query string, args ...any) *sql.Row {
	if r.seen != nil {
		r.seen(query, args)
	}
	return r.db.QueryRowContext(ctx, query, args...)
}

// each calls f for each row.
func (r reader) each(ctx context.Context, f func(*sql.Rows) error, query string, args ...any) error {
	if r.seen != nil {
		r.seen(query, args)
	}
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what there is to say
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("reading the history: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	return nil
}

// name is the id of a name; known is false where nothing is so called.
func (r reader) name(ctx context.Context, text string) (id int64, known bool, err error) {
	err = r.row(ctx, "SELECT id FROM name WHERE text = ?", text).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading the history: %w", err)
	}
	return id, true, nil
}

// Strip returns the last n runs of a check, at most [MostOnPage], the newest last.
func (s *Store) Strip(ctx context.Context, check string, n int) ([]Mark, error) {
	r := s.reader()
	id, known, err := r.name(ctx, check)
	if err != nil || !known {
		return nil, err
	}
	var marks []Mark
	err = r.each(ctx, func(rows *sql.Rows) error {
		var m Mark
		var outcome int
		if err := rows.Scan(&m.ID, &outcome); err != nil {
			return err
		}
		m.Outcome = outcomeOf(outcome)
		marks = append(marks, m)
		return nil
	}, "SELECT id, outcome FROM run INDEXED BY run_check WHERE check_id = ? ORDER BY id DESC LIMIT ?", id, max(0, min(n, MostOnPage)))
	for i, j := 0, len(marks)-1; i < j; i, j = i+1, j-1 {
		marks[i], marks[j] = marks[j], marks[i]
	}
	return marks, err
}

func outcomeOf(n int) prober.Outcome {
	if n < 0 || n >= len(outcomes) {
		return prober.Aborted
	}
	return outcomes[n]
}

// runColumns are what scanRun reads, of run as r.
const (
	runColumns = `r.id, c.text, r.seq, r.start_us, r.lag_us, r.took_us, r.outcome, r.flags, s.text, y.text, r.detail, a.text, t.tags, r.trace, r.evidence`
	runNames   = ` LEFT JOIN name c ON c.id = r.check_id LEFT JOIN name s ON s.id = r.step_id LEFT JOIN name y ON y.id = r.reason_id
	LEFT JOIN name a ON a.id = r.account_id LEFT JOIN tagset t ON t.id = r.tagset_id`
)

func scanRun(rows interface{ Scan(...any) error }) (run Run, err error) {
	var start, lag, took int64
	var outcome, flags int
	var check, step, reason, detail, account, tags sql.NullString
	var trace []byte
	err = rows.Scan(&run.ID, &check, &run.Seq, &start, &lag, &took, &outcome, &flags, &step, &reason, &detail, &account, &tags, &trace, &run.Evidence)
	if err != nil {
		return run, err
	}
	run.Check, run.Step, run.Reason, run.Detail = check.String, step.String, prober.Reason(reason.String), detail.String
	run.Account, run.TraceID = account.String, hex.EncodeToString(trace)
	run.Start, run.Due, run.Took = time.UnixMicro(start), time.UnixMicro(start-lag), micro(took)
	run.Outcome = outcomeOf(outcome)
	run.Confirm, run.Counted, run.Kept = flags&flagConfirm != 0, flags&flagCounted != 0, flags&flagKept != 0
	if tags.Valid {
		err = json.Unmarshal([]byte(tags.String), &run.Tags)
	}
	return run, err
}

func micro(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// Run returns a run with its steps, or [ErrNotFound].
func (s *Store) Run(ctx context.Context, id RunID) (RunDetail, error) { return s.reader().run(ctx, id) }

// traceRuns is how many runs are looked through for a trace id: as many as Prometheus
// keeps exemplars.
const traceRuns = "100000"

// RunOfTrace returns the newest run with a trace id, or [ErrNotFound], of the last
// 100,000. There is no index of trace ids, which every run would pay for: they are read
// one after the other, the newest first.
func (s *Store) RunOfTrace(ctx context.Context, id string) (RunDetail, error) {
	trace, err := hex.DecodeString(id)
	if err != nil || len(trace) == 0 {
		return RunDetail{}, ErrNotFound
	}
	return s.reader().oneRun(ctx, "(SELECT * FROM run ORDER BY id DESC LIMIT "+traceRuns+")", "r.trace = ? LIMIT 1", trace)
}

func (r reader) run(ctx context.Context, id RunID) (RunDetail, error) {
	return r.oneRun(ctx, "run", "r.id = ?", int64(id))
}

func (r reader) oneRun(ctx context.Context, from, where string, arg any) (d RunDetail, err error) {
	d.Run, err = scanRun(r.row(ctx, "SELECT "+runColumns+" FROM "+from+" r"+runNames+" WHERE "+where, arg))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return d, ErrNotFound
	case err != nil:
		return d, fmt.Errorf("reading the history: %w", err)
	case !d.Kept:
		return d, nil
	}
	err = r.each(ctx, func(rows *sql.Rows) error {
		step, cleanup, err := scanStep(rows)
		if cleanup {
			d.Cleanup = append(d.Cleanup, step)
		} else {
			d.Steps = append(d.Steps, step)
		}
		return err
	}, stepsOf, int64(d.ID))
	return d, err
}

const stepsOf = `SELECT m.text, s.cleanup, s.start_us, s.took_us, s.resolve_us, s.connect_us, s.tls_us, s.processing_us, s.transfer_us,
	s.skipped, y.text, s.detail, s.request, s.status, s.remote, s.attempts, s.polls, s.delivery_us, s.repeat, s.propagation_us, s.sent, s.exchange
	FROM step s LEFT JOIN name m ON m.id = s.name_id LEFT JOIN name y ON y.id = s.reason_id WHERE s.run_id = ? ORDER BY s.n`

func scanStep(rows *sql.Rows) (s prober.StepResult, cleanup bool, err error) {
	var start, took, delivery, propagation int64
	var phases [5]int64
	var name, reason, detail, request, remote, repeat, sent, exchange sql.NullString
	err = rows.Scan(&name, &cleanup, &start, &took, &phases[0], &phases[1], &phases[2], &phases[3], &phases[4],
		&s.Skipped, &reason, &detail, &request, &s.Status, &remote, &s.Attempts, &s.Polls, &delivery, &repeat, &propagation, &sent, &exchange)
	if err != nil {
		return s, false, err
	}
	s.Name, s.Reason, s.Detail, s.Request, s.Remote = name.String, prober.Reason(reason.String), detail.String, request.String, remote.String
	s.Start, s.Took, s.Delivery, s.Propagation = micro(start), micro(took), micro(delivery), micro(propagation)
	s.Repeat = prober.Repeat(repeat.String)
	s.Phases = prober.Phases{Resolve: micro(phases[0]), Connect: micro(phases[1]), TLS: micro(phases[2]),
		Processing: micro(phases[3]), Transfer: micro(phases[4])}
	if sent.Valid {
		err = json.Unmarshal([]byte(sent.String), &s.Sent)
	}
	if exchange.Valid && err == nil {
		s.Exchange = &prober.Exchange{}
		err = json.Unmarshal([]byte(exchange.String), s.Exchange)
	}
	return s, cleanup, err
}

// Changes returns the changes of state of a check or a group, "" for all, that were not
// before since and before until, the newest first: at most limit, or [MostOnPage]. A
// zero time is no bound.
func (s *Store) Changes(ctx context.Context, check string, since, until time.Time, limit int) ([]Change, error) {
	page, err := s.ChangePage(ctx, check, since, until, ChangeCursor{}, limit)
	return page.Changes, err
}

// A ChangeCursor is where a page of changes ends; the zero one begins with the newest. A
// moment would not do: a run may change its check and its group.
type ChangeCursor struct{ at, id int64 }

// String writes a cursor, "" for the zero one, as [ParseChangeCursor] reads it.
func (c ChangeCursor) String() string {
	if c == (ChangeCursor{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", c.at, c.id)
}

// ParseChangeCursor reads a cursor; ok is false where it is none.
func ParseChangeCursor(text string) (c ChangeCursor, ok bool) {
	if text == "" {
		return c, true
	}
	at, id, _ := strings.Cut(text, "-")
	var err, err2 error
	c.at, err = strconv.ParseInt(at, 10, 64)
	c.id, err2 = strconv.ParseInt(id, 10, 64)
	return c, err == nil && err2 == nil && c.at > 0 && c.id > 0
}

// A ChangePage is changes, the newest first. Next is the cursor of the page of older
// ones; zero where there are none.
type ChangePage struct {
	Changes []Change
	Next    ChangeCursor
}

// ChangePage returns the changes that [Store.Changes] does, those older than the cursor.
func (s *Store) ChangePage(ctx context.Context, check string, since, until time.Time, cursor ChangeCursor, limit int) (page ChangePage, err error) {
	r := s.reader()
	where, args := "x.at_us >= ? AND x.at_us < ?", []any{fromMicro(since), untilMicro(until)}
	if cursor != (ChangeCursor{}) {
		where, args = where+" AND (x.at_us, x.id) < (?, ?)", append(args, cursor.at, cursor.id)
	}
	index := "change_at"
	if check != "" {
		id, known, err := r.name(ctx, check)
		if err != nil || !known {
			return page, err
		}
		index, where, args = "change_check", "x.check_id = ? AND "+where, append([]any{id}, args...)
	}
	if limit <= 0 || limit > MostOnPage {
		limit = MostOnPage
	}
	var last, next ChangeCursor
	err = r.each(ctx, func(rows *sql.Rows) error {
		c, id, err := scanChange(rows)
		if len(page.Changes) == limit {
			next = last
			return err
		}
		last = ChangeCursor{c.At.UnixMicro(), id}
		page.Changes = append(page.Changes, c)
		return err
	}, `SELECT c.text, x.was, x.now, x.cause, x.at_us, x.evidence, x.failed, x.runs, x.blame, s.text, y.text, x.run_id, x.id
		FROM change x INDEXED BY `+index+` LEFT JOIN name c ON c.id = x.check_id LEFT JOIN name s ON s.id = x.step_id
		LEFT JOIN name y ON y.id = x.reason_id WHERE `+where+` ORDER BY x.at_us DESC, x.id DESC LIMIT ?`, append(args, limit+1)...)
	page.Next = next
	return page, err
}

func scanChange(rows *sql.Rows) (c Change, id int64, err error) {
	var was, now string
	var at int64
	var check, blame, step, reason sql.NullString
	var run sql.NullInt64
	if err := rows.Scan(&check, &was, &now, &c.Cause, &at, &c.Evidence, &c.Failed, &c.Runs, &blame, &step, &reason, &run, &id); err != nil {
		return c, id, err
	}
	c.Check, c.At, c.Blame, c.Step = check.String, time.UnixMicro(at), blame.String, step.String
	c.Reason, c.Run = prober.Reason(reason.String), RunID(run.Int64)
	return c, id, errors.Join(c.From.UnmarshalText([]byte(was)), c.To.UnmarshalText([]byte(now)))
}

// fromMicro and untilMicro are bounds as the tables have them.
func fromMicro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func untilMicro(t time.Time) int64 {
	if t.IsZero() {
		return 1 << 62
	}
	return t.UnixMicro()
}
