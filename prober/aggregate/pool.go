package aggregate

import (
	"math"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A Load is how much of a check there is, from which follows how many runs there are to a
// false page. It only ever grows, once there was a whole hour.
type Load struct {
	// Instances is the most series of runs that there were at once; one at the least.
	Instances int
	// RunsAnHour is that of the busiest hour, or of what there is of the first one.
	RunsAnHour float64
}

// A Subject is a check that is judged by all that its instances count.
type Subject struct {
	// Check has a name of its own, which begins with [prober.PooledPrefix]; an
	// objective; and labels.
	Check *prober.Check
	// Params puts the objective in terms of runs.
	Params func(Load) detect.Params
	// Measured says that Params rest on Load.RunsAnHour, so that nothing is judged
	// until that has been measured for [leastMeasure].
	Measured bool
}

// leastMeasure is how long a pace is measured before anything is judged by it.
const leastMeasure = 10 * time.Minute

// A pool is a subject with what is known of it.
type pool struct {
	subject Subject
	values  []string
	stream  *Stream
	pooled  *prober.Pooled
	held    []detect.Batch // those that are not judged yet
	load    Load
	pace    pace
	slots   map[int64]map[string]bool // series of runs, by the time in which there were samples of them
	wanted  detect.Params             // what the load asks for
}

func newPool(s Subject, values []string, width time.Duration, epoch time.Time) *pool {
	p := &pool{subject: s, values: values, stream: NewStream(width), load: Load{Instances: 1}, slots: map[int64]map[string]bool{}}
	p.wanted = s.Params(p.load)
	// Windows are cut at the same times whenever it was begun.
	p.pooled = prober.NewPooled(s.Check, p.wanted, epoch.Truncate(24*time.Hour))
	return p
}

// instancesWithin is the time within which series count as being there at once.
const instancesWithin = 5 * time.Minute

func (p *pool) add(kind Kind, key string, samples []Sample) {
	for _, s := range samples {
		p.stream.Add(kind, key, s)
		if kind != Runs {
			continue
		}
		slot := s.At.UnixMilli() / instancesWithin.Milliseconds()
		if p.slots[slot] == nil {
			p.slots[slot] = map[string]bool{}
		}
		p.slots[slot][key] = true
		p.load.Instances = max(p.load.Instances, len(p.slots[slot]))
	}
}

// judge closes the intervals that end by then, and returns what changed.
func (p *pool) judge(by time.Time) (changes []prober.StateChange) {
	for _, b := range p.stream.Close(by) {
		p.pace.add(b)
		p.held = append(p.held, b)
	}
	for slot := range p.slots {
		if slot < by.Add(-2*instancesWithin).UnixMilli()/instancesWithin.Milliseconds() {
			delete(p.slots, slot)
		}
	}
	p.stream.forget(by)
	if p.load.RunsAnHour = p.pace.anHour(); p.subject.Measured && p.load.RunsAnHour == 0 {
		return nil
	}
	p.wanted = p.subject.Params(p.load)
	for _, b := range p.held {
		p.pooled.Rescale(p.wanted) // if it is not firing
		if change, changed := p.pooled.ObserveBatch(b); changed {
			changes = append(changes, change)
		}
	}
	p.held = nil
	return changes
}

// warn says that the blip hides most of what there is to know.
func (p *pool) warn(log *zap.Logger, width time.Duration) {
	c := p.subject.Check
	if inBatch := p.load.RunsAnHour * width.Hours(); c.Objective.Crowded(inBatch) {
		log.Warn("a blip hides failures: so many runs are in an interval that a healthy check often has one that failed; "+
			"make the interval shorter, or the blip zero", zap.String("check", c.Name), zap.Float64("runs", math.Round(inBatch)),
			zap.Duration("interval", width), zap.Duration("blip", c.Objective.Blip))
	}
}

// A pace measures how many runs there are in an hour of the clock, so that it comes to the
// same whenever it is begun.
type pace struct {
	since, last time.Time // of all that was measured
	total       float64   // runs of all that
	hour        int64     // the one that is being measured, since 1970
	whole       bool      // and it is measured from its beginning
	runs        float64   // in it
	busiest     float64
}

func (p *pace) add(b detect.Batch) {
	hour := (b.To.UnixMilli() - 1) / time.Hour.Milliseconds()
	switch {
	case p.since.IsZero():
		p.since, p.hour = b.From, hour
	case hour > p.hour:
		if p.whole {
			p.busiest = max(p.busiest, p.runs)
		}
		p.hour, p.whole, p.runs = hour, true, 0
	}
	p.last = b.To
	p.total += float64(b.Runs())
	p.runs += float64(b.Runs())
}

// anHour is that of the busiest hour; before there was a whole one, of what there is; and 0
// while that is too little.
func (p *pace) anHour() float64 {
	if took := p.last.Sub(p.since); p.busiest == 0 && took >= leastMeasure {
		return p.total / took.Hours()
	}
	return p.busiest
}
