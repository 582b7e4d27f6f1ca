package prober

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gatherAll gathers from several gatherers at once, since a scrape of thousands of checks
// is too much for one processor. A family has to be in one of them alone.
func gatherAll(gatherers ...prometheus.Gatherer) (all []*dto.MetricFamily, _ error) {
	of, errs := make([][]*dto.MetricFamily, len(gatherers)), make([]error, len(gatherers))
	var gathering sync.WaitGroup
	for i, g := range gatherers {
		gathering.Go(func() { of[i], errs[i] = g.Gather() })
	}
	gathering.Wait()
	all = slices.Concat(of...)
	slices.SortStableFunc(all, func(x, y *dto.MetricFamily) int { return cmp.Compare(x.GetName(), y.GetName()) })
	for i := 1; i < len(all); i++ {
		if all[i].GetName() == all[i-1].GetName() {
			errs = append(errs, fmt.Errorf("gathering %q: it is there twice", all[i].GetName()))
		}
	}
	return all, errors.Join(errs...)
}

// A gaugeMetric is a gauge that is worked out at a scrape. It costs a tenth of
// [prometheus.NewConstMetric], which makes its labels anew for each.
type gaugeMetric struct {
	desc   *prometheus.Desc
	value  float64
	labels []*dto.LabelPair // sorted by name; never written to
}

// Desc implements [prometheus.Metric].
func (g *gaugeMetric) Desc() *prometheus.Desc { return g.desc }

// Write implements [prometheus.Metric].
func (g *gaugeMetric) Write(out *dto.Metric) error {
	out.Label, out.Gauge = g.labels, &dto.Gauge{Value: &g.value}
	return nil
}

// labelPairs are the labels of one scrape, each made once.
type labelPairs map[[2]string]*dto.LabelPair

func (p labelPairs) of(name, value string) *dto.LabelPair {
	key := [2]string{name, value}
	if p[key] == nil {
		p[key] = &dto.LabelPair{Name: &key[0], Value: &key[1]}
	}
	return p[key]
}
