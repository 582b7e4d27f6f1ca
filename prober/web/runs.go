package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
	step         string
	reason       prober.Reason
	account      string
	tags         map[string]string
	before       int64 // cursor: 0 for the latest
	limit        int
}

const (
	usualRuns = 50
	mostRuns  = 1000
)

// newRunQuery reads a query. A mistake in it is said, not left out.
func newRunQuery(q url.Values) (one runQuery, problem *api.Problem) {
	one = runQuery{check: q.Get("check"), outcome: prober.Outcome(q.Get("outcome")), step: q.Get("step"),
		reason: prober.Reason(q.Get("reason")), account: q.Get("account"), limit: usualRuns}
	wrong := func(text string) (runQuery, *api.Problem) { return one, badRequest(text) }
	if one.outcome != "" && !slices.Contains(prober.Outcomes, one.outcome) {
		return wrong("outcome: want passed, failed, errored or aborted")
	}
	for _, text := range q["tag"] {
		tag, value, ok := strings.Cut(text, "=")
		if !ok || tag == "" {
			return wrong("tag: want TAG=VALUE, such as release=1.2.3")
		}
		if one.tags == nil {
			one.tags = map[string]string{}
		}
		one.tags[tag] = value
	}
	one.since, one.until, problem = momentsOf(q)
	if problem == nil {
		one.limit, one.before, problem = pageOf(q)
	}
	return one, problem
}

// momentsOf reads since and until; a time that is not given is zero.
func momentsOf(q url.Values) (since, until time.Time, problem *api.Problem) {
	for _, x := range []struct {
		name string
		at   *time.Time
	}{{"since", &since}, {"until", &until}} {
		if text := q.Get(x.name); text != "" {
			var ok bool
			if *x.at, ok = ParseMoment(text, time.Now()); !ok {
				return since, until, badRequest(x.name + ": want a time such as 2026-11-27T03:00:00Z, or how long ago, such as 24h")
			}
		}
	}
	return since, until, nil
}

const wrongCursor = "cursor: want the next of an answer before"

// pageOf reads limit and cursor.
func pageOf(q url.Values) (limit int, before int64, problem *api.Problem) {
	limit, problem = limitOf(q)
	if text := q.Get("cursor"); text != "" && problem == nil {
		id, ok := api.ParseRunID(text)
		if !ok {
			return limit, 0, badRequest(wrongCursor)
		}
		before = id
	}
	return limit, before, problem
}

func limitOf(q url.Values) (limit int, problem *api.Problem) {
	text := q.Get("limit")
	if text == "" {
		return usualRuns, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostRuns {
		return 0, badRequest("limit: want a number from 1 to 1000")
	}
	return n, nil
}

// ParseMoment reads a time as the API's since and until are written: RFC 3339, or how
// long before now, such as 24h.
func ParseMoment(text string, now time.Time) (time.Time, bool) {
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
		return found, p.unreadable(err)
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
		step := w.run.FailedStep()
		if q.step != "" && (step == nil || step.Name != q.step) || q.reason != "" && (step == nil || step.Reason != q.reason) ||
			q.account != "" && w.run.Account != q.account || !hasTags(w.run.Tags, q.tags) {
			continue
		}
		if q.check != "" && w.run.Check.Name != q.check && "group:"+w.run.Check.Group != q.check || q.outcome != "" && w.run.Outcome != q.outcome ||
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

func hasTags(tags, want map[string]string) bool {
	for tag, value := range want {
		if got, ok := tags[tag]; !ok || got != value {
			return false
		}
	}
	return true
}
