package prober

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	type run struct {
		at     time.Duration
		failed bool
	}
	const m, h = time.Minute, time.Hour
	for _, c := range []struct {
		name         string
		runs         []run
		now          time.Duration
		failed, want int
	}{
		{"none", nil, 5 * h, 0, 0},
		{"one now", []run{{0, true}}, 0, 1, 1},
		{"the last moment of the window", []run{{0, true}}, h - 1, 1, 1},
		{"a window later", []run{{0, true}}, h, 0, 0},
		{"a new bucket drops the oldest", []run{{0, true}, {30 * m, false}, {h, false}}, h, 0, 2},
		{"unsorted, inside", []run{{40 * m, false}, {10 * m, true}}, 40 * m, 1, 2},
		{"unsorted, too old", []run{{2 * h, false}, {10 * m, true}}, 2 * h, 0, 1},
		{"equal", []run{{m, true}, {m, true}, {m, false}}, m, 2, 3},
		{"a gap of days", []run{{0, true}, {m, true}, {72 * h, false}}, 72 * h, 0, 1},
		{"before the epoch", []run{{-1, true}}, 0, 0, 0},
		{"now before the newest", []run{{2 * h, true}}, 0, 1, 1},
		{"now before the epoch", []run{{0, true}}, -h, 1, 1},
		{"the end of time", []run{{0, true}, {math.MaxInt64, true}}, math.MaxInt64, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWindow(h)
			for _, r := range c.runs {
				w.add(r.at, r.failed)
			}
			if failed, runs := w.sum(c.now); failed != c.failed || runs != c.want {
				t.Errorf("got %d of %d, want %d of %d", failed, runs, c.failed, c.want)
			}
		})
	}
}

// The ring must say what a list of all runs says.
func TestWindowAgainstList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const width = time.Minute
	w := newWindow(windowBuckets * width)
	var ats []time.Duration
	var now time.Duration
	for range 20000 {
		now += time.Duration(rng.ExpFloat64() * float64(20*time.Second))
		if rng.IntN(500) == 0 {
			now += time.Duration(rng.IntN(100)) * width
		}
		w.add(now, true)
		ats = append(ats, now)
		want := 0
		for i := len(ats) - 1; i >= 0 && ats[i]/width > now/width-windowBuckets; i-- {
			want++
		}
		if failed, runs := w.sum(now); failed != want || runs != want {
			t.Fatalf("at %v: got %d of %d, want %d", now, failed, runs, want)
		}
	}
}
