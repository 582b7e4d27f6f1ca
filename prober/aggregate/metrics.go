package aggregate

import (
	"errors"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// A tally is what an Aggregator counts of itself.
type tally struct {
	queries uint64
	failed  map[Failure]uint64
	last    time.Time // everything was read; zero for never
	seen              // by the last reading
	partial bool      // and it was not all that there is
}

// seen are the series that a reading found.
type seen struct {
	runs, failures int // which count
	ignored        int // which are of no check
}

func newTally() tally { return tally{failed: map[Failure]uint64{}} }

// observe counts a query, and compares clocks.
func (a *Aggregator) observe(err error, clock time.Time) {
	now := time.Now()
	a.mu.Lock()
	a.alive = now
	a.tally.queries++
	if failed, ok := errors.AsType[*QueryError](err); ok {
		a.tally.failed[failed.Failure]++
	}
	a.mu.Unlock()
	if clock.IsZero() {
		return
	}
	skew := clock.Sub(now.Round(0)).Round(time.Second)
	if off := skew.Abs() > mostSkew; off != a.skewed {
		a.skewed = off
		a.o.Log.Warn("the API's clock is not ours, and what it has scraped is read late or judged too soon",
			zap.Bool("still", off), zap.Duration("ahead", skew))
	}
}

var (
	queriesDesc   = desc("queries_total", "Queries that were made of the API, those that failed too.")
	failedDesc    = desc("queries_failed_total", "Queries that failed, and why; what they were to read is read by the next.", "reason")
	lastDesc      = desc("last_read_timestamp_seconds", "When everything that there was had been read last; 0 if it never was.")
	seriesDesc    = desc("series", "Series of the last reading that count runs, or failures; without any of runs nothing is judged.", "kind")
	ignoredDesc   = desc("series_ignored", "Series of the last reading that are of no check that is known here.")
	partialDesc   = desc("partial", "1 while the API says that something is missing from what it answers, which is taken all the same after a while.")
	placesDesc    = desc("places_failing", "Places at which the check by itself fails more often than it may in the last hour, beyond doubt.", "check")
	flowDesc      = desc("flow_failure_ratio", "Share of the runs of a flow of a group that failed in the last hour, at all places; NaN without any.", "check", "flow")
	placeDesc     = desc("place_failure_ratio", "Share of the runs of a place that failed in the last hour; NaN without any.", "check", "place")
	samplesDesc   = desc("samples_total", "Samples that were counted, each once, by the check they are of.", "check")
	resetsDesc    = desc("resets_total", "Counters that began anew, as after a restart.", "check")
	instancesDesc = desc("instances", "The most counters of runs that there were at once: by so many the runs to a false page are scaled.", "check")
	paceDesc      = desc("runs_per_hour", "Runs of all instances in the busiest hour; 0 while that is not known.", "check")
	falseDesc     = desc("runs_to_false_page", "The statistic at which the check is paged for: the least mean number of runs to a false page.", "check")
	throughDesc   = desc("judged_through_timestamp_seconds", "Until when what was counted is judged.", "check")
	unmatchedDesc = desc("failures_unmatched", "Failures of runs that nobody has counted yet. What stays there is a counter of failures without one of runs.", "check")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("authprober_aggregate_"+name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (a *Aggregator) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queriesDesc, failedDesc, lastDesc, seriesDesc, ignoredDesc, partialDesc, samplesDesc, resetsDesc,
		instancesDesc, paceDesc, falseDesc, throughDesc, unmatchedDesc, placesDesc, placeDesc, flowDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (a *Aggregator) Collect(ch chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	send(queriesDesc, prometheus.CounterValue, float64(a.tally.queries))
	for _, f := range QueryFailures {
		send(failedDesc, prometheus.CounterValue, float64(a.tally.failed[f]), string(f))
	}
	send(lastDesc, prometheus.GaugeValue, unix(a.tally.last))
	send(seriesDesc, prometheus.GaugeValue, float64(a.tally.runs), "runs")
	send(seriesDesc, prometheus.GaugeValue, float64(a.tally.failures), "failures")
	send(ignoredDesc, prometheus.GaugeValue, float64(a.tally.ignored))
	partial := 0.
	if a.tally.partial {
		partial = 1
	}
	send(partialDesc, prometheus.GaugeValue, partial)
	now := time.Now()
	for _, p := range a.order {
		name := p.subject.Check.Name
		send(samplesDesc, prometheus.CounterValue, float64(p.stream.samples), name)
		send(resetsDesc, prometheus.CounterValue, float64(p.stream.resets), name)
		send(instancesDesc, prometheus.GaugeValue, float64(p.load.Instances), name)
		send(paceDesc, prometheus.GaugeValue, p.load.RunsAnHour, name)
		send(falseDesc, prometheus.GaugeValue, p.pooled.Params().RunsToFalsePage, name)
		send(throughDesc, prometheus.GaugeValue, unix(p.stream.end(p.stream.closed)), name)
		send(unmatchedDesc, prometheus.GaugeValue, p.stream.left[Failures], name)
		if !a.ready {
			continue
		}
		var s prober.CheckStatus
		p.addParts(&s, now)
		failing := 0.
		for _, place := range s.Places {
			if place.Failing {
				failing++
			}
			send(placeDesc, prometheus.GaugeValue, share(place), name, place.Name)
		}
		send(placesDesc, prometheus.GaugeValue, failing, name)
		for _, flow := range s.Flows {
			send(flowDesc, prometheus.GaugeValue, share(flow), name, flow.Name)
		}
	}
}

// share is NaN where there were no runs.
func share(p prober.PlaceStatus) float64 {
	if ratio, some := p.Ratio.Value(); some {
		return ratio
	}
	return math.NaN()
}

// unix is 0 for the zero time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}
