package prober

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Sync() error                 { return nil }

// benchObservers are all the observers there are, and checks of three steps
// with every reason.
func benchObservers(b testing.TB, n int) ([]Observer, []*Check) {
	var checks []*Check
	for i := range n {
		c := testCheck(fmt.Sprintf("check-%d", i), passing(0))
		c.Steps, c.Reasons = []string{"login", "accounts", "logout"}, [][]Reason{Reasons, Reasons, Reasons}
		checks = append(checks, c)
	}
	judge, metrics := judgeAndMetrics(b, checks)
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), nowhere{}, zap.InfoLevel))
	return []Observer{metrics, judge, LogObserver{log}}, checks
}

// benchRun is the i-th run; one of a hundred fails.
func benchRun(c *Check, start time.Time, i int) *Run {
	ms := time.Duration(20+i*7919%300) * time.Millisecond
	at := start.Add(time.Duration(i) * c.Schedule.Every)
	phases := Phases{Resolve: ms / 20, Connect: ms / 20, TLS: ms / 10, Processing: ms / 2, Transfer: ms / 20}
	r := &Run{Check: c, Seq: uint64(i), Due: at, Start: at, Took: 3 * ms, Outcome: Passed, Report: Report{
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Steps: []StepResult{
			{Name: "login", Took: ms, Phases: phases, Status: 200},
			{Name: "accounts", Took: ms, Status: 200},
			{Name: "logout", Took: ms, Status: 200},
		},
	}}
	if i%100 == 0 {
		r.Outcome = Failed
		r.Steps[2].Reason, r.Steps[2].Detail = ReasonStatus5xx, "status 503, want 204"
	}
	return r
}

// BenchmarkObservers is what the observers cost for each run of three steps.
func BenchmarkObservers(b *testing.B) {
	for i, name := range []string{"metrics", "judge", "log"} {
		b.Run(name, func(b *testing.B) {
			all, checks := benchObservers(b, 1)
			r := benchRun(checks[0], time.Now(), 1)
			b.ReportAllocs()
			for b.Loop() {
				all[i].ObserveRun(r)
			}
		})
	}
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkHeap is the live heap of the observers of 100 checks at rest, and by
// how much it has grown after so many runs, and after as many again.
func BenchmarkHeap(b *testing.B) {
	const runs = 1_000_000
	for b.Loop() {
		empty := heap()
		all, checks := benchObservers(b, 100)
		rest := heap()
		start := time.Now()
		observe := func(from, to int) {
			for i := from; i < to; i++ {
				r := benchRun(checks[i%len(checks)], start, i/len(checks))
				for _, o := range all {
					o.ObserveRun(r)
				}
			}
		}
		observe(0, runs/2) // what is kept of the last runs is full then
		warm := heap()
		observe(runs/2, runs+runs/2)
		grown := heap()
		b.ReportMetric(rest-empty, "B-at-rest")
		b.ReportMetric(warm-rest, "B-more-after-500k-runs")
		b.ReportMetric(grown-warm, "B-more-after-1M-runs")
		runtime.KeepAlive(all)
	}
}

// BenchmarkScrape is a scrape of many checks.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("checks=%d", n), func(b *testing.B) {
			all, _ := benchObservers(b, n)
			for b.Loop() {
				families, err := all[0].(*Metrics).Gather()
				if err != nil {
					b.Fatal(err)
				}
				series := 0
				for _, f := range families {
					series += len(f.Metric)
				}
				b.ReportMetric(float64(series), "metrics")
			}
		})
	}
}

// BenchmarkServe is a scrape of 5,000 checks as it is served, of each of which a run has
// ended since the last, with gzip and without, and as a Prometheus asks that wants native
// histograms.
func BenchmarkServe(b *testing.B) {
	for name, header := range map[string][2]string{
		"plain": {}, "gzip": {"Accept-Encoding", "gzip"},
		"protobuf": {"Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"},
	} {
		b.Run(name, func(b *testing.B) {
			all, checks := benchObservers(b, 5000)
			h := promhttp.HandlerFor(all[0].(*Metrics), promhttp.HandlerOpts{EnableOpenMetrics: true})
			ask := httptest.NewRequest("GET", "/metrics", nil)
			if header[0] != "" {
				ask.Header.Set(header[0], header[1])
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for _, c := range checks {
					all[0].ObserveRun(benchRun(c, time.Unix(0, 0), i))
				}
				i++
				b.StartTimer()
				h.ServeHTTP(discard{http.Header{}}, ask)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// BenchmarkSeries is the live heap of what 5,000 checks of one step have for their
// metrics at rest, and of what they have for the judge.
func BenchmarkSeries(b *testing.B) {
	const n = 5000
	for b.Loop() {
		var checks []*Check
		for i := range n {
			c := testCheck(fmt.Sprintf("metadata-%d", i), passing(0))
			c.Steps, c.Reasons, c.RefuseSteps = []string{"metadata"}, [][]Reason{Reasons}, nil
			checks = append(checks, c)
		}
		empty := heap()
		metrics, err := NewMetrics(MetricsOptions{Checks: checks, Registry: prometheus.NewRegistry()})
		if err != nil {
			b.Fatal(err)
		}
		series := heap()
		judge, err := NewJudge(checks)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((series-empty)/n, "B-series/check")
		b.ReportMetric((heap()-series)/n, "B-judge/check")
		runtime.KeepAlive([]any{metrics, judge, checks})
	}
}
