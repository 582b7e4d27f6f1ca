package aggregate

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

const (
	placeWindow = time.Hour
	placeBucket = 5 * time.Minute
	mostPlaces  = 100 // of a check; labels are not ours to trust
)

// Places are what each place has counted in the last hour, to five minutes. The zero value has
// seen nothing.
type places struct {
	of   map[string]*place
	ours bool // their names are, and so there may be any number of them
}

// A place is a ring of buckets.
type place struct {
	head    int64 // the number of the newest bucket, since 1970
	buckets [placeWindow / placeBucket]counts
}

func (p *places) add(end time.Time, name string, c counts) {
	if p.of == nil {
		p.of = map[string]*place{}
	}
	one := p.of[name]
	if one == nil {
		if len(p.of) >= mostPlaces && !p.ours {
			return
		}
		one = &place{}
		p.of[name] = one
	}
	n := (end.UnixMilli() - 1) / placeBucket.Milliseconds()
	one.turn(n)
	bucket := &one.buckets[n%int64(len(one.buckets))]
	for kind := range c {
		bucket[kind] += c[kind]
	}
}

// turn empties the buckets up to a number, if they are older.
func (p *place) turn(to int64) {
	n := int64(len(p.buckets))
	for i := max(p.head+1, to-n+1); i <= to; i++ {
		p.buckets[i%n] = counts{}
	}
	p.head = max(p.head, to)
}

// sum is what there is of the hour before now.
func (p *place) sum(now time.Time) (sum counts) {
	newest := now.UnixMilli() / placeBucket.Milliseconds()
	n := int64(len(p.buckets))
	for i := max(p.head-n+1, newest-n+1); i <= p.head; i++ {
		for kind := range sum {
			sum[kind] += p.buckets[i%n][kind]
		}
	}
	return sum
}

// forget drops the places that have counted nothing for an hour.
func (p *places) forget(now time.Time) {
	maps.DeleteFunc(p.of, func(_ string, one *place) bool {
		return now.UnixMilli()/placeBucket.Milliseconds()-one.head >= int64(len(one.buckets))
	})
}

// status is how the places stand at now, by name. A place fails if it does so more often than
// it may beyond doubt, which two failures at the least are: one that is healthy must not
// be taken for one that is not.
func (p *places) status(now time.Time, o detect.Objective) (all []prober.PlaceStatus) {
	for _, name := range slices.Sorted(maps.Keys(p.of)) {
		c := p.of[name].sum(now)
		runs, failed := int(c[Runs]), int(min(c[Failures], c[Runs]))
		r := prober.Ratio{Window: placeWindow, Failed: failed, Runs: runs, Interval: detect.Wilson(failed, runs)}
		all = append(all, prober.PlaceStatus{Name: name, Ratio: r, Failing: Fails(o, failed, runs)})
	}
	return all
}

// Fails reports whether so many runs of a place in the last hour fail more often than they may, beyond doubt:
// two at the least, and by the 95 % interval more than the geometric mean of what is tolerated and
// what is worth a page.
func Fails(o detect.Objective, failed, runs int) bool {
	return failed > 1 && detect.Wilson(failed, runs).Lower > math.Sqrt(o.Tolerate*o.Detect)
}
