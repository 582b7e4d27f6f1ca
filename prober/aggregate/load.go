package aggregate

import (
	"cmp"
	"slices"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// instancesWithin is the time within which series count as being there at once.
const instancesWithin = 5 * time.Minute

// A crowd counts how many series there are at once. The zero value has seen none.
type crowd struct {
	seen  map[int64]map[string]bool // series, by the time in which there were samples of them
	count map[int64]int             // of those, up to where it was asked last
	next  []arrival                 // those after that
}

// An arrival is the first sample of a series within a time.
type arrival struct {
	at   time.Time
	slot int64
}

func slotOf(at time.Time) int64 { return at.UnixMilli() / instancesWithin.Milliseconds() }

func (c *crowd) see(series string, at time.Time) {
	if c.seen == nil {
		c.seen, c.count = map[int64]map[string]bool{}, map[int64]int{}
	}
	slot := slotOf(at)
	if c.seen[slot] == nil {
		c.seen[slot] = map[string]bool{}
	}
	if !c.seen[slot][series] {
		c.seen[slot][series] = true
		c.next = append(c.next, arrival{at, slot})
	}
}

// most is the most that there were at once, of what is new since it was asked last, up to now.
func (c *crowd) most(now time.Time) (most int) {
	slices.SortStableFunc(c.next, func(a, b arrival) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	for len(c.next) > 0 && !c.next[0].at.After(now) {
		slot := c.next[0].slot
		c.count[slot]++
		most = max(most, c.count[slot])
		c.next = c.next[1:]
	}
	return most
}

// forget drops what is older than what may still come.
func (c *crowd) forget(now time.Time) {
	for slot := range c.seen {
		if slot < slotOf(now)-2 {
			delete(c.seen, slot)
			delete(c.count, slot)
		}
	}
}

// A pace measures how many runs there are in an hour of the clock, so that it comes to the
// same whenever it is begun.
type pace struct {
	since, last time.Time // of all that was measured
	total       float64   // runs of all that
	hour        int64     // the one that is being measured, since 1970
	runs        float64   // in it
	busiest     float64
	whole       bool // an hour was measured from its beginning to its end
	begun       bool // the one that is being measured was from its beginning
}

func (p *pace) add(b detect.Batch) {
	hour := (b.To.UnixMilli() - 1) / time.Hour.Milliseconds()
	switch {
	case p.since.IsZero():
		p.since, p.hour = b.From, hour
	case hour > p.hour:
		p.whole = p.whole || p.begun
		p.hour, p.begun, p.runs = hour, true, 0
	}
	p.last = b.To
	// What was counted while nobody looked was not all of this hour.
	runs := float64(b.Runs()) / max(1, b.To.Sub(b.From).Hours())
	p.total += float64(b.Runs())
	p.runs += runs
	p.busiest = max(p.busiest, p.runs)
}

// anHour is that of the busiest hour, the one that is not over among them; before there was a
// whole one, of what there is, if that is more; and 0 while that is too little.
func (p *pace) anHour() float64 {
	took := p.last.Sub(p.since)
	switch {
	case p.whole:
		return p.busiest
	case took >= leastMeasure:
		return max(p.total/took.Hours(), p.busiest)
	}
	return 0
}
