package detect

import "time"

// The rules of this file are what others page by. Nothing pages by them here:
// they stand beside a detector on the same runs, to show what it is worth. Each has
// an Observe method that takes account of a run and reports whether the rule
// holds after it. They are not safe for concurrent use.

// ConsecutiveFailures is the rule that a page is due while the last N runs have
// all failed. The zero value, and any N below 1, never pages.
type ConsecutiveFailures struct {
	N      int
	failed int // in a row
}

// Observe takes account of a run; the time plays no part in it.
func (c *ConsecutiveFailures) Observe(_ time.Time, failed bool) bool {
	if !failed {
		c.failed = 0
		return false
	}
	c.failed++
	return c.N > 0 && c.failed >= c.N
}

// BurnRate is the rule of the Site Reliability Workbook (2018, chapter 5,
// multiwindow, multi-burn-rate alerts) that a page is due while the failure ratio
// is above 14.4 times the error budget over both the last hour and the last 5
// minutes, or above 6 times the budget over both the last 6 hours and the last
// 30 minutes. It is made by [NewBurnRate].
//
// Windows are counted in runs, as many as the schedule has due in them and 1 at
// the least: at a run every 10 s, more than 14.4 budgets in the last 360 and the last
// 30 runs, or more than 6 in the last 2160 and the last 180. The ratio of a window
// that is not full yet is that of the runs there are, as Prometheus has it.
type BurnRate struct {
	windows [4]burnWindow
	ring    []bool // the last runs, failed or not, as many as the longest window has
	next    int    // where the next run goes
	seen    int    // how many runs the ring holds
}

// A burnWindow is the last size runs and the ratio of them that may fail.
type burnWindow struct {
	size, failed int
	limit        float64
}

// NewBurnRate returns the rule for a budget, which is 1 minus the service level
// objective (0.001 for 99.9 %), and a check that runs at every, which must be above
// zero.
func NewBurnRate(budget float64, every time.Duration) *BurnRate {
	window := func(length time.Duration, rate float64) burnWindow {
		return burnWindow{size: max(1, int(length/every)), limit: rate * budget}
	}
	b := &BurnRate{windows: [4]burnWindow{
		window(time.Hour, 14.4), window(5*time.Minute, 14.4),
		window(6*time.Hour, 6), window(30*time.Minute, 6),
	}}
	b.ring = make([]bool, b.windows[2].size)
	return b
}

// Observe takes account of a run; the time plays no part in it.
func (b *BurnRate) Observe(_ time.Time, failed bool) bool {
	b.seen = min(b.seen+1, len(b.ring))
	for i := range b.windows {
		w := &b.windows[i]
		// The ring has false where there has been no run yet.
		if b.ring[(b.next-w.size+len(b.ring))%len(b.ring)] {
			w.failed--
		}
		if failed {
			w.failed++
		}
	}
	b.ring[b.next] = failed
	b.next = (b.next + 1) % len(b.ring)
	return b.over(0) && b.over(1) || b.over(2) && b.over(3)
}

func (b *BurnRate) over(i int) bool {
	w := &b.windows[i]
	return float64(w.failed) > w.limit*float64(min(w.size, b.seen))
}
