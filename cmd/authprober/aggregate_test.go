package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/aggregate"
)

// fakePrometheus answers with what two instances count of the flow login, and of anything else
// that is asked for: runs every ten seconds for an hour, of which some fail.
func fakePrometheus(t *testing.T, failures func(scrape int) int) string {
	now := time.Now()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		failed := strings.Contains(query, "failed")
		asked, _ := strconv.ParseFloat(r.FormValue("time"), 64)
		back, _ := strconv.ParseFloat(strings.TrimSuffix(query[strings.LastIndex(query, "[")+1:], "s]"), 64)
		var result []any
		for _, instance := range []string{"a:9870", "b:9870"} {
			var values []any
			runs, n := 0, 0
			for i := range 360 {
				runs++
				n += failures(i)
				value := runs
				if failed {
					value = n
				}
				at := float64(now.Add(time.Duration(i-365)*10*time.Second).UnixMilli()) / 1e3
				if at <= asked && at >= asked-back {
					values = append(values, []any{at, fmt.Sprint(value)})
				}
			}
			result = append(result, map[string]any{"metric": map[string]string{"check": "login", "instance": instance}, "values": values})
		}
		json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func loginFlow(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flow.yaml")
	flow := strings.Replace(statusFlow("https://bank.example", "10s"), soon("status"), "login", 1)
	flow = "name: login\n" + flow[strings.Index(flow, "target:"):] + "labels: {team: identity}\n"
	if err := os.WriteFile(path, []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAggregateOnce(t *testing.T) {
	flow := loginFlow(t)
	well := fakePrometheus(t, func(int) int { return 0 })
	got := invoke(t.Context(), nil, "aggregate", "--url", well, "--once", "--replay", "2h", flow)
	const want = `STATE    CHECK      EVIDENCE  FAILED IN 2h  95 %       INSTANCES  RUNS TO A FALSE PAGE
healthy  all:login  EVIDENCE  0.0% of 718       0.0%-0.5%  2          518400
`
	evidence := strings.Fields(strings.SplitAfter(got.stdout, "\n")[1])[2]
	if text := strings.Replace(got.stdout, evidence, "EVIDENCE", 1); got.code != 0 || squeeze(text) != squeeze(want) {
		t.Errorf("ended with %d:\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, want)
	}
	sick := fakePrometheus(t, func(i int) int { return map[bool]int{true: 1}[i > 100 && i%8 == 0] })
	got = invoke(t.Context(), nil, "aggregate", "--url", sick, "--once", "--replay", "2h", "--json", flow)
	var one map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &one); err != nil || got.code != 1 {
		t.Fatalf("ended with %d, %v:\n%s%s", got.code, err, got.stdout, got.stderr)
	}
	if one["check"] != "all:login" || one["state"] != "firing" || one["n"] != 718.0 || one["failed"] != 64.0 || one["instances"] != 2.0 ||
		one["runs_to_false_page"] != 518400.0 || one["evidence"].(float64) < 1 || one["since"] == nil {
		t.Errorf("got %s", got.stdout)
	}
	got = invoke(t.Context(), nil, "aggregate", "--url", sick, "--once", "--replay", "2h", "--json",
		"--runs", "sum by (check) (logins_total)", "--failures", `sum by (check) (logins_total{outcome="failed"})`)
	if got.code != 1 || !strings.HasPrefix(got.stdout, `{"check":"all:login","state":"firing",`) {
		t.Errorf("real logins: ended with %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// TestAggregateGroup judges the flows of a group together: of two, one has runs. It has them once more, and the
// threshold of both; a flow of no group is in none.
func TestAggregateGroup(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"login", "transfer", "alone"} {
		flow := strings.Replace(statusFlow("https://bank.example", "10s"), "name: status", "name: "+name, 1) + "labels: {team: identity, country: " + name[:2] + "}\n"
		if name != "alone" {
			flow += "objective: {group: bank}\n"
		}
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(flow), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sick := fakePrometheus(t, func(i int) int { return map[bool]int{true: 1}[i > 100 && i%8 == 0] })
	got := invoke(t.Context(), nil, "aggregate", "--url", sick, "--once", "--replay", "2h", dir)
	var rows []string
	for line := range strings.Lines(got.stdout) {
		if f := strings.Fields(line); f[0] != "STATE" {
			f[2] = "EVIDENCE"
			rows = append(rows, strings.Join(f, " "))
		}
	}
	want := []string{
		"healthy all:alone EVIDENCE no runs 1 259200",
		"firing all:group:bank EVIDENCE 8.9% of 718 7.0%-11% 3 777600",
		"firing all:login EVIDENCE 8.9% of 718 7.0%-11% 2 518400",
		"healthy all:transfer EVIDENCE no runs 1 259200",
	}
	if got.code != 1 || !slices.Equal(rows, want) {
		t.Errorf("ended with %d:\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, strings.Join(want, "\n"))
	}
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0"}, "aggregate", "--url", sick, "--replay", "2h", dir)
	url := p.until("aggregating")["url"].(string)
	if firing := fmt.Sprint(p.until("replayed")["firing"]); firing != "[all:login all:group:bank]" {
		t.Errorf("firing: %v", firing)
	}
	metrics := get(t, url+"/metrics")
	for _, want := range []string{
		`authprober_check_info{check="all:group:bank",country="",group="bank",team="identity"} 1`,
		`authprober_check_info{check="all:login",country="lo",group="bank",team="identity"} 1`,
		`authprober_check_info{check="all:alone",country="al",group="",team="identity"} 1`,
		`authprober_check_state{check="all:group:bank",state="firing"} 1`,
		`authprober_page_explained{check="all:login"} 0`,
		`authprober_aggregate_flow_failure_ratio{check="all:group:bank",flow="login"} 0.`,
		`authprober_aggregate_places_failing{check="all:group:bank"} 2`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
	page := get(t, url+"/checks/all:group:bank")
	for _, want := range []string{"fails at 2 of 2 places", "3 instances of 1 flow in 2 places", "its flows run, in one place, every", ">5s<"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of the group does not say %q:\n%s", want, page)
		}
	}
	status := invoke(t.Context(), nil, "status", "--url", url)
	if status.code != 1 || !strings.Contains(status.stdout, "all:group:bank") {
		t.Errorf("status: %d\n%s%s", status.code, status.stdout, status.stderr)
	}
	p.Process.Kill()
	p.end()
}

// squeeze takes spaces together.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestAggregateServes looks at what it serves, and that a signal ends it well.
func TestAggregateServes(t *testing.T) {
	sick := fakePrometheus(t, func(i int) int { return map[bool]int{true: 1}[i > 100 && i%8 == 0] })
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0"}, "aggregate", "--url", sick, "--replay", "2h", loginFlow(t))
	url := p.until("aggregating")["url"].(string)
	if firing := p.until("replayed")["firing"].([]any); len(firing) != 1 || firing[0] != "all:login" {
		t.Errorf("firing: %v", firing)
	}
	metrics := get(t, url+"/metrics")
	for _, want := range []string{
		`authprober_check_state{check="all:login",state="firing"} 1`,
		`authprober_check_info{check="all:login",team="identity"} 1`,
		`authprober_aggregate_instances{check="all:login"} 2`,
		`authprober_objective_detect_ratio{check="all:login"} 0.02`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(metrics, "authprober_runs_total") {
		t.Error("it has counters of runs, which sums would count twice")
	}
	if got := get(t, url+"/-/ready"); got != "ready\n" {
		t.Errorf("ready: %s", got)
	}
	if got := get(t, url+"/"); !strings.Contains(got, "all:login") {
		t.Errorf("the page does not show the check:\n%s", got)
	}
	got := invoke(t.Context(), nil, "status", "--url", url)
	if got.code != 1 || !strings.Contains(got.stdout, "all:login") {
		t.Errorf("status: %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if err := p.Process.Signal(os.Interrupt); err == nil { // Windows has none
		if code := p.end(); code != 0 {
			t.Errorf("ended with %d:\n%s", code, p.log.String())
		}
	}
}

// leakyPrometheus refuses, and repeats all that it was sent.
func leakyPrometheus(t *testing.T) (url, config string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		user, password, _ := r.BasicAuth()
		text, _ := json.Marshal(map[string]string{"status": "error", "errorType": "bad_data", "error": user + password + r.Header.Get("Authorization")})
		w.Write(text)
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	config = filepath.Join(dir, "http.yaml")
	for name, text := range map[string]string{config: "basic_auth: {username: sre, password_file: " + filepath.Join(dir, "password") + "}\n",
		filepath.Join(dir, "password"): sentinelPassword} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s.URL, config
}

// TestAggregateReadsEnoughAgain: it reads as much again as their evidence rests on.
func TestAggregateReadsEnoughAgain(t *testing.T) {
	for every, want := range map[time.Duration]time.Duration{
		10 * time.Second: day, time.Minute: 50 * time.Hour, 5 * time.Minute: 7 * day, time.Hour: 7 * day,
	} {
		all := []*prober.Check{{Schedule: prober.Schedule{Every: time.Second}}, {Schedule: prober.Schedule{Every: every}}, {Schedule: prober.Schedule{Every: time.Second}}}
		if got := past(all); got != want {
			t.Errorf("every %v: the last %v, want %v", every, got, want)
		}
	}
}

// TestAggregateNames: each set of values has a name of its own.
func TestAggregateNames(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string
	}{
		{nil, "logins"}, {[]string{""}, "logins"}, {[]string{"", ""}, "logins"}, {[]string{"a/b"}, "a/b"}, {[]string{"a", "b"}, "a/b"},
		{[]string{"a/b", "c"}, "a%2Fb/c"}, {[]string{"a", "b/c"}, "a/b%2Fc"}, {[]string{"a%2Fb", "c"}, "a%252Fb/c"}, {[]string{"", "b"}, "/b"},
	} {
		if got := nameOf(test.values, "logins"); got != test.want {
			t.Errorf("%q: %s, want %s", test.values, got, test.want)
		}
	}
}

// TestAggregateWithoutSecrets: of a flow whose secrets, accounts and variables are nowhere it knows
// enough; and it says so where an answer is not whole.
func TestAggregateWithoutSecrets(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"status":"success","warnings":["a store is away"],"data":{"resultType":"matrix","result":[]}}`)
	}))
	t.Cleanup(s.Close)
	got := invoke(t.Context(), nil, "aggregate", "--url", s.URL, "--once", "../../deploy/flows/retail-login.yaml")
	const want = `STATE    CHECK             EVIDENCE  FAILED IN 24h  95 %  INSTANCES  RUNS TO A FALSE PAGE
healthy  all:retail-login  0         no runs              1          259200
`
	if got.code != 0 || squeeze(got.stdout) != squeeze(want) || got.stderr != "warning: the answers come with warnings: something is missing from what is judged\n" {
		t.Errorf("ended with %d:\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, want)
	}
	got = invoke(t.Context(), nil, "aggregate", "--url", s.URL, "--once", "--name", " ", "--runs", "a", "--failures", "b")
	if got.code != 2 || !strings.Contains(got.stderr, "--name is empty, want one such as logins") {
		t.Errorf("ended with %d: %s", got.code, got.stderr)
	}
}

// TestAggregateOfThanosAndMimir asks what answers as they do, by their documentation: Mimir, below a
// path, wants a tenant and refuses what is too much; Thanos gives means of five minutes and each
// replica unless it is told not to, and says in its warnings that a store is away.
func TestAggregateOfThanosAndMimir(t *testing.T) {
	well := fakePrometheus(t, func(int) int { return 0 })
	forward := func(w http.ResponseWriter, r *http.Request, edit func(map[string]any)) {
		resp, err := http.PostForm(well+"/api/v1/query", r.Form)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		var answer map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Error(err)
		}
		edit(answer)
		json.NewEncoder(w).Encode(answer)
	}
	tooMuch := 0
	mimir := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, back, _ := strings.Cut(r.FormValue("query"), "[")
		asked, _ := time.ParseDuration(strings.TrimSuffix(back, "]"))
		switch {
		case r.Header.Get("X-Scope-OrgID") != "identity":
			http.Error(w, "no org id", http.StatusUnauthorized)
		case r.URL.Path != "/prometheus/api/v1/query":
			http.NotFound(w, r)
		case asked > 30*time.Minute:
			tooMuch++
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of chunks (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)"}`)
		default:
			forward(w, r, func(map[string]any) {})
		}
	})
	thanos := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("max_source_resolution") != "0s" || r.FormValue("dedup") != "true" {
			t.Errorf("Thanos was asked for %v", r.Form)
		}
		forward(w, r, func(answer map[string]any) {
			answer["warnings"] = []string{"fetch series for {location=\"graz\"}: rpc error: code = Unavailable"}
			answer["data"].(map[string]any)["analysis"] = map[string]any{}
		})
	})
	config := filepath.Join(t.TempDir(), "http.yaml")
	if err := os.WriteFile(config, []byte("http_headers: {X-Scope-OrgID: {values: [identity]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flow := loginFlow(t)
	ask := func(h http.Handler, path string, args ...string) invocation {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return invoke(t.Context(), nil, append([]string{"aggregate", "--url", s.URL + path, "--once", "--json", "--replay", "2h", flow}, args...)...)
	}
	const want = `"n":718,`
	if got := ask(mimir, "/prometheus", "--http-config", config); got.code != 0 || !strings.Contains(got.stdout, want) || tooMuch == 0 || got.stderr != "" {
		t.Errorf("Mimir: ended with %d after %d that were too much:\n%s%s", got.code, tooMuch, got.stdout, got.stderr)
	}
	if got := ask(mimir, "/prometheus"); got.code != 3 || !strings.Contains(got.stderr, ": status 401, want 200") {
		t.Errorf("Mimir without a tenant: ended with %d:\n%s", got.code, got.stderr)
	}
	if got := ask(thanos, ""); got.code != 0 || !strings.Contains(got.stdout, want) || !strings.HasPrefix(got.stderr, "warning: the answers come with warnings") {
		t.Errorf("Thanos: ended with %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// TestManyFlowsAreReadInPieces: an answer of some flows, each of them asked for once, and with what is to match.
func TestManyFlowsAreReadInPieces(t *testing.T) {
	var all []*prober.Check
	for i := range 120 {
		all = append(all, &prober.Check{Name: fmt.Sprintf("flow-%03d", i), Schedule: prober.Schedule{Every: 10 * time.Second}})
	}
	f, o := aggregateFlags{match: `env="prod"`}, aggregate.Options{}
	f.flows(&o, all)
	var sizes []int
	asked := map[string]int{}
	for _, q := range o.Source.Queries {
		names, rest, _ := strings.Cut(strings.TrimPrefix(q.Runs, `authprober_runs_total{check=~"`), `"`)
		if rest != `,env="prod"}` || q.Failures != strings.Replace(q.Runs, "runs_total", "runs_failed_total", 1) {
			t.Errorf("asks for %s and %s", q.Runs, q.Failures)
		}
		list := strings.Split(names, "|")
		sizes = append(sizes, len(list))
		for _, name := range list {
			asked[name]++
		}
	}
	if !slices.Equal(sizes, []int{50, 50, 20}) || len(asked) != 120 || asked["flow-000"] != 1 || asked["flow-119"] != 1 {
		t.Errorf("%d flows, asked for by %v", len(asked), sizes)
	}
}
