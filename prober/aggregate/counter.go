package aggregate

import (
	"math"
	"time"
)

// A Sample is the value that a counter had at a time.
type Sample struct {
	At    time.Time
	Value float64
}

// A Counter turns the samples of one series into increases. The zero value has seen
// nothing.
type Counter struct {
	last Sample
	seen bool
}

// An Increase is what a counter has counted between two samples.
type Increase struct {
	From, To time.Time
	By       float64 // zero or more
	Reset    bool    // the counter began anew meanwhile
}

const (
	// mostGap is how long a series may be away and go on where it was.
	mostGap = 24 * time.Hour

	// dipWithin and leastOfDip tell a dip from a reset. Two Prometheus servers that scrape one
	// process do not do it at once, and what goes over from one to the other, as Thanos does, may
	// show a little less than before. A process that began anew cannot have counted nearly
	// as much again so soon, unless it had lived no longer than that.
	dipWithin  = 5 * time.Minute
	leastOfDip = 0.9
)

// Add takes account of a sample. It reports false, and no increase, for the first one and
// for one that is not newer than the newest so far; such a late one is in the
// increase between its neighbours. What is no count, being below zero or no number, is passed
// over, and so is a dip, which would otherwise be taken for a reset, and count all there was once more.
func (c *Counter) Add(s Sample) (Increase, bool) {
	switch {
	case s.Value < 0 || math.IsNaN(s.Value) || math.IsInf(s.Value, 0), c.seen && !s.At.After(c.last.At), c.dips(s):
		return Increase{}, false
	case !c.seen || s.At.Sub(c.last.At) > mostGap:
		c.last, c.seen = s, true
		return Increase{}, false
	}
	i := Increase{From: c.last.At, To: s.At, By: s.Value - c.last.Value}
	if i.By < 0 {
		i.By, i.Reset = s.Value, true
	}
	c.last = s
	return i, true
}

// dips reports whether the sample is a little below the last one, soon after it.
func (c *Counter) dips(s Sample) bool {
	return c.seen && s.Value < c.last.Value && s.Value > leastOfDip*c.last.Value && s.At.Sub(c.last.At) <= dipWithin
}
