package detect

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestConsecutiveFailures(t *testing.T) {
	tests := []struct {
		n            int
		runs, paging string // f or p, y or n, one a run
	}{
		{3, "ffpfffffpfff", "nnnnnyyynnny"},
		{1, "pfpff", "nynyy"},
		{0, "pff", "nnn"},
		{-1, "pff", "nnn"},
	}
	for _, tt := range tests {
		c := ConsecutiveFailures{N: tt.n}
		for i := range tt.runs {
			if got := c.Observe(time.Time{}, tt.runs[i] == 'f'); got != (tt.paging[i] == 'y') {
				t.Errorf("%d of %q: run %d: got %v", tt.n, tt.runs, i, got)
			}
		}
	}
}

func TestBurnRateThresholds(t *testing.T) {
	healthy := func() *BurnRate {
		b := NewBurnRate(0.001, 10*time.Second)
		for range 2160 {
			b.Observe(time.Time{}, false)
		}
		return b
	}
	t.Run("total outage", func(t *testing.T) {
		// 14.4 budgets of 360 runs are 5.2 failures.
		b := healthy()
		for n := 1; n <= 360; n++ {
			if got := b.Observe(time.Time{}, true); got != (n >= 6) {
				t.Fatalf("failure %d: got %v", n, got)
			}
		}
		// 6 budgets hold for half an hour of passed runs after it, and no longer:
		// 1 failure in 180 runs is 5.6 budgets.
		for n := 1; n <= 200; n++ {
			if got := b.Observe(time.Time{}, false); got != (n < 179) {
				t.Fatalf("passed run %d: got %v", n, got)
			}
		}
	})
	t.Run("slow burn", func(t *testing.T) {
		// 6 budgets of 2160 runs are 12.96 failures: 1 in 100 takes 13 of them.
		b := healthy()
		for n := 1; n <= 1300; n++ {
			if got := b.Observe(time.Time{}, n%100 == 0); got && n < 1300 || !got && n == 1300 && b.windows[3].failed > 1 {
				t.Fatalf("run %d: got %v", n, got)
			}
		}
	})
	t.Run("windows not full", func(t *testing.T) {
		b := NewBurnRate(0.001, 10*time.Second)
		if !b.Observe(time.Time{}, true) {
			t.Error("the only run failed: got no page")
		}
	})
	t.Run("runs every day", func(t *testing.T) {
		b := NewBurnRate(0.001, 24*time.Hour)
		for i, failed := range []bool{false, true, false, true} {
			if got := b.Observe(time.Time{}, failed); got != failed {
				t.Errorf("run %d: got %v, want %v", i, got, failed)
			}
		}
	})
}

// TestBurnRateWindows compares the windows with a plain count of the last runs.
func TestBurnRateWindows(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Second, 7 * time.Minute, time.Hour, 5 * time.Hour} {
		b := NewBurnRate(0.001, every)
		rng := rand.New(rand.NewPCG(7, 8))
		var runs []bool
		for range 5000 {
			failed := rng.Float64() < 0.05
			runs = append(runs, failed)
			b.Observe(time.Time{}, failed)
			if len(runs)%37 != 0 {
				continue
			}
			for _, w := range b.windows {
				want := 0
				for _, failed := range runs[max(0, len(runs)-w.size):] {
					if failed {
						want++
					}
				}
				if w.failed != want {
					t.Fatalf("every %v: after %d runs: %d of the last %d failed, want %d", every, len(runs), w.failed, w.size, want)
				}
			}
		}
	}
}
