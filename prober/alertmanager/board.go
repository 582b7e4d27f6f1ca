package alertmanager

import (
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// validity is how long an alert holds beyond the moment it was told.
	validity = 10 * time.Minute
	// endHold is how long an alert that is wanted no more is neither told nor ended. A
	// Prometheus that sees the same comes to it a scrape and an evaluation later, and may
	// say meanwhile that it still fires: an end at once could be followed by another page.
	endHold = time.Minute
	// keepEnded is how long an alert that is over is told to be over, for those
	// Alertmanagers that were away, as Prometheus does.
	keepEnded = 15 * time.Minute
)

// A board is what ought to be out, and what was lately. It may be used by any
// goroutine.
type board struct {
	mu       sync.Mutex
	entries  map[string]*entry
	revision uint64 // goes up with each change
}

type entry struct {
	alert  alert
	first  time.Time // when it was first wanted
	told   bool      // whether it is to be told, after its hold
	starts time.Time
	ended  time.Time // since when it is not wanted; zero while it is
	over   bool      // whether its end is to be told, after endHold
}

func newBoard() *board { return &board{entries: map[string]*entry{}} }

// update puts up what is wanted at now, and ends what has not been wanted for so long,
// unless it is said to end later: that a check is taken away does not make what it has
// found untrue. It reports whether there is news.
func (b *board) update(now time.Time, wanted []alert, hold time.Duration) (news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := make(map[string]bool, len(wanted))
	for _, a := range wanted {
		key := a.key()
		keys[key] = true
		news = b.put(key, a, now) || news
	}
	for key, e := range b.entries {
		if !keys[key] {
			news = b.end(key, e, now, hold) || news
		}
	}
	if news {
		b.revision++
	}
	return news
}

func (b *board) put(key string, a alert, now time.Time) (news bool) {
	e := b.entries[key]
	if e == nil || e.over { // one that begins again has a new beginning
		e = &entry{first: now}
		b.entries[key] = e
	}
	if !e.ended.IsZero() { // its end was not told
		e.ended, news = time.Time{}, true
	}
	e.alert = a
	if e.told || now.Sub(e.first) < a.hold {
		return news
	}
	e.told, e.starts = true, a.since
	if e.starts.IsZero() {
		e.starts = e.first
	}
	return true
}

func (b *board) end(key string, e *entry, now time.Time, hold time.Duration) (news bool) {
	if e.ended.IsZero() {
		e.ended = now
	}
	switch since := now.Sub(e.ended); {
	case !e.told, e.over && since >= keepEnded:
		delete(b.entries, key)
	case !e.over && since >= hold && !now.Before(e.alert.notBefore):
		e.over = true
		return true
	}
	return false
}

// read returns what to tell at now, in a fixed order, and the revision that this is.
func (b *board) read(now time.Time, generatorURL string) ([]postable, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []postable
	for _, key := range slices.Sorted(maps.Keys(b.entries)) {
		e := b.entries[key]
		if !e.told || !e.ended.IsZero() && !e.over {
			continue
		}
		all = append(all, postable{
			Labels: e.alert.labels, Annotations: e.alert.annotations,
			StartsAt: e.starts, EndsAt: e.endsAt(now), GeneratorURL: generatorURL,
		})
	}
	return all, b.revision
}

func (e *entry) endsAt(now time.Time) time.Time {
	switch {
	case e.over:
		return e.ended
	case !e.alert.until.IsZero():
		return e.alert.until
	}
	if now = now.Add(validity); now.Before(e.alert.notBefore) {
		return e.alert.notBefore
	}
	return now
}

// current is the revision of what read returns.
func (b *board) current() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.revision
}
