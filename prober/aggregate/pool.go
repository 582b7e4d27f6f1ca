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
	crowd   crowd
	places  places
	wanted  detect.Params // what the load asks for
	last    detect.Batch  // the last that had any run
}

func newPool(s Subject, values []string, width time.Duration, epoch time.Time) *pool {
	p := &pool{subject: s, values: values, stream: NewStream(width), load: Load{Instances: 1}}
	p.stream.places = p.places.add
	p.wanted = s.Params(p.load)
	// Windows are cut at the same times whenever it was begun.
	p.pooled = prober.NewPooled(s.Check, p.wanted, epoch.Truncate(24*time.Hour))
	return p
}

func (p *pool) add(kind Kind, key, place string, samples []Sample) {
	for _, s := range samples {
		p.stream.Add(kind, key, place, s)
		if kind == Runs {
			p.crowd.see(key, s.At)
		}
	}
}

// judge closes the intervals that end by then, and returns what changed. Each batch is judged
// by the load that there was at its end, so that it makes no difference how many are judged at once.
func (p *pool) judge(by time.Time) (changes []prober.StateChange) {
	for _, b := range p.stream.Close(by) {
		p.pace.add(b)
		if b.Runs() > 0 {
			p.last = b
		}
		p.held = append(p.held, b)
		p.loaded(b.To)
		if p.subject.Measured && p.load.RunsAnHour == 0 {
			continue
		}
		p.wanted = p.subject.Params(p.load)
		for _, b := range p.held {
			p.pooled.Rescale(p.wanted) // if it is not firing
			if change, changed := p.pooled.ObserveBatch(b); changed {
				change.Status.Places = p.places.status(b.To, p.subject.Check.Objective)
				changes = append(changes, change)
			}
		}
		p.held = nil
	}
	p.loaded(by)
	p.crowd.forget(by)
	p.places.forget(by)
	p.stream.forget(by)
	return changes
}

// loaded brings the load up to date.
func (p *pool) loaded(at time.Time) {
	p.load.Instances = max(p.load.Instances, p.crowd.most(at))
	p.load.RunsAnHour = p.pace.anHour()
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
