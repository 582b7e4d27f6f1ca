package otlp

import (
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/otlp/otlptest"
)

// pushed pushes what is gathered, once, at the end.
func pushed(t *testing.T, g prometheus.Gatherer) *Push {
	t.Helper()
	p := NewPush(Identity{Version: "1", Instance: "host:9870"}, g, zap.NewNop())
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Stop(t.Context())
	return p
}

func TestPush(t *testing.T) {
	r := receiver(t)
	registry := prometheus.NewRegistry()
	runs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "authprober_runs_total", Help: "Runs."}, []string{"check"})
	state := prometheus.NewGauge(prometheus.GaugeOpts{Name: "authprober_evidence", Help: "How near."})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "authprober_run_duration_seconds", Help: "Time.",
		Buckets: []float64{1, 5}, NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(runs, state, took)
	runs.WithLabelValues("a").Add(9_007_199_254_740_991) // the last whole number that a float64 is sure of
	runs.WithLabelValues("b")
	state.Set(0.25)
	for _, v := range []float64{0.5, 1, 7} {
		took.Observe(v)
	}
	p := pushed(t, registry)
	all := r.Metrics()
	sum := all["authprober_runs_total"].GetSum()
	if !sum.GetIsMonotonic() || sum.GetAggregationTemporality() != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
		t.Errorf("the counter is %v", sum)
	}
	got := map[string]float64{}
	for _, p := range sum.GetDataPoints() {
		got[otlptest.Attributes(p.Attributes)["check"]] = p.GetAsDouble()
	}
	if len(got) != 2 || got["a"] != 9_007_199_254_740_991 || got["b"] != 0 {
		t.Errorf("the counters are %v", got)
	}
	if points := all["authprober_evidence"].GetGauge().GetDataPoints(); len(points) != 1 || points[0].GetAsDouble() != 0.25 {
		t.Errorf("the gauge is %v", points)
	}
	histogram := all["authprober_run_duration_seconds"].GetExponentialHistogram().GetDataPoints()
	if len(histogram) != 1 || histogram[0].Count != 3 || histogram[0].GetSum() != 8.5 {
		t.Errorf("the histogram is %v", histogram)
	}
	if got := r.Resource()["service.instance.id"]; got != "host:9870" {
		t.Errorf("the instance is %q", got)
	}
	if got, want := p.Status(), (prober.ExportStatus{Signal: "metrics", Exports: 1}); got != want {
		t.Errorf("the status is %+v, want %+v", got, want)
	}
}

func TestPushIsRefused(t *testing.T) {
	r := receiver(t)
	r.Fail(func() (int, string) { return http.StatusUnauthorized, "no" })
	if got, want := pushed(t, prometheus.NewRegistry()).Status(), (prober.ExportStatus{Signal: "metrics", Exports: 1, Failed: 1}); got != want {
		t.Errorf("the status is %+v, want %+v", got, want)
	}
	NewPush(Identity{}, nil, nil).Stop(t.Context()) // it was never started
}
