package prober

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The checkInstruments are the series of one check, looked up once so that no
// run has to.
type checkInstruments struct {
	name              string
	all               *instruments
	due, runs, failed prometheus.Counter
	inconclusive      map[Outcome]prometheus.Counter
	missed            map[MissReason]prometheus.Counter
	confirmed         prometheus.Counter
	unconfirmed       map[MissReason]prometheus.Counter // nil where the check does not confirm
	failures          map[failure]prometheus.Counter    // filled on first use where the budget is exceeded
	duration          map[Outcome]prometheus.Observer
	steps             map[string]prometheus.Observer
	deliveries        map[string]prometheus.Observer
	refusals          refusalInstruments
	phases            map[string]prometheus.Observer
	lastRun, lastPass prometheus.Gauge
	governed, paused  prometheus.Gauge
	certificate, skew prometheus.Gauge // nil until a run has one
}

type failure struct {
	step   string
	reason Reason
}

func (in *instruments) forCheck(c *Check, joint bool) *checkInstruments {
	x := &checkInstruments{
		name:         c.Name,
		all:          in,
		due:          in.due.WithLabelValues(c.Name),
		runs:         in.runs.WithLabelValues(c.Name),
		failed:       in.failed.WithLabelValues(c.Name),
		inconclusive: map[Outcome]prometheus.Counter{},
		missed:       map[MissReason]prometheus.Counter{},
		confirmed:    in.confirmed.WithLabelValues(c.Name),
		failures:     map[failure]prometheus.Counter{},
		duration:     map[Outcome]prometheus.Observer{},
		steps:        map[string]prometheus.Observer{},
		deliveries:   map[string]prometheus.Observer{},
		phases:       map[string]prometheus.Observer{},
		lastRun:      in.lastRun.WithLabelValues(c.Name),
		lastPass:     in.lastPass.WithLabelValues(c.Name),
		governed:     in.governed.WithLabelValues(c.Name),
		paused:       in.paused.WithLabelValues(c.Name),
	}
	for _, o := range Outcomes {
		if o.Counted() {
			x.duration[o] = in.duration.WithLabelValues(c.Name, string(o))
		} else {
			x.inconclusive[o] = in.inconclusive.WithLabelValues(c.Name, string(o))
		}
	}
	for _, reason := range MissReasons {
		x.missed[reason] = in.missed.WithLabelValues(c.Name, string(reason))
	}
	if c.Schedule.Confirm > 0 {
		x.unconfirmed = map[MissReason]prometheus.Counter{}
		for _, reason := range beginMisses {
			x.unconfirmed[reason] = in.unconfirmed.WithLabelValues(c.Name, string(reason))
		}
	}
	for _, phase := range PhaseNames {
		x.phases[phase] = in.phase.WithLabelValues(c.Name, phase)
	}
	x.zeroSteps(c, joint)
	x.refusals = in.refusalsOf(c)
	return x
}

func (x *checkInstruments) zeroSteps(c *Check, joint bool) {
	for i, step := range c.Steps {
		x.steps[step] = x.all.step.WithLabelValues(c.Name, step)
		if joint {
			for _, reason := range c.Reasons[i] {
				x.failure(step, reason)
			}
		}
	}
	for _, step := range c.DeliverySteps {
		x.deliveries[step] = x.all.delivery.WithLabelValues(c.Name, step)
	}
}

// miss counts due times at which no run began, or a confirming run that did not.
func (x *checkInstruments) miss(m Missed) {
	if m.Confirm {
		if n := x.unconfirmed[m.Reason]; n != nil {
			n.Inc()
		}
		return
	}
	x.due.Add(float64(m.N))
	x.missed[m.Reason].Add(float64(m.N))
}

// limits sets what never changes, of a check or of a group.
func (in *instruments) limits(c *Check) {
	in.tolerate.WithLabelValues(c.Name).Set(c.Objective.Tolerate)
	in.detect.WithLabelValues(c.Name).Set(c.Objective.Detect)
	for _, t := range c.Thresholds {
		in.threshold.WithLabelValues(c.Name, WindowName(t.Window), t.Severity).Set(t.Ratio)
	}
}

func (x *checkInstruments) failure(step string, reason Reason) prometheus.Counter {
	key := failure{step, reason}
	if x.failures[key] == nil {
		x.failures[key] = x.all.failures.WithLabelValues(x.name, step, string(reason))
		x.all.ofChecks[x.all.failures].changed()
	}
	return x.failures[key]
}

// run counts a run.
func (x *checkInstruments) run(r *Run) {
	x.due.Inc()
	if r.Confirm {
		x.confirmed.Inc()
	}
	x.lastRun.Set(unix(r.End()))
	x.all.lag.Observe(max(0, r.Start.Sub(r.Due)).Seconds())
	if !r.Outcome.Counted() {
		x.inconclusive[r.Outcome].Inc()
	} else {
		x.runs.Inc()
		x.observeDuration(r)
	}
	switch r.Outcome {
	case Passed:
		x.lastPass.Set(unix(r.End()))
	case Failed:
		x.fail(r.FailedStep())
	}
	x.observeSteps(r.Steps)
	x.refusals.observe(r)
	if !r.CertificateExpiry.IsZero() {
		x.gauge(&x.certificate, x.all.certificate).Set(unix(r.CertificateExpiry))
	}
	if r.HasClockSkew {
		x.gauge(&x.skew, x.all.skew).Set(r.ClockSkew.Seconds())
	}
}

// gauge is the check's own of those gauges, which begins with the first run that needs it.
func (x *checkInstruments) gauge(own *prometheus.Gauge, all *prometheus.GaugeVec) prometheus.Gauge {
	if *own == nil {
		*own = all.WithLabelValues(x.name)
		x.all.ofChecks[all].changed()
	}
	return *own
}

func (x *checkInstruments) fail(step *StepResult) {
	x.failed.Inc()
	x.failure(step.Name, step.Reason).Inc()
}

func (x *checkInstruments) observeDuration(r *Run) {
	seconds, o := r.Took.Seconds(), x.duration[r.Outcome]
	if with, ok := o.(prometheus.ExemplarObserver); ok && isTraceID(r.TraceID) {
		with.ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": r.TraceID})
		return
	}
	o.Observe(seconds)
}

// isTraceID keeps the exemplar from panicking on what is not one.
func isTraceID(s string) bool {
	return len(s) == 32 && !slices.ContainsFunc([]byte(s), func(b byte) bool {
		return !('0' <= b && b <= '9' || 'a' <= b && b <= 'f')
	})
}

func (x *checkInstruments) observeSteps(steps []StepResult) {
	for i := range steps {
		s := &steps[i]
		o := x.steps[s.Name]
		if o == nil || s.Skipped { // nil: an errored run may name a step that is none
			continue
		}
		o.Observe(s.Took.Seconds())
		if d := x.deliveries[s.Name]; d != nil && s.Delivery > 0 {
			d.Observe(s.Delivery.Seconds())
		}
		s.Phases.Each(func(phase string, d time.Duration) { x.phases[phase].Observe(d.Seconds()) })
	}
}
