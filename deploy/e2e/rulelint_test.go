package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// A shippedRule is one of deploy/prometheus, an alert or a record.
type shippedRule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

func (r shippedRule) name() string { return r.Alert + r.Record }

func shippedRules(t *testing.T) (all []shippedRule) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []shippedRule }
	}
	readYAML(t, deployed("prometheus", "authprober.rules.yaml"), &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no rules")
	}
	return all
}

// severities are those that the routes in deploy/alertmanager know.
var severities = []string{"page", "ticket", "warning", "none", `{{ or $labels.severity "page" }}`, `{{ or $labels.severity "ticket" }}`}

// teamless are the alerts that are of no check, and so of no flow's team: they are for
// whoever runs the prober.
var teamless = []string{
	"AuthProberAbsent", "AuthProberBlind", "AuthProberAccountsQuarantined", "AuthProberConfigReloadFailed", "AuthProberNotificationsFailing", "AuthProberExportsFailing",
	"AuthProberAggregateBlind", "AuthProberWatchdog",
}

// TestAlertsSayWhatTheyMust holds every alert against what somebody needs who is woken
// by it: whom it is for, what it says, and a runbook; and no runbook is of no alert.
func TestAlertsSayWhatTheyMust(t *testing.T) {
	books := filepath.Join(repository(), "docs", "runbooks")
	index, err := os.ReadFile(filepath.Join(books, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := map[string]bool{}
	for _, r := range shippedRules(t) {
		if r.Alert == "" {
			continue
		}
		alerts[r.Alert] = true
		if !strings.HasPrefix(r.Alert, "AuthProber") {
			t.Errorf("%s: want a name that begins with AuthProber", r.Alert)
		}
		for _, name := range []string{"summary", "description", "runbook_url"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
		if !slices.Contains(severities, r.Labels["severity"]) {
			t.Errorf("%s: severity is %q, want one of %q", r.Alert, r.Labels["severity"], severities)
		}
		if routed := regexp.MustCompile(`group_left \(team\b`).MatchString(r.Expr); routed == slices.Contains(teamless, r.Alert) {
			t.Errorf("%s: joins its team: %t, and that is not what is said of it", r.Alert, routed)
		}
		if want := "https://github.com/authprober/authprober/blob/main/docs/runbooks/" + r.Alert + ".md"; r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %s, want %s", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !strings.Contains(string(index), "("+r.Alert+".md)") {
			t.Errorf("%s is not in the list of runbooks", r.Alert)
		}
		checkRunbook(t, filepath.Join(books, r.Alert+".md"), r.Alert)
	}
	files, err := filepath.Glob(filepath.Join(books, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".md"); name != "README" && !alerts[name] {
			t.Errorf("%s is the runbook of no alert", file)
		}
	}
}

// checkRunbook wants the same four parts in each: what it means, what to look at first
// with something to copy, how to silence it, when to wake others.
func checkRunbook(t *testing.T, path, alert string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%s has no runbook: %v", alert, err)
		return
	}
	rest := string(text)
	for _, heading := range []string{"# " + alert + "\n", "\n## Look at first\n", "\n## Silence\n", "\n## Escalate\n"} {
		before, after, ok := strings.Cut(rest, heading)
		if !ok || heading[0] == '\n' && len(strings.TrimSpace(before)) < 40 {
			t.Errorf("%s: want a heading %q after a few words", path, strings.TrimSpace(heading))
		}
		if strings.Contains(heading, "Silence") && !strings.Contains(before, "`") {
			t.Errorf("%s: nothing to copy to look at first", path)
		}
		rest = after
	}
	if !strings.Contains(string(text), "amtool silence add") && !slices.Contains([]string{"AuthProberFailOpen", "AuthProberWatchdog", "AuthProberEverywhere"}, alert) {
		t.Errorf("%s: no command to silence it", path)
	}
}

// TestRulesAreAboutWhatThereIs parses every expression, those within annotations and
// runbooks too, with Prometheus' own parser, and holds metrics and labels against what
// a daemon serves that has met everything.
func TestRulesAreAboutWhatThereIs(t *testing.T) {
	known := servedLabels(t)
	all := shippedRules(t)
	for _, r := range all {
		if r.Record != "" {
			known[r.Record] = nil // until it is parsed
		}
	}
	seen := 0
	check := func(where, expr string) map[string]bool {
		seen++
		expr = strings.TrimSpace(expr)
		tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return nil
		}
		has, err := labelsOfExpr(tree, known)
		if err != nil {
			t.Errorf("%s: %s: %v", where, expr, err)
		}
		return has
	}
	for _, r := range all {
		if has := check(r.name(), r.Expr); r.Record != "" {
			known[r.Record] = has
		}
	}
	for _, r := range all {
		for name, text := range r.Annotations {
			for _, expr := range queriesIn(text) {
				check(r.Alert+"'s "+name, expr)
			}
		}
	}
	books, err := filepath.Glob(filepath.Join(repository(), "docs", "runbooks", "*.md"))
	if err != nil || len(books) == 0 {
		t.Fatalf("no runbooks: %v", err)
	}
	for _, book := range books {
		text, err := os.ReadFile(book)
		if err != nil {
			t.Fatal(err)
		}
		for _, expr := range queriesOf(string(text)) {
			check(filepath.Base(book), expr)
		}
	}
	if seen < 60 {
		t.Errorf("only %d expressions were found", seen)
	}
}

// labelsOfExpr returns the labels that the series of an expression may have. It complains
// about metrics that are not known, and labels that are not there.
func labelsOfExpr(e parser.Node, known map[string]map[string]bool) (map[string]bool, error) {
	has := map[string]bool{}
	var errs []error
	for child := range parser.ChildrenIter(e) {
		below, err := labelsOfExpr(child, known)
		maps.Copy(has, below)
		errs = append(errs, err)
	}
	want := func(names ...string) {
		for _, name := range names {
			if !has[name] {
				errs = append(errs, fmt.Errorf("there is no label %s", name))
			}
		}
	}
	switch e := e.(type) {
	case *parser.VectorSelector:
		own, ok := known[e.Name]
		if !ok {
			return has, fmt.Errorf("there is no metric %s", e.Name)
		}
		has = maps.Clone(own)
		for _, m := range e.LabelMatchers {
			if m.Name != model.MetricNameLabel {
				want(m.Name)
			}
		}
	case *parser.AggregateExpr:
		want(e.Grouping...)
		if !e.Without && e.Op != parser.TOPK && e.Op != parser.BOTTOMK {
			maps.DeleteFunc(has, func(name string, _ bool) bool { return !slices.Contains(e.Grouping, name) })
		}
	case *parser.BinaryExpr:
		if m := e.VectorMatching; m != nil {
			want(m.MatchingLabels...)
			want(m.Include...)
		}
	}
	return has, errors.Join(errs...)
}

var printfQuery = regexp.MustCompile(`printf "([^"]*(?:authprober_|authprober:)[^"]*)"`)

// queriesIn finds the queries of a template, with something in the place of what it fills in.
func queriesIn(text string) (all []string) {
	for _, m := range printfQuery.FindAllStringSubmatch(text, -1) {
		q := strings.ReplaceAll(m[1], "[%s]", "[5m]")
		q = strings.ReplaceAll(q, "{%s", `{job="authprober"`)
		all = append(all, strings.ReplaceAll(q, "%q", `"x"`))
	}
	return all
}

var codeSpan = regexp.MustCompile("`([^`\n]*authprober[:_][^`\n]*)`")

// queriesOf finds the queries of a runbook: what stands between backticks and names
// one of our metrics.
func queriesOf(text string) (all []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "authprober ") {
			all = append(all, m[1])
		}
	}
	return all
}

// servedLabels are the metrics of a daemon, with the labels that each has and those
// that a scrape adds.
func servedLabels(t *testing.T) map[string]map[string]bool {
	t.Helper()
	dir := t.TempDir()
	address := freeAddresses(t, 1)[0]
	target := halfBroken(t, dir)
	flow, capped := write(t, dir, "flow.yaml", fmt.Sprintf(lintFlow, target)), write(t, dir, "capped.yaml", fmt.Sprintf(lintCapped, target))
	accounts := write(t, dir, "accounts.yaml", lintAccounts)
	start(t, []string{"AUTHPROBER_LISTEN=" + address, "PASSWORD=secret", "AUTHPROBER_ALERTMANAGER_URLS=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}, authprober(t), "run", flow, capped, accounts).
		ready(t, "http://"+address+"/-/ready")
	known := map[string]map[string]bool{}
	eventually(t, time.Minute, "a daemon that has met everything", func() error {
		text, err := get("http://" + address + "/metrics")
		if err != nil {
			return err
		}
		known = expositionLabels(string(text))
		for _, late := range []string{"authprober_blame", "authprober_tls_certificate_expiry_timestamp_seconds", "authprober_clock_skew_seconds"} {
			if known[late] == nil {
				return fmt.Errorf("no %s yet", late)
			}
		}
		return nil
	})
	maps.Copy(known, aggregateLabels(t))
	known["up"] = map[string]bool{"job": true, "instance": true}
	if known["authprober_cpu_throttled_seconds_total"] == nil { // where no control group has a quota
		known["authprober_cpu_throttled_seconds_total"] = known["authprober_starved_seconds_total"]
	}
	return known
}

// aggregateLabels are the metrics that an aggregator has of itself once it has read something.
func aggregateLabels(t *testing.T) map[string]map[string]bool {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now().Unix()
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[
			{"metric":{"check":"status","instance":"a:9870"},"values":[[%d,"1"],[%d,"9"]]}]}}`, now-300, now-120)
	}))
	t.Cleanup(api.Close)
	flow := write(t, t.TempDir(), "flow.yaml", "name: status\ntarget: https://bank.example\nobjective: {group: lint}\nsteps: [{name: status, request: GET /}]\n")
	address := freeAddresses(t, 1)[0]
	start(t, []string{"AUTHPROBER_LISTEN=" + address}, authprober(t), "aggregate", "--url", api.URL, "--replay", "10m", flow).
		ready(t, "http://"+address+"/-/ready")
	text, err := get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	known := expositionLabels(string(text))
	maps.DeleteFunc(known, func(name string, _ map[string]bool) bool { return !strings.HasPrefix(name, "authprober_aggregate_") })
	return known
}

var sampleLine = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? `)
var labelPair = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"`)

// expositionLabels reads the text format.
func expositionLabels(text string) map[string]map[string]bool {
	known := map[string]map[string]bool{}
	for _, m := range sampleLine.FindAllStringSubmatch(text, -1) {
		if known[m[1]] == nil {
			known[m[1]] = map[string]bool{"job": true, "instance": true}
		}
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			known[m[1]][pair[1]] = true
		}
	}
	return known
}

// lintFlow and lintCapped meet everything that has a metric.
const lintFlow = `name: lint
target: %s
schedule: {every: 100ms, timeout: 400ms, concurrency: 4, confirm: 50ms}
accounts: retail
objective: {tolerate: 0.1%%, detect: 2%%, false_pages: 1 per 1d, blip: 0s, group: lint}
thresholds: [{ratio: 1%%, window: 5m, min_runs: 3, severity: ticket}]
labels: {team: identity, severity: page}
tls: {ca: ca.pem}
tags: {release: 'header["X-Release"]'}
steps:
  - name: login
    request: POST /login
    form: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
  - name: no token is refused
    request: GET /accounts
    refuse: [401]
  - name: another token is refused the same
    request: GET /accounts
    refuse: [401]
    same_as: {step: no token is refused}
  - name: log out
    request: POST /logout
    expect: [status == 200]
  - name: a dead token is refused
    request: GET /accounts
    refuse: [401]
    within: {time: 200ms}
`

const lintCapped = `name: capped
target: %s
schedule: {every: 1m, timeout: 10s}
accounts: codes
tls: {ca: ca.pem}
steps:
  - name: code
    request: GET /inbox
    basic: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    poll: {every: 100ms, for: 5s, until: 'status == 200', delivery: true}
`

const lintAccounts = `pools:
  retail:
    accounts:
      - {name: anna, username: anna, password: {env: PASSWORD}}
      - {name: bert, username: bert, password: {env: PASSWORD}}
      - {name: cleo, username: cleo, password: {env: PASSWORD}}
      - {name: dora, username: dora, password: {env: PASSWORD}}
  codes:
    max_codes: 5000 per day
    accounts: [{name: emil, username: emil, password: {env: PASSWORD}}]
`

// halfBroken serves TLS that ca.pem vouches for; one of its two releases is broken.
func halfBroken(t *testing.T, dir string) (url string) {
	makeCertificates(t, dir)
	var n atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		release := "1"
		if r.URL.Path == "/login" && n.Add(1)%2 == 0 {
			release = "2"
		}
		w.Header().Set("X-Release", release)
		switch {
		case release == "2":
			w.WriteHeader(http.StatusInternalServerError) // a 503 would have the check governed, which takes longer
		case r.URL.Path == "/accounts":
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}
