package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober/web/api"
)

// A fakeAPI answers with what a daemon would say at one moment.
type fakeAPI struct {
	checks api.Checks
	runs   []api.Summary // the latest first
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var out any
	switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/"); {
	case path == "checks":
		out = f.checks
	case path == "runs":
		out = f.page(r.URL.Query())
	case path == "prober":
		out = api.Prober{Version: "1.2.3"}
	case path == "changes":
		out = api.Changes{Changes: []api.Change{{Check: "login", From: "suspect", To: "firing", At: f.checks.At.Add(-time.Minute), Ratio: api.RatioOf("1h", 3, 60),
			Blame: "release=<2>: 3 of 3", Step: "login", Reason: "status_5xx"}}}
	case strings.HasSuffix(path, "/causes"):
		out = api.Causes{Runs: 60, Failed: 3, Reasons: []api.ReasonCount{{Step: "login", Reason: "status_5xx", Failed: 3}},
			Tags: []api.TagCount{{Tag: "release", Value: "<2>|`", Failed: 3, Runs: 3, Lower: 0.4, Upper: 1, Over: true}}}
	case strings.HasSuffix(path, "/series"):
		at := f.checks.At.Add(-time.Hour)
		out = api.Series{Check: "login", From: at, To: f.checks.At, Width: 60, Buckets: []api.Bucket{{At: at.Add(time.Minute), Passed: 57, Failed: 3, Evidence: 2}}}
	case strings.HasPrefix(path, "runs/"):
		run := api.Run{Summary: f.runs[0], StepsKept: true, Steps: []api.Step{{Step: "login", Reason: "status_5xx", Detail: f.runs[0].Detail,
			Exchange: &api.Exchange{Request: "POST https://bank.example/login", Proto: "HTTP/1.1", Status: 503, Answer: "```\n<out>", Curl: `curl "$URL"`}}}}
		out = run
	default:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		out = api.Problem{Title: "Not Found", Status: 404, Detail: "there is no such thing"}
	}
	json.NewEncoder(w).Encode(out)
}

func (f *fakeAPI) page(q url.Values) (out api.Runs) {
	limit, cursor := 0, int64(0)
	fmt.Sscan(q.Get("limit"), &limit)
	fmt.Sscan(q.Get("cursor"), &cursor)
	out.Runs = []api.Summary{}
	for _, r := range f.runs {
		id, _ := api.ParseRunID(r.ID)
		if cursor > 0 && id >= cursor || q.Get("outcome") != "" && q.Get("outcome") != r.Outcome {
			continue
		}
		if len(out.Runs) == limit {
			out.Next = out.Runs[limit-1].ID
			break
		}
		out.Runs = append(out.Runs, r)
	}
	return out
}

// newFakeAPI has a check that fires and one that is healthy.
func newFakeAPI(t *testing.T) (*fakeAPI, string) {
	t.Helper()
	at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	since := at.Add(-260 * time.Second)
	failed := api.Summary{ID: "3000000", Check: "login", Outcome: "failed", Start: at.Add(-5 * time.Second), Took: 0.0123, Step: "login", Reason: "status_5xx",
		Detail: "want status == 200, got 503", Account: "retail-1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}
	f := &fakeAPI{
		checks: api.Checks{At: at, Checks: []api.Check{
			{Check: "login", State: "firing", Since: &since, Evidence: 3.25, Ratios: []api.Ratio{api.RatioOf("5m", 3, 30), api.RatioOf("1h", 3, 60)},
				Blame: &api.Blame{Sentence: "release=2: 3 of 3 runs failed, 0 of 57 elsewhere (p < 1e-4)"}, LastFailed: &failed,
				Objective: api.Objective{Tolerate: 0.001, Detect: 0.02}, Steps: []string{"login"}},
			{Check: "a-check-whose-name-is-longer-than-that", State: "healthy", Evidence: 0.00001, Ratios: []api.Ratio{api.RatioOf("1h", 0, 0)}},
		}},
		runs: []api.Summary{failed,
			{ID: "2000000", Check: "login", Outcome: "passed", Start: at.Add(-15 * time.Second), Took: 0.0101},
			{ID: "1000000", Check: "login", Outcome: "errored", Start: at.Add(-25 * time.Second), Took: 1.5, Error: "no account\x1b[2J"},
		},
	}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

func TestStatus(t *testing.T) {
	f, url := newFakeAPI(t)
	got := invoke(t.Context(), nil, "status", "--url", url)
	want := `check                    state    for      failed in 1h, 95 %, of runs  evidence
login                    firing   4m20s    5.0% (1.7%-14%) of 60             3.2
  release=2: 3 of 3 runs failed, 0 of 57 elsewhere (p < 1e-4)
  last failed 5s ago: login, status_5xx: want status == 200, got 503
a-check-whose-name-is-l… healthy  -        no runs                         1e-05
`
	if got.code != exitFailed || got.stdout != want || got.stderr != "" {
		t.Errorf("got %d:\n%s%s\nwant 1:\n%s", got.code, got.stdout, got.stderr, want)
	}
	for line := range strings.Lines(got.stdout) {
		if width(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("it is wider than 80 columns: %s", line)
		}
	}
	var checks api.Checks
	if got := invoke(t.Context(), nil, "status", "--url", url, "--json"); json.Unmarshal([]byte(got.stdout), &checks) != nil || len(checks.Checks) != 2 || got.code != exitFailed {
		t.Errorf("got %d: %s", got.code, got.stdout)
	}
	f.checks.Checks = f.checks.Checks[1:]
	if got := invoke(t.Context(), nil, "status", "--url", url+"/"); got.code != exitOK {
		t.Errorf("got %d: %s", got.code, got.stderr)
	}
}

// TestStatusOfAggregator: what has no single runs says how many were judged, and how fresh that is.
func TestStatusOfAggregator(t *testing.T) {
	f, url := newFakeAPI(t)
	at := func(ago time.Duration) *time.Time { then := f.checks.At.Add(-ago); return &then }
	pooled := api.Check{Check: "all:login", State: "healthy", Evidence: 0.25, Ratios: []api.Ratio{api.RatioOf("1h", 3, 359)}, Counts: api.Counts{Due: 718}, Pooled: &api.Pooled{
		Instances: 2, RunsToFalsePage: 518400, Places: []api.Place{{Place: "linz"}, {Place: "vienna"}}, Through: at(20 * time.Second), Read: at(5 * time.Second),
		Last: &api.Interval{From: *at(35 * time.Second), To: *at(20 * time.Second), Failed: 1, Runs: 4}}}
	logins := api.Check{Check: "all:web", State: "healthy", Pooled: &api.Pooled{Measured: true, Instances: 3, Held: 40, Partial: true}}
	f.checks.Checks = []api.Check{pooled, logins}
	got := invoke(t.Context(), nil, "status", "--url", url)
	want := `check                    state    for      failed in 1h, 95 %, of runs  evidence
all:login                healthy  -        0.8% (0.3%-2.4%) of 359          0.25
  718 runs judged, 2 instances in 2 places; threshold 518400 runs to a false
  page
  last interval 1 of 4 failed, 20s ago; judged until 20s ago; read 5s ago
all:web                  healthy  -        no runs                             0
  0 runs judged; 40 wait for a pace to be known
  nothing counted yet; something is missing from what the API answers
`
	if got.code != exitOK || got.stdout != want {
		t.Errorf("got %d:\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, want)
	}
}

func TestRuns(t *testing.T) {
	_, url := newFakeAPI(t)
	head := "began, UTC     check                outcome       took  what failed\n"
	errored := "11-27 02:59:35 login                errored     1.50 s  no account [2J\n"
	passed := "11-27 02:59:45 login                passed       10 ms\n"
	failed := "11-27 02:59:55 login                failed       12 ms  login, status_5xx: want status == 200, got 503\n"
	for args, want := range map[string]string{
		"":                  head + errored + passed + failed,
		"--limit 2":         head + passed + failed,
		"--outcome failed":  head + failed,
		"--outcome aborted": head,
	} {
		got := invoke(t.Context(), nil, append([]string{"runs", "--url", url}, strings.Fields(args)...)...)
		if got.stdout != want || got.code != exitOK {
			t.Errorf("%s: got %d:\n%s%s\nwant\n%s", args, got.code, got.stdout, got.stderr, want)
		}
	}
	if got := invoke(t.Context(), nil, "runs", "--url", url, "--check", "longin", "--outcome", "aborted"); got.code != exitConfig || !strings.Contains(got.stderr, `has no check "longin"`) {
		t.Errorf("no such check: got %d: %s", got.code, got.stderr)
	}
	got := invoke(t.Context(), nil, "runs", "--url", url, "--json", "--limit", "1")
	if want := `{"id":"3000000","check":"login","outcome":"failed",`; !strings.HasPrefix(got.stdout, want) || strings.Count(got.stdout, "\n") != 1 {
		t.Errorf("got %s", got.stdout)
	}
}

// Watching goes on until it is interrupted, and prints no run twice.
func TestWatch(t *testing.T) {
	f, base := newFakeAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 4 {
			cancel()
		}
		f.ServeHTTP(w, r)
	}))
	defer s.Close()
	got := invoke(ctx, nil, "runs", "--url", s.URL, "--watch=100ms", "--json")
	if got.code != exitOK || strings.Count(got.stdout, "\n") != 3 {
		t.Errorf("got %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		args []string
		code int
	}{{[]string{"status", "--watch", "--url", base}, exitOK}, {[]string{"status", "--watch=1ms", "--url", base}, exitConfig}} {
		if got := invoke(done, nil, c.args...); got.code != c.code {
			t.Errorf("%v: got %d: %s", c.args, got.code, got.stderr)
		}
	}
}

func TestReport(t *testing.T) {
	_, url := newFakeAPI(t)
	file := filepath.Join(t.TempDir(), "incident.html")
	if got := invoke(t.Context(), nil, "report", "--url", url, "--check", "login", "-o", file); got.code != exitOK {
		t.Fatalf("got %d: %s", got.code, got.stderr)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h1 class=\"firing\">login is firing</h1>", "5.0% (1.7%-14%) of 60 runs failed", "release=&lt;2&gt;: 3 of 3", "suspect → firing", "over-represented", "```\n&lt;out&gt;", "curl &#34;$URL&#34;", "<title id=\"ratio-login-title\">"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for _, no := range []string{"<script", "http://www", "<link", "src=", "url("} {
		if strings.Contains(string(page), no) {
			t.Errorf("the page has %s, and is to need nothing else", no)
		}
	}
	text := invoke(t.Context(), nil, "report", "--url", url, "--check", "login", "--format", "markdown").stdout
	for _, want := range []string{"\n## login: firing\n\n5.0% (1.7%-14%) of 60 runs failed; 0.1% is tolerated, 2% worth a page.\n", "| release=\\<2\\>\\|\\` | 3 | 3 | 100% | 40%-100% | over-represented |", "\n````\n```\n<out>\n````\n"} {
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "```\n<out>", "HTTP/1.1 503 Service Unavailable\n\n```\n<out>")) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What a client is told wrongly ends with 2, and that nobody answers well with 3.
func TestClientMistakes(t *testing.T) {
	_, url := newFakeAPI(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }))
	defer other.Close()
	locked := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "sre" || password != "correct horse" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(api.Checks{})
	}))
	defer locked.Close()
	dir := t.TempDir()
	ca, password := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "password")
	for path, text := range map[string]string{ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: locked.Certificate().Raw})), password: "correct horse\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string
		code int
		said string
	}{
		{"status --url nonsense", 2, "--url: want a URL"},
		{"status --url http://a:" + sentinelToken + "@b", 2, "--url: want a URL"},
		{"status --url http://127.0.0.1:1", 3, "asking http://127.0.0.1:1: "},
		{"status --url " + other.URL, 3, "it is not the API of authprober that answers"},
		{"status --url " + url + " --user sre", 2, "want both --user and --password-file"},
		{"runs --url " + url + " --limit 0", 2, "--limit is 0, want 1 to 10000"},
		{"runs --url " + url + " --outcome fine", 2, "--outcome: want passed, failed, errored or aborted"},
		{"report --url " + url + " --since yesterday", 2, "--since: want a time"},
		{"report --url " + url + " --since 0s", 2, "--since: want a time before --until"},
		{"report --url " + url + " --check nothing", 2, `the daemon has no check "nothing"`},
		{"report --url " + url + " --format pdf", 2, "want --format html or markdown"},
		{"status --url " + locked.URL, 3, "certificate"},
		{"status --url " + locked.URL + " --ca-file " + password, 2, "--ca-file: want certificates in PEM"},
		{"status --url " + locked.URL + " --ca-file " + ca, 3, "it wants a name and a password"},
		{"status --url " + locked.URL + " --ca-file " + ca + " --user sre --password-file " + password, 0, ""},
	} {
		got := invoke(t.Context(), nil, strings.Fields(c.args)...)
		if got.code != c.code || !strings.Contains(got.stderr, c.said) || strings.Contains(got.stderr, sentinelToken) {
			t.Errorf("%s: got %d: %s", c.args, got.code, got.stderr)
		}
	}
}

// The demo's page breaks and mends the bank; nobody else's page can.
func TestDemoPage(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 1, Backends: backends(demoBackends, demoOldRelease)})
	defer bank.Close()
	d := demoPage{bank}
	if _, err := bank.AddFault(banktest.Fault{Release: demoNewRelease, Kind: banktest.KindHang}); err != nil {
		t.Fatal(err)
	}
	if html := string(d.controls()); !strings.Contains(html, "as it should be") {
		t.Errorf("a release that nobody runs is at fault: %s", html)
	}
	if err := bank.Deploy(demoBackend, demoNewRelease); err != nil {
		t.Fatal(err)
	}
	if html := string(d.controls()); !strings.Contains(html, "the bank&#39;s faults: step=* release="+demoNewRelease+" kind=hang<") {
		t.Errorf("got %s", html)
	}
	bank.ClearFaults()
	s := httptest.NewServer(d.wrap(http.NotFoundHandler()))
	defer s.Close()
	press := func(form, name, value string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+demoFaultsPath, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if name == "Host" {
			r.Host = value
		} else if name != "" {
			r.Header.Set(name, value)
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for i, c := range []struct {
		form, name, value string
		status, faults    int
	}{
		{"break=codes", "", "", 303, 1},
		{"break=open", "Sec-Fetch-Site", "same-origin", 303, 2},
		{"break=slow", "", "", 303, 3},
		{"break=outage", "Sec-Fetch-Site", "cross-site", 403, 3},
		{"break=outage", "Origin", "http://evil.example", 403, 3},
		{"break=outage", "Host", "evil.example:80", 403, 3},
		{"break=nothing", "", "", 400, 3},
		{"break=outage", "", "", 303, 4},
		{"heal=all", "", "", 303, 0},
	} {
		if got := press(c.form, c.name, c.value); got != c.status || len(bank.Faults()) != c.faults {
			t.Errorf("%d: %s: got %d and %d faults, want %d and %d", i, c.form, got, len(bank.Faults()), c.status, c.faults)
		}
	}
	if html := string(d.controls()); strings.Count(html, "<button") != len(demoBreaks)+1 || !strings.Contains(html, "as it should be") {
		t.Errorf("got %s", html)
	}
}
