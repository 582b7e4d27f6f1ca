package aggregate

import (
	"maps"
	"math"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A Load is how much of a check there is, from which follows how many runs there are to a
// false page. It only ever grows, once there was a whole hour.
type Load struct {
	// Instances is the most series of runs that there were at once; one at the least. Of a group it is
	// the sum of those of its flows.
	Instances int
	// Of are those of each flow of a group, by its name; nil of any other.
	Of map[string]int
	// RunsAnHour is that of the busiest hour, or of what there is of the first one.
	RunsAnHour float64
}

func (l Load) clone() Load {
	l.Of = maps.Clone(l.Of)
	return l
}

// A Subject is a check that is judged by all that its instances count.
type Subject struct {
	// Check has a name of its own, which begins with [prober.PooledPrefix]; an
	// objective; and labels.
	Check *prober.Check
	// Params puts the objective in terms of runs.
	Params func(Load) detect.Params
	// Flows are the checks whose runs make up a group, by the first of their values; nil of any other. What
	// is counted in them counts in the group as well, once.
	Flows []string
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
	crowds  map[string]*crowd // by the flow; one, "", of what is no group
	places  places
	flows   places
	wanted  detect.Params // what the load asks for
	group   *pool         // in which its runs count as well; nil for none
	members []*pool       // of a group
	trouble time.Time     // of a group: since when it was in trouble, by its account when it last began to fire
	last    detect.Batch  // the last that had any run
}

func newPool(s Subject, values []string, width time.Duration, epoch time.Time) *pool {
	p := &pool{subject: s, values: values, stream: NewStream(width), load: Load{Instances: 1}, crowds: map[string]*crowd{}, flows: places{ours: true}}
	if s.Flows == nil {
		p.crowds[""] = &crowd{}
	} else {
		p.load = Load{Instances: len(s.Flows), Of: map[string]int{}}
	}
	for _, flow := range s.Flows {
		p.crowds[flow], p.load.Of[flow] = &crowd{}, 1
	}
	p.stream.parts = p.part
	p.wanted = s.Params(p.load)
	// Windows are cut at the same times whenever it was begun.
	p.pooled = prober.NewPooled(s.Check, p.wanted, epoch.Truncate(24*time.Hour))
	return p
}

// part takes account of what an interval has of a place, or of a flow.
func (p *pool) part(end time.Time, of part, c counts) {
	if of.flow {
		p.flows.add(end, of.name, c)
	} else {
		p.places.add(end, of.name, c)
	}
}

// add takes account of the samples of a series, in the group as well: an increase is worked out once, so
// that both count the same.
func (p *pool) add(kind Kind, key, place string, samples []Sample) {
	counter, slot := p.stream.counter(kind, key), int64(-1)
	for _, s := range samples {
		increase, counts := p.stream.add(kind, counter, place, s)
		if kind == Runs && slotOf(s.At) != slot { // of each slot the first tells it all
			slot = slotOf(s.At)
			p.see("", key, s.At)
		}
		if counts && p.group != nil {
			p.group.stream.count(kind, increase, part{name: place}, part{flow: true, name: p.values[0]})
		}
	}
}

// see takes account of a series that is there, in the group as well.
func (p *pool) see(flow, key string, at time.Time) {
	p.crowds[flow].see(key, at)
	if p.group != nil {
		p.group.see(p.values[0], key, at)
	}
}

// judge judges a batch, by the load that there was at its end, so that it makes no difference how
// many are judged at once. It returns what changed.
func (p *pool) judge(b detect.Batch) (changes []prober.StateChange) {
	p.pace.add(b)
	if b.Runs() > 0 {
		p.last = b
	}
	p.held = append(p.held, b)
	p.loaded(b.To)
	if p.subject.Measured && p.load.RunsAnHour == 0 {
		return nil
	}
	p.wanted = p.subject.Params(p.load)
	for _, b := range p.held {
		p.pooled.Rescale(p.wanted) // if it is not firing
		if change, changed := p.pooled.ObserveBatch(b); changed {
			p.addParts(&change.Status, b.To)
			changes = append(changes, change)
			p.explain(change)
		}
	}
	p.held = nil
	return changes
}

// explain has the flows of a group whose page ends that is of it.
func (p *pool) explain(change prober.StateChange) {
	switch {
	case change.To == detect.Firing:
		p.trouble = change.Status.ChangePoint
	case change.From == detect.Firing:
		for _, flow := range p.members {
			flow.pooled.Explain(p.trouble)
		}
	}
}

// forget drops what is too old to be asked for.
func (p *pool) forget(by time.Time) {
	p.loaded(by)
	for _, c := range p.crowds {
		c.forget(by)
	}
	p.places.forget(by)
	p.flows.forget(by)
	p.stream.forget(by)
}

// loaded brings the load up to date.
func (p *pool) loaded(at time.Time) {
	p.load.RunsAnHour = p.pace.anHour()
	if p.load.Of == nil {
		p.load.Instances = max(p.load.Instances, p.crowds[""].most(at))
		return
	}
	p.load.Instances = 0
	for flow, c := range p.crowds {
		p.load.Of[flow] = max(p.load.Of[flow], c.most(at))
		p.load.Instances += p.load.Of[flow]
	}
}

// addParts says how places and flows stand.
func (p *pool) addParts(s *prober.CheckStatus, now time.Time) {
	s.Places = p.places.status(now, p.subject.Check.Objective)
	s.Flows = p.flows.status(now, p.subject.Check.Objective)
}

// warn says what there is to doubt, and that the blip hides most of what there is to know.
func (p *pool) warn(log *zap.Logger, width time.Duration) {
	c := p.subject.Check
	for _, doubt := range p.doubts() {
		log.Warn(doubt, zap.String("check", c.Name))
	}
	if inBatch := p.load.RunsAnHour * width.Hours(); c.Objective.Crowded(inBatch) {
		log.Warn("a blip hides failures: so many runs are in an interval that a healthy check often has one that failed; "+
			"make the interval shorter, or the blip zero", zap.String("check", c.Name), zap.Float64("runs", math.Round(inBatch)),
			zap.Duration("interval", width), zap.Duration("blip", c.Objective.Blip))
	}
}
