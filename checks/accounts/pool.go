package accounts

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/authprober/authprober/prober"
)

// A Pool lends out accounts that are all as good as each other. It is safe for
// concurrent use.
type Pool struct {
	name     string
	limit    Limit
	accounts []Account
	states   []*state // of the accounts, in the same order
	ledger   *ledger
}

// NewPool returns a pool of accounts, none of them leased. limit holds for each
// account by itself. It is an error if there is no account, if one has no name
// or that of another, or if the limit makes no sense.
func NewPool(name string, limit Limit, accounts []Account) (*Pool, error) {
	if err := limit.check(); err != nil {
		return nil, fmt.Errorf("pool %q: %w", name, err)
	}
	if len(accounts) == 0 {
		return nil, fmt.Errorf("pool %q has no account, want at least one", name)
	}
	p := &Pool{name: name, limit: limit, accounts: slices.Clone(accounts), ledger: newLedger()}
	for i, a := range accounts {
		switch {
		case a.Name == "":
			return nil, fmt.Errorf("pool %q: account %d has no name", name, i+1)
		case p.ledger.states[a.Name] != nil:
			return nil, fmt.Errorf("pool %q has two accounts %q", name, a.Name)
		}
		p.states = append(p.states, p.ledger.open(a.Name, limit.Logins))
	}
	return p, nil
}

// Name returns the name of the pool.
func (p *Pool) Name() string { return p.name }

// Len returns how many accounts there are. No more runs than that can be under
// way at once.
func (p *Pool) Len() int { return len(p.accounts) }

// Limit returns the limit of each account.
func (p *Pool) Limit() Limit { return p.limit }

// Accounts returns the accounts in the order they were given in.
func (p *Pool) Accounts() iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		for i := range p.accounts {
			if !yield(&p.accounts[i]) {
				return
			}
		}
	}
}

// Capacity returns how many logins a second the pool can give to runs with the
// given need, in the long run and as far as its limit goes; +Inf where nothing
// limits it. A schedule that asks for more is going to miss runs. One that asks
// for just as much need not, if each run ends before its account's next turn.
func (p *Pool) Capacity(need Need) float64 {
	each := p.limit.perSecond()
	if need.OncePerStep > 0 {
		each = math.Min(each, 1/float64(need.seconds()))
	}
	return each * float64(len(p.accounts))
}

// Lease lends out the account that was leased the longest time ago among those
// that are free, in the order of the pool if they were never leased. Where none
// is free it returns nil and the reason: [prober.MissNoAccount] if all are
// leased, [prober.MissBudget] if some are cooling. It never blocks.
//
// Time may go backwards. The limit goes by the monotonic clock, where now has
// one. Without it, logins that now lie in the future count as if they had just
// happened. Need.OncePerStep goes by the wall clock, as codes do: steps up to
// the last one used are not used again, until the clock has been set back by
// more than maxStepsBack of them, so that a clock that was once far ahead does
// not keep an account cooling for years.
func (p *Pool) Lease(now time.Time, need Need) (*Lease, prober.MissReason) {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.since(now)
	best, leased := -1, 0
	for i, s := range p.states {
		switch {
		case s.leased:
			leased++
		case best >= 0 && p.states[best].turn <= s.turn:
		case s.ready(at, now, p.limit, need):
			best = i
		}
	}
	switch {
	case best >= 0:
		s := p.states[best]
		l.turns++
		l.logins++
		s.lease(l.turns, at, now, need)
		return &Lease{account: &p.accounts[best], state: s, ledger: l}, ""
	case leased == len(p.states):
		return nil, prober.MissNoAccount
	}
	return nil, prober.MissBudget
}

// Status returns how the pool stands at now. An account counts as cooling if a
// run with the same need as its last one could not lease it.
func (p *Pool) Status(now time.Time) prober.PoolStatus {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.since(now)
	status := prober.PoolStatus{Name: p.name, Logins: l.logins, Refusals: l.refusals}
	for _, s := range p.states {
		switch {
		case s.leased:
			status.Leased++
		case s.ready(at, now, p.limit, s.need):
			status.Free++
		default:
			status.Cooling++
		}
	}
	return status
}

// A Lease is one account, held by one run. It is safe for concurrent use.
type Lease struct {
	account  *Account
	state    *state
	ledger   *ledger
	released bool // guarded by ledger.mu
}

// Account returns the account that was leased.
func (l *Lease) Account() *Account { return l.account }

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

// Release gives the account back. refused says that the bank refused the login
// without having been meant to; it is counted. Only the first call does
// anything: a second one never takes the account from whoever has it then.
func (l *Lease) Release(refused bool) {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	if l.released {
		return
	}
	l.released = true
	l.state.leased = false
	if refused {
		l.ledger.refusals++
	}
}
