package prober

import "github.com/prometheus/client_golang/prometheus"

// An ExportStatus is how one signal, traces or metrics, is exported.
type ExportStatus struct {
	Signal  string
	Exports uint64 // tried, each of one batch
	Failed  uint64 // of them
	Dropped uint64 // runs, for want of room
}

// The exportCollector asks how the exports stand at each scrape.
type exportCollector struct {
	exports                func() []ExportStatus
	total, failed, dropped *prometheus.Desc
}

func newExportCollector(exports func() []ExportStatus) *exportCollector {
	if exports == nil {
		exports = func() []ExportStatus { return nil }
	}
	return &exportCollector{
		exports: exports,
		total:   desc("otlp_exports_total", "Batches that were to be sent over OTLP; absent for what is not exported.", "signal"),
		failed:  desc("otlp_exports_failed_total", "Batches that could not be sent over OTLP, for good.", "signal"),
		dropped: desc("otlp_runs_dropped_total", "Runs of which nothing was exported, as too many were waiting; metrics lose none.", "signal"),
	}
}

func (c *exportCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.total
	ch <- c.failed
	ch <- c.dropped
}

func (c *exportCollector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n uint64, signal string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), signal)
	}
	for _, e := range c.exports() {
		counter(c.total, e.Exports, e.Signal)
		counter(c.failed, e.Failed, e.Signal)
		counter(c.dropped, e.Dropped, e.Signal)
	}
}
