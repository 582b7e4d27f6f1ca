package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web/api"
)

// anyDrill takes whatever it is asked for.
type anyDrill struct{}

func (anyDrill) Drill(check string, length time.Duration, now time.Time) (prober.Drill, error) {
	return prober.Drill{Until: now.Add(length)}, nil
}

func (anyDrill) EndDrill(string, time.Time) error { return prober.ErrNoCheck }

// FuzzRequest asks for any path with any query, form and method: the answer is never that of a
// fault of ours, what is JSON is whole, and a page has nothing in it as markup that was asked for.
func FuzzRequest(f *testing.F) {
	for _, path := range []string{"/", "/checks/login", "/runs/1", "/plan", "/prober", "/accounts", "/runs", "/history", "/metrics", "/-/healthy", "/-/drill", "/-/log-level", "/-/reload", "/api/v1/checks",
		"/api/v1/checks/login/series", "/api/v1/checks/login/causes", "/api/v1/changes", "/api/v1/runs", "/api/v1/runs/1", "/api/v1/prober", "/api/v1/openapi.json", "/assets/style.css", "/api/v1/checks/%3Cxss%3E", "/checks/<xss>"} {
		for _, query := range []string{"", "since=24h&until=0s&limit=10&cursor=1&tag=a%3Db&outcome=failed&check=login", "since=9999-12-31T23:59:59Z&until=0001-01-01T00:00:00Z", "%zz", "check=<xss>&q=<xss>&state=<xss>&group=<xss>&label=<xss>&tag=<xss>%3D<xss>"} {
			f.Add("GET", path, query, "")
		}
	}
	f.Add("POST", "/-/drill", "check=login&for=2m", "")
	f.Add("POST", "/-/drill", "", "check=<xss>&for=-9223372036854775808ns")
	f.Add("DELETE", "/-/drill", "", "check=login")
	f.Add("PUT", "/-/log-level", "", `{"level":"<xss>"}`)
	f.Add("PUT", "/-/log-level", "", "level=debug")
	f.Add("POST", "/-/reload", "", "")
	opts := testOptions(f)
	opts.Admin, opts.Drills, opts.Reload = Admin{On: true, Loopback: true}, anyDrill{}, func() error { return nil }
	h := Handler(opts)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		r, err := http.NewRequest(method, "http://127.0.0.1:9870", strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") || strings.Contains(path, "live") {
			return // no method; or an answer without end
		}
		r.URL.Path, r.URL.RawQuery = path, query
		if method != http.MethodGet {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		switch text := w.Body.String(); {
		case w.Code >= 500 || w.Code < 200:
			t.Fatalf("status %d: %s", w.Code, text)
		case kind == "application/json" && !json.Valid(w.Body.Bytes()):
			t.Fatalf("no JSON: %s", text)
		case kind == "application/problem+json":
			var problem api.Problem
			if json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Status != w.Code || problem.Title == "" {
				t.Fatalf("no problem of %d: %s", w.Code, text)
			}
		case kind == "text/html" && (strings.Contains(text, "<xss") || !utf8.ValidString(text) && w.Code/100 != 3): // a redirect is net/http's own
			t.Fatalf("a page with what was asked for in it: %s", text)
		}
	})
}
