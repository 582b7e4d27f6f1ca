package aggregate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A fake is a Prometheus with two counters, runs and failures, of a few instances.
type fake struct {
	mu      sync.Mutex
	samples map[string]map[string][]Sample // by the counter, and the instance, FLOW@INSTANCE of others than login; in the order of their times
	down    int                            // the status it answers with; 0 while it is well
	most    int                            // samples it gives at once, beyond which its answer is too large; 0 for any
	asked   []time.Duration                // how far back
}

func newFake() *fake {
	return &fake{samples: map[string]map[string][]Sample{"runs": {}, "failures": {}}}
}

// scrape adds a sample of both counters.
func (f *fake) scrape(instance string, runs, failures float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for counter, value := range map[string]float64{"runs": runs, "failures": failures} {
		f.samples[counter][instance] = append(f.samples[counter][instance], Sample{time.Now(), value})
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != 0 {
		w.WriteHeader(f.down)
		return
	}
	counter, rest, _ := strings.Cut(r.FormValue("query"), "[")
	back, _ := time.ParseDuration(strings.TrimSuffix(rest, "]"))
	seconds, _ := strconv.ParseFloat(r.FormValue("time"), 64)
	to := time.UnixMilli(int64(seconds*1e3 + 0.5))
	f.asked = append(f.asked, back)
	result, n := []any{}, 0
	for instance, samples := range f.samples[counter] {
		var values []any
		first, _ := slices.BinarySearchFunc(samples, to.Add(-back), func(s Sample, t time.Time) int { return s.At.Compare(t.Add(1)) })
		for _, s := range samples[first:] {
			if s.At.After(to) {
				break
			}
			values = append(values, []any{json.Number(fmt.Sprintf("%.3f", float64(s.At.UnixMilli())/1e3)), fmt.Sprint(s.Value)})
		}
		if n += len(values); len(values) > 0 {
			check, at, of := strings.Cut(instance, "@")
			if !of {
				check, at = "login", instance
			}
			result = append(result, map[string]any{"metric": map[string]string{"__name__": counter, "check": check, "instance": at}, "values": values})
		}
	}
	if f.most > 0 && n > f.most {
		io.WriteString(w, strings.Repeat(" ", 1<<20+1))
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
}

var objective = detect.Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: 30 * 24 * time.Hour}

// aggregatorOf judges the check login, of instances that run every 10 s.
func aggregatorOf(f *fake, log *zap.Logger, changed ...func(prober.StateChange)) *Aggregator {
	return New(Options{
		API:    apiOf(f.ServeHTTP),
		Source: Source{Runs: "runs", Failures: "failures", By: []string{"check"}, Place: []string{"location", "instance"}},
		Subject: func(values []string) (Subject, bool) {
			c := &prober.Check{Name: prober.PooledPrefix + values[0], Objective: objective, Schedule: prober.Schedule{Every: 10 * time.Second}}
			return Subject{Check: c, Params: Scheduled(c, 15*time.Second)}, values[0] == "login"
		},
		Known: [][]string{{"login"}}, Every: 15 * time.Second, Settle: 15 * time.Second, Replay: 2 * time.Hour,
		Changed: changed, Log: log,
	})
}

// instances scrape three instances every 15 s until done; of 1.5 runs each so many fail.
func instances(f *fake, scrapes int, failed func(scrape int) float64) {
	var runs, failures float64
	f.scrape("a", 0, 0)
	f.scrape("b", 1e6, 7)
	f.scrape("c", 0, 0)
	for i := range scrapes {
		time.Sleep(15 * time.Second)
		runs += 1 + float64(i%2)
		failures += failed(i)
		f.scrape("a", runs, failures)
		f.scrape("b", 1e6+runs, 7)
		f.scrape("c", runs, 0)
	}
}

func TestAggregator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		var changes []string
		core, logged := observer.New(zapcore.InfoLevel)
		a := aggregatorOf(f, zap.New(core), func(c prober.StateChange) {
			changes = append(changes, fmt.Sprintf("%v to %v", c.From, c.To))
		})
		if got := a.Status(time.Now()); got != nil || a.Ready() {
			t.Errorf("before anything was read: %v", got)
		}
		done := make(chan struct{})
		time.Sleep(7 * time.Second)
		go func() { defer close(done); a.Run(t.Context()) }()
		instances(f, 400, func(i int) float64 { return map[bool]float64{true: 1}[i > 100 && i%10 == 0] }) // one of 45 runs
		time.Sleep(time.Minute)
		synctest.Wait()
		s := a.Standings(time.Now())
		if len(s) != 1 || s[0].Load.Instances != 3 || s[0].Status.Counts.Failed != 29 || s[0].Status.Counts.Passed != 3*600-29 || s[0].Resets != 0 {
			t.Fatalf("got %+v, want 1800 runs of 3 instances, 29 failed", s)
		}
		if want := 3 * 30 * 24 * 360.; s[0].RunsToFalsePage != want {
			t.Errorf("%v runs to a false page, want %v", s[0].RunsToFalsePage, want)
		}
		if got := s[0].Status; got.State != detect.Firing || got.Check.Name != "all:login" {
			t.Errorf("got %v, want it to fire", got.State)
		}
		if got := changes[len(changes)-1]; !strings.HasSuffix(got, "to firing") {
			t.Errorf("changes: %v", changes)
		}

		// What was read as it came, and what is read at once by one that is started now, is the same.
		again := aggregatorOf(f, nil, func(c prober.StateChange) { t.Errorf("a replay told of %v", c) })
		if err := again.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		one, two := a.Status(time.Now())[0], again.Status(time.Now())[0]
		one.Check, two.Check = nil, nil
		if p := one.Pooled; p.Instances != 3 || p.RunsToFalsePage != s[0].RunsToFalsePage || p.Last.Runs() == 0 || p.Through.Before(p.Last.To) ||
			p.Read.Before(p.Through) || p.Stale(time.Now()) || !p.Stale(time.Now().Add(time.Hour)) {
			t.Errorf("it rests on %+v", p)
		}
		two.Pooled.Read = one.Pooled.Read
		if !reflect.DeepEqual(one, two) {
			t.Errorf("after a restart:\n got %+v\nwant %+v", two, one)
		}

		// An API that is away makes no gap.
		f.mu.Lock()
		f.down = 503
		f.mu.Unlock()
		instances(f, 40, func(int) float64 { return 0 }) // with all counters beginning anew
		if got := a.Standings(time.Now())[0].Status.Counts; got.Failed+got.Passed != 1800 {
			t.Errorf("%+v counted while nothing could be read", got)
		}
		f.mu.Lock()
		f.down = 0
		f.mu.Unlock()
		time.Sleep(2 * time.Minute)
		s = a.Standings(time.Now())
		if got := s[0].Status.Counts; got.Passed < 1800+2*60-29 || s[0].Resets == 0 {
			t.Errorf("%+v counted, %d resets", got, s[0].Resets)
		}
		var lines []string
		for _, l := range logged.All() {
			lines = append(lines, l.Message)
		}
		if want := []string{"replayed", "reading fails", "reading again"}; !reflect.DeepEqual(lines, want) {
			t.Errorf("logged %v, want %v", lines, want)
		}
	})
}

// TestAnswersTooLarge: a replay is read in smaller pieces until they fit.
func TestAnswersTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.most = 200
		instances(f, 240, func(int) float64 { return 0 })
		time.Sleep(time.Minute)
		a := aggregatorOf(f, nil)
		a.o.API.most = 1 << 20
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := a.Standings(time.Now())[0].Status.Counts.Passed; got != 3*360 {
			t.Errorf("%d runs, want %d", got, 3*360)
		}
		if asked := f.asked[len(f.asked)-1]; asked > 30*time.Minute {
			t.Errorf("read %v at once", asked)
		}
	})
}

// TestMeasuredPace: what has no schedule is judged once its pace is known, and nothing is lost before.
func TestMeasuredPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := aggregatorOf(f, nil)
		var asked Load
		a.o.Subject = func([]string) (Subject, bool) {
			return Subject{Check: &prober.Check{Name: "all:logins", Objective: objective}, Measured: true, Params: func(l Load) detect.Params {
				asked = l
				return Measured(objective, 15*time.Second)(l)
			}}, true
		}
		a.pools, a.order, a.names = map[string]*pool{}, nil, map[string]bool{}
		instances(f, 20, func(int) float64 { return 0 })
		time.Sleep(30 * time.Second)
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if s := a.Standings(time.Now())[0]; s.Held != 90 || s.Status.Counts.Passed != 0 {
			t.Errorf("after five minutes: %+v, want 90 runs held", s)
		}
		instances(f, 240, func(int) float64 { return 0 })
		time.Sleep(30 * time.Second)
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		s := a.Standings(time.Now())[0]
		if s.Held != 0 || s.Status.Counts.Passed < 1000 || asked.RunsAnHour < 900 {
			t.Errorf("after an hour: %+v, asked with %+v", s, asked)
		}
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := aggregatorOf(f, nil)
		f.down = 500
		if a.Poll(t.Context(), time.Now()) == nil {
			t.Error("no error of a Prometheus in trouble")
		}
		f.down = 0
		instances(f, 20, func(i int) float64 { return float64(i % 2) })
		time.Sleep(30 * time.Second)
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		r := prometheus.NewRegistry()
		r.MustRegister(a)
		if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
		const want = `
# HELP authprober_aggregate_failures_unmatched Failures of runs that nobody has counted yet. What stays there is a counter of failures without one of runs.
# TYPE authprober_aggregate_failures_unmatched gauge
authprober_aggregate_failures_unmatched{check="all:login"} 0
# HELP authprober_aggregate_instances The most counters of runs that there were at once: by so many the runs to a false page are scaled.
# TYPE authprober_aggregate_instances gauge
authprober_aggregate_instances{check="all:login"} 3
# HELP authprober_aggregate_judged_through_timestamp_seconds Until when what was counted is judged.
# TYPE authprober_aggregate_judged_through_timestamp_seconds gauge
authprober_aggregate_judged_through_timestamp_seconds{check="all:login"} 9.46685115e+08
# HELP authprober_aggregate_last_read_timestamp_seconds When everything that there was had been read last; 0 if it never was.
# TYPE authprober_aggregate_last_read_timestamp_seconds gauge
authprober_aggregate_last_read_timestamp_seconds 9.4668513e+08
# HELP authprober_aggregate_partial 1 while the API says that something is missing from what it answers, which is taken all the same after a while.
# TYPE authprober_aggregate_partial gauge
authprober_aggregate_partial 0
# HELP authprober_aggregate_place_failure_ratio Share of the runs of a place that failed in the last hour; NaN without any.
# TYPE authprober_aggregate_place_failure_ratio gauge
authprober_aggregate_place_failure_ratio{check="all:login",place="a"} 0.3333333333333333
authprober_aggregate_place_failure_ratio{check="all:login",place="b"} 0
authprober_aggregate_place_failure_ratio{check="all:login",place="c"} 0
# HELP authprober_aggregate_places_failing Places at which the check by itself fails more often than it may in the last hour, beyond doubt.
# TYPE authprober_aggregate_places_failing gauge
authprober_aggregate_places_failing{check="all:login"} 1
# HELP authprober_aggregate_queries_failed_total Queries that failed, and why; what they were to read is read by the next.
# TYPE authprober_aggregate_queries_failed_total counter
authprober_aggregate_queries_failed_total{reason="bad_response"} 0
authprober_aggregate_queries_failed_total{reason="partial"} 0
authprober_aggregate_queries_failed_total{reason="status"} 1
authprober_aggregate_queries_failed_total{reason="timeout"} 0
authprober_aggregate_queries_failed_total{reason="too_large"} 0
authprober_aggregate_queries_failed_total{reason="unreachable"} 0
# HELP authprober_aggregate_queries_total Queries that were made of the API, those that failed too.
# TYPE authprober_aggregate_queries_total counter
authprober_aggregate_queries_total 5
# HELP authprober_aggregate_resets_total Counters that began anew, as after a restart.
# TYPE authprober_aggregate_resets_total counter
authprober_aggregate_resets_total{check="all:login"} 0
# HELP authprober_aggregate_runs_per_hour Runs of all instances in the busiest hour; 0 while that is not known.
# TYPE authprober_aggregate_runs_per_hour gauge
authprober_aggregate_runs_per_hour{check="all:login"} 0
# HELP authprober_aggregate_runs_to_false_page The statistic at which the check is paged for: the least mean number of runs to a false page.
# TYPE authprober_aggregate_runs_to_false_page gauge
authprober_aggregate_runs_to_false_page{check="all:login"} 777600
# HELP authprober_aggregate_samples_total Samples that were counted, each once, by the check they are of.
# TYPE authprober_aggregate_samples_total counter
authprober_aggregate_samples_total{check="all:login"} 120
# HELP authprober_aggregate_series Series of the last reading that count runs, or failures; without any of runs nothing is judged.
# TYPE authprober_aggregate_series gauge
authprober_aggregate_series{kind="failures"} 3
authprober_aggregate_series{kind="runs"} 3
# HELP authprober_aggregate_series_ignored Series of the last reading that are of no check that is known here.
# TYPE authprober_aggregate_series_ignored gauge
authprober_aggregate_series_ignored 0
`
		if err := testutil.CollectAndCompare(a, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}

// TestDoc holds the table of docs/aggregate.md to what there is.
func TestDoc(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		instances(f, 4, func(int) float64 { return 0 })
		a := groupOf(f, "login")
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		r.MustRegister(a)
	})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, f := range families {
		var names []string
		for _, l := range f.Metric[len(f.Metric)-1].Label {
			names = append(names, l.GetName())
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", f.GetName(), strings.Join(names, ", "), f.GetHelp())
	}
	text, err := os.ReadFile("../../docs/aggregate.md")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(text), "\r\n", "\n"); !strings.Contains(got, "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/aggregate.md wants this table:\n%s", &want)
	}
}

// TestBlipThatHides is warned about: a thousand runs in each interval, one in a thousand of which may fail.
func TestBlipThatHides(t *testing.T) {
	for _, blip := range []time.Duration{0, time.Minute} {
		core, logged := observer.New(zapcore.WarnLevel)
		c := &prober.Check{Name: "all:x", Objective: objective}
		c.Objective.Blip = blip
		p := newPool(Subject{Check: c, Params: Measured(c.Objective, time.Second)}, nil, time.Second, epoch)
		p.load.RunsAnHour = 3600 * 1000
		p.warn(zap.New(core), time.Second)
		if got, want := logged.Len(), map[bool]int{true: 1}[blip > 0]; got != want {
			t.Errorf("blip %v: %d warnings, want %d", blip, got, want)
		}
	}
}
