package detect

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The wanted values were computed from the definition with 60 decimal digits.
// 81/263, 15/148 and 1/29 agree with the table of Newcombe 1998, Two-sided
// confidence intervals for the single proportion, to its four digits.
func TestWilson(t *testing.T) {
	tests := []struct {
		failed, n    int
		lower, upper float64
	}{
		{0, 1, 0.0, 0.7934506856227627},
		{1, 1, 0.2065493143772374, 1.0},
		{0, 10, 0.0, 0.27753279986288926},
		{1, 10, 0.017876213095072903, 0.4041500267952385},
		{5, 10, 0.23659309051256397, 0.7634069094874361},
		{10, 10, 0.7224672001371107, 1.0},
		{15, 148, 0.062386399530736276, 0.16048724172330803},
		{81, 263, 0.2552885198782742, 0.36620957698280004},
		{1, 29, 0.00611321429276266, 0.17175521879320288},
		{3, 360, 0.002838052435580695, 0.024210703504967925},
		{400, 2000, 0.18305203450854435, 0.2180981938602074},
		{60, 2000, 0.02337785471293825, 0.03842416973143951},
		{1, 8640, 2.0431374923464102e-05, 0.0006553629288618224},
		{86400, 86400, 0.9999555406477787, 1.0},
		{1, 1000000000000, 1.7652455493517473e-13, 5.6649342657365116e-12},
	}
	for _, tt := range tests {
		got := Wilson(tt.failed, tt.n)
		if math.Abs(got.Lower-tt.lower) > 1e-13*tt.lower || math.Abs(got.Upper-tt.upper) > 1e-13*tt.upper {
			t.Errorf("%d/%d: got %v, want [%v, %v]", tt.failed, tt.n, got, tt.lower, tt.upper)
		}
	}
}

func TestWilsonOfNonsense(t *testing.T) {
	tests := []struct {
		failed, n int
		same      Interval
	}{
		{0, 0, Interval{0, 1}}, {5, 0, Interval{0, 1}}, {0, -3, Interval{0, 1}},
		{-1, 10, Wilson(0, 10)}, {11, 10, Wilson(10, 10)},
		{math.MinInt, math.MaxInt, Wilson(0, math.MaxInt)},
	}
	for _, tt := range tests {
		if got := Wilson(tt.failed, tt.n); got != tt.same {
			t.Errorf("%d/%d: got %v, want %v", tt.failed, tt.n, got, tt.same)
		}
	}
}

func TestWilsonProperties(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 97, 360, 1000, 8640, 1e9, math.MaxInt} {
		step := max(1, n/997)
		last := Interval{-1, -1}
		for failed := 0; failed >= 0 && failed <= n; failed += step {
			got := Wilson(failed, n)
			ratio := float64(failed) / float64(n)
			if !(got.Lower >= 0 && got.Lower <= ratio && ratio <= got.Upper && got.Upper <= 1) {
				t.Fatalf("%d/%d: got %v", failed, n, got)
			}
			if got.Lower < last.Lower || got.Upper < last.Upper {
				t.Fatalf("%d/%d: got %v after %v, want it to rise", failed, n, got, last)
			}
			mirror := Wilson(n-failed, n)
			if math.Abs(mirror.Lower-(1-got.Upper)) > 1e-15 || math.Abs(mirror.Upper-(1-got.Lower)) > 1e-15 {
				t.Fatalf("%d/%d: got %v, and %v for the passed ones", failed, n, got, mirror)
			}
			last = got
		}
		if none, all := Wilson(0, n), Wilson(n, n); none.Lower != 0 || all.Upper != 1 {
			t.Errorf("n = %d: got %v and %v, want exactly 0 and 1 at the ends", n, none, all)
		}
	}
	for n := 10; n < 1e6; n *= 10 { // more runs, narrower
		if a, b := Wilson(n/10, n), Wilson(n, 10*n); b.Upper-b.Lower >= a.Upper-a.Lower {
			t.Errorf("n = %d: got %v, and %v with ten times the runs", n, a, b)
		}
	}
}

// TestWilsonCoverage counts how often the interval contains the rate.
func TestWilsonCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const samples = 3000
	for _, rate := range []float64{0.02, 0.2, 0.5, 0.97} {
		for _, n := range []int{30, 360} {
			inside := 0
			for range samples {
				failed := 0
				for range n {
					if rng.Float64() < rate {
						failed++
					}
				}
				if i := Wilson(failed, n); i.Lower <= rate && rate <= i.Upper {
					inside++
				}
			}
			if got := float64(inside) / samples; got < 0.92 || got > 0.99 {
				t.Errorf("rate %v, n = %d: covered in %.1f %% of samples, want about 95 %%", rate, n, 100*got)
			}
		}
	}
}
