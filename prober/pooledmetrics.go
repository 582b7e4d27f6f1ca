package prober

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PooledMetrics are the gauges of checks that are [Pooled]: those that a daemon has of a
// check, by the same names, so that rules and dashboards serve both. There are no counters
// of runs, which are those of the daemons: sums over them count a run once.
type PooledMetrics struct{ in *instruments }

// NewPooledMetrics registers them. All is asked at each scrape how the checks stand, and
// must name each once. Before ready there is no build_info either, by which rules tell a
// check that its prober has no longer from one that it does not know yet.
func NewPooledMetrics(r prometheus.Registerer, all func(now time.Time) []CheckStatus, ready func() bool, version, revision string, alertmanagers []string) (*PooledMetrics, error) {
	m := &PooledMetrics{in: newInstruments()}
	m.in.buildInfo(version, revision)
	m.ObserveReload(true, time.Now())
	for _, name := range alertmanagers {
		m.in.forAlertmanager(name)
	}
	info := pooledInfo(all)
	return m, errors.Join(r.Register(newStatusCollector(all)), r.Register(info), r.Register(collectedIf{m.in.build, ready}),
		r.Register(m.in.notified), r.Register(m.in.unnotified), r.Register(m.in.reloadOK), r.Register(m.in.reloadAt))
}

// ObserveReload is [Metrics.ObserveReload].
func (m *PooledMetrics) ObserveReload(ok bool, at time.Time) {
	m.in.reloadOK.Set(one(ok))
	if ok {
		m.in.reloadAt.Set(unix(at))
	}
}

// collectedIf is there only while somebody says so.
type collectedIf struct {
	prometheus.Collector
	there func() bool
}

// Collect implements [prometheus.Collector].
func (c collectedIf) Collect(ch chan<- prometheus.Metric) {
	if c.there() {
		c.Collector.Collect(ch)
	}
}

// ObserveNotification is [Metrics.ObserveNotification].
func (m *PooledMetrics) ObserveNotification(alertmanager string, failure NotifyFailure) {
	m.in.notified.WithLabelValues(alertmanager).Inc()
	if failure != "" {
		m.in.unnotified.WithLabelValues(alertmanager, string(failure)).Inc()
	}
}

// pooledInfo is what never changes of checks that come by and by.
type pooledInfo func(now time.Time) []CheckStatus

// Describe implements [prometheus.Collector].
func (p pooledInfo) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (p pooledInfo) Collect(ch chan<- prometheus.Metric) {
	in, info := newInstruments(), &checkInfo{}
	var checks []*Check
	for _, s := range p(time.Now()) {
		checks = append(checks, s.Check)
		in.limits(s.Check)
	}
	info.replace(checks)
	info.Collect(ch)
	in.tolerate.Collect(ch)
	in.detect.Collect(ch)
}
