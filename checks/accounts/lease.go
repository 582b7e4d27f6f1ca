package accounts

import (
	"fmt"
	"time"
)

// A Lease is one account, held by one run. It is safe for concurrent use.
type Lease struct {
	pool     *Pool
	account  *Account
	state    *state
	ledger   *ledger
	before   Record // of the account
	day      int64
	need     Use
	halt     Why // guarded by ledger.mu, as what follows
	released bool
}

// Account returns the account that was leased.
func (l *Lease) Account() *Account { return l.account }

// Halt tells that the bank has said something for which the account is to be left
// alone at once, [WhyLocked] or [WhyCaptcha], whatever the run comes to. The first of
// several counts.
func (l *Lease) Halt(why Why) {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	if l.halt == "" {
		l.halt = why
	}
}

// CodeUsed tells that a one-time code of the time at is being sent: its step is
// used, as well as the one in which the account was leased. A run that is leased
// its account just before a step ends needs its code just after.
func (l *Lease) CodeUsed(at time.Time) {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	if at = at.Round(0); at.After(l.state.code) {
		l.state.code = at
	}
}

// CodeSpent reports whether a one-time code of the step of the clock that now is in may
// have been sent for the account already. It is for runs that were leased it without
// [Need.OncePerStep], and find out that they need a code.
func (l *Lease) CodeSpent(now time.Time, step time.Duration) bool {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	need := Need{OncePerStep: step}
	used, at := need.step(l.state.code), need.step(now)
	return !l.state.code.IsZero() && at <= used && at >= used-maxStepsBack
}

// CodeUsed tells, before the first lease, that a one-time code of the time at was
// sent for the account by an earlier process. An account that the pool does not
// have is nobody's concern.
func (p *Pool) CodeUsed(account string, at time.Time) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	if s := p.ledger.states[account]; s != nil && at.After(s.code) {
		s.code = at.Round(0)
	}
}

// Store puts the account's record into the book, with the login that is about to be
// made. Send nothing before it has returned, and nothing at all where it is an error.
func (l *Lease) Store(now time.Time) error {
	book := l.ledger.records()
	if book == nil {
		return nil
	}
	if err := l.know(book, now); err != nil {
		return err
	}
	return book.Save(l.account.Name, l.record())
}

// know reads a record that could not be read before. What it says counts.
func (l *Lease) know(book Book, now time.Time) error {
	if l.isKnown() {
		return nil
	}
	r, err := book.Load(l.account.Name)
	if err != nil {
		return err
	}
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	l.pool.adopt(l.state, r, now)
	l.before = l.state.record
	if r = l.before; r.Why != "" || !r.used(l.day).fits(l.need, l.pool.rules.AccountDay) {
		return fmt.Errorf("the account %s is to be left alone, as is stored of it", l.account.Name)
	}
	l.state.record.begin(l.day, l.need)
	return nil
}

func (l *Lease) isKnown() bool {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	return l.state.known
}

func (l *Lease) record() Record {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	return l.state.record
}

// Release gives the account back, and says what the run has found out about it. It
// returns when that is stored; where it cannot be, an [Event] tells, and the attempt
// is stored as one without a known end. Only the first call does anything: a second
// one never takes the account from whoever has it then.
func (l *Lease) Release(now time.Time, result Result) {
	e, tell, first := l.end(now, result)
	if !first {
		return
	}
	var failed error
	if book := l.ledger.records(); book != nil && l.isKnown() {
		failed = book.Save(l.account.Name, e.Record)
	}
	l.ledger.mu.Lock()
	l.state.leased = false // only now: the next run's record is to be stored after this one
	if tell {
		l.ledger.events = append(l.ledger.events, e)
	}
	if failed != nil {
		e.Kind, e.Err = EventUnsaved, failed
		l.ledger.events = append(l.ledger.events, e)
	}
	l.ledger.mu.Unlock()
	l.ledger.tell()
}

// end settles the lease; first is false if it has been before.
func (l *Lease) end(now time.Time, result Result) (e Event, tell, first bool) {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	if l.released {
		return e, false, false
	}
	l.released = true
	e, tell = l.settle(now, result)
	return e, tell, true
}

// Keep makes the pool go by the records in a book, and store them there from now on.
// Call it after [Pool.Protect] and before the first lease. An account whose record
// cannot be read is an error of each of its runs, until it can be.
//
// It reads and writes nothing: the pool may be of a configuration that is refused, or
// [Set.Inherit] from one whose runs have attempts under way, which look as if they had
// been cut off. What it finds to be in quarantine is stored by [Set.Watch].
func (p *Pool) Keep(book Book, now time.Time) {
	l := p.ledger
	l.book = book
	for i, s := range p.states {
		name := p.accounts[i].Name
		r, err := book.Load(name)
		if err != nil {
			s.known = false
			l.events = append(l.events, Event{Kind: EventUnsaved, Pool: p.name, Account: name, Err: err})
			continue
		}
		if p.adopt(s, r, now) {
			l.cutOff = append(l.cutOff, name)
		}
		if s.record.Quarantined() {
			l.events = append(l.events, Event{Kind: EventQuarantined, Pool: p.name, Account: name, Record: s.record})
		}
	}
}
