package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// BenchmarkObserve is the price of a run. With -benchtime=1000000000x it is also
// the proof that the numbers are sound after 10^9 of them.
func BenchmarkObserve(b *testing.B) {
	for _, rate := range []float64{0, 0.001, 0.02, 1} {
		b.Run(fmt.Sprintf("failing=%v", rate), func(b *testing.B) {
			d := New(DefaultObjective.Params(every))
			rng := rand.New(rand.NewPCG(1, 2))
			var failed [1 << 16]bool
			for i := range failed {
				failed[i] = rng.Float64() < rate
			}
			at, n := start, 0
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(every)
				n++
				d.Observe(at, failed[n%len(failed)])
			}
			if err := New(d.Params()).Restore(d.Snapshot()); err != nil {
				b.Error(err)
			}
		})
	}
}

// A contestant is a rule in the comparison of BenchmarkRunsToPage.
type contestant struct {
	name string
	make func() func(at time.Time, failed bool) bool
}

func contestants() []contestant {
	sr := func(blip time.Duration) func() func(time.Time, bool) bool {
		return func() func(time.Time, bool) bool {
			d := New(Objective{0.001, 0.02, 720 * time.Hour, blip}.Params(every))
			return func(at time.Time, failed bool) bool { return d.Observe(at, failed).After == Firing }
		}
	}
	return []contestant{
		{"detector", sr(0)},
		{"detector,blip=30s", sr(30 * time.Second)},
		{"burn-rate", func() func(time.Time, bool) bool { return NewBurnRate(0.001, every).Observe }},
		{"3-in-a-row", func() func(time.Time, bool) bool { return (&ConsecutiveFailures{N: 3}).Observe }},
	}
}

// BenchmarkRunsToPage prints the mean number of runs from a change of the failure
// rate to the page of several rules, beside the bound for any rule; and in the
// first column that from nothing to a false page. Objective and period are the
// default ones at a run every 10 s, without a blip unless the rule names one;
// the service level of the burn-rate rule is 99.9 %. In each repetition all rules see one and the same stream, which is
// healthy for six hours, the longest window, before the rate changes. Where a
// repetition reached its last run without a page the mean is only known to be
// more than what is printed.
func BenchmarkRunsToPage(b *testing.B) {
	columns := []struct {
		rate       float64
		reps, last int
	}{
		{0.001, 40, 3_000_000},
		{0.005, 400, 200_000}, {0.01, 400, 200_000}, {0.02, 400, 200_000}, {0.05, 1000, 200_000},
		{0.1, 2000, 200_000}, {0.2, 2000, 200_000}, {0.5, 2000, 200_000}, {1, 2000, 200_000},
	}
	p := Objective{0.001, 0.02, 720 * time.Hour, 0}.Params(every)
	rules := contestants()
	var lines []string
	for b.Loop() {
		rows := make([][]string, 2+len(rules))
		rows[0], rows[1] = []string{"runs to a page at"}, []string{"bound"}
		for i, rule := range rules {
			rows[2+i] = []string{rule.name}
		}
		for _, c := range columns {
			rows[0] = append(rows[0], fmt.Sprintf("%v %%", 100*c.rate))
			bound := p.RunsToFalsePage
			if c.rate > p.Tolerate {
				bound = p.Bound(c.rate)
			}
			rows[1] = append(rows[1], runs(bound, false))
			for i, r := range race(rules, p.Tolerate, c.rate, c.reps, c.last) {
				rows[2+i] = append(rows[2+i], runs(r.mean, r.capped))
				b.ReportMetric(r.mean, fmt.Sprintf("runs/%s@%v%%", rules[i].name, 100*c.rate))
			}
		}
		lines = lines[:0]
		for _, row := range rows {
			line := fmt.Sprintf("%-18s", row[0])
			for _, cell := range row[1:] {
				line += fmt.Sprintf("%11s", cell)
			}
			lines = append(lines, line)
		}
	}
	b.ReportMetric(0, "ns/op") // of no interest
	fmt.Printf("\n%s\n", strings.Join(lines, "\n"))
}

func runs(n float64, atLeast bool) string {
	s := fmt.Sprintf("%.0f", n)
	if n < 10 {
		s = fmt.Sprintf("%.1f", n)
	}
	if atLeast {
		s = "> " + s
	}
	return s
}

// A result is the mean number of runs to a page; capped if in some repetition
// there was none.
type result struct {
	mean   float64
	capped bool
}

// race runs every rule on the same streams.
func race(rules []contestant, tolerate, rate float64, reps, last int) []result {
	const healthy = 2160
	results := make([]result, len(rules))
	observe := make([]func(time.Time, bool) bool, len(rules))
	rng := rand.New(rand.NewPCG(2026, 3))
	for range reps {
		at := start
		for paged := true; paged; { // no rule is to have paged already
			for i := range rules {
				observe[i] = rules[i].make()
			}
			for range healthy {
				at = at.Add(every)
				failed := rng.Float64() < tolerate
				paged = false
				for i := range observe {
					paged = observe[i](at, failed) || paged
				}
			}
		}
		pending := len(rules)
		for n := 1; pending > 0 && n <= last; n++ {
			at = at.Add(every)
			failed := rng.Float64() < rate
			for i := range observe {
				if observe[i] != nil && observe[i](at, failed) {
					results[i].mean += float64(n)
					observe[i] = nil
					pending--
				}
			}
		}
		for i := range observe {
			if observe[i] != nil {
				results[i].mean += float64(last)
				results[i].capped = true
			}
		}
	}
	for i := range results {
		results[i].mean /= float64(reps)
	}
	return results
}
