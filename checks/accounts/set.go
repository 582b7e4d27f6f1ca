package accounts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/prober"
)

// A Set is the pools of a configuration, by name. It is immutable and so safe
// for concurrent use, apart from [Set.Inherit]. A nil Set has no pools.
type Set struct {
	pools    []*Pool // sorted by name
	throttle *throttle
	gone     map[string]*ledger // of the pools that configurations before had
}

// NewSet returns a set of pools. It is an error if two have the same name.
func NewSet(pools ...*Pool) (*Set, error) {
	s := &Set{pools: slices.SortedFunc(slices.Values(pools), func(a, b *Pool) int { return cmp.Compare(a.name, b.name) })}
	for i := 1; i < len(s.pools); i++ {
		if s.pools[i].name == s.pools[i-1].name {
			return nil, fmt.Errorf("two pools are named %q", s.pools[i].name)
		}
	}
	return s, nil
}

// Limit limits the logins of all pools together, as [Limit] does those of one account.
// Call it before the first lease. The zero value is no limit.
func (s *Set) Limit(l Limit) error {
	if err := l.check(); err != nil {
		return fmt.Errorf("all pools together: %w", err)
	}
	s.throttle = newThrottle(l)
	for _, p := range s.pools {
		p.throttle = s.throttle
	}
	return nil
}

// Pool returns the pool of the given name, or nil.
func (s *Set) Pool(name string) *Pool {
	for _, p := range s.Pools() {
		if p.name == name {
			return p
		}
	}
	return nil
}

// Pools returns the pools, sorted by name.
func (s *Set) Pools() []*Pool {
	if s == nil {
		return nil
	}
	return slices.Clone(s.pools)
}

// Status returns how each pool stands at now, sorted by name.
func (s *Set) Status(now time.Time) []prober.PoolStatus {
	var out []prober.PoolStatus
	for _, p := range s.Pools() {
		out = append(out, p.Status(now))
	}
	return out
}

// Each returns how each account of each pool stands at now, by pool.
func (s *Set) Each(now time.Time) (all []prober.AccountStatus) {
	for _, p := range s.Pools() {
		all = append(all, p.Each(now)...)
	}
	return all
}

// Watch has f called with each [Event], and at once with those that nobody was told
// of yet, such as of accounts that are in quarantine since an earlier process; what was
// found out when their records were read is stored then. f may be called by several
// goroutines at once.
func (s *Set) Watch(f func(Event)) {
	for _, p := range s.Pools() {
		p.ledger.mu.Lock()
		p.ledger.watch = f
		p.ledger.mu.Unlock()
		p.ledger.storeCutOff(p.name)
		p.ledger.tell()
	}
}

// AddSecrets makes r know every field of every account, but for those named in
// shown: a user name is often part of what a page may show.
func (s *Set) AddSecrets(r *secret.Redactor, shown ...string) {
	for _, p := range s.Pools() {
		for a := range p.Accounts() {
			for field, v := range a.Fields {
				if !slices.Contains(shown, field) {
					r.Add(v.Reveal())
				}
			}
		}
	}
}

// Inherit makes the pools of s go on where those of the same name in old are:
// with their counts, their accounts' logins and the leases that are still held,
// so that a configuration that is read again lends out no account twice and
// forgets no login. Accounts are the same if pool and name are.
//
// Call it before s is used. old may be in use then and later, until the runs
// that came from it have ended. The books of a pool that s does not have are kept for
// the set that has it again: a file that was away for a while is no new budget.
func (s *Set) Inherit(old *Set) {
	if s == nil || old == nil {
		return
	}
	s.gone = maps.Clone(old.gone)
	if s.gone == nil {
		s.gone = map[string]*ledger{}
	}
	for _, p := range old.Pools() {
		s.gone[p.name] = p.ledger
	}
	for _, p := range s.Pools() {
		if l := s.gone[p.name]; l != nil {
			p.inherit(l)
			delete(s.gone, p.name)
		}
	}
	s.throttle.inherit(old.throttle)
}

func (p *Pool) inherit(l *ledger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.together.grow(p.rules.PoolLogins.Logins)
	before := map[string]bool{}
	for i, a := range p.accounts {
		_, there := l.states[a.Name]
		before[a.Name] = there
		s := l.open(a.Name, p.limit.Logins)
		if own := p.states[i]; !there {
			s.record, s.known, s.code = own.record, own.known, own.code
		}
		p.states[i] = s
	}
	if l.book == nil {
		l.book = p.ledger.book
	}
	own := p.ledger
	for _, e := range own.events { // of the others more is known than their records say
		if !before[e.Account] {
			l.events = append(l.events, e)
		}
	}
	for _, name := range own.cutOff {
		if !before[name] {
			l.cutOff = append(l.cutOff, name)
		}
	}
	p.ledger = l
}
