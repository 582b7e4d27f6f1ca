package accounts

import "time"

// A Result is what a run says about the account that it had.
type Result int

const (
	// Unclear says neither: the bank did not answer, or erred, or the login was
	// accepted and something later failed.
	Unclear Result = iota
	Accepted
	Refused // the bank turned the account away without having been meant to
	Locked  // the bank said that the account is locked
)

// An Event is something that happened to an account and that people want to know.
type Event struct {
	Kind          EventKind
	Pool, Account string
	Record        Record // as it is then
	Err           error  // of EventUnsaved; it holds no secret
}

// An EventKind is a kind of event, in words for a log.
type EventKind string

const (
	EventQuarantined EventKind = "account in quarantine"
	EventResting     EventKind = "account rests"
	EventBack        EventKind = "account accepted again"
	EventUnsaved     EventKind = "account's record not stored" // what is stored has the attempt as one without a known end
)

const (
	// firstRest and laterRest are how long an account rests that was refused while
	// most of the pool is: the first time, and from then on.
	firstRest, laterRest = 15 * time.Minute, time.Hour
	// flapping is for how long one account that was refused and then accepted shows
	// that refusals come and go.
	flapping = time.Hour
)

// settle notes how a login ended. It returns the event to tell of, if any. The
// ledger is locked.
//
// An account that was refused as often as it may be in a row is in quarantine,
// unless it is the bank that refuses: then it rests and is tried again, up to
// OutageAttempts in a row. Without that, an outage of which each answer is a 401
// would put the whole pool away within minutes, and nobody would see its end.
func (l *Lease) settle(now time.Time, result Result) (e Event, tell bool) {
	e = Event{Pool: l.pool.name, Account: l.account.Name}
	r := &l.state.record
	if l.halt != "" {
		result = Locked
	}
	switch result {
	case Accepted:
		tell, e.Kind = l.before.Why != "", EventBack
		if l.before.Attempts > 0 {
			l.state.recovered = now
		}
		r.Attempts = 0
	case Refused, Locked:
		l.ledger.refusals++
		r.Refusals++
		r.Refused = wall(now)
		if tell = l.refused(now, result); r.Resting() {
			e.Kind = EventResting
		} else {
			e.Kind = EventQuarantined
		}
	default:
		r.Attempts, r.Why, r.Since, r.Until = l.before.Attempts, l.before.Why, l.before.Since, l.before.Until
		if r.Resting() {
			l.rest(now)
		}
	}
	e.Record = *r
	return e, tell
}

// refused decides what becomes of an account that was refused, and reports whether
// it is left alone.
func (l *Lease) refused(now time.Time, result Result) bool {
	r, rules := &l.state.record, l.pool.rules
	switch {
	case l.halt != "":
		r.Why = l.halt
	case result == Locked:
		r.Why = WhyLocked
	case r.Attempts < rules.Attempts:
		return false
	case r.Attempts < rules.OutageAttempts && l.pool.bankRefuses(l.state, now):
		r.Why = WhyOutage
		l.rest(now)
	default:
		r.Why = WhyRefused
	}
	if r.Since = wall(now); l.before.Resting() {
		r.Since = l.before.Since
	}
	return true
}

// rest notes until when the account rests.
func (l *Lease) rest(now time.Time) {
	r, pause := &l.state.record, laterRest
	if r.Attempts <= l.pool.rules.Attempts {
		pause = firstRest
	}
	r.Until = wall(now.Add(pause))
}

// wall is a time as it is stored.
func wall(t time.Time) time.Time { return t.Round(0).UTC() }

// bankRefuses reports whether refusals are the bank's doing rather than those of
// the account of s: most of the other accounts that are not in quarantine were
// refused last too, or some account of the pool was refused and has been accepted
// again within the hour, which no wrong password is. The ledger is locked.
func (p *Pool) bankRefuses(s *state, now time.Time) bool {
	others, refused := 0, 0
	for _, o := range p.states {
		if !o.recovered.IsZero() && now.Sub(o.recovered) < flapping {
			return true
		}
		if o == s || o.record.Quarantined() {
			continue
		}
		others++
		if o.refusedLast() {
			refused++
		}
	}
	return 2*refused > others
}

// refusedLast reports whether the last login with a known end was refused. One that
// is under way is none.
func (s *state) refusedLast() bool {
	attempts := s.record.Attempts
	if s.leased {
		attempts--
	}
	return attempts > 0
}

// adopt takes up a record of an earlier process. An account whose attempts ended
// with that process as often as they may be refused is in quarantine: they may have
// been refused. It reports whether it put it there.
func (p *Pool) adopt(s *state, r Record, now time.Time) (cutOff bool) {
	if r.Why == "" && r.Attempts >= p.rules.Attempts {
		r.Why, r.Since, cutOff = WhyCutOff, wall(now), true
	}
	s.record, s.known = r, true
	return cutOff
}

// resting reports whether the account rests at now. A rest that seems to last longer
// than any was noted by a clock that was wrong.
func (s *state) resting(now time.Time) bool {
	left := s.record.Until.Sub(now)
	return s.record.Resting() && left > 0 && left <= laterRest
}
