package detect

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	p := NewPlan(withoutBlip, every, usual)
	if p.RunsADay != 8640 || p.ExtraRunsADay != 864 || p.Warnings != nil || p.Horizon != 1_000_000*time.Second {
		t.Errorf("got %+v", p)
	}
	if p.HealthyExtra <= 0.03 || p.HealthyExtra >= 0.06 {
		t.Errorf("got %v extra runs, want about 0.045", p.HealthyExtra)
	}
	if want := "a check that fails 0.1% of its runs or fewer is paged for at most once in 30d in the mean, which is 285,984 runs"; p.Promise != want {
		t.Errorf("got:\n%s\nwant:\n%s", p.Promise, want)
	}
	// Seconds, with much room on either side: the numbers depend on the seed.
	tests := []struct {
		rate           float64
		median, atMost [numRules]float64 // 0: beyond the horizon
	}{
		{0.01, [numRules]float64{5300, 2900, 0, 8400}, [numRules]float64{13_500, 9800, 0, 18_600}},
		{0.02, [numRules]float64{1960, 860, 860_000, 2700}, [numRules]float64{4800, 3100, 0, 6400}},
		{0.2, [numRules]float64{130, 48, 1060, 260}, [numRules]float64{310, 185, 4440, 470}},
		{1, [numRules]float64{30, 12, 30, 60}, [numRules]float64{30, 12, 30, 60}},
	}
	for _, tt := range tests {
		i := slices.Index(PlanRates[:], tt.rate)
		row := p.Rows[i]
		if row.Rate != tt.rate {
			t.Fatalf("row %d is %v", i, row.Rate)
		}
		for rule, d := range row.Delays {
			for name, q := range map[string]struct {
				got  Quantile
				want float64
			}{"median": {d.Median, tt.median[rule]}, "95 %": {d.P95, tt.atMost[rule]}} {
				got := q.got.Time.Seconds()
				if q.got.Beyond != (q.want == 0) || q.got.Beyond && q.got.Time != p.Horizon || q.want > 0 && (got < 0.8*q.want || got > 1.25*q.want) {
					t.Errorf("rate %v, rule %d, %s: got %v, want about %vs", tt.rate, rule, name, q.got, q.want)
				}
			}
		}
	}
	for rule, f := range p.FalsePages {
		if f.In <= 0 || f.In.Hours()/720 < float64(f.Pages)/2 {
			t.Errorf("rule %d: %d false pages in %v", rule, f.Pages, f.In)
		}
	}
}

// That confirming makes pages later is said once, at the lowest rate that is worth one.
func TestPlanWarnsOfLaterPages(t *testing.T) {
	s := newSimulation(DefaultObjective, every, usual)
	delay := func(median, p95 time.Duration) Delay {
		return Delay{Quantile{Time: median}, Quantile{Time: p95}, 1000}
	}
	for _, tt := range []struct {
		confirming Delay
		want       int
	}{
		{delay(time.Minute, time.Hour), 0},
		{delay(61*time.Second, time.Hour), 0}, // chance
		{delay(2*time.Minute, time.Hour), 1},
		{delay(time.Minute, 2*time.Hour), 1},
		{Delay{}, 0},
	} {
		p := Plan{RunsADay: 8640, ExtraRunsADay: 1 << 30}
		for _, rate := range []float64{DefaultObjective.Detect / 2, DefaultObjective.Detect, 1} {
			row := PlanRow{Rate: rate}
			row.Delays[RuleDetector], row.Delays[RuleConfirming] = delay(time.Minute, time.Hour), tt.confirming
			p.Rows = append(p.Rows, row)
		}
		got := s.warnings(p, tt.confirming)
		if len(got) != tt.want || tt.want == 1 && !strings.HasPrefix(got[0], "confirming makes pages later: at a failure rate of "+percent(DefaultObjective.Detect)+" ") {
			t.Errorf("%+v: got %q, want %d warnings", tt.confirming, got, tt.want)
		}
	}
}

func TestPlanWithoutConfirming(t *testing.T) {
	t.Parallel()
	p := NewPlan(DefaultObjective, time.Minute, Confirm{})
	if again := NewPlan(DefaultObjective, time.Minute, Confirm{}); !reflect.DeepEqual(p, again) {
		t.Errorf("got:\n%+v\nand the second time:\n%+v", p, again)
	}
	for _, row := range p.Rows {
		if row.Delays[RuleConfirming] != (Delay{}) || row.Delays[RuleDetector].Reps < leastReps {
			t.Errorf("got %+v", row)
		}
	}
	if p.ExtraRunsADay != 0 || p.HealthyExtra != 0 || p.FalsePages[RuleConfirming] != (FalsePages{}) || p.Params != DefaultObjective.Params(time.Minute) {
		t.Errorf("got %+v", p)
	}
	if !strings.HasSuffix(p.Promise, "which is 43,200 runs; failures come in bursts of up to 30s, each of which counts once") {
		t.Errorf("got %s", p.Promise)
	}
}

func TestPlanWarnings(t *testing.T) {
	t.Parallel()
	month := 720 * time.Hour
	tests := []struct {
		name  string
		o     Objective
		every time.Duration
		c     Confirm
		want  []string
	}{
		{"hourly", withoutBlip, time.Hour, Confirm{time.Minute, 0.1}, []string{
			"false_pages allows one in 30d, which is 720 runs: too few to tell chance from change, so one in 837 runs or more is what it gets",
			"a failure rate of 2%, which detect wants a page for, takes 1d8h in half of the cases: there are only 24 runs a day",
			"confirm_budget is 2 extra runs a day, and a failure rate of 2% takes about 164 runs to be sure of: the budget ends before that",
		}},
		{"too near", Objective{0.01, 0.015, month, 0}, time.Second, Confirm{}, []string{
			"detect is 1.5% and tolerate 1%: below 2 times as much, the two are hard to tell apart, and pages come late",
		}},
		{"every second week", Objective{0.1, 0.5, 100 * 365 * 24 * time.Hour, 0}, 14 * 24 * time.Hour, Confirm{}, []string{
			"a failure rate of 50%, which detect wants a page for, takes > 30d in half of the cases: there are only 0.1 runs a day",
		}},
		{"too often to simulate a day", Objective{1e-6, 1e-5, month, 0}, 100 * time.Millisecond, Confirm{}, []string{
			"a failure rate of 0.001%, which detect wants a page for, takes > 2h47m in half of the cases: there are only 864,000 runs a day",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewPlan(tt.o, tt.every, tt.c).Warnings; !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestPlanOfAnything wants a plan of every objective there is.
func TestPlanOfAnything(t *testing.T) {
	t.Parallel()
	check := func(o Objective, every time.Duration, c Confirm) {
		t.Helper()
		p := NewPlan(o, every, c)
		for _, row := range p.Rows {
			for rule, d := range row.Delays {
				if d.Reps == 0 && (Rule(rule) == RuleConfirming && c == (Confirm{}) || Rule(rule) == RuleBurnRate && every < fastestBurn) {
					continue
				}
				if d.Reps < leastReps || d.Reps > mostReps || d.Median.Time <= 0 || d.P95.Time < d.Median.Time || d.P95.Time > p.Horizon {
					t.Errorf("%+v every %v, %+v: rule %d: %+v", o, every, c, rule, d)
				}
			}
		}
	}
	check(Objective{LeastTolerate, 0.5, 1<<63 - 1, 0}, 1, Confirm{})
	check(Objective{LeastTolerate, 0.5, 1<<63 - 1, 1<<63 - 1}, time.Hour, Confirm{1, MostBudget})
	check(Objective{0.9, 0.99, time.Second, time.Hour}, 365*24*time.Hour, Confirm{time.Second, MostBudget})
}

func TestSpan(t *testing.T) {
	tests := map[time.Duration]string{
		0: "0s", 1: "0s", 1500 * time.Microsecond: "2ms", 900 * time.Millisecond: "900ms",
		time.Second: "1s", 1250 * time.Millisecond: "1.3s", 59400 * time.Millisecond: "59.4s", 59900 * time.Millisecond: "1m",
		time.Minute: "1m", 61 * time.Second: "1m1s", time.Hour: "1h", 59*time.Minute + 59900*time.Millisecond: "1h",
		100 * time.Minute: "1h40m", 25 * time.Hour: "1d1h", 720 * time.Hour: "30d", 1_000_000 * time.Second: "11d14h",
		23*time.Hour + 59*time.Minute + 40*time.Second: "1d",
	}
	for d, want := range tests {
		if got := span(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
	if got := (Quantile{time.Hour, true}).String(); got != "> 1h" {
		t.Errorf("got %s", got)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 0.05: "0.1", 2.4: "2.4", 9: "9", 10.6: "11", 999: "999", 1000: "1,000", 285_984: "285,984", 1e9: "1,000,000,000"} {
		if got := count(n); got != want {
			t.Errorf("%v: got %s, want %s", n, got, want)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, every := range []time.Duration{time.Second, every, time.Minute} {
		b.Run(every.String(), func(b *testing.B) {
			for b.Loop() {
				NewPlan(DefaultObjective, every, Confirm{every / 10, DefaultBudget})
			}
		})
	}
}

// A group is a check at its pace, but for the runs that its checks may make beside
// their schedules: those are in its threshold and in its promise.
func TestGroupPlan(t *testing.T) {
	t.Parallel()
	params := DefaultObjective.Params(every)
	if got, want := NewGroupPlan(DefaultObjective, every, params, 0), NewPlan(DefaultObjective, every, Confirm{}); !reflect.DeepEqual(got, want) {
		t.Errorf("without confirming runs, got:\n%+v\nwant:\n%+v", got, want)
	}
	params.RunsToFalsePage += 31 * 864
	p := NewGroupPlan(DefaultObjective, every, params, 864)
	const want = "a check that fails 0.1% of its runs or fewer is paged for at most once in 30d in the mean, which is 285,984 runs"
	if p.Params != params || p.ExtraRunsADay != 864 || !strings.HasPrefix(p.Promise, want) || p.FalsePages[RuleConfirming] != (FalsePages{}) {
		t.Errorf("got %+v", p)
	}
}
