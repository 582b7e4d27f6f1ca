package prober

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// TestGatherAll is sorted as one registry sorts, and says what is wrong with any.
func TestGatherAll(t *testing.T) {
	of := func(err error, names ...string) prometheus.Gatherer {
		return prometheus.GathererFunc(func() (all []*dto.MetricFamily, _ error) {
			for _, name := range names {
				all = append(all, &dto.MetricFamily{Name: &name})
			}
			return all, err
		})
	}
	for _, c := range []struct {
		a, b       prometheus.Gatherer
		want, errs string
	}{
		{of(nil), of(nil), "", ""},
		{of(nil, "b", "d"), of(nil, "a", "c", "e"), "a b c d e", ""},
		{of(errors.New("no a"), "b"), of(errors.New("no b"), "a"), "a b", "no a\nno b"},
		{of(nil, "a", "b"), of(nil, "b"), "a b b", `gathering "b": it is there twice`},
	} {
		all, err := gatherAll(c.a, c.b)
		var names []string
		for _, f := range all {
			names = append(names, f.GetName())
		}
		errs := ""
		if err != nil {
			errs = err.Error()
		}
		if got := strings.Join(names, " "); got != c.want || errs != c.errs {
			t.Errorf("got %q and %q, want %q and %q", got, errs, c.want, c.errs)
		}
	}
}
