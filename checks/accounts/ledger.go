package accounts

import (
	"sync"
	"time"
)

// maxStepsBack is how far the wall clock may go back, in steps of a one-time
// code, for the steps in between to be still taken as used.
const maxStepsBack = 10

// A ledger is the books of a pool. They are apart from the pool so that a pool
// that is made anew, when the configuration is read again, can go on with them.
type ledger struct {
	mu       sync.Mutex
	origin   time.Time // the first time that was seen; the logins count from it
	turns    uint64    // how many leases there were: an order in which no two are equal
	logins   uint64
	refusals uint64
	states   map[string]*state // by the name of the account
	together ring              // the logins of all accounts
	book     Book              // nil where records end with the process
	watch    func(Event)       // nil until somebody asks
	events   []Event           // that nobody has been told of yet
	cutOff   []string          // accounts that are in quarantine as cut off, which is not stored yet
}

func newLedger() *ledger { return &ledger{states: make(map[string]*state)} }

// records is the book that records are kept in; nil where they end with the process. A
// configuration that is read again may bring the first.
func (l *ledger) records() Book {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.book
}

// open returns the state of an account, a new one if it has none, with room for
// its last n logins.
func (l *ledger) open(name string, n int) *state {
	s := l.states[name]
	if s == nil {
		s = new(state)
		l.states[name] = s
	}
	s.logins.grow(n)
	return s
}

// since returns now as the time since the first time seen, by the monotonic
// clock if now has one.
func (l *ledger) since(now time.Time) time.Duration {
	if l.origin.IsZero() {
		l.origin = now
	}
	return now.Sub(l.origin)
}

// storeCutOff stores what [Pool.Keep] has found out. Accounts in quarantine have no run
// that could store anything else meanwhile.
func (l *ledger) storeCutOff(pool string) {
	l.mu.Lock()
	names, book := l.cutOff, l.book
	l.cutOff = nil
	records := make([]Record, len(names))
	for i, name := range names {
		records[i] = l.states[name].record
	}
	l.mu.Unlock()
	for i, name := range names {
		if err := book.Save(name, records[i]); err != nil {
			l.mu.Lock()
			l.events = append(l.events, Event{Kind: EventUnsaved, Pool: pool, Account: name, Record: records[i], Err: err})
			l.mu.Unlock()
		}
	}
}

// tell tells whoever watches what has happened, without holding mu.
func (l *ledger) tell() {
	l.mu.Lock()
	watch, events := l.watch, l.events
	if watch != nil {
		l.events = nil
	} else if len(events) > maxEvents {
		l.events = events[len(events)-maxEvents:]
	}
	l.mu.Unlock()
	if watch == nil {
		return
	}
	for _, e := range events {
		watch(e)
	}
}

// maxEvents is how many events are kept for somebody to ask.
const maxEvents = 1000

// A state is what the books say of one account.
type state struct {
	leased bool
	turn   uint64    // of the last lease; 0 before the first
	need   Need      // of the last lease
	code   time.Time // the latest for which a code may have been used; zero if none
	logins ring

	record    Record
	known     bool      // record is what the book has, or there is no book
	recovered time.Time // when it was last accepted after a refusal; zero if never
}

// ready reports whether an account that is not leased may log in. at is now as
// the ledger counts.
func (s *state) ready(at time.Duration, now time.Time, limit Limit, need Need) bool {
	if limit.Logins > 0 {
		s.logins.notAfter(at)
		if t, ok := s.logins.nth(limit.Logins); ok && at-t < limit.window() {
			return false
		}
	}
	if need.OncePerStep <= 0 || s.code.IsZero() {
		return true
	}
	used, step := need.step(s.code), need.step(now)
	return step > used || step < used-maxStepsBack
}

func (s *state) lease(turn uint64, at time.Duration, now time.Time, need Need) {
	s.leased, s.turn, s.need = true, turn, need
	if need.OncePerStep > 0 {
		s.code = now.Round(0) // without the monotonic clock: steps go by the other
	}
	s.logins.add(at)
}

// A ring remembers the last few times that were added, oldest first from next
// on. Each is zero-based in the ledger; missing ones are not counted in n.
type ring struct {
	times []time.Duration
	next  int // where the next one goes
	n     int // how many there are
}

// grow makes room for at least n times, and keeps those there are.
func (r *ring) grow(n int) {
	if n <= len(r.times) {
		return
	}
	times := make([]time.Duration, n)
	for i := range r.n {
		times[i], _ = r.nth(r.n - i)
	}
	r.times, r.next = times, r.n
}

func (r *ring) add(t time.Duration) {
	if len(r.times) == 0 {
		return
	}
	r.times[r.next] = t
	r.next = (r.next + 1) % len(r.times)
	r.n = min(r.n+1, len(r.times))
}

// nth returns the nth time from the end, 1 being the last one added.
func (r *ring) nth(n int) (t time.Duration, ok bool) {
	if n > r.n {
		return 0, false
	}
	return r.times[(r.next-n+len(r.times))%len(r.times)], true
}

// notAfter makes every time that is after t equal to t. Times are in order, so
// the first that is not ends the search.
func (r *ring) notAfter(t time.Duration) {
	for i := 1; i <= r.n; i++ {
		p := &r.times[(r.next-i+len(r.times))%len(r.times)]
		if *p <= t {
			return
		}
		*p = t
	}
}
