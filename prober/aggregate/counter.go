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

// mostGap is how long a series may be away and go on where it was.
const mostGap = 24 * time.Hour

// Add takes account of a sample. It reports false, and no increase, for the first one and
// for one that is not newer than the newest so far; such a late one is in the
// increase between its neighbours. What is no count, being below zero or no number, is passed over.
func (c *Counter) Add(s Sample) (Increase, bool) {
	switch {
	case s.Value < 0 || math.IsNaN(s.Value) || math.IsInf(s.Value, 0), c.seen && !s.At.After(c.last.At):
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
