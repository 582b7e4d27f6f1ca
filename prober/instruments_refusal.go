package prober

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// The refusalInstruments are the series of the must-be-refused steps of one check.
type refusalInstruments struct {
	failOpen    map[string]prometheus.Counter
	refused     map[string]prometheus.Observer
	propagation map[string]prometheus.Observer
	sameAs      map[string]string
	compared    map[string]prometheus.Counter
	slower      map[string]prometheus.Counter
}

func (in *instruments) refusalsOf(c *Check) refusalInstruments {
	x := refusalInstruments{
		failOpen: map[string]prometheus.Counter{}, refused: map[string]prometheus.Observer{},
		propagation: map[string]prometheus.Observer{}, sameAs: c.SameAs,
		compared: map[string]prometheus.Counter{}, slower: map[string]prometheus.Counter{},
	}
	for _, step := range c.RefuseSteps {
		x.failOpen[step] = in.failOpen.WithLabelValues(c.Name, step)
	}
	for _, step := range c.RevokedSteps {
		x.propagation[step] = in.propagation.WithLabelValues(c.Name, step)
	}
	for _, step := range c.compares() {
		x.refused[step] = in.refusal.WithLabelValues(c.Name, step)
	}
	for step := range c.SameAs {
		x.compared[step] = in.compared.WithLabelValues(c.Name, step)
		x.slower[step] = in.slower.WithLabelValues(c.Name, step)
	}
	return x
}

// compares are the steps whose refusals are compared in time, each of them once or more.
func (c *Check) compares() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(c.SameAs)), maps.Values(c.SameAs))
}

// observe takes account of a run.
func (x refusalInstruments) observe(r *Run) {
	if s := r.FailOpen(); s != nil {
		if n := x.failOpen[s.Name]; n != nil {
			n.Inc()
		}
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		if o := x.refused[s.Name]; o != nil && s.timed() {
			o.Observe(s.Phases.Processing.Seconds())
			x.compare(r, s)
		}
		if o := x.propagation[s.Name]; o != nil && s.Propagation > 0 {
			o.Observe(s.Propagation.Seconds())
		}
	}
}

// compare counts which of two refusals came later. Two of one run are compared, so
// that what makes a whole run slow is no part of it.
func (x refusalInstruments) compare(r *Run, s *StepResult) {
	for i := range r.Steps {
		if other := &r.Steps[i]; other.Name == x.sameAs[s.Name] && other.timed() {
			x.compared[s.Name].Inc()
			if s.Phases.Processing > other.Phases.Processing {
				x.slower[s.Name].Inc()
			}
		}
	}
}

// timed reports whether the time of a must-be-refused step is that of one refusal.
func (s *StepResult) timed() bool {
	refused := s.Reason == "" || s.Reason == ReasonWrongRefusal
	return refused && !s.Skipped && s.Attempts == 1 && s.Phases.Processing > 0
}
