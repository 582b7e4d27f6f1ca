package prober

import (
	"bytes"
	"flag"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

var update = flag.Bool("update", false, "write the golden files")

func judgeAndMetrics(t testing.TB, checks []*Check) (*Judge, *Metrics) {
	t.Helper()
	judge, err := NewJudge(checks)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := NewMetrics(MetricsOptions{
		Checks: checks, Registry: prometheus.NewRegistry(), Judge: judge, Version: "1.2.3", Revision: "abcdef0",
		Exports:       func() []ExportStatus { return []ExportStatus{{Signal: "traces", Exports: 12, Failed: 2, Dropped: 1}} },
		Alertmanagers: []string{"alertmanager:9093"},
		History: func() HistoryStatus {
			return HistoryStatus{Durable: true, Bytes: 4096, Limit: 1 << 30, Oldest: time.Unix(1000, 0), WritesFailed: 2, Dropped: 3}
		},
		Control: func() ControlStatus {
			return ControlStatus{Targets: []ControlTarget{{Name: "loopback", Looks: 4, Up: true}, {Name: "one.example", Looks: 4, Failures: 1}},
				Excused: map[ExcuseCause]uint64{ExcuseNetwork: 2}, Starved: 1.5, Heartbeats: 9, HeartbeatsFailed: 1, Throttled: 2.5, HasThrottled: true}
		},
		Pools: func() []PoolStatus {
			return []PoolStatus{{Name: "retail", Free: 7, Leased: 1, Cooling: 2, Quarantined: 3, Logins: 40, Refusals: 5,
				Budgets: []Budget{{Name: "codes", Left: 12}, {Name: "negative"}}}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return judge, metrics
}

// sums gathers once and adds up each family's counters of a check; those with a
// label named outcome are kept apart by it.
func sums(t testing.TB, m *Metrics, check string) map[string]float64 {
	t.Helper()
	families, err := m.Gather()
	if err != nil {
		t.Error(err)
	}
	n := map[string]float64{}
	for _, f := range families {
		for _, x := range f.Metric {
			of, outcome := "", ""
			for _, l := range x.Label {
				switch l.GetName() {
				case "check":
					of = l.GetValue()
				case "outcome":
					outcome = "/" + l.GetValue()
				}
			}
			if of == check && x.Counter != nil {
				n[strings.TrimPrefix(f.GetName(), "authprober_")+outcome] += x.Counter.GetValue()
			}
		}
	}
	return n
}

func metricCounts(t testing.TB, m *Metrics, c *Check) Counts {
	t.Helper()
	n := sums(t, m, c.Name)
	if n["runs_failed_total"] != n["run_failures_total"] {
		t.Errorf("%s: %v failed runs, but %v by step and reason", c.Name, n["runs_failed_total"], n["run_failures_total"])
	}
	counts := Counts{
		Passed:  uint64(n["runs_total"] - n["runs_failed_total"]),
		Failed:  uint64(n["runs_failed_total"]),
		Errored: uint64(n["runs_inconclusive_total/errored"]),
		Aborted: uint64(n["runs_inconclusive_total/aborted"]),
		Missed:  uint64(n["runs_missed_total"]),
	}
	if counts.Due() != uint64(n["runs_due_total"]) {
		t.Errorf("%s: %v due, want the sum of %+v", c.Name, n["runs_due_total"], counts)
	}
	return counts
}

// goldenRuns are runs of one check of each outcome, told in order.
func goldenRuns(c *Check, now time.Time) []*Run {
	at := func(i int) time.Time { return now.Add(time.Duration(i) * 10 * time.Second) }
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	return []*Run{
		{Check: c, Seq: 1, Due: at(0), Start: at(0).Add(2 * time.Millisecond), Took: 300 * time.Millisecond, Outcome: Passed,
			Account: "anna", Report: Report{TraceID: trace, HasClockSkew: true, ClockSkew: -2 * time.Second,
				CertificateExpiry: now.Add(90 * 24 * time.Hour), Tags: map[string]string{"release": "1.4", "backend": "b"},
				Steps: []StepResult{
					{Name: "login", Took: 200 * time.Millisecond, Status: 200, Polls: 3, Delivery: 150 * time.Millisecond, Phases: Phases{Resolve: 1e6, Connect: 2e6, TLS: 3e7, Processing: 1e8, Transfer: 4e6}},
					{Name: "replay", Took: 90 * time.Millisecond, Attempts: 1, Propagation: 1500 * time.Millisecond, Phases: Phases{Processing: 8e7}},
					{Name: "unknown user", Took: 90 * time.Millisecond, Attempts: 1, Phases: Phases{Processing: 9e7}}}}},
		{Check: c, Seq: 2, Due: at(1), Start: at(1), Took: 5 * time.Second, Outcome: Failed,
			Report: Report{TraceID: "not a trace id", Steps: []StepResult{{Name: "login", Took: 5 * time.Second, Polls: 6, Reason: ReasonTimeout, Detail: "no answer in 5s"}}}},
		{Check: c, Seq: 3, Due: at(2), Start: at(2), Took: time.Second, Outcome: Failed,
			Report: Report{Steps: []StepResult{{Name: "login", Took: time.Second, Skipped: true}, {Name: "replay", Reason: ReasonNotRefused, Status: 200, Detail: "status 200, want 401", Attempts: 2, Repeat: RepeatAccepted}}}},
		{Check: c, Seq: 4, Due: at(3), Start: at(3), Took: time.Second, Outcome: Errored,
			Report: Report{Err: os.ErrPermission, Steps: []StepResult{{Name: "login", Reason: ReasonTimeout}, {Name: "nonsense"}}}},
		{Check: c, Seq: 5, Due: at(4), Start: at(4), Took: time.Second, Outcome: Aborted, Report: Report{Err: ErrShutdown}},
	}
}

func goldenChecks() []*Check {
	a, b := testCheck("login", passing(0)), testCheck("transfer", passing(0))
	a.Labels = map[string]string{"team": "identity", "severity": "page"}
	b.Labels = map[string]string{"team": "payments", "country": "at"}
	a.DeliverySteps = []string{"login"}
	a.Steps, a.Reasons = append(a.Steps, "unknown user"), append(a.Reasons, []Reason{ReasonNotRefused, ReasonWrongRefusal})
	a.RefuseSteps, a.RevokedSteps = []string{"replay", "unknown user"}, []string{"replay"}
	a.SameAs = map[string]string{"unknown user": "replay"}
	a.Thresholds = []Threshold{
		{Ratio: 0.05, Window: 15 * time.Minute, MinRuns: 3, Severity: "ticket"},
		{Ratio: 0.05, Window: 24 * time.Hour, MinRuns: 4, Severity: "ticket"},
	}
	return []*Check{a, b}
}

func exposition(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(m, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	text := strings.ReplaceAll(w.Body.String(), runtime.Version(), "GOVERSION")
	return computed.ReplaceAllStringFunc(text, func(line string) string {
		i := strings.LastIndexByte(line, ' ') + 1
		v, err := strconv.ParseFloat(line[i:], 64)
		if err != nil {
			t.Fatal(err)
		}
		return line[:i] + strconv.FormatFloat(v, 'g', 6, 64)
	})
}

// computed are the values whose last digits differ between processors, as some
// round once for a product and a sum.
var computed = regexp.MustCompile(`(?m)^authprober_(evidence|failure_ratio).*$`)

func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := goldenChecks()
		_, metrics := judgeAndMetrics(t, checks)
		golden(t, "testdata/rest.prom", exposition(t, metrics))

		judge, metrics := judgeAndMetrics(t, checks)
		for _, r := range goldenRuns(checks[0], time.Now()) {
			judge.ObserveRun(r)
			metrics.ObserveRun(r)
		}
		for _, r := range []StepResult{ // neither is the time of a refusal
			{Name: "replay", Attempts: 2, Phases: Phases{Processing: 1}}, {Name: "replay", Reason: ReasonStatus5xx, Attempts: 1, Phases: Phases{Processing: 1}},
		} {
			metrics.in.refusalsOf(checks[0]).observe(&Run{Check: checks[0], Outcome: Failed, Report: Report{Steps: []StepResult{r}}})
		}
		missed := Missed{Check: checks[0], Reason: MissOverlap, N: 3, At: time.Now()}
		judge.ObserveMissed(missed)
		metrics.ObserveMissed(missed)
		metrics.ObserveReload(true, time.Now())
		time.Sleep(time.Minute)
		golden(t, "testdata/runs.prom", exposition(t, metrics))

		time.Sleep(10 * time.Minute)
		const want = `authprober_failure_ratio{check="login",window="5m"} NaN`
		if got := exposition(t, metrics); !strings.Contains(got, want) {
			t.Errorf("the window did not empty by itself: no %s", want)
		}
	})
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")); got != string(want) {
		t.Errorf("not as %s (see it with -update):\n%s", file, got)
	}
}

func TestExpositionIsClean(t *testing.T) {
	checks := goldenChecks()
	judge, metrics := judgeAndMetrics(t, checks)
	for _, r := range goldenRuns(checks[0], time.Now()) {
		judge.ObserveRun(r)
		metrics.ObserveRun(r)
	}
	problems, err := testutil.GatherAndLint(metrics)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestReload(t *testing.T) {
	_, m := judgeAndMetrics(t, nil)
	m.ObserveReload(true, time.UnixMilli(1700000000123))
	m.ObserveReload(false, time.UnixMilli(1800000000000))
	got := exposition(t, m)
	for _, want := range []string{
		"\nauthprober_config_last_reload_successful 0\n",
		"\nauthprober_config_last_reload_success_timestamp_seconds 1.700000000123e+09\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
}

// Every histogram of ours is a native one, with classic buckets beside it: the
// dashboards' heatmaps ask for the first and fall back on the second.
func TestHistogramsAreNativeAndClassic(t *testing.T) {
	_, m := judgeAndMetrics(t, goldenChecks())
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	histograms := 0
	for _, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		histograms++
		for _, one := range f.Metric {
			if h := one.GetHistogram(); h.Schema == nil || len(h.Bucket) == 0 {
				t.Errorf("%s: want a schema and buckets, got %v", f.GetName(), h)
			}
		}
	}
	if histograms < 7 {
		t.Errorf("%d histograms, want 7 at the least", histograms)
	}
}

// Beyond the budget no joint series is there before its first failure, and the
// coarser one is.
func TestJointSeriesBudget(t *testing.T) {
	big := testCheck("big", passing(0))
	big.Steps, big.Reasons = nil, nil
	for i := range JointSeriesBudget/len(Reasons) + 1 {
		big.Steps = append(big.Steps, "s"+strings.Repeat("i", i%50)+time.Duration(i).String())
		big.Reasons = append(big.Reasons, Reasons)
	}
	_, m := judgeAndMetrics(t, []*Check{big})
	if n := testutil.CollectAndCount(m.in.failures); n != 0 {
		t.Errorf("%d joint series before any failure", n)
	}
	m.ObserveRun(&Run{Check: big, Outcome: Failed, Report: Report{Steps: []StepResult{{Name: big.Steps[7], Reason: ReasonDNS}}}})
	if n := testutil.CollectAndCount(m.in.failures); n != 1 {
		t.Errorf("%d joint series after one failure", n)
	}
	if got := metricCounts(t, m, big); got != (Counts{Failed: 1}) {
		t.Errorf("got %+v", got)
	}
}

// Whoever scrapes while runs are observed never sees half of one.
func TestEveryScrapeAddsUp(t *testing.T) {
	checks := goldenChecks()
	_, m := judgeAndMetrics(t, checks)
	runs := goldenRuns(checks[0], time.Now())
	done := make(chan struct{})
	var scrapers sync.WaitGroup
	for range 2 {
		scrapers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					metricCounts(t, m, checks[0])
				}
			}
		})
	}
	for i := range 2100 {
		m.ObserveRun(runs[i%len(runs)])
		if i%7 == 0 {
			m.ObserveMissed(Missed{Check: checks[0], Reason: MissPaused, N: 2})
		}
	}
	close(done)
	scrapers.Wait()
	if got := metricCounts(t, m, checks[0]).Due(); got != 2100+2*300 {
		t.Errorf("%d due times, want %d", got, 2100+2*300)
	}
}
