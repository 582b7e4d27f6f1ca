package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// blameLevel is the probability with which anything at all is named where
// failures have nothing to do with tags.
const blameLevel = 0.05

// mostNamed is how many culprits a sentence names at the most.
const mostNamed = 3

// A Finding is what the runs since some moment say about who is to blame.
type Finding struct {
	// Culprits are the tags that failures are significantly more frequent with than
	// without, the most significant first; nil if there is none.
	Culprits []Culprit
	Runs     int // that were looked at
	Failed   int // of those
	Tested   int // tags, or sets of tags that go together
}

// A Culprit is a tag, or several that the very same runs have, so that nothing
// tells which of them it is.
type Culprit struct {
	Tags []Tag // in the order of their keys; at least one
	// Failed out of Runs failed with the tags; FailedElsewhere out of RunsElsewhere
	// with other values of the keys.
	Failed, Runs, FailedElsewhere, RunsElsewhere int
	// P is the probability of as strong a difference by chance, anywhere among
	// the tags that were tested (Fisher 1935, Holm 1979); below 0.05.
	P float64
}

// Find tests the tags of the runs since the given moment, such as
// [Detector.ChangePoint]; the zero time stands for all runs that are kept. Where
// failures have nothing to do with the tags, it finds no culprit in at least 95 %
// of cases, however many tags there are.
//
// What is left out of the tests is left out for numbers that say nothing about it:
// tags of so few runs that not even all of them failing would be significant
// (Tarone 1990). So a key of many values does not drown the others.
//
// A tag is tested against the other values of its key: runs that do not have the
// key are left out. So what only failed runs have, as a reason, blames nobody.
func (b *Blame) Find(since time.Time) Finding {
	var f Finding
	from := moment(since)
	for i := range b.runs {
		if r := &b.runs[i]; r.at >= from {
			f.Runs++
			if r.failed {
				f.Failed++
			}
		}
	}
	suspects := testable(b.suspects(from))
	f.Tested = len(suspects)
	f.Culprits = holm(suspects)
	return f
}

// moment is a time as blamed runs have it; the zero time is before all of them.
func moment(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}

// A table counts the runs that have a tag or a key. Runs are told apart by mark,
// the sum of a number for each of them: two tables of the very same runs
// have the same, and others practically never.
type table struct {
	failed, runs int
	mark         [2]uint64
}

func (t *table) add(failed bool, i int) {
	t.runs++
	if failed {
		t.failed++
	}
	t.mark[0] += mix(uint64(i) * 2)
	t.mark[1] += mix(uint64(i)*2 + 1)
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// suspects returns every tag that some but not all runs with its key have, with
// its own probability. Tags of the very same runs against the very same others are
// one.
func (b *Blame) suspects(from int64) []Culprit {
	ofTag, ofKey := make([]table, len(b.tags)), map[string]*table{}
	for i := range b.runs {
		r := &b.runs[i]
		if r.at < from {
			continue
		}
		for _, id := range r.tags[:r.n] {
			ofTag[id].add(r.failed, i)
			key := b.tags[id].tag.Key
			if ofKey[key] == nil {
				ofKey[key] = &table{}
			}
			ofKey[key].add(r.failed, i)
		}
	}
	type test struct{ tag, key [2]uint64 }
	var all []Culprit
	known := map[test]int{} // place in all
	for id, t := range ofTag {
		if t.runs == 0 {
			continue
		}
		tag := b.tags[id].tag
		key := ofKey[tag.Key]
		if t.runs == key.runs || key.failed == 0 || key.failed == key.runs {
			continue // nothing to compare
		}
		at, there := known[test{t.mark, key.mark}]
		if !there {
			at = len(all)
			known[test{t.mark, key.mark}] = at
			all = append(all, Culprit{
				Failed: t.failed, Runs: t.runs,
				FailedElsewhere: key.failed - t.failed, RunsElsewhere: key.runs - t.runs,
				P: fisher(t.failed, t.runs, key.failed, key.runs),
			})
		}
		all[at].Tags = append(all[at].Tags, tag)
	}
	for _, c := range all {
		slices.SortFunc(c.Tags, compareTags)
	}
	return all
}

func compareTags(a, b Tag) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
}

// String says whom to blame in one line, as in
//
//	release=2026.11.3: 12 of 31 runs failed, 0 of 402 elsewhere (p < 1e-9)
//
// or "no single culprit". Beside the most significant culprit it names up to two
// others that are values of the same key: two backends of five. Further ones
// are left to Culprits, since they may fail for the company they keep.
func (f Finding) String() string {
	if len(f.Culprits) == 0 {
		return "no single culprit"
	}
	said := []string{f.Culprits[0].String()}
	for _, c := range f.Culprits[1:] {
		if len(said) < mostNamed && c.Tags[0].Key == f.Culprits[0].Tags[0].Key {
			said = append(said, c.String())
		}
	}
	return strings.Join(said, "; ")
}

// String says what there is to say of one culprit.
func (c Culprit) String() string {
	tags := make([]string, len(c.Tags))
	for i, t := range c.Tags {
		tags[i] = t.String()
	}
	return fmt.Sprintf("%s: %d of %d runs failed, %d of %d elsewhere (%s)",
		strings.Join(tags, " and "), c.Failed, c.Runs, c.FailedElsewhere, c.RunsElsewhere, chance(c.P))
}

// chance writes a probability: the power of ten it is below, or two digits where
// that would say too little.
func chance(p float64) string {
	if p >= 0.001 {
		return fmt.Sprintf("p = %.2g", p)
	}
	power := math.Ceil(math.Log10(p))
	if math.Pow(10, power) <= p { // p is that power of ten
		power++
	}
	return fmt.Sprintf("p < 1e%d", int(max(power, -99)))
}
