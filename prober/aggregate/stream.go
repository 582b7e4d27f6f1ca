package aggregate

import (
	"math"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Kind says what a series counts.
type Kind uint8

const (
	Runs     Kind = iota // whatever has passed or failed
	Failures             // those of them that failed
)

// A Stream adds up the series of one check, and cuts time into batches. It is not safe
// for concurrent use.
type Stream struct {
	width    time.Duration
	counters [2]map[string]*Counter // by kind, and by what identifies a series
	open     map[int64]*interval    // by number; none is closed yet
	closed   int64                  // the number of the last that is
	begun    bool
	left     [2]float64 // what has been counted, and is in no batch yet
	resets   uint64
	samples  uint64
	parts    func(end time.Time, p part, count counts) // told of what an interval has of each part; nil for nobody
}

// counts are how much of each kind there is.
type counts [2]float64

// An interval is what its samples have added to so far.
type interval struct {
	from  time.Time // the earliest that anything of it can have happened
	count counts
	parts map[part]*counts
}

// A part is what is told of a stream besides all of it: what was counted at a place, or of a
// group in a flow.
type part struct {
	flow bool // a flow; a place otherwise
	name string
}

// NewStream returns a stream of intervals of the given width, in whole milliseconds.
func NewStream(width time.Duration) *Stream {
	return &Stream{width: width, counters: [2]map[string]*Counter{{}, {}}, open: map[int64]*interval{}}
}

// number is that of the interval a time is in; its end is in it, its beginning is not.
func (s *Stream) number(at time.Time) int64 {
	return (at.UnixMilli()-1)/s.width.Milliseconds() + 1
}

// end is when the interval of a number ends.
func (s *Stream) end(number int64) time.Time {
	return time.UnixMilli(number * s.width.Milliseconds())
}

// Add takes account of a sample of a series, which counts at a place; "" is none. It returns what the
// counter has counted, and false where that is nothing to take account of, see [Counter.Add].
func (s *Stream) Add(kind Kind, series, place string, sample Sample) (Increase, bool) {
	return s.add(kind, s.counter(kind, series), place, sample)
}

// counter is that of a series.
func (s *Stream) counter(kind Kind, series string) *Counter {
	c := s.counters[kind][series]
	if c == nil {
		c = &Counter{}
		s.counters[kind][series] = c
	}
	return c
}

func (s *Stream) add(kind Kind, c *Counter, place string, sample Sample) (Increase, bool) {
	increase, ok := c.Add(sample)
	if ok {
		s.count(kind, increase, part{name: place})
	}
	return increase, ok
}

// count takes account of what a counter has counted, in parts; those without a name are none.
func (s *Stream) count(kind Kind, increase Increase, parts ...part) {
	s.samples++
	if increase.Reset {
		s.resets++
	}
	n := s.number(increase.To)
	if s.begun {
		n = max(n, s.closed+1) // it is late
	}
	i := s.open[n]
	if i == nil {
		i = &interval{from: increase.From}
		s.open[n] = i
	}
	i.add(kind, increase, parts)
}

func (i *interval) add(kind Kind, increase Increase, parts []part) {
	if increase.From.Before(i.from) {
		i.from = increase.From
	}
	i.count[kind] += increase.By
	for _, p := range parts {
		if p.name == "" {
			continue
		}
		if i.parts == nil {
			i.parts = map[part]*counts{}
		}
		if i.parts[p] == nil {
			i.parts[p] = &counts{}
		}
		i.parts[p][kind] += increase.By
	}
}

// Close returns the batches of the intervals that end by then, and takes nothing for
// them any more. What of a counter is no whole run, and failures of runs that
// have not been told yet, wait for the next batch.
func (s *Stream) Close(by time.Time) (batches []detect.Batch) {
	last := by.UnixMilli() / s.width.Milliseconds()
	if !s.begun {
		s.begun, s.closed = true, last
		for n := range s.open {
			s.closed = min(s.closed, n-1)
		}
	}
	for n := s.closed + 1; n <= last; n++ {
		if i := s.open[n]; i != nil {
			if b, some := s.batch(i, s.end(n)); some {
				batches = append(batches, b)
			}
			delete(s.open, n)
		}
	}
	s.closed = max(s.closed, last)
	return batches
}

func (s *Stream) batch(i *interval, end time.Time) (detect.Batch, bool) {
	if s.parts != nil {
		for p, count := range i.parts {
			s.parts(end, p, *count)
		}
	}
	for kind := range i.count {
		s.left[kind] += i.count[kind]
	}
	const rounding = 1e-6
	runs := math.Floor(min(s.left[Runs]+rounding, math.MaxInt32))
	failed := math.Floor(min(s.left[Failures]+rounding, runs))
	s.left[Runs] = max(0, s.left[Runs]-runs)
	s.left[Failures] = max(0, s.left[Failures]-failed)
	return detect.Batch{From: i.from, To: end, Passed: int(runs - failed), Failed: int(failed)}, runs > 0
}

// forget drops the series that have been away for too long to go on.
func (s *Stream) forget(now time.Time) {
	for _, counters := range s.counters {
		for series, c := range counters {
			if now.Sub(c.last.At) > mostGap {
				delete(counters, series)
			}
		}
	}
}
