package prober

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A vector gathers the series of one collector as a registry does, at a fraction of the
// price. A registry holds every series of a scrape to the rules, and puts them in order;
// here that is done once for each change of which series there are, by a registry, and in
// between they are only asked for their values. It is safe for concurrent use.
type vector struct {
	registry *prometheus.Registry // of the collector alone
	seen     *seen
	stale    atomic.Bool // there may be other series than there were

	mu     sync.Mutex
	family *dto.MetricFamily   // without series; nil where there is none
	series []prometheus.Metric // in the order of the registry; never written to
}

// newVector is for a collector of one family, whose series go on from one scrape to the
// next. Whoever adds or removes some calls changed.
func newVector(c prometheus.Collector) *vector {
	s := &seen{Collector: c}
	v := &vector{registry: prometheus.NewRegistry(), seen: s}
	v.registry.MustRegister(s)
	v.changed()
	return v
}

func (v *vector) changed() { v.stale.Store(true) }

// gather returns the family with its series as they are now; nil where it has none.
func (v *vector) gather() (*dto.MetricFamily, error) {
	family, series, err := v.ordered()
	if family == nil || err != nil {
		return nil, err
	}
	metrics := make([]dto.Metric, len(series))
	all := &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type, Unit: family.Unit, Metric: make([]*dto.Metric, len(series))}
	for i, s := range series {
		all.Metric[i] = &metrics[i]
		if err := s.Write(&metrics[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ordered returns the family and the series that it has, in order.
func (v *vector) ordered() (*dto.MetricFamily, []prometheus.Metric, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.stale.Swap(false) {
		return v.family, v.series, nil
	}
	v.seen.written, v.family, v.series = map[*dto.Metric]prometheus.Metric{}, nil, nil
	families, err := v.registry.Gather()
	if err != nil {
		v.stale.Store(true)
		return nil, nil, err
	}
	for _, f := range families { // one or none
		v.family = f
		for _, m := range f.Metric {
			v.series = append(v.series, v.seen.written[m])
		}
		f.Metric = nil
	}
	v.seen.written = nil
	return v.family, v.series, nil
}

// A seen is a collector whose series note where they are written to. The registry writes
// them one after another.
type seen struct {
	prometheus.Collector
	written map[*dto.Metric]prometheus.Metric
}

// Collect implements [prometheus.Collector].
func (s *seen) Collect(ch chan<- prometheus.Metric) {
	inner := make(chan prometheus.Metric)
	go func() {
		defer close(inner)
		s.Collector.Collect(inner)
	}()
	for m := range inner {
		ch <- seenMetric{m, s}
	}
}

type seenMetric struct {
	prometheus.Metric
	by *seen
}

// Write implements [prometheus.Metric].
func (m seenMetric) Write(out *dto.Metric) error {
	m.by.written[out] = m.Metric
	return m.Metric.Write(out)
}

// vectors are gathered together, by the collectors whose series they are.
type vectors map[prometheus.Collector]*vector

func vectorsOf(collectors []prometheus.Collector) vectors {
	all := vectors{}
	for _, c := range collectors {
		all[c] = newVector(c)
	}
	return all
}

// changed notes that there may be other series than there were, of any of them.
func (all vectors) changed() {
	for _, v := range all {
		v.changed()
	}
}

// Gather implements [prometheus.Gatherer]; the families are in no order.
func (all vectors) Gather() (families []*dto.MetricFamily, _ error) {
	var errs []error
	for _, v := range all {
		f, err := v.gather()
		if f != nil {
			families = append(families, f)
		}
		errs = append(errs, err)
	}
	return families, errors.Join(errs...)
}
