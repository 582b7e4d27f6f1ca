package detect

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	for o := range objectives(t, 1000) {
		grid := rates(o.Tolerate, o.Detect)
		low := max(o.Detect/2, math.Sqrt(o.Tolerate*o.Detect))
		if math.Abs(grid[0]-low) > 1e-12 || grid[points-1] != max(0.95, o.Detect) {
			t.Fatalf("%+v: got %v", o, grid)
		}
		for j, p := range grid {
			if !(p > o.Tolerate && p < 1) || j > 0 && p <= grid[j-1] {
				t.Fatalf("%+v: got %v", o, grid)
			}
		}
	}
}

// TestStatistic compares the statistic, run by run, with one that is written
// down from the definition: the sum over every possible moment of change of the
// product of the likelihood ratios since, in arithmetic of 120 bits.
func TestStatistic(t *testing.T) {
	const prec = 120
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(x) }
	for seed, o := range []Objective{
		{0.001, 0.02, 720 * time.Hour, 0},
		{1e-9, 0.5, math.MaxInt64, 0},
		{0.2, 0.21, math.MaxInt64, 0},
		{0.9, 0.999, math.MaxInt64, 0},
	} {
		rng := rand.New(rand.NewPCG(uint64(seed), 9))
		m := newMixture(o.Tolerate, o.Detect)
		grid := rates(o.Tolerate, o.Detect)
		var up, down [points]*big.Float
		var terms [points][]*big.Float // of the sum; one a run
		for j, p := range grid {
			up[j] = new(big.Float).Quo(num(p), num(o.Tolerate))
			down[j] = new(big.Float).Quo(new(big.Float).Sub(num(1), num(p)), new(big.Float).Sub(num(1), num(o.Tolerate)))
		}
		for run := range 200 {
			failed := rng.Float64() < []float64{o.Tolerate, o.Detect, 0}[run/50%3]
			if failed {
				m.failed(start)
			} else {
				m.passed()
			}
			want := num(0)
			for j := range points {
				l := down[j]
				if failed {
					l = up[j]
				}
				terms[j] = append(terms[j], num(1))
				sum := num(0)
				for _, term := range terms[j] {
					term.Mul(term, l)
					sum.Add(sum, term)
				}
				want.Add(want, sum.Mul(sum, num(weight)))
			}
			w, _ := want.Float64()
			if math.Abs(m.total-w) > 1e-11*w {
				t.Fatalf("%+v: run %d: got %v, want %v", o, run, m.total, w)
			}
			if m.total != m.sum() {
				t.Fatalf("%+v: run %d: total %v is not the sum %v", o, run, m.total, m.sum())
			}
		}
	}
}

// TestChangePoint compares the estimate with the maximum of the likelihood over
// every moment of change, and sees whether it is any good.
func TestChangePoint(t *testing.T) {
	o := Objective{0.001, 0.02, 720 * time.Hour, 0}
	grid := rates(o.Tolerate, o.Detect)
	early := 0 // estimates from before the change
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		d := New(o.Params(10 * time.Second))
		const change = 2000
		var outcomes []bool
		for d.State() != Firing {
			n := len(outcomes)
			rate := o.Tolerate
			if n >= change {
				rate = 0.2
			}
			failed := rng.Float64() < rate
			outcomes = append(outcomes, failed)
			d.Observe(start.Add(time.Duration(n)*time.Second), failed)
		}
		lead := 0
		for j := range points {
			if d.page.r[j] > d.page.r[lead] {
				lead = j
			}
		}
		best, argmax, sum := math.Inf(-1), 0, 0.0
		for k := len(outcomes) - 1; k >= 0; k-- {
			p := grid[lead]
			if outcomes[k] {
				sum += math.Log(p / o.Tolerate)
			} else {
				sum += math.Log((1 - p) / (1 - o.Tolerate))
			}
			if sum > best {
				best, argmax = sum, k
			}
		}
		got := int(d.ChangePoint().Sub(start) / time.Second)
		if got != argmax {
			t.Errorf("seed %d: got run %d, want %d", seed, got, argmax)
		}
		if got < change {
			early++
		} else if got > change+50 {
			t.Errorf("seed %d: got run %d, want one soon after %d", seed, got, change)
		}
	}
	if early > 2 {
		t.Errorf("%d of 20 estimates lie before the change", early)
	}
}

func TestChangePointOfAHealthyCheck(t *testing.T) {
	d := New(DefaultObjective.Params(10 * time.Second))
	if got := d.ChangePoint(); !got.IsZero() {
		t.Errorf("nothing seen: got %v, want the zero time", got)
	}
	d.Observe(start, true)
	if got := d.ChangePoint(); !got.Equal(start) {
		t.Errorf("after a failure: got %v, want %v", got, start)
	}
	at := start
	for range 2000 {
		at = at.Add(10 * time.Second)
		d.Observe(at, false)
	}
	if got := d.ChangePoint(); !got.IsZero() {
		t.Errorf("long after: got %v, want the zero time", got)
	}
}
