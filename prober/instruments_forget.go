package prober

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A deleter is any vector of ours.
type deleter interface {
	DeletePartialMatch(prometheus.Labels) int
}

// forget deletes the series of checks that are no longer there, and of what a check no
// longer has. Failures that were counted stay as long as their check, by whatever step
// they were: they are part of what its counters add up to.
func (m *Metrics) forget(after []*Check) {
	for _, old := range m.info.all() {
		i := slices.IndexFunc(after, func(c *Check) bool { return c.Name == old.Name })
		if i < 0 {
			m.in.delete(prometheus.Labels{"check": old.Name})
			continue
		}
		m.in.forgetParts(old, after[i])
		if x := m.checks[old.Name]; x != nil {
			x.forgetZeros(after[i])
		}
	}
}

// forgetParts deletes the series of steps, limits and runs that the check no longer has.
func (in *instruments) forgetParts(before, after *Check) {
	in.threshold.DeletePartialMatch(prometheus.Labels{"check": before.Name})
	for of, steps := range map[deleter][2][]string{
		in.step:        {before.Steps, after.Steps},
		in.failOpen:    {before.RefuseSteps, after.RefuseSteps},
		in.delivery:    {before.DeliverySteps, after.DeliverySteps},
		in.propagation: {before.RevokedSteps, after.RevokedSteps},
		in.compared:    {slices.Collect(maps.Keys(before.SameAs)), slices.Collect(maps.Keys(after.SameAs))},
		in.slower:      {slices.Collect(maps.Keys(before.SameAs)), slices.Collect(maps.Keys(after.SameAs))},
		in.refusal:     {before.compares(), after.compares()},
	} {
		for _, step := range steps[0] {
			if !slices.Contains(steps[1], step) {
				of.DeletePartialMatch(prometheus.Labels{"check": before.Name, "step": step})
			}
		}
	}
	if after.Schedule.Confirm == 0 {
		in.unconfirmed.DeletePartialMatch(prometheus.Labels{"check": before.Name})
	}
}

// forgetZeros deletes the series of failures that have never happened and no longer can.
func (x *checkInstruments) forgetZeros(after *Check) {
	for f, n := range x.failures {
		i := slices.Index(after.Steps, f.step)
		if i >= 0 && slices.Contains(after.Reasons[i], f.reason) {
			continue
		}
		var is dto.Metric
		if n.Write(&is) == nil && is.GetCounter().GetValue() == 0 {
			x.all.failures.DeleteLabelValues(x.name, f.step, string(f.reason))
			delete(x.failures, f)
		}
	}
}

// delete deletes every series with these labels.
func (in *instruments) delete(labels prometheus.Labels) {
	for c := range in.ofChecks {
		if v, ok := c.(deleter); ok {
			v.DeletePartialMatch(labels)
		}
	}
}
