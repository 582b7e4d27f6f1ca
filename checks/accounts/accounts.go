// Package accounts lends out test customers, so that no customer is ever in two
// runs at once and none logs in more often than the bank allows.
//
// An [Account] is a test customer. Accounts of one kind are a [Pool], and the
// pools of a configuration a [Set]. A run takes a [Lease] of one account, and
// nobody else gets that account until the lease is released.
//
// An account of a pool is in one of these states:
//
//   - leased: a run has it;
//   - quarantined: it was refused too often in a row, and is left alone until
//     somebody releases it;
//   - cooling: nobody has it, and it must not log in again yet, because of
//     [Limit], [Rules] or [Need], or because it rests after refusals;
//   - free: it may be leased.
//
// The package never reads a clock: every decision takes now. The logins of the
// last minutes are kept in memory, and a new process knows nothing of them; the
// [Record] of an account goes into a [Book], if there is one, before a login and
// after it.
package accounts

import (
	"fmt"
	"math"
	"time"

	"github.com/authprober/authprober/checks/internal/secret"
)

// An Account is a test customer. It is immutable.
type Account struct {
	Name   string                   // the only part that may ever be shown
	Fields map[string]secret.Secret // username, password and whatever else a flow reads
}

// A Limit is how often one account may log in: at most Logins times in any
// window as long as Per, sliding, not of the calendar. The zero value is no
// limit.
//
// Logins are counted when they are leased, because only what has not happened
// yet can be prevented. Every [Lease] is a login, whether the run got that far
// or not.
//
// A schedule that uses up a limit to the last login, one account with 6 logins
// a minute and a run every 10 seconds, would miss a run whenever one is a
// millisecond late and the one 6 before was not. So the window is shorter than
// Per by a tenth of the mean time between logins, at most one second: 6 per
// minute is no more than 6 in any 59 seconds, and no more than 6 a minute in the
// long run for whoever keeps to a schedule.
//
// It is not a token bucket: one that lets 6 logins happen at once, as a check
// needs that repeats a run to confirm a failure, lets 11 happen in some minutes.
type Limit struct {
	Logins int
	Per    time.Duration
}

// maxLogins bounds the books: eight bytes a login and account.
const maxLogins = 10_000

func (l Limit) check() error {
	switch {
	case l == Limit{}:
		return nil
	case l.Logins < 1 || l.Logins > maxLogins:
		return fmt.Errorf("limit of %d logins, want 1 to %d", l.Logins, maxLogins)
	case l.Per < time.Second:
		return fmt.Errorf("limit of %d logins per %v, want at least a second", l.Logins, l.Per)
	}
	return nil
}

// window is how long a login counts.
func (l Limit) window() time.Duration {
	if l.Logins == 0 {
		return 0
	}
	return l.Per - min(l.Per/time.Duration(l.Logins)/10, time.Second)
}

// perSecond is how many logins the limit allows in the long run.
func (l Limit) perSecond() float64 {
	if l.Logins == 0 {
		return math.Inf(1)
	}
	return float64(l.Logins) / l.Per.Seconds()
}

// A Need is what a flow asks of an account beyond the pool's limit. The zero
// value asks nothing.
type Need struct {
	// OncePerStep is the period of a one-time code by clock (RFC 6238), in whole
	// seconds (what is over is rounded up), counted from 1970. Such a code is
	// good once, so an account that was leased with this need in a step, or for
	// which [Lease.CodeUsed] told of one, is not leased with it again in that
	// step. 0 is no such need.
	OncePerStep time.Duration
	// Use is what a run may use at most of what a day has.
	Use Use
}

func (n Need) seconds() int64 { return int64((n.OncePerStep + time.Second - 1) / time.Second) }

// step is the number of the step that now is in.
func (n Need) step(now time.Time) int64 {
	unix, seconds := now.Unix(), n.seconds()
	step := unix / seconds
	if unix%seconds < 0 {
		step-- // before 1970, division rounds up
	}
	return step
}
