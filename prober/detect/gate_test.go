package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestGateValidate(t *testing.T) {
	rates := func(good, bad float64) string {
		return fmt.Sprintf("failure rates: got good %v and bad %v, want 1e-09 <= good < bad < 1", good, bad)
	}
	tests := []struct {
		p    GateParams
		want string
	}{
		{GateFor(0.01), ""},
		{GateFor(0), rates(0, 0)},
		{GateFor(1), rates(0.25, 1)},
		{GateFor(math.NaN()), rates(math.NaN(), math.NaN())},
		{GateParams{0.02, 0.01, 0.05, 0.05, 0}, rates(0.02, 0.01)},
		{GateParams{0.02, 0.02001, 0.05, 0.05, 0}, "failure rates: got good 0.02 and bad 0.02001, want bad at least 1.01 times good"},
		{GateParams{0.01, 0.02, 0, 0.5, -1}, "false alarms: got 0, want at least 1e-09 and below 0.5\n" +
			"false passes: got 0.5, want at least 1e-09 and below 0.5\nleast number of runs: got -1, want 0 or more"},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.p.Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%+v: got:\n%s\nwant:\n%s", tt.p, got, tt.want)
		}
	}
}

func TestGateDecides(t *testing.T) {
	tests := []struct {
		name    string
		minRuns int
		runs    string // f or p, with a number of times
		want    Decision
		n       int // runs that count
	}{
		{"nothing", 0, "", Undecided, 0},
		{"all fail", 0, strings.Repeat("f", 9), Bad, 3},
		{"all fail, ten runs at least", 10, strings.Repeat("f", 12), Bad, 10},
		{"all fail, too few runs", 10, strings.Repeat("f", 9), Undecided, 9},
		{"all pass", 0, strings.Repeat("p", 1000), Good, 397},
		{"all pass but one", 0, "f" + strings.Repeat("p", 1000), Good, 582},
		{"two of three", 0, "fpf", Undecided, 3},
		{"three of four", 0, "fpff", Bad, 4},
		{"it stays", 0, "fff" + strings.Repeat("p", 1000), Bad, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := GateFor(0.01)
			p.MinRuns = tt.minRuns
			g := NewGate(p)
			for _, r := range tt.runs {
				g.Observe(r == 'f')
				if e := g.Progress(); !(e >= -1 && e <= 1) {
					t.Fatalf("got progress %v", e)
				}
			}
			if _, n := g.Counts(); g.Decision() != tt.want || n != tt.n {
				t.Errorf("got %v after %d runs, want %v after %d", g.Decision(), n, tt.want, tt.n)
			}
		})
	}
}

func TestPassesToGood(t *testing.T) {
	for _, minRuns := range []int{0, 1000} {
		rng := rand.New(rand.NewPCG(3, 4))
		p := GateFor(0.01)
		p.MinRuns = minRuns
		for range 200 {
			g := NewGate(p)
			for range rng.IntN(300) {
				g.Observe(rng.Float64() < 0.003)
			}
			want := g.PassesToGood()
			got := 0
			for g.Decision() == Undecided {
				g.Observe(false)
				got++
			}
			if got != want {
				t.Fatalf("%+v: got %d, want %d", p, want, got)
			}
		}
	}
}

var gates = []GateParams{
	GateFor(0.01), GateFor(0.05), GateFor(0.2), GateFor(0.9),
	{0.01, 0.02, 0.05, 0.05, 0}, {0.1, 0.12, 0.01, 0.1, 0}, {0.001, 0.5, 0.2, 0.001, 0}, {0.01, 0.05, 0.05, 0.05, 150},
}

// TestGateErrors is the promise: the gate is wrong no more often than agreed, by
// computation.
func TestGateErrors(t *testing.T) {
	for _, p := range gates {
		const limit = 1_000_000
		for _, factor := range []float64{1, 0.5, 0.1, 0} {
			good := p.Odds(p.Good*factor, limit)
			if good.Bad > p.FalseAlarm {
				t.Errorf("%+v at %v: called bad at %v, want at most %v", p, p.Good*factor, good.Bad, p.FalseAlarm)
			}
			bad := p.Odds(1-(1-p.Bad)*factor, limit)
			if bad.Good > p.FalsePass {
				t.Errorf("%+v at %v: called good at %v, want at most %v", p, 1-(1-p.Bad)*factor, bad.Good, p.FalsePass)
			}
			for _, o := range []GateOdds{good, bad} {
				if math.Abs(o.Good+o.Bad+o.Undecided-1) > 1e-9 || o.Undecided > 1e-9 {
					t.Errorf("%+v: %+v does not add up to 1", p, o)
				}
			}
		}
	}
}

// TestGateSimulated holds the computation against simulation.
func TestGateSimulated(t *testing.T) {
	t.Parallel()
	const reps = 2000
	for _, p := range gates {
		for _, rate := range []float64{p.Good, math.Sqrt(p.Good * p.Bad), p.Bad} {
			for _, limit := range []int{60, 1_000_000} {
				rng := rand.New(rand.NewPCG(5, 45))
				var ended [3]float64
				runs, squares := 0.0, 0.0
				for range reps {
					g := NewGate(p)
					for n := 0; n < limit && g.Observe(rng.Float64() < rate) == Undecided; n++ {
					}
					_, n := g.Counts()
					ended[g.Decision()]++
					runs += float64(n)
					squares += float64(n) * float64(n)
				}
				want := p.Odds(rate, limit)
				for d, w := range map[Decision]float64{Good: want.Good, Bad: want.Bad, Undecided: want.Undecided} {
					if got, sd := ended[d]/reps, math.Sqrt(w*(1-w)/reps); math.Abs(got-w) > 4*sd+1e-9 {
						t.Errorf("%+v at %v within %d: %v at %v, want %v", p, rate, limit, d, got, w)
					}
				}
				mean := runs / reps
				sd := math.Sqrt(max(0, squares/reps-mean*mean) / reps)
				if math.Abs(mean-want.Runs) > 4*sd+0.05 {
					t.Errorf("%+v at %v within %d: %.1f runs, want %.1f", p, rate, limit, mean, want.Runs)
				}
			}
		}
	}
}

func TestGateIsQuick(t *testing.T) {
	p := GateFor(0.01)
	for _, tt := range []struct{ rate, most float64 }{{0, 397}, {0.0025, 700}, {0.01, 510}, {0.05, 70}, {0.2, 16}, {1, 3}} {
		o := p.Odds(tt.rate, 1_000_000)
		t.Logf("at %v: %.1f runs in the mean, bad at %.4f", tt.rate, o.Runs, o.Bad)
		if o.Runs > tt.most+1e-6 {
			t.Errorf("at %v: %.1f runs in the mean, want at most %v", tt.rate, o.Runs, tt.most)
		}
	}
}

func TestDecisionString(t *testing.T) {
	for d, want := range map[Decision]string{Undecided: "undecided", Good: "good", Bad: "bad", 9: "Decision(9)"} {
		if d.String() != want {
			t.Errorf("got %v, want %v", d, want)
		}
	}
}
