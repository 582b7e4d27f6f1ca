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
	rules    Rules
	accounts []Account
	states   []*state // of the accounts, in the same order
	ledger   *ledger
	throttle *throttle // of all pools; nil where nothing limits them together
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
	p := &Pool{name: name, limit: limit, rules: Rules{}.withDefaults(), accounts: slices.Clone(accounts), ledger: newLedger()}
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

// Protect sets the pool's rules, before the first lease. It is an error if they make
// no sense.
func (p *Pool) Protect(r Rules) error {
	r = r.withDefaults()
	if err := r.check(); err != nil {
		return fmt.Errorf("pool %q: %w", p.name, err)
	}
	p.rules = r
	p.ledger.together.grow(r.PoolLogins.Logins)
	return nil
}

// Rules returns the pool's rules, with their defaults.
func (p *Pool) Rules() Rules { return p.rules }

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
	can := math.Min(each*float64(len(p.accounts)), p.rules.PoolLogins.perSecond())
	return math.Min(can, p.rules.perDay(need.Use, len(p.accounts))/day.Seconds())
}

// Lease lends out the account that was leased the longest time ago among those
// that are free, in the order of the pool if they were never leased. Where none
// is free it returns nil and the reason: [prober.MissNoAccount] if all are
// leased, [prober.MissBudget] if some are cooling, and otherwise
// [prober.MissQuarantine]. It never blocks.
//
// The login, and all that need says it may use, is counted here; call
// [Lease.Store] before anything is sent.
//
// Time may go backwards. The limits go by the monotonic clock, where now has
// one. Without it, logins that now lie in the future count as if they had just
// happened. Need.OncePerStep goes by the wall clock, as codes do: steps up to
// the last one used are not used again, until the clock has been set back by
// more than maxStepsBack of them, so that a clock that was once far ahead does
// not keep an account cooling for years.
func (p *Pool) Lease(now time.Time, need Need) (*Lease, prober.MissReason) {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	at, today := l.since(now), dayOf(now)
	may := p.may(at, today, need)
	best, leased, quarantined := -1, 0, 0
	for i, s := range p.states {
		switch {
		case s.leased:
			leased++
		case s.record.Quarantined():
			quarantined++
		case !may || best >= 0 && p.states[best].turn <= s.turn:
		case p.ready(s, at, now, need):
			best = i
		}
	}
	switch {
	case best >= 0 && !p.throttle.take(now):
		return nil, prober.MissBudget
	case best >= 0:
		return p.lease(best, at, now, need), ""
	case leased == len(p.states):
		return nil, prober.MissNoAccount
	case leased+quarantined == len(p.states):
		return nil, prober.MissQuarantine
	}
	return nil, prober.MissBudget
}

// may reports whether the pool as a whole allows one more run.
func (p *Pool) may(at time.Duration, today int64, need Need) bool {
	if limit := p.rules.PoolLogins; limit.Logins > 0 {
		p.ledger.together.notAfter(at)
		if t, ok := p.ledger.together.nth(limit.Logins); ok && at-t < limit.window() {
			return false
		}
	}
	if p.rules.PoolDay == (Use{}) || need.Use == (Use{}) {
		return true
	}
	return p.used(today).fits(need.Use, p.rules.PoolDay)
}

// used is what all accounts together have used today.
func (p *Pool) used(today int64) (all Use) {
	for _, s := range p.states {
		all = all.plus(s.record.used(today))
	}
	return all
}

// ready reports whether an account that is neither leased nor in quarantine may
// log in.
func (p *Pool) ready(s *state, at time.Duration, now time.Time, need Need) bool {
	if !s.ready(at, now, p.limit, need) || s.resting(now) {
		return false
	}
	return need.Use == (Use{}) || s.record.used(dayOf(now)).fits(need.Use, p.rules.AccountDay)
}

func (p *Pool) lease(i int, at time.Duration, now time.Time, need Need) *Lease {
	l, s := p.ledger, p.states[i]
	l.turns++
	l.logins++
	l.together.add(at)
	s.lease(l.turns, at, now, need)
	lease := &Lease{pool: p, account: &p.accounts[i], state: s, ledger: l, before: s.record, day: dayOf(now), need: need.Use}
	s.record.begin(lease.day, need.Use)
	return lease
}

// Status returns how the pool stands at now. An account counts as cooling if a
// run with the same need as its last one could not lease it. What limits all pools
// together is left out.
func (p *Pool) Status(now time.Time) prober.PoolStatus {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	at, today := l.since(now), dayOf(now)
	status := prober.PoolStatus{Name: p.name, Logins: l.logins, Refusals: l.refusals, Budgets: p.left(today)}
	for _, s := range p.states {
		switch p.standing(s, at, today, now) {
		case prober.AccountLeased:
			status.Leased++
		case prober.AccountQuarantined:
			status.Quarantined++
		case prober.AccountFree:
			status.Free++
		default:
			status.Cooling++
		}
	}
	return status
}

// standing is how one account stands. The ledger is locked.
func (p *Pool) standing(s *state, at time.Duration, today int64, now time.Time) prober.AccountState {
	switch {
	case s.leased:
		return prober.AccountLeased
	case s.record.Quarantined():
		return prober.AccountQuarantined
	case p.may(at, today, s.need) && p.ready(s, at, now, s.need):
		return prober.AccountFree
	case s.record.Resting():
		return prober.AccountResting
	}
	return prober.AccountCooling
}

// Each returns how each account stands at now, as [Pool.Status] counts them, in the
// order they were given in.
func (p *Pool) Each(now time.Time) (all []prober.AccountStatus) {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	at, today := l.since(now), dayOf(now)
	for i, s := range p.states {
		r := &s.record
		one := prober.AccountStatus{Pool: p.name, Name: p.accounts[i].Name, State: p.standing(s, at, today, now), Refusals: r.Refusals}
		if one.State == prober.AccountQuarantined || one.State == prober.AccountResting {
			one.Why, one.Since, one.Until = string(r.Why), r.Since, r.Until
		}
		one.Logins, _ = r.On(now)
		used := r.used(today).parts()
		for n, most := range p.rules.AccountDay.parts() {
			if most > 0 {
				one.Budgets = append(one.Budgets, prober.Budget{Name: budgets[n], Left: max(0, most-used[n])})
			}
		}
		all = append(all, one)
	}
	return all
}

// left is what is left today of what has a cap: of the pool's, or of its accounts'
// together if that is less. Accounts in quarantine have nothing left.
func (p *Pool) left(today int64) (all []prober.Budget) {
	each, most, used := p.rules.AccountDay.parts(), p.rules.PoolDay.parts(), p.used(today).parts()
	for i, name := range budgets {
		n := math.MaxInt
		if each[i] > 0 {
			n = 0
			for _, s := range p.states {
				if !s.record.Quarantined() {
					n += max(0, each[i]-s.record.used(today).parts()[i])
				}
			}
		}
		if most[i] > 0 {
			n = min(n, max(0, most[i]-used[i]))
		}
		if n < math.MaxInt {
			all = append(all, prober.Budget{Name: name, Left: n})
		}
	}
	return all
}
