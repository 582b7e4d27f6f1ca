package prober

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	const s, h = time.Second, time.Hour
	due := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)
	for _, c := range []struct {
		name       string
		every, now time.Duration // now is relative to due
		at         time.Duration // and so is at
		missed     int
	}{
		{"equal", 10 * s, 0, 0, 0},
		{"early by a nanosecond", 10 * s, -1, 0, 0},
		{"early by almost all of it", 10 * s, -10*s + 1, 0, 0},
		{"late by a nanosecond", 10 * s, 1, 0, 0},
		{"late, and just not too late", 10 * s, MostLate, 0, 0},
		{"too late by a nanosecond", 10 * s, MostLate + 1, 10 * s, 1},
		{"late by almost an interval", 10 * s, 10*s - 1, 10 * s, 1},
		{"late by an interval of which nothing is too late", MostLate, 2*MostLate - 1, MostLate, 1},
		{"a second, late by half of the last", s, 60*s + s/2, 60 * s, 60},
		{"ten minutes, late by nine", 600 * s, 540 * s, 600 * s, 1},
		{"ten minutes, late by ten and four seconds", 600 * s, 604 * s, 600 * s, 1},
		{"ten minutes, late by ten and six", 600 * s, 606 * s, 1200 * s, 2},
		{"late by an interval", 10 * s, 10 * s, 10 * s, 1},
		{"late by an interval and a bit", 10 * s, 10*s + 1, 10 * s, 1},
		{"forward by 7 hours", 10 * s, 7*h + 3*s, 7 * h, 2520},
		{"forward by 10 years, each ms", time.Millisecond, 87600 * h, 87600 * h, 315360000000},
		{"each nanosecond, a day late", 1, 24 * h, 24 * h, 86400e9},
		{"back by 7 hours", 10 * s, -7*h - 3*s, -7 * h, 0},
		{"the one before was met on time", 10 * s, -10 * s, 0, 0},
		{"back by a nanosecond then", 10 * s, -10*s - 1, -10 * s, 0},
		{"back by two intervals", 10 * s, -20 * s, -10 * s, 0},
		{"the longest interval", math.MaxInt64, s, 0, 0},
		{"the longest interval, too late", math.MaxInt64, 300 * h, math.MaxInt64, 1},
		{"the longest interval, back", math.MaxInt64, -300 * h, 0, 0},
		{"the longest gap", s, math.MaxInt64, math.MaxInt64 / s * s, math.MaxInt64 / int(s)},
		{"the longest gap and interval", math.MaxInt64, math.MaxInt64, math.MaxInt64, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, missed := Schedule{Every: c.every}.Next(due, due.Add(c.now))
			if want := due.Add(c.at); !at.Equal(want) || missed != c.missed {
				t.Errorf("got %v (%v from due), %d missed, want %v, %d", at, at.Sub(due), missed, c.at, c.missed)
			}
		})
	}
}

// However the clock jumps, one due time follows the other in steps of Every, no
// wait is longer than Every, none is met that is too late, and none of those gone
// by is uncounted: what is chosen is the first that can be met.
func FuzzNext(f *testing.F) {
	f.Add(int64(1e9), int64(0))
	f.Add(int64(7), int64(-1<<62))
	f.Add(int64(600e9), int64(605e9))
	f.Add(int64(600e9), int64(605e9+1))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, every, jump int64) {
		if every <= 0 {
			t.Skip()
		}
		due := time.Unix(1e9, 0)
		now := due.Add(time.Duration(jump))
		at, missed := Schedule{Every: time.Duration(every)}.Next(due, now)
		wait := at.Sub(now)
		if wait > time.Duration(every) || wait < -MostLate || wait <= -time.Duration(every) {
			t.Errorf("every %d, jump %d: due %v from now", every, jump, wait)
		}
		gone := big.NewInt(int64(missed)) // in nanoseconds: beyond an int64, perhaps
		gone.Mul(gone, big.NewInt(every))
		if passed := bigSub(at, due); passed.Sign() > 0 && passed.Cmp(gone) != 0 || passed.Sign() <= 0 && missed != 0 {
			t.Errorf("every %d, jump %d: %d missed in %v", every, jump, missed, passed)
		}
		if missed > 0 {
			before := at.Add(-time.Duration(every))
			if late := now.Sub(before); late <= MostLate && late < time.Duration(every) {
				t.Errorf("every %d, jump %d: the one before was late by %v alone", every, jump, late)
			}
		}
	})
}

// bigSub is a - b in nanoseconds, which a Duration has no room for.
func bigSub(a, b time.Time) *big.Int {
	s := big.NewInt(a.Unix() - b.Unix())
	s.Mul(s, big.NewInt(1e9))
	return s.Add(s, big.NewInt(int64(a.Nanosecond()-b.Nanosecond())))
}

// A loop that looks at the clock at random times, late and early, settles each due time
// once: those that it meets are in order, and those it misses are all between them.
func FuzzNextSettlesEachOnce(f *testing.F) {
	f.Add(int64(10e9), uint64(1))
	f.Add(int64(1), uint64(2))
	f.Add(int64(600e9), uint64(3))
	f.Fuzz(func(t *testing.T, every int64, seed uint64) {
		if every <= 0 || every > int64(1000*time.Hour) {
			t.Skip()
		}
		s, rng := Schedule{Every: time.Duration(every)}, rand.New(rand.NewPCG(seed, 0))
		start := time.Unix(1e9, 0)
		due, now, settled := start, start, int64(0)
		for range 200 {
			at, missed := s.Next(due, now)
			settled += int64(missed)
			if at.Sub(start) != time.Duration(settled*every) {
				t.Fatalf("due %v after the start, after %d that are settled", at.Sub(start), settled)
			}
			if due = at; !now.Before(at) {
				settled++
				due = at.Add(s.Every)
			}
			now = now.Add(time.Duration(rng.ExpFloat64() * float64(every) * []float64{0.01, 1, 30}[rng.IntN(3)]))
		}
	})
}

func TestOffsetNeverChanges(t *testing.T) {
	for name, want := range offsets {
		if got := (Schedule{Every: time.Minute}).Offset(name); got != want {
			t.Errorf("%q: got %d, want %d", name, got, want)
		}
	}
}

var offsets = map[string]time.Duration{
	"":               41633026203,
	"a":              52849983736,
	"mobile-login":   26789520503,
	"mobile-login-2": 3811210983,
}

func TestOffsetsAreSpread(t *testing.T) {
	for _, every := range []time.Duration{1, time.Second, 1 << 33, 10 * time.Second, time.Hour, math.MaxInt64} {
		var tenths [10]int
		for i := range 1000 {
			o := Schedule{Every: every}.Offset(fmt.Sprintf("login-%03d", i))
			if o < 0 || o >= every {
				t.Fatalf("every %v: offset %v", every, o)
			}
			tenths[int(float64(o)/float64(every)*10)]++
		}
		if every == 1 {
			continue
		}
		for i, n := range tenths { // binomial: 100 with a deviation of 9.5
			if n < 50 || n > 150 {
				t.Errorf("every %v: %d of 1000 offsets in tenth %d", every, n, i)
			}
		}
	}
}
