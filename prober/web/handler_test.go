package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// testOptions are those of one check that has passed once, and failed after.
func testOptions(t testing.TB) Options {
	t.Helper()
	c := &prober.Check{
		Name: "login", About: "Log in & out <daily>", Steps: []string{"login"}, Reasons: [][]prober.Reason{prober.Reasons},
		Schedule:  prober.Schedule{Every: time.Minute, Timeout: time.Minute, Concurrency: 1},
		Objective: detect.DefaultObjective,
		Begin:     func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissPaused },
	}
	checks := []*prober.Check{c}
	recent := NewRecent(checks, nil)
	judge, err := prober.NewJudge(checks)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := prober.NewMetrics(prober.MetricsOptions{Checks: checks, Registry: prober.NewRegistry(), Judge: judge})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, o := range []prober.Observer{judge, metrics, recent} {
		o.ObserveRun(&prober.Run{Check: c, Start: now, Due: now, Took: time.Second, Outcome: prober.Passed,
			Report: prober.Report{TraceID: traceID, Steps: []prober.StepResult{{Name: "login"}}}})
		o.ObserveRun(&prober.Run{Check: c, Start: now, Due: now, Took: time.Second, Outcome: prober.Failed,
			Report: prober.Report{Steps: []prober.StepResult{{Name: "login", Reason: prober.ReasonStatus5xx}}}})
	}
	return Options{
		Gatherer: metrics,
		Checks:   func() []prober.CheckStatus { return judge.All(now) },
		Recent:   recent,
		Ready:    func() bool { return true },
		Level:    zap.NewAtomicLevelAt(zap.InfoLevel),
		Version:  "1.2.3",
	}
}

func request(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	ready, notReady := testOptions(t), testOptions(t)
	ready.Admin = Admin{On: true, Authenticated: func() bool { return true }}
	notReady.Ready = func() bool { return false }
	for _, c := range []struct {
		name         string
		opts         Options
		method, path string
		body         string
		status       int
		want         string // the whole answer, or part of it where it ends in an ellipsis
	}{
		{"healthy", ready, "GET", "/-/healthy", "", 200, "healthy\n"},
		{"healthy though not ready", notReady, "GET", "/-/healthy", "", 200, "healthy\n"},
		{"ready", ready, "GET", "/-/ready", "", 200, "ready\n"},
		{"not ready", notReady, "GET", "/-/ready", "", 503, "not ready: no checks are being run\n"},
		{"level", ready, "GET", "/-/log-level", "", 200, `{"level":"info"}` + "\n"},
		{"set level", ready, "PUT", "/-/log-level", `{"level":"debug"}`, 200, `{"level":"debug"}` + "\n"},
		{"level that is none", ready, "PUT", "/-/log-level", `{"level":"loud"}`, 400, "…"},
		{"metrics", ready, "GET", "/metrics", "", 200, `authprober_runs_total{check="login"} 2…`},
		{"process metrics", ready, "GET", "/metrics", "", 200, "go_goroutines …"},
		{"post", ready, "POST", "/metrics", "", 405, "Method Not Allowed\n"},
		{"unknown", ready, "GET", "/admin", "", 404, "404 page not found\n"},
		{"no profiles", ready, "GET", "/debug/pprof/", "", 404, "404 page not found\n"},
		{"style", ready, "GET", "/assets/style.css", "", 200, "light-dark(…"},
		{"script", ready, "GET", "/assets/page.js", "", 200, "EventSource(…"},
		{"page", ready, "GET", "/", "", 200, `<a href="/checks/login">login</a>…`},
		{"page: ratio", ready, "GET", "/", "", 200, "<b>50%</b><small>9.5%-91%</small><small>of 2 runs</small>…"},
		{"page: summary", ready, "GET", "/", "", 200, `<h1>All is well</h1><p>1 healthy</p>…`},
		{"page: state", ready, "GET", "/", "", 200, `<b>healthy</b>…`},
		{"page: run", ready, "GET", "/", "", 200, `: login, status_5xx"></a>…`},
		{"page: not ready", notReady, "GET", "/", "", 200, `No checks are being run.…`},
		{"check", ready, "GET", "/checks/login", "", 200, `<p class="lead">Log in &amp; out &lt;daily&gt;</p>…`},
		{"no check", ready, "GET", "/checks/x", "", 404, "There is no such check.…"},
		{"no run", ready, "GET", "/runs/17", "", 404, "There is no such run…"},
		{"no query", ready, "GET", "/?%zz", "", 400, "cannot be read…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := request(Handler(c.opts), c.method, c.path, c.body)
			part, isPart := strings.CutSuffix(c.want, "…")
			if body := w.Body.String(); w.Code != c.status || isPart && !strings.Contains(body, part) || !isPart && body != c.want {
				t.Errorf("got %d:\n%s\nwant %d:\n%s", w.Code, body, c.status, c.want)
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") {
				t.Errorf("got policy %q", csp)
			}
		})
	}
	if ready.Level.Level() != zap.DebugLevel {
		t.Errorf("the level is %v", ready.Level)
	}
}

func TestPageWithoutChecks(t *testing.T) {
	opts := testOptions(t)
	opts.Checks = func() []prober.CheckStatus { return nil }
	if w := request(Handler(opts), "GET", "/", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "There are no checks.") {
		t.Errorf("got %d:\n%s", w.Code, w.Body)
	}
}

func TestOpenMetricsHasExemplars(t *testing.T) {
	w := request(Handler(testOptions(t)), "GET", "/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0")
	body := w.Body.String()
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("not OpenMetrics: %s", w.Header().Get("Content-Type"))
	}
	if want := `# {trace_id="` + traceID + `"} 1.0 `; !strings.Contains(body, want) {
		t.Errorf("no exemplar %q in\n%s", want, body)
	}
}

func TestGatheringFails(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	opts := testOptions(t)
	opts.Log = zap.New(core)
	opts.Gatherer = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, errors.New("no metrics today") })
	if w := request(Handler(opts), "GET", "/metrics", ""); w.Code != 500 || lines.FilterMessage("metrics").Len() != 1 {
		t.Errorf("got %d and %d lines", w.Code, lines.Len())
	}
}

func TestLength(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59*time.Second + 9e8: "59s", 61 * time.Second: "1m1s",
		time.Hour + 5*time.Second: "1h0m", 47*time.Hour + 59*time.Minute: "47h59m", 480 * time.Hour: "20 days",
	} {
		if got := length(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func get(ctx context.Context, t *testing.T, c *http.Client, url, user, password string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
