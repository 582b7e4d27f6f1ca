package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/web/api"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An openAPI is as much of openapi.json as is held to the routes.
type openAPI struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Responses   map[string]struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any
		}
	}
}

func readOpenAPI(t *testing.T) (doc openAPI, schemas *jsonschema.Compiler) {
	t.Helper()
	text, err := files.ReadFile("api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	schemas = jsonschema.NewCompiler()
	schemas.DefaultDraft(jsonschema.Draft2020)
	schemas.AssertFormat()
	if err := schemas.AddResource("openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	return doc, schemas
}

// Every route is in the file, and the other way round.
func TestOpenAPIHasTheRoutes(t *testing.T) {
	doc, _ := readOpenAPI(t)
	routes := newPages(testOptions(t)).routes()
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("it is OpenAPI %s", doc.OpenAPI)
	}
	for path := range routes {
		if len(doc.Paths[path]) != 1 || doc.Paths[path]["get"].OperationID == "" {
			t.Errorf("%s is not in the file, or has other methods there", path)
		}
	}
	for path := range doc.Paths {
		if routes[path] == nil {
			t.Errorf("%s is no route", path)
		}
	}
}

// Every field of every type is in the file, and the other way round.
func TestOpenAPIHasTheFields(t *testing.T) {
	doc, _ := readOpenAPI(t)
	seen := map[string]bool{}
	for _, v := range []any{api.Checks{}, api.Runs{}, api.Run{}, api.Plan{}, api.Flow{}, api.Accounts{}, api.Prober{}, api.Problem{}, api.Series{}, api.Causes{}, api.Changes{}} {
		holdFields(t, doc, seen, reflect.TypeOf(v))
	}
	for name := range doc.Components.Schemas {
		if !seen[name] {
			t.Errorf("the schema %s is of no type", name)
		}
	}
}

func holdFields(t *testing.T, doc openAPI, seen map[string]bool, of reflect.Type) {
	t.Helper()
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]() || seen[of.Name()] {
		return
	}
	seen[of.Name()] = true
	properties := doc.Components.Schemas[of.Name()].Properties
	var names []string
	for _, f := range reflect.VisibleFields(of) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if properties[name] == nil {
			t.Errorf("%s of %s is not in the file", name, of.Name())
		}
		holdFields(t, doc, seen, f.Type)
	}
	for name := range properties {
		if !slices.Contains(names, name) {
			t.Errorf("%s has no %s", of.Name(), name)
		}
	}
}

// Answers are as the file says, good ones and others.
func TestAnswersAreAsDocumented(t *testing.T) {
	opts := fullOptions(t)
	h := Handler(opts)
	doc, schemas := readOpenAPI(t)
	failed := opts.Recent.last()[0].id
	asked := map[string]bool{}
	for _, c := range []struct {
		path, route string
		status      int
	}{
		{"/api/v1/checks", "/api/v1/checks", 200},
		{"/api/v1/checks?state=firing&team=nobody", "/api/v1/checks", 200},
		{"/api/v1/checks?%zz", "/api/v1/checks", 400},
		{"/api/v1/checks/login", "/api/v1/checks/{check}", 200},
		{"/api/v1/checks/group:bank", "/api/v1/checks/{check}", 200},
		{"/api/v1/checks/nothing", "/api/v1/checks/{check}", 404},
		{"/api/v1/checks/login/plan", "/api/v1/checks/{check}/plan", 200},
		{"/api/v1/checks/nothing/plan", "/api/v1/checks/{check}/plan", 404},
		{"/api/v1/checks/login/flow", "/api/v1/checks/{check}/flow", 200},
		{"/api/v1/checks/nothing/flow", "/api/v1/checks/{check}/flow", 404},
		{"/api/v1/checks/login/series", "/api/v1/checks/{check}/series", 200},
		{"/api/v1/checks/group:bank/series?since=6h&until=1m", "/api/v1/checks/{check}/series", 200},
		{"/api/v1/checks/login/series?since=1h&until=2h", "/api/v1/checks/{check}/series", 400},
		{"/api/v1/checks/nothing/series", "/api/v1/checks/{check}/series", 404},
		{"/api/v1/checks/login/causes", "/api/v1/checks/{check}/causes", 200},
		{"/api/v1/checks/login/causes?since=-1h", "/api/v1/checks/{check}/causes", 400},
		{"/api/v1/checks/nothing/causes", "/api/v1/checks/{check}/causes", 404},
		{"/api/v1/changes", "/api/v1/changes", 200},
		{"/api/v1/changes?check=login&limit=1", "/api/v1/changes", 200},
		{"/api/v1/changes?limit=one", "/api/v1/changes", 400},
		{"/api/v1/runs", "/api/v1/runs", 200},
		{"/api/v1/runs?tag=release%3D2&step=login&reason=status_5xx&account=retail-1", "/api/v1/runs", 200},
		{"/api/v1/runs?tag=release", "/api/v1/runs", 400},
		{"/api/v1/runs?limit=1", "/api/v1/runs", 200},
		{"/api/v1/runs?outcome=failed&check=login&since=1h", "/api/v1/runs", 200},
		{"/api/v1/runs?outcome=fine", "/api/v1/runs", 400},
		{"/api/v1/runs?limit=0", "/api/v1/runs", 400},
		{"/api/v1/runs?since=yesterday", "/api/v1/runs", 400},
		{"/api/v1/runs?cursor=-1", "/api/v1/runs", 400},
		{fmt.Sprintf("/api/v1/runs/%d", failed), "/api/v1/runs/{run}", 200},
		{"/api/v1/runs/1", "/api/v1/runs/{run}", 404},
		{"/api/v1/runs/one", "/api/v1/runs/{run}", 404},
		{"/api/v1/runs/" + traceID, "/api/v1/runs/{run}", 200},
		{"/api/v1/accounts", "/api/v1/accounts", 200},
		{"/api/v1/prober", "/api/v1/prober", 200},
	} {
		asked[c.route] = asked[c.route] || c.status == 200
		w := request(h, "GET", c.path, "")
		if w.Code != c.status {
			t.Errorf("%s: got %d, want %d: %s", c.path, w.Code, c.status, w.Body)
			continue
		}
		responses := doc.Paths[c.route]["get"].Responses
		content := responses[fmt.Sprint(c.status)].Content[w.Header().Get("Content-Type")]
		if content.Schema.Ref == "" {
			t.Errorf("%s: nothing is said of a %d of %s", c.path, c.status, w.Header().Get("Content-Type"))
			continue
		}
		schema, err := schemas.Compile("openapi.json" + content.Schema.Ref)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := jsonschema.UnmarshalJSON(w.Body)
		if err == nil {
			err = schema.Validate(answer)
		}
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
		}
	}
	for path := range doc.Paths {
		if !asked[path] {
			t.Errorf("%s was not asked", path)
		}
	}
}

func TestAPIOfNothing(t *testing.T) {
	h := Handler(testOptions(t))
	for _, c := range []struct {
		method, path string
		status       int
	}{{"GET", "/api/v2", 404}, {"GET", "/api/v1/", 404}, {"POST", "/api/v1/checks", 405}, {"DELETE", "/api/v1/runs/1", 405}} {
		w := request(h, c.method, c.path, "")
		var problem api.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &problem); w.Code != c.status || err != nil || problem.Status != c.status {
			t.Errorf("%s %s: got %d: %s", c.method, c.path, w.Code, w.Body)
		}
	}
	if w := request(h, "GET", "/api/v1/openapi.json", ""); w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Errorf("got %d, %s", w.Code, w.Header().Get("Content-Type"))
	}
}

// fullOptions have a check, and a group of two, with something in every field.
func fullOptions(t *testing.T) Options {
	t.Helper()
	opts := testOptions(t)
	begin := func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissPaused }
	check := func(name, group string) *prober.Check {
		c := *opts.Checks()[0].Check
		c.Name, c.Group, c.Begin = name, group, begin
		c.Labels = map[string]string{"team": "identity"}
		c.Thresholds = []prober.Threshold{{Ratio: 0.1, Window: time.Hour, MinRuns: 1, Severity: "ticket"}}
		return &c
	}
	checks := []*prober.Check{check("login", ""), check("cards", "bank"), check("pay", "bank")}
	opts.History = newHistory(t)
	judge, err := prober.NewJudge(checks, opts.History.ObserveStateChange)
	if err != nil {
		t.Fatal(err)
	}
	if err := opts.History.Attach(t.Context(), judge, checks); err != nil {
		t.Fatal(err)
	}
	opts.Recent = NewRecent(checks, func(*prober.Run) int64 { return int64(opts.History.LastID()) })
	now := time.Now()
	for i := range 60 {
		r := &prober.Run{Check: checks[i%3], Seq: uint64(i), Start: now.Add(time.Duration(i-60) * 40 * time.Second), Took: time.Second, Outcome: prober.Passed,
			Account: "retail-1", Confirm: i%7 == 0, Report: prober.Report{TraceID: traceID, Tags: map[string]string{"release": "1"}, HasClockSkew: true,
				Steps: []prober.StepResult{{Name: "login", Took: time.Second, Phases: prober.Phases{Connect: 1e8, Processing: 3e8}, Status: 200, Attempts: 1}}}}
		r.Due = r.Start
		if i%2 == 0 {
			r.Outcome, r.Tags["release"] = prober.Failed, "2"
			r.Steps[0].Exchange = &prober.Exchange{Request: "GET https://bank.example/", Header: []prober.Field{{Name: "Accept", Value: "*/*"}}, Proto: "HTTP/1.1", Status: 503,
				AnswerHeader: []prober.Field{{Name: "X-Release", Value: "2"}}, Answer: "out of service", AnswerBytes: 99, AnswerCut: true, Curl: `curl "$URL"`}
			r.Steps[0].Status, r.Steps[0].Reason, r.Steps[0].Detail = 503, prober.ReasonStatus5xx, "want status == 200, got 503"
		}
		judge.ObserveRun(r)
		opts.History.ObserveRun(r)
		opts.Recent.ObserveRun(r)
	}
	written(t, opts.History, 60)
	opts.Checks = func() []prober.CheckStatus { return judge.All(now) }
	opts.Flow = func(check string) string { return map[string]string{"login": "name: login\n"}[check] }
	opts.Pools = func() []prober.PoolStatus {
		return []prober.PoolStatus{{Name: "retail", Free: 3, Budgets: []prober.Budget{{Name: "codes", Left: 7}}}}
	}
	opts.Accounts = func() []prober.AccountStatus {
		return []prober.AccountStatus{
			{Pool: "retail", Name: "retail-1", State: prober.AccountFree, Logins: 3, Budgets: []prober.Budget{{Name: "codes", Left: 7}}},
			{Pool: "retail", Name: "retail-2", State: prober.AccountResting, Why: "outage", Since: now.Add(-time.Hour), Until: now.Add(time.Hour)},
			{Pool: "retail", Name: "<b>", State: prober.AccountQuarantined, Why: "locked", Since: now.Add(-time.Hour), Refusals: 2},
		}
	}
	opts.Prober = func() api.Prober {
		return api.Prober{Revision: "abc", Configuration: []api.Setting{{Name: "AUTHPROBER_LISTEN", Value: ":1"}}, Warnings: []string{"one"},
			Reload: api.Reload{OK: true, At: now}, History: &api.History{Durable: true, File: "f"}}
	}
	return opts
}

// newHistory is one in memory, which its test closes.
func newHistory(t *testing.T) *history.Store {
	t.Helper()
	db, err := history.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, err := history.New(t.Context(), db, history.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// written waits until the history has so many runs.
func written(t *testing.T, store *history.Store, n int) {
	t.Helper()
	for {
		news := store.Wrote()
		page, err := store.Runs(t.Context(), history.Filter{Limit: n})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Runs) >= n {
			return
		}
		<-news
	}
}
