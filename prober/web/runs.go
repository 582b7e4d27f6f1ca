package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web/api"
	"go.uber.org/zap"
)

// A runQuery is which runs are asked for.
type runQuery struct {
	check        string
	outcome      prober.Outcome
	since, until time.Time
	before       int64 // cursor: 0 for the latest
	limit        int
}

const (
	usualRuns = 50
	mostRuns  = 1000
)

// newRunQuery reads a query. A mistake in it is said, not left out.
func newRunQuery(q url.Values) (one runQuery, problem *api.Problem) {
	one = runQuery{check: q.Get("check"), outcome: prober.Outcome(q.Get("outcome")), limit: usualRuns}
	wrong := func(text string) (runQuery, *api.Problem) { return one, badRequest(text) }
	if one.outcome != "" && !slices.Contains(prober.Outcomes, one.outcome) {
		return wrong("outcome: want passed, failed, errored or aborted")
	}
	for name, at := range map[string]*time.Time{"since": &one.since, "until": &one.until} {
		if text := q.Get(name); text != "" {
			var ok bool
			if *at, ok = parseMoment(text, time.Now()); !ok {
				return wrong(name + ": want a time such as 2026-11-27T03:00:00Z, or how long ago, such as 24h")
			}
		}
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostRuns {
			return wrong("limit: want a number from 1 to 1000")
		}
		one.limit = n
	}
	if text := q.Get("cursor"); text != "" {
		id, ok := api.ParseRunID(text)
		if !ok {
			return wrong("cursor: want the next of an answer before")
		}
		one.before = id
	}
	return one, nil
}

// parseMoment reads a time, or how long before now.
func parseMoment(text string, now time.Time) (time.Time, bool) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

func badRequest(text string) *api.Problem {
	return &api.Problem{Title: http.StatusText(http.StatusBadRequest), Status: http.StatusBadRequest, Detail: text}
}

// findRuns finds runs, the latest first: in the history, or where there is none,
// among the last ones.
func (p *pages) findRuns(ctx context.Context, query url.Values) (api.Runs, *api.Problem) {
	q, problem := newRunQuery(query)
	if problem != nil {
		return api.Runs{}, problem
	}
	found, ok, err := p.runsOfHistory(ctx, q)
	switch {
	case err != nil:
		p.opts.Log.Error("history", errorField(err))
		return found, &api.Problem{Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable,
			Detail: "the history cannot be read"}
	case ok:
		return found, nil
	}
	return p.opts.Recent.runs(q), nil
}

func errorField(err error) zap.Field { return zap.Error(err) }

// runs finds runs among the last ones.
func (r *Recent) runs(q runQuery) api.Runs {
	found := api.Runs{Runs: []api.Summary{}}
	for _, w := range r.last() {
		end := w.run.End()
		if q.check != "" && w.run.Check.Name != q.check || q.outcome != "" && w.run.Outcome != q.outcome ||
			end.Before(q.since) || !q.until.IsZero() && !end.Before(q.until) || q.before > 0 && w.id >= q.before {
			continue
		}
		if len(found.Runs) == q.limit {
			found.Next = found.Runs[q.limit-1].ID
			break
		}
		found.Runs = append(found.Runs, api.NewSummary(w.id, w.run))
	}
	return found
}
