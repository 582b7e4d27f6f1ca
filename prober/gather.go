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

// gatherBoth gathers from two gatherers at once, since half of a scrape of thousands of
// checks is what is worked out of them. A family has to be in one of them alone.
func gatherBoth(a, b prometheus.Gatherer) ([]*dto.MetricFamily, error) {
	var more []*dto.MetricFamily
	var moreErr error
	var gathering sync.WaitGroup
	gathering.Go(func() { more, moreErr = b.Gather() })
	all, err := a.Gather()
	gathering.Wait()
	all = append(all, more...)
	slices.SortStableFunc(all, func(x, y *dto.MetricFamily) int { return cmp.Compare(x.GetName(), y.GetName()) })
	errs := []error{err, moreErr}
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
