package detect

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What a [Blame] keeps, at the most.
const (
	MostBlamedRuns = 4096 // the last ones
	MostTags       = 16   // of a run; the first ones in the order of their keys
	MostTagLength  = 128  // bytes of a value; longer ones are cut
)

// A Tag is a fact about a run, such as the release that answered it. Keys have few
// values.
type Tag struct{ Key, Value string }

// String returns key=value, with the value in quotes where it is not printable.
func (t Tag) String() string {
	if strings.ContainsFunc(t.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return t.Key + "=" + strconv.Quote(t.Value)
	}
	return t.Key + "=" + t.Value
}

// A Blame keeps the tags of the last runs of a check, to say since a moment in
// the past what failed runs have in common that passed ones have not. It is made
// by [NewBlame], holds some 200 KB once it is full and less before, allocates
// nothing for a run whose tags it knows, and is not safe for concurrent use.
type Blame struct {
	runs []blamed // a ring once it is full
	next int      // where the next run goes once it is full
	// A tag in use has an id, which is its place in tags; and free lists the
	// places that are not in use.
	ids  map[Tag]uint16
	tags []interned
	free []uint16
	keys []string // scratch
}

// A blamed is a run that is kept, with the ids of its tags.
type blamed struct {
	at     int64 // nanoseconds since 1970
	failed bool
	n      uint8
	tags   [MostTags]uint16
}

// An interned tag is used by so many runs.
type interned struct {
	tag  Tag
	runs int
}

// NewBlame returns a store without runs.
func NewBlame() *Blame { return &Blame{ids: map[Tag]uint16{}} }

// Observe keeps a run that passed or failed at the given time, with its tags. The
// map is not kept. Of what a blip is made of only the first run is a fact of its
// own: so only runs that a [Judgement] has as counted are to be shown.
func (b *Blame) Observe(at time.Time, failed bool, tags map[string]string) {
	run := blamed{at: moment(at), failed: failed}
	b.keys = slices.AppendSeq(b.keys[:0], maps.Keys(tags))
	slices.Sort(b.keys)
	for _, key := range b.keys[:min(len(b.keys), MostTags)] {
		run.tags[run.n] = b.intern(Tag{key, cut(tags[key])})
		run.n++
	}
	if len(b.runs) < MostBlamedRuns {
		b.runs = append(b.runs, run)
		return
	}
	old := &b.runs[b.next]
	for _, id := range old.tags[:old.n] {
		b.release(id)
	}
	*old = run
	b.next = (b.next + 1) % len(b.runs)
}

// cut shortens a value to what is kept, and copies it then: it may be part of
// something large.
func cut(value string) string {
	if len(value) <= MostTagLength {
		return value
	}
	return strings.Clone(strings.ToValidUTF8(value[:MostTagLength], ""))
}

// intern returns the id of a tag. There are never more than MostBlamedRuns times
// MostTags of them, which is as many as a uint16 tells apart.
func (b *Blame) intern(t Tag) uint16 {
	id, known := b.ids[t]
	switch {
	case known:
	case len(b.free) > 0:
		id = b.free[len(b.free)-1]
		b.free = b.free[:len(b.free)-1]
		b.ids[t], b.tags[id] = id, interned{tag: t}
	default:
		id = uint16(len(b.tags))
		b.ids[t], b.tags = id, append(b.tags, interned{tag: t})
	}
	b.tags[id].runs++
	return id
}

func (b *Blame) release(id uint16) {
	t := &b.tags[id]
	if t.runs--; t.runs == 0 {
		delete(b.ids, t.tag)
		*t = interned{}
		b.free = append(b.free, id)
	}
}
