package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// TestDashboards asks every query of every dashboard of two real servers of
// Prometheus, one with native histograms and one without, that scrape a prober whose
// bank fails in every way that a panel is for: no panel is left empty. The queries
// are parsed by the parser of Prometheus 3 first; the servers may be as old as 2.42.
func TestDashboards(t *testing.T) {
	asked := dashboardQueries(t)
	prober := startFailing(t)
	dir := t.TempDir()
	free := freeAddresses(t, 3)
	servers := map[string]string{"native histograms": free[0], "classic histograms": free[1]}
	for kind, server := range servers {
		args := []string{"--config.file=" + fastScrapes(t, dir, prober.address, free[2]), "--storage.tsdb.path=" + filepath.Join(dir, kind),
			"--web.listen-address=" + server}
		if kind == "native histograms" {
			args = append(args, "--enable-feature=native-histograms,exemplar-storage")
		}
		start(t, nil, installed(t, "prometheus", "prometheus"), args...).ready(t, "http://"+server+"/-/ready")
	}
	for kind, server := range servers {
		eventually(t, time.Minute, kind+" to have seen runs", func() error { return atLeast(server, `sum(authprober_runs_total)`, 1) })
	}
	prober.breakBank(t, little)
	for kind, server := range servers {
		eventually(t, time.Minute, kind+" to have seen it suspect", func() error {
			return atLeast(server, `max_over_time(authprober_check_state{state="suspect"}[1m])`, 1)
		})
	}
	prober.breakBank(t, much)
	prober.breakFlow(t)
	for kind, server := range servers {
		began := time.Now()
		left := asked
		eventually(t, 90*time.Second, "every panel to have data, with "+kind, func() error {
			left = unanswered(t, server, left)
			if len(left) == 0 {
				return nil
			}
			return fmt.Errorf("%d of %d queries have no answer:\n%v", len(left), len(asked), left)
		})
		t.Logf("%s: %d queries answered after %v more", kind, len(asked), time.Since(began).Round(time.Second))
	}
	exemplars(t, free[0])
}

// A dashboardQuery is a query with the variables filled in.
type dashboardQuery struct {
	where, expr string
	instant     bool
}

func (q dashboardQuery) String() string { return q.where + ": " + q.expr + "\n" }

// filled are values for the variables of the dashboards and those of Grafana.
var filled = strings.NewReplacer("$check", "retail-login", "$team", ".*", "$instance", ".+", "$pool", ".+",
	"$__rate_interval", "10s", "$__range", "2m")

// quota is of machines whose control group has one.
const quota = "authprober_cpu_throttled_seconds_total"

// dashboardQueries are the queries of the shipped files: of panels, annotations and variables.
func dashboardQueries(t *testing.T) (all []dashboardQuery) {
	files, err := filepath.Glob(deployed("grafana", "dashboards", "*.json"))
	if err != nil || len(files) < 3 {
		t.Fatalf("the dashboards are %v (%v), want three or more", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			UID         string
			Annotations struct{ List []struct{ Name, Expr string } }
			Templating  struct{ List []struct{ Definition string } }
			Panels      []struct {
				Title   string
				Targets []struct {
					RefID   string
					Expr    string
					Instant bool
				}
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if !strings.Contains(q.Expr, quota) {
					all = append(all, dashboardQuery{fmt.Sprintf("%s/%s/%s", d.UID, p.Title, q.RefID), filled.Replace(q.Expr), q.Instant})
				}
			}
		}
		for _, a := range d.Annotations.List {
			all = append(all, dashboardQuery{d.UID + "/" + a.Name, filled.Replace(a.Expr), false})
		}
		for _, v := range d.Templating.List {
			if m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition); m != nil {
				all = append(all, dashboardQuery{d.UID + "/" + v.Definition, filled.Replace("count by (" + m[2] + ") (" + m[1] + ")"), true})
			}
		}
	}
	for _, q := range all {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return all
}

// unanswered returns the queries to which there is no answer yet with a number in it.
func unanswered(t *testing.T, server string, queries []dashboardQuery) (left []dashboardQuery) {
	t.Helper()
	for _, q := range queries {
		if !answered(t, server, q) {
			left = append(left, q)
		}
	}
	return left
}

func answered(t *testing.T, server string, q dashboardQuery) bool {
	t.Helper()
	now := time.Now()
	path, form := "query", url.Values{"query": {q.expr}}
	if !q.instant {
		path = "query_range"
		form.Set("start", fmt.Sprint(now.Add(-2*time.Minute).Unix()))
		form.Set("end", fmt.Sprint(now.Unix()))
		form.Set("step", "1")
	}
	text, err := get("http://" + server + "/api/v1/" + path + "?" + form.Encode())
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value                 [2]any
				Values                [][2]any
				Histogram, Histograms []any
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	for _, series := range answer.Data.Result {
		if len(series.Histogram)+len(series.Histograms) > 0 {
			return true
		}
		for _, v := range append(series.Values, series.Value) {
			if v[1] != nil && v[1] != "NaN" {
				return true
			}
		}
	}
	return false
}

// exemplars holds that a trace id is there for each kind of run that has a panel.
func exemplars(t *testing.T, server string) {
	form := url.Values{"query": {`authprober_run_duration_seconds{check="retail-login"} or authprober_run_duration_seconds_bucket{check="retail-login"}`},
		"start": {fmt.Sprint(time.Now().Add(-5 * time.Minute).Unix())}, "end": {fmt.Sprint(time.Now().Unix())}}
	text, err := get("http://" + server + "/api/v1/query_exemplars?" + form.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`"trace_id":"[0-9a-f]{32}"`).Match(text) {
		t.Errorf("no run has a trace id: %.300s", text)
	}
}
