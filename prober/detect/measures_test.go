package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// BenchmarkMeasures prints what the detector is worth beside the burn-rate rule
// for 99.9 %: default objective without a blip, a run every 10 s, confirming every
// second with a budget of 10 %; all seeds are PCG (2026, 3). Each check has been
// healthy for 28 hours, so that its budget is what healthy days leave of it. The
// detector stands there twice: as agreed, with one false page in 30 days, and with
// one in so many days that its false pages are as rare as those of the burn-rate
// rule turn out to be. It takes some minutes: that is how rare they are.
//
//	go test -run '^$' -bench Measures -benchtime 1x ./prober/detect
func BenchmarkMeasures(b *testing.B) {
	var t measures
	for b.Loop() {
		t = measure()
	}
	b.ReportMetric(0, "ns/op") // of no interest
	fmt.Printf("\n%s\n", t.text(b))
}

// rarer is by how much the agreed time is longer, so that false pages are as rare
// as those of the burn-rate rule.
const rarer = 24

var measuredRates = []float64{0.005, 0.01, 0.02, 0.05, 0.1, 0.2}

type measures struct {
	burn     measured
	detector [2]measured // as agreed, and rarer
}

// A measured has the means of one rule.
type measured struct {
	period         time.Duration // agreed between false pages
	falsePage      float64       // runs to a false page
	runs           []float64     // to a page, at measuredRates
	confirmedFalse float64       // runs of the schedule to a false page, confirming
	seconds        []float64     // to a page, confirming
	extra          float64       // runs to one of the schedule, healthy
}

func measure() measures {
	o := withoutBlip
	t := measures{detector: [2]measured{measureDetector(o), {}}}
	o.FalsePageEvery = time.Duration(rarer * float64(o.FalsePageEvery))
	t.detector[1] = measureDetector(o)
	s := newSimulation(o, every, Confirm{})
	t.burn.falsePage, _ = measureFalse(func() *subject { return s.subject(RuleBurnRate) }, o.Tolerate)
	for _, rate := range measuredRates {
		t.burn.runs = append(t.burn.runs, measureDelay(s, RuleBurnRate, rate)/every.Seconds())
	}
	return t
}

func measureDetector(o Objective) measured {
	m := measured{period: o.FalsePageEvery}
	s := newSimulation(o, every, usual)
	params := o.ParamsConfirming(every, usual)
	m.falsePage, _ = measureFalse(func() *subject { return s.subject(RuleDetector) }, o.Tolerate)
	m.confirmedFalse, m.extra = measureFalse(func() *subject {
		return &subject{pace: newPace(every, usual, start), detector: New(params)}
	}, o.Tolerate)
	for _, rate := range measuredRates {
		m.runs = append(m.runs, measureDelay(s, RuleDetector, rate)/every.Seconds())
		m.seconds = append(m.seconds, measureDelay(s, RuleConfirming, rate))
	}
	return m
}

// measureFalse returns the mean time to a false page, in runs of the schedule,
// and how many extra runs were made to one of those.
func measureFalse(fresh func() *subject, tolerate float64) (due, extra float64) {
	const reps = 40 // the mean of which is sure to some 16 %
	rng := rand.New(rand.NewPCG(2026, 3))
	extras := 0
	for range reps {
		sub := fresh()
		begin := sub.pace.now
		for paged := false; !paged; {
			sub.pace.next(sub.detector)
			paged = sub.pages(rng.Float64() < tolerate)
		}
		due += float64(sub.pace.now.Sub(begin)) / float64(every)
		extras += sub.pace.extra
	}
	return due / reps, float64(extras) / due
}

// measureDelay returns the mean time to a page in seconds.
func measureDelay(s *simulation, rule Rule, rate float64) float64 {
	const reps, healthy = 1000, 28 * 360
	rng := rand.New(rand.NewPCG(2026, 3))
	fresh := s.subject(rule)
	var sum time.Duration
	for range reps {
		sub := fresh.clone()
		for paged := true; paged; {
			for end := sub.pace.now.Add(healthy * every); sub.pace.now.Before(end); {
				sub.pace.next(sub.detector)
				paged = sub.pages(rng.Float64() < s.objective.Tolerate)
			}
		}
		begin := sub.pace.now
		for paged := false; !paged; {
			sub.pace.next(sub.detector)
			paged = sub.pages(rng.Float64() < rate)
		}
		sum += sub.pace.now.Sub(begin)
	}
	return sum.Seconds() / reps
}

func (t measures) text(b *testing.B) string {
	var out strings.Builder
	line := func(name string, cells func(i int) string) {
		fmt.Fprintf(&out, "%-44s", name)
		for i := range measuredRates {
			fmt.Fprintf(&out, "%8s", cells(i))
		}
		out.WriteString("\n")
	}
	number := func(of []float64) func(int) string {
		return func(i int) string { return runs(of[i], false) }
	}
	ratio := func(of, to []float64, unit string, scale float64) func(int) string {
		return func(i int) string {
			b.ReportMetric(of[i]/to[i]/scale, fmt.Sprintf("%s@%v%%", unit, 100*measuredRates[i]))
			return fmt.Sprintf("%.2f", of[i]/to[i]/scale)
		}
	}
	line("mean, from the change to the page, at", func(i int) string { return fmt.Sprintf("%v %%", 100*measuredRates[i]) })
	line("burn rate, runs", number(t.burn.runs))
	for i, m := range t.detector {
		name := []string{"as agreed", "as rare"}[i]
		unit := []string{"agreed", "rare"}[i]
		o := withoutBlip
		o.FalsePageEvery = m.period
		var bounds []float64
		for _, rate := range measuredRates {
			bounds = append(bounds, o.Params(every).Bound(rate))
		}
		line("detector "+name+", runs", number(m.runs))
		line("  to burn rate (0.8 at most)", ratio(m.runs, t.burn.runs, unit+"/burn", 1))
		line("  to ln(A)/KL (1.25 at most, from 1 %)", ratio(m.runs, bounds, unit+"/bound", 1))
		line("  confirming, seconds", number(m.seconds))
		line("  to burn rate, time (0.35 at most, from 2 %)", ratio(m.seconds, t.burn.runs, unit+"/confirm", every.Seconds()))
	}
	fmt.Fprintf(&out, "runs of the schedule to a false page: burn rate %.0f", t.burn.falsePage)
	for i, m := range t.detector {
		fmt.Fprintf(&out, "; detector %s (1 per %s) %.0f, confirming %.0f with %.1f %% extra runs",
			[]string{"as agreed", "as rare"}[i], span(m.period), m.falsePage, m.confirmedFalse, 100*m.extra)
	}
	return out.String()
}
