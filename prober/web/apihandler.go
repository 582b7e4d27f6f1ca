package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/web/api"
)

// routes are the JSON API, each with the name of its operation in openapi.json.
func (p *pages) routes() map[string]func(*http.Request) (any, *api.Problem) {
	return map[string]func(*http.Request) (any, *api.Problem){
		"/api/v1/checks":                p.apiChecks,
		"/api/v1/checks/{check}":        p.apiCheck,
		"/api/v1/checks/{check}/plan":   p.apiPlan,
		"/api/v1/checks/{check}/flow":   p.apiFlow,
		"/api/v1/checks/{check}/series": p.apiSeries,
		"/api/v1/checks/{check}/causes": p.apiCauses,
		"/api/v1/changes":               p.apiChanges,
		"/api/v1/runs":                  p.apiRuns,
		"/api/v1/runs/{run}":            p.apiRun,
		"/api/v1/accounts":              func(*http.Request) (any, *api.Problem) { return p.testAccounts(), nil },
		"/api/v1/prober":                func(*http.Request) (any, *api.Problem) { return p.itself(), nil },
	}
}

func (p *pages) serveAPI(mux *http.ServeMux) {
	for path, f := range p.routes() {
		mux.Handle("GET "+path, compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var out any
			problem := badRequest("the query cannot be read")
			if r.ParseForm() == nil {
				out, problem = f(r)
			}
			if problem != nil {
				writeJSON(w, problem.Status, "application/problem+json", problem)
				return
			}
			writeJSON(w, http.StatusOK, "application/json", out)
		})))
	}
	mux.Handle("GET /api/v1/openapi.json", compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "api/openapi.json")
	})))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			status = http.StatusMethodNotAllowed
		}
		writeJSON(w, status, "application/problem+json", &api.Problem{Title: http.StatusText(status), Status: status,
			Detail: "what there is stands in /api/v1/openapi.json"})
	})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	text, err := json.Marshal(v)
	if err != nil { // only a number that JSON has not
		answer(w, http.StatusInternalServerError, "the answer could not be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // nobody is left to tell if it fails
}

func notFound(text string) *api.Problem {
	return &api.Problem{Title: http.StatusText(http.StatusNotFound), Status: http.StatusNotFound, Detail: text}
}

func (p *pages) apiChecks(r *http.Request) (any, *api.Problem) {
	now := time.Now()
	shown := chosen(p.opts.Checks(), r.Form)
	sortByTrouble(shown, now)
	out := api.Checks{At: now.UTC().Round(0), Checks: []api.Check{}}
	for i := range shown {
		out.Checks = append(out.Checks, p.newCheck(&shown[i], now))
	}
	return out, nil
}

func (p *pages) newCheck(s *prober.CheckStatus, now time.Time) api.Check {
	c := api.NewCheck(s)
	if next := p.opts.Recent.nextDue(c.Check, now); !next.IsZero() {
		next = next.UTC().Round(0)
		c.NextDue = &next
	}
	last, failed := p.opts.Recent.lastIDs(s)
	for id, of := range map[int64]*api.Summary{last: c.LastRun, failed: c.LastFailed} {
		if id > 0 && of != nil {
			of.ID = api.RunID(id)
		}
	}
	return c
}

func (p *pages) apiCheck(r *http.Request) (any, *api.Problem) {
	s, ok := p.status(r.PathValue("check"))
	if !ok {
		return nil, notFound("there is no such check")
	}
	return p.newCheck(&s, time.Now()), nil
}

func (p *pages) apiPlan(r *http.Request) (any, *api.Problem) {
	s, ok := p.status(r.PathValue("check"))
	if !ok {
		return nil, notFound("there is no such check")
	}
	return api.NewPlan(s.Check.Name, s.Check.Schedule.Every.Seconds(), s.Check.Objective, p.planOf(s.Check)), nil
}

func (p *pages) apiFlow(r *http.Request) (any, *api.Problem) {
	name := r.PathValue("check")
	text := p.flow(name)
	if text == "" {
		return nil, notFound("there is no flow of that name")
	}
	return api.Flow{Check: name, Source: text}, nil
}

func (p *pages) flow(check string) string {
	if p.opts.Flow == nil {
		return ""
	}
	return p.opts.Flow(check)
}

func (p *pages) apiRuns(r *http.Request) (any, *api.Problem) {
	found, problem := p.findRuns(r.Context(), r.Form)
	if problem != nil {
		return nil, problem
	}
	return found, nil
}

func (p *pages) apiRun(r *http.Request) (any, *api.Problem) {
	run, ok, err := p.findRun(r.Context(), r.PathValue("run"))
	switch {
	case err != nil:
		return nil, p.unreadable(err)
	case !ok:
		return nil, notFound("there is no such run, or not any more")
	}
	return run, nil
}

// unreadable says that the history failed, which is logged.
func (p *pages) unreadable(err error) *api.Problem {
	p.opts.Log.Error("history", errorField(err))
	return &api.Problem{Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable, Detail: "the history cannot be read"}
}

// spanOf is the check and the time that a request is about: the last hour, unless it
// says otherwise.
func (p *pages) spanOf(r *http.Request) (check string, from, to time.Time, problem *api.Problem) {
	check = r.PathValue("check")
	if _, ok := p.status(check); !ok {
		return check, from, to, notFound("there is no such check")
	}
	from, to, problem = momentsOf(r.Form)
	now := time.Now()
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-time.Hour)
	}
	if problem == nil && !from.Before(to) {
		problem = badRequest("since: want a time before until, which is now unless it is given")
	}
	return check, from, to, problem
}

func (p *pages) apiSeries(r *http.Request) (any, *api.Problem) {
	check, from, to, problem := p.spanOf(r)
	if problem != nil {
		return nil, problem
	}
	out, err := p.series(r.Context(), check, from, to)
	if err != nil {
		return nil, p.unreadable(err)
	}
	return out, nil
}

func (p *pages) apiCauses(r *http.Request) (any, *api.Problem) {
	check, from, to, problem := p.spanOf(r)
	if problem != nil {
		return nil, problem
	}
	out, err := p.causes(r.Context(), check, from, to)
	if err != nil {
		return nil, p.unreadable(err)
	}
	return out, nil
}

func (p *pages) apiChanges(r *http.Request) (any, *api.Problem) {
	since, until, problem := momentsOf(r.Form)
	if problem != nil {
		return nil, problem
	}
	limit, problem := limitOf(r.Form)
	if problem != nil {
		return nil, problem
	}
	cursor, ok := history.ParseChangeCursor(r.Form.Get("cursor"))
	if !ok {
		return nil, badRequest(wrongCursor)
	}
	out, err := p.changes(r.Context(), r.Form.Get("check"), since, until, cursor, limit)
	if err != nil {
		return nil, p.unreadable(err)
	}
	return out, nil
}
