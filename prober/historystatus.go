package prober

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A HistoryStatus is how the record of what has happened is at one moment.
type HistoryStatus struct {
	// Durable says that it outlives the process.
	Durable bool
	// Bytes are in use of Limit.
	Bytes, Limit int64
	// Oldest is when the oldest run ended that is kept; zero where there is none.
	Oldest time.Time
	// WritesFailed counts the writes that failed, and Dropped the records that were
	// never written, since the process began.
	WritesFailed, Dropped uint64
}

// The historyCollector asks how the history is at each scrape.
type historyCollector struct {
	status                        func() HistoryStatus
	durable, bytes, limit, oldest *prometheus.Desc
	writesFailed, dropped         *prometheus.Desc
}

func newHistoryCollector(status func() HistoryStatus) *historyCollector {
	return &historyCollector{
		status:  status,
		durable: desc("history_durable", "1 where the history outlives the process, 0 where it is in memory."),
		bytes:   desc("history_bytes", "Bytes of the history that are in use; a minute old at the most."),
		limit:   desc("history_limit_bytes", "Bytes of the history beyond which the oldest runs go, those that passed first."),
		oldest: desc("history_oldest_timestamp_seconds",
			"When the oldest run ended that the history has; 0 if it has none."),
		writesFailed: desc("history_writes_failed_total",
			"Writes of the history that failed. What they were to write is written later, as far as there is room to keep it."),
		dropped: desc("history_records_dropped_total",
			"Runs, missed runs and changes of state that the history will never have."),
	}
}

func (c *historyCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.durable, c.bytes, c.limit, c.oldest, c.writesFailed, c.dropped} {
		ch <- d
	}
}

func (c *historyCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.status()
	oldest := 0.0
	if !s.Oldest.IsZero() {
		oldest = unix(s.Oldest)
	}
	for d, v := range map[*prometheus.Desc]float64{
		c.durable: one(s.Durable), c.bytes: float64(s.Bytes), c.limit: float64(s.Limit), c.oldest: oldest,
	} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	ch <- prometheus.MustNewConstMetric(c.writesFailed, prometheus.CounterValue, float64(s.WritesFailed))
	ch <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(s.Dropped))
}
