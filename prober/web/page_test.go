package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"github.com/authprober/authprober/prober/web/api"
)

// A check's page has the past: charts with tables, reasons, tags, steps, the flow.
func TestCheckPage(t *testing.T) {
	h := Handler(fullOptions(t))
	body := request(h, "GET", "/checks/login?span=6h", "").Body.String()
	for _, want := range []string{
		`<figure class="chart" id="evidence">`, `<figure class="chart" id="ratio">`, `aria-labelledby="evidence-title evidence-about"`,
		`<td><a href="/runs?check=login&amp;reason=status_5xx&amp;step=login">status_5xx</a></td><td class="n">10</td><td class="n">100%</td>`,
		`<tr class="over"><th scope="row">release</th><td><a href="/runs?check=login&amp;outcome=failed&amp;tag=release%3D2">2</a> <small>over-represented</small></td>`,
		`<th scope="row">login</th><td class="n">20</td>`, `<pre tabindex="0">name: login`, `data-plan="/checks/login/plan"`,
		`<a href="/checks/login?span=6h" aria-current="true">6h</a>`, `class="change to-firing"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	group := request(h, "GET", "/checks/group:bank", "").Body.String()
	for _, want := range []string{`id="ratio"`, "group:bank is ", `What failed <small>20 of 40 runs failed</small>`, `<a href="/runs?check=group%3Abank&amp;reason=status_5xx&amp;step=login">`} {
		if !strings.Contains(group, want) {
			t.Errorf("no %s in\n%s", want, group)
		}
	}
}

// What a link has chosen is said, stays when something else is chosen and on the page of
// earlier runs, and can be left out.
func TestRunsPageSaysItsFilters(t *testing.T) {
	h := Handler(fullOptions(t))
	body := request(h, "GET", "/runs?outcome=failed&step=login&tag=release%3D2&tag=certificate%3Dno", "").Body.String()
	for _, want := range []string{
		`<input type="hidden" name="step" value="login">`, `<input type="hidden" name="tag" value="certificate=no">`,
		`<span>tag</span> <b>release=2</b> <a href="/runs?outcome=failed&amp;step=login&amp;tag=certificate%3Dno"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	body = request(h, "GET", "/runs?limit=2&tag=release%3D2&tag=release%3D2&check=group:bank", "").Body.String()
	if !regexp.MustCompile(`href="/runs\?check=group%3Abank&amp;cursor=\d+&amp;limit=2&amp;tag=release%3D2&amp;tag=release%3D2" rel="next"`).MatchString(body) ||
		!strings.Contains(body, `<option selected>group:bank`) {
		t.Errorf("no earlier runs of both tags in\n%s", body)
	}
}

// The runs of a group are those of its checks, from memory and from the history.
func TestRunsOfGroup(t *testing.T) {
	opts := fullOptions(t)
	for _, from := range []string{"history", "memory"} {
		var found api.Runs
		text := request(Handler(opts), "GET", "/api/v1/runs?check=group:bank&outcome=failed&limit=1000", "").Body.Bytes()
		if err := json.Unmarshal(text, &found); err != nil || len(found.Runs) != 20 {
			t.Errorf("from %s: got %d runs: %v", from, len(found.Runs), err)
		}
		for _, r := range found.Runs {
			if r.Check != "cards" && r.Check != "pay" || r.Outcome != "failed" {
				t.Errorf("from %s: got %+v", from, r)
			}
		}
		opts.History = nil
	}
}

// A run's page has what was expected, got and sent, from memory and from the history.
func TestRunPage(t *testing.T) {
	opts := fullOptions(t)
	failed := request(Handler(opts), "GET", "/api/v1/runs?outcome=failed&limit=1", "").Body.String()
	id := regexp.MustCompile(`"id":"(\d+)"`).FindStringSubmatch(failed)[1]
	for _, from := range []string{"memory", "history"} {
		body := request(Handler(opts), "GET", "/runs/"+id, "").Body.String()
		if one := request(Handler(opts), "GET", "/runs/"+strings.ToUpper(traceID), ""); one.Code != 200 || !strings.Contains(one.Body.String(), `<code id="trace">`+traceID) {
			t.Errorf("from %s, one of its trace id: %d\n%s", from, one.Code, one.Body)
		}
		if unknown := request(Handler(opts), "GET", "/runs/"+strings.Repeat("f", 32), "").Code; unknown != 404 {
			t.Errorf("from %s, by a trace id of none: %d, want 404", from, unknown)
		}
		for _, want := range []string{
			"<h1 class=\"firing\">Failed at login: status_5xx</h1>", "want status == 200, got 503", `<code id="trace">` + traceID + `</code>`,
			`<rect class="connect" x="0" width="100" height="12"><title>connect 100 ms</title></rect><rect class="processing" x="100" width="300" height="12">`,
			"GET https://bank.example/\nAccept: */*", "HTTP/1.1 503 Service Unavailable\nX-Release: 2\n\nout of service\n… 99 bytes in all", `curl &#34;$URL&#34;`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("from %s: no %q in\n%s", from, want, body)
			}
		}
		opts.Recent = nil
	}
}

// Each account is listed by its name, those that are left alone first, and why.
func TestAccountsPage(t *testing.T) {
	opts := fullOptions(t)
	body := request(Handler(opts), "GET", "/accounts", "").Body.String()
	rows := regexp.MustCompile(`<tr><th scope="row"><a href="([^"]*)">[^<]*</a></th><td>retail</td><td class="(\w*)">(\w+)`).FindAllStringSubmatch(body, -1)
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join(row[1:], " "))
	}
	want := []string{"/runs?account=%3cb%3e firing quarantined", "/runs?account=retail-2 suspect resting", "/runs?account=retail-1  free"}
	if !slices.Equal(got, want) || !strings.Contains(body, "7 codes") || !strings.Contains(body, ">locked</td>") || strings.Contains(body, "<b>") {
		t.Errorf("got %q in\n%s", got, body)
	}
	one := opts.Accounts()[0]
	opts.Accounts = func() []prober.AccountStatus { return slices.Repeat([]prober.AccountStatus{one}, mostAccounts+7) }
	if body = request(Handler(opts), "GET", "/accounts", "").Body.String(); strings.Count(body, "/runs?account=") != mostAccounts || !strings.Contains(body, " 7 more are not shown") {
		t.Errorf("%d accounts are listed", strings.Count(body, "/runs?account="))
	}
}

// The pages ask for nothing that the policy forbids: no script, style or handler in them.
func TestPagesHaveNothingInline(t *testing.T) {
	h := Handler(fullOptions(t))
	inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\sstyle=|\son[a-z]+=|javascript:|https?://`)
	for _, path := range []string{"/", "/?team=identity", "/checks/login", "/runs", "/runs?outcome=passed", "/accounts", "/prober", "/runs/0"} {
		body := request(h, "GET", path, "").Body.String()
		if found := inline.FindString(strings.ReplaceAll(body, "https://bank.example", "")); found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
}

func TestCompressed(t *testing.T) {
	h := Handler(testOptions(t))
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0": "", "x-gzip, deflate": ""} {
		w := request(h, "GET", "/api/v1/checks", "", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
		if want == "" {
			continue
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || !strings.HasPrefix(string(text), `{"at":`) {
			t.Errorf("%q: got %v: %s", accept, err, text)
		}
	}
	if w := request(h, "HEAD", "/api/v1/checks", "", "Accept-Encoding", "gzip"); w.Code != 200 {
		t.Errorf("HEAD: got %d", w.Code)
	}
}

func TestStripPaths(t *testing.T) {
	var runs []trace
	for _, c := range "ppfpaef" {
		runs = append(runs, trace{outcome: map[rune]prober.Outcome{'p': prober.Passed, 'f': prober.Failed, 'e': prober.Errored, 'a': prober.Aborted}[c]})
	}
	want := []stripPath{{"p", "M113 0h2v8h-2zM116 0h1v8h-1z"}, {"f", "M115 0h1v8h-1zM119 0h1v8h-1z"}, {"e", "M117 0h2v8h-2z"}}
	got := stripPaths(runs)
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}

// Columns put buckets together and leave gaps where nothing is known.
func TestRatioChart(t *testing.T) {
	from := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	s := api.Series{From: from, To: from.Add(2 * time.Hour), Width: 60}
	for _, minute := range []int{0, 1, 2, 3, 60} {
		s.Buckets = append(s.Buckets, api.Bucket{At: from.Add(time.Duration(minute) * time.Minute), Passed: 9, Failed: 1})
	}
	columns := columnsOf(&s)
	if len(columns) != 3 || columns[0].runs != 30 || columns[1].runs != 10 || columns[1].gap || !columns[2].gap || !columns[2].from.Equal(from.Add(time.Hour)) {
		t.Errorf("got %+v", columns)
	}
	c := ratioChart(&s, detect.DefaultObjective)
	line := c.Lines[len(c.Lines)-1]
	if want := "M0.0 100.0L25.0 100.0L25.0 100.0L50.0 100.0M500.0 100.0L525.0 100.0"; line.D != want || c.Y[0] != "20%" {
		t.Errorf("got %s at %s, want %s", line.D, c.Y[0], want)
	}
	if !strings.Contains(c.About, "5 of 50 runs failed") || len(c.Table) != 3 || c.Table[0][4] != "3.5%-26%" {
		t.Errorf("got %s, %v", c.About, c.Table)
	}
}

// Where runs are too many to be drawn one by one, the evidence rises where it rose: not
// before the change of state that it made.
func TestEvidencePoints(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(1795827000, 0).Add(time.Duration(seconds) * time.Second) }
	s := &api.Series{Width: 60, Buckets: []api.Bucket{
		{At: at(0), Passed: 9, Evidence: 0.2, EvidenceLast: 0.01},
		{At: at(60), Missed: 3},
		{At: at(120), Failed: 9, Evidence: 4, EvidenceLast: 3.5},
		{At: at(180), Failed: 9, Evidence: 3.5, EvidenceLast: 3},
	}}
	changes := []api.Change{{At: at(170), Evidence: 1}, {At: at(150), Evidence: 0.1}}
	want := []point{{at(30), 0.2, false}, {at(60), 0.01, false}, {at(150), 0.1, true}, {at(170), 1, false}, {at(175), 4, false}, {at(180), 3.5, false}, {at(200), 3, false}}
	if got := evidencePoints(s, changes, at(200)); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// What failed of a check is said without its name, after a reload and a restart too, and
// what failed of a group with that of its check.
func TestFailureText(t *testing.T) {
	before, now := &prober.Check{Name: "login"}, &prober.Check{Name: "login"}
	r := &prober.Run{Check: before, Outcome: prober.Failed, Report: prober.Report{Steps: []prober.StepResult{{Name: "code", Reason: prober.ReasonTimeout}}}}
	if got := failureText(now, r); got != "code, timeout" {
		t.Errorf("got %q", got)
	}
	if got := failureText(&prober.Check{Name: "group:bank", Group: "bank"}, r); got != "login, code, timeout" {
		t.Errorf("of a group: got %q", got)
	}
}

// After a restart the strip goes on with what the history has; after a reload with what
// the check had.
func TestRecentGoesOn(t *testing.T) {
	opts := fullOptions(t)
	check := opts.Checks()[0].Check
	again := NewRecent([]*prober.Check{check}, nil)
	if err := again.Restore(t.Context(), opts.History); err != nil {
		t.Fatal(err)
	}
	before, after := opts.Recent.strip(check.Name), again.strip(check.Name)
	if len(after) != 20 || after[0].id != before[0].id || after[19].reason != before[19].reason {
		t.Errorf("got %d runs: %+v", len(after), after)
	}
	all := opts.Checks()
	group := all[slices.IndexFunc(all, func(s prober.CheckStatus) bool { return isGroup(s.Check) })].Check
	cards := &prober.Check{Name: "cards", Group: "bank", Schedule: check.Schedule, Begin: check.Begin}
	again.ReplaceChecks([]*prober.Check{check, cards}) // a reload that brings back a check, and a group
	if got, want := again.strip(group.Name), opts.Recent.strip(group.Name); len(got) != 40 || got[39].id != want[39].id || len(again.strip("cards")) != 20 {
		t.Errorf("the group has %d runs, and its check %d", len(got), len(again.strip("cards")))
	}
	fresh := *check
	again.ReplaceChecks([]*prober.Check{&fresh, {Name: "other"}})
	if got := again.strip(check.Name); len(got) != 20 || len(again.strip("other")) != 0 {
		t.Errorf("got %d runs", len(got))
	}
	again.ReplaceChecks(nil)
	if got := again.strip(check.Name); got != nil {
		t.Errorf("a check that is gone has %d runs", len(got))
	}
}
