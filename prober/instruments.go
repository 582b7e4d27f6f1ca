package prober

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The instruments are every metric that runs and due times move; those that are
// worked out at each scrape are in scrape.go.
type instruments struct {
	due, runs, failed, inconclusive, missed *prometheus.CounterVec
	confirmed, unconfirmed                  *prometheus.CounterVec
	failures, failOpen                      *prometheus.CounterVec
	compared, slower                        *prometheus.CounterVec
	duration, step, phase, delivery         *prometheus.HistogramVec
	refusal, propagation                    *prometheus.HistogramVec
	lag                                     prometheus.Histogram
	lastRun, lastPass                       *prometheus.GaugeVec
	certificate, skew                       *prometheus.GaugeVec
	governed, paused                        *prometheus.GaugeVec
	tolerate, detect, threshold             *prometheus.GaugeVec
	reloadOK, reloadAt                      prometheus.Gauge
	notified, unnotified                    *prometheus.CounterVec
	build                                   *prometheus.GaugeVec

	ofChecks vectors // of the collectors whose series are of checks
}

const namespace = "authprober"

func newInstruments() *instruments {
	in := &instruments{
		due: counters("runs_due_total",
			"Due times that are settled: each is one run, inconclusive run or missed run. A confirming run that began is one more.", "check"),
		runs: counters("runs_total",
			"Runs that passed or failed: the denominator of the failure ratio.", "check"),
		failed: counters("runs_failed_total",
			"Runs that failed: the numerator of the failure ratio.", "check"),
		failures: counters("run_failures_total",
			"Runs that failed, by the first step that failed and why; they add up to authprober_runs_failed_total.",
			"check", "step", "reason"),
		inconclusive: counters("runs_inconclusive_total",
			"Runs that say nothing about the target: errored is the prober's own fault, aborted a shutdown.",
			"check", "outcome"),
		missed: counters("runs_missed_total",
			"Due times at which no run began, and why.", "check", "reason"),
		confirmed: counters("confirm_runs_total",
			"Runs that evidence asked for beside the schedule, of any outcome; authprober_runs_due_total counts them too.", "check"),
		unconfirmed: counters("confirm_runs_missed_total",
			"Confirming runs that were wanted and could not begin, and why; they are neither due nor missed.", "check", "reason"),
		failOpen: counters("fail_open_total",
			"Runs in which the target accepted what it must refuse, by step.", "check", "step"),
		compared: counters("refusals_compared_total",
			"Runs in which a step and the one that it must be refused the same as were both refused, and that can be compared in time.", "check", "step"),
		slower: counters("refusals_slower_total",
			"Those of authprober_refusals_compared_total in which the step was refused later than the other: half of them, where time tells nothing.", "check", "step"),
		duration: histograms("run_duration_seconds",
			"Time that runs took that passed or failed, without their clean-up.",
			[]float64{.1, .25, .5, 1, 2.5, 5, 10, 30}, "check", "outcome"),
		step: histograms("step_duration_seconds",
			"Time that steps took, those that failed too; skipped steps are not counted.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5}, "check", "step"),
		phase: prometheus.NewHistogramVec(coarser(histogramOpts("step_phase_seconds",
			"Time that the phases of steps took; a connection that is used again is neither resolved nor connected.",
			[]float64{.01, .05, .1, .5, 1, 5})), []string{"check", "phase"}),
		delivery: histograms("delivery_seconds",
			"Time from the beginning of steps that wait for a delivery, such as that of a one-time code, until it was there; what never came is a run failure.",
			[]float64{.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}, "check", "step"),
		refusal: histograms("refusal_seconds",
			"Time from the request having been written to the first byte of the refusal, of steps that must be refused as one another and were, in one request.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5}, "check", "step"),
		propagation: histograms("revocation_propagation_seconds",
			"Time from the end of the step that revoked until the target was asked and refused, of steps that may be accepted for a while; what is let in after that is a fail-open.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "check", "step"),
		lag: prometheus.NewHistogram(histogramOpts("schedule_lag_seconds",
			"Time by which runs began after they were due, the prober's own lateness: what is found more than 5 s late is missed, but a run may wait for a confirming one.",
			[]float64{.001, .005, .01, .05, .1, .5, 1, 5, 10})),
		lastRun: gauges("last_run_timestamp_seconds",
			"When the last run ended, whatever its outcome; 0 if there was none.", "check"),
		lastPass: gauges("last_pass_timestamp_seconds",
			"When the last run that passed ended; 0 if there was none.", "check"),
		certificate: gauges("tls_certificate_expiry_timestamp_seconds",
			"When the first of the TLS certificates expires that the last run with any has seen; absent before.", "check"),
		skew: gauges("clock_skew_seconds",
			"The target's clock minus the prober's, to the second, by the last run that could tell; absent before.", "check"),
		governed: gauges("governed",
			"1 while the check meets only some of its due times so as not to add to an outage of its target, 0 otherwise.", "check"),
		paused: gauges("paused",
			"1 while the check meets none of its due times because somebody, or its target, has asked for that, 0 otherwise.", "check"),
		tolerate: gauges("objective_tolerate_ratio",
			"Failure ratio that is nobody's problem.", "check"),
		detect: gauges("objective_detect_ratio",
			"The smallest failure ratio that is worth a page.", "check"),
		threshold: gauges("threshold_ratio",
			"Failure ratio above which the check's own plain limit is exceeded.", "check", "window", "severity"),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace,
			Name: "config_last_reload_successful",
			Help: "Whether the last attempt to load the configuration succeeded."}),
		reloadAt: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace,
			Name: "config_last_reload_success_timestamp_seconds",
			Help: "When the configuration was last loaded successfully."}),
		notified: counters("notifications_total",
			"Attempts to give alerts to an Alertmanager directly, those that failed too; absent where none is configured.", "alertmanager"),
		unnotified: counters("notifications_failed_total",
			"Attempts to give alerts to an Alertmanager directly that failed, and why; each is made again.", "alertmanager", "reason"),
		build: gauges("build_info",
			"1, with what the program was built from.", "version", "revision", "goversion"),
	}
	in.ofChecks = vectorsOf([]prometheus.Collector{
		in.due, in.runs, in.failed, in.inconclusive, in.missed, in.confirmed, in.unconfirmed, in.failures, in.failOpen,
		in.compared, in.slower, in.refusal, in.propagation, in.duration, in.step, in.phase, in.delivery,
		in.lastRun, in.lastPass, in.certificate, in.skew, in.governed, in.paused, in.tolerate, in.detect, in.threshold,
	})
	return in
}

// others are the collectors whose series are not of checks.
func (in *instruments) others() []prometheus.Collector {
	return []prometheus.Collector{in.lag, in.reloadOK, in.reloadAt, in.notified, in.unnotified, in.build}
}

func (in *instruments) buildInfo(version, revision string) {
	in.build.WithLabelValues(version, revision, runtime.Version()).Set(1)
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(histogramOpts(name, help, buckets), labels)
}

// histogramOpts are for a native histogram with classic buckets beside it, for
// those who do not scrape native ones.
func histogramOpts(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Namespace:                       namespace,
		Name:                            name,
		Help:                            help,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// coarser is for a histogram of which a check has several, for a heatmap: native
// buckets 19 % wide, which take 3 kB a series instead of 6.
func coarser(o prometheus.HistogramOpts) prometheus.HistogramOpts {
	o.NativeHistogramBucketFactor = 1.2
	return o
}
