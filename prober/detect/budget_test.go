package detect

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
)

// TestBudgetHolds takes runs at random times, and wants no more than the limit in
// any 24 hours, however they lie; and most of it to be had.
func TestBudgetHolds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 25))
	for _, limit := range []int{0, 1, 7, 864} {
		b := Budget{Limit: limit}
		at := start
		var taken []time.Time
		for range 20_000 {
			at = at.Add(time.Duration(rng.ExpFloat64() * float64(10*time.Minute) / float64(1+limit/10)))
			left := b.Left(at)
			if got := b.Take(at); got != (left > 0) {
				t.Fatalf("%d left, took %v", left, got)
			} else if got {
				taken = append(taken, at)
			}
			if text, err := json.Marshal(b); err != nil {
				t.Fatal(err)
			} else if b = (Budget{}); json.Unmarshal(text, &b) != nil {
				t.Fatalf("reading %s", text)
			}
		}
		first := 0
		for i, at := range taken {
			for at.Sub(taken[first]) >= 24*time.Hour {
				first++
			}
			if n := i - first + 1; n > limit {
				t.Fatalf("%d runs in the 24 hours to %v, want %d at most", n, at, limit)
			}
		}
		days := at.Sub(start).Hours() / 24
		if want := 0.9 * float64(limit) * (days*24/25 - 1); float64(len(taken)) < want {
			t.Errorf("limit %d: %d runs in %.1f days, want %.0f at least", limit, len(taken), days, want)
		}
	}
}

func TestBudgetClock(t *testing.T) {
	tests := []struct {
		name  string
		at    []time.Duration // from start
		taken string          // y or n, one a run
	}{
		{"within a day", []time.Duration{0, 1, time.Hour, 24*time.Hour + 59*time.Minute}, "yynn"},
		{"a day later", []time.Duration{0, 1, 25 * time.Hour, 25 * time.Hour, 25 * time.Hour}, "yyyyn"},
		{"hour by hour", []time.Duration{0, 13 * time.Hour, 25 * time.Hour, 25 * time.Hour, 38 * time.Hour, 38 * time.Hour}, "yyynyn"},
		{"put back a little", []time.Duration{5 * time.Hour, 0, 0, 29 * time.Hour, 30 * time.Hour}, "yynny"},
		{"put forward by years, and back", []time.Duration{0, 9000 * time.Hour, 9000 * time.Hour, 0, 0, 0}, "yyyyyn"},
		{"before 1970", []time.Duration{-1 << 62, -1 << 62, -1 << 62, 0}, "yyny"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := Budget{Limit: 2}
			for i, at := range tt.at {
				if got := b.Take(start.Add(at)); got != (tt.taken[i] == 'y') {
					t.Errorf("run %d: got %v", i, got)
				}
			}
		})
	}
	b := Budget{Limit: -3}
	if b.Left(time.Time{}) != 0 || b.Take(time.Time{}) {
		t.Error("a negative limit leaves something")
	}
	b = Budget{Limit: 1, Newest: -7, Taken: [hours]int{3: 99}}
	if !b.Take(start) {
		t.Error("an account from before 1970 is not forgotten")
	}
}
