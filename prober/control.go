package prober

import (
	"github.com/prometheus/client_golang/prometheus"
)

// An ExcuseCause says what was wrong with us when a run failed. The list is closed.
type ExcuseCause string

const (
	ExcuseNetwork   ExcuseCause = "network"   // what is always there was not to be reached either
	ExcuseStarved   ExcuseCause = "starved"   // our machine let us wait for much of the run
	ExcuseSuspended ExcuseCause = "suspended" // our machine slept
)

// ExcuseCauses lists every cause.
var ExcuseCauses = []ExcuseCause{ExcuseNetwork, ExcuseStarved, ExcuseSuspended}

// A ControlStatus is how the prober itself is, at one moment.
type ControlStatus struct {
	Targets []ControlTarget
	// Excused are the runs that were errored, and not failed, for each cause, since the
	// process began.
	Excused map[ExcuseCause]uint64
	// Heartbeats are those to a service elsewhere, and HeartbeatsFailed those of them that
	// it has not heard, since the process began.
	Heartbeats, HeartbeatsFailed uint64
	// Starved is for how many seconds the process has waited for its turn, since it
	// began, as far as that was noticed.
	Starved float64
	// Throttled is for how many seconds the control group of the process was kept from
	// the processor by its quota, since it was made; HasThrottled says whether it tells.
	Throttled    float64
	HasThrottled bool
}

// A ControlTarget is something that can be reached unless we are sick.
type ControlTarget struct {
	Name            string // from the configuration, or "loopback"
	Looks, Failures uint64 // since the process began
	Up              bool   // by the last look; true before the first
}

// BySelf reports whether the prober's own network or machine can be the reason, so that
// a failure for it is worth a look at them.
func (r Reason) BySelf() bool {
	switch r {
	case ReasonDNS, ReasonConnect, ReasonTLS, ReasonTimeout, ReasonReset, ReasonTooSlow:
		return true
	}
	return false
}

// The controlCollector asks how the prober itself is at each scrape.
type controlCollector struct {
	status                       func() ControlStatus
	up, looks, failures, excused *prometheus.Desc
	starved, throttled           *prometheus.Desc
	beats, unheard               *prometheus.Desc
}

func newControlCollector(status func() ControlStatus) *controlCollector {
	if status == nil {
		status = func() ControlStatus { return ControlStatus{} }
	}
	return &controlCollector{
		status:   status,
		up:       desc("control_up", "1 if the control target was reached at the last look, 0 otherwise: where all but loopback are 0, or loopback is, the prober is blind.", "target"),
		looks:    desc("control_looks_total", "Looks at the control target.", "target"),
		failures: desc("control_failures_total", "Looks at the control target that did not reach it.", "target"),
		excused: desc("runs_excused_total",
			"Runs that would have failed and are errored, since the prober's own network or machine was sick, by what it was.", "cause"),
		beats:     desc("heartbeats_total", "Heartbeats to AUTHPROBER_HEARTBEAT_URL; one is left out, and failed, where the prober makes no progress."),
		unheard:   desc("heartbeats_failed_total", "Heartbeats that were not heard."),
		starved:   desc("starved_seconds_total", "Time by which the prober's own timers were late: it did not get the processor."),
		throttled: desc("cpu_throttled_seconds_total", "Time for which the CPU quota of the prober's control group has kept it waiting; absent where there is none."),
	}
}

func (c *controlCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.looks, c.failures, c.excused, c.starved, c.throttled, c.beats, c.unheard} {
		ch <- d
	}
}

func (c *controlCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.status()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, t := range s.Targets {
		send(c.up, prometheus.GaugeValue, one(t.Up), t.Name)
		send(c.looks, prometheus.CounterValue, float64(t.Looks), t.Name)
		send(c.failures, prometheus.CounterValue, float64(t.Failures), t.Name)
	}
	for _, cause := range ExcuseCauses {
		send(c.excused, prometheus.CounterValue, float64(s.Excused[cause]), string(cause))
	}
	send(c.beats, prometheus.CounterValue, float64(s.Heartbeats))
	send(c.unheard, prometheus.CounterValue, float64(s.HeartbeatsFailed))
	send(c.starved, prometheus.CounterValue, s.Starved)
	if s.HasThrottled {
		send(c.throttled, prometheus.CounterValue, s.Throttled)
	}
}
