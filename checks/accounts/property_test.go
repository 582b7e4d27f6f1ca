package accounts_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/accounts"
)

// oracle does what a Pool does in the plainest way: it remembers everything.
type oracle struct {
	names  []string
	window time.Duration
	n      int
	logins map[string][]time.Time
	codes  map[string][]time.Time
	used   []string // in the order of leases
	leased map[string]bool
}

func (o *oracle) ready(name string, now time.Time, need accounts.Need) bool {
	recent := 0
	for _, t := range o.logins[name] {
		if now.Sub(t) < o.window {
			recent++
		}
	}
	if o.n > 0 && recent >= o.n {
		return false
	}
	if need.OncePerStep == 0 {
		return true
	}
	step := now.UnixNano() / int64(need.OncePerStep)
	return !slices.ContainsFunc(o.codes[name], func(t time.Time) bool { return t.UnixNano()/int64(need.OncePerStep) == step })
}

func (o *oracle) lease(now time.Time, need accounts.Need) string {
	best, free := "", false
	for _, name := range o.names {
		if o.leased[name] {
			continue
		}
		free = true
		if o.ready(name, now, need) && (best == "" || o.turn(name) < o.turn(best)) {
			best = name
		}
	}
	if best == "" {
		return map[bool]string{true: "budget", false: "no_account"}[free]
	}
	o.leased[best] = true
	o.used = append(o.used, best)
	o.logins[best] = append(o.logins[best], now)
	if need.OncePerStep > 0 {
		o.codes[best] = append(o.codes[best], now)
	}
	return best
}

// turn is when the account was last leased.
func (o *oracle) turn(name string) int {
	for i := len(o.used) - 1; i >= 0; i-- {
		if o.used[i] == name {
			return i
		}
	}
	return -1
}

func TestAgainstOracle(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		n := 1 + rnd.IntN(5)
		var limit accounts.Limit
		o := &oracle{logins: map[string][]time.Time{}, codes: map[string][]time.Time{}, leased: map[string]bool{}}
		if seed%4 != 0 {
			limit = accounts.Limit{Logins: 1 + rnd.IntN(7), Per: time.Duration(10+rnd.IntN(90)) * time.Second}
			o.n, o.window = limit.Logins, limit.Per-min(limit.Per/time.Duration(limit.Logins)/10, time.Second)
		}
		for i := range n {
			o.names = append(o.names, fmt.Sprintf("a%d", i))
		}
		p := newPool(t, n, limit)
		held := map[string]*accounts.Lease{}
		now := t0
		for i := range 400 {
			now = now.Add(time.Duration(rnd.ExpFloat64() * float64(4*time.Second)))
			for name, l := range held {
				if rnd.IntN(2) == 0 {
					l.Release(t0, accounts.Unclear)
					delete(held, name)
					o.leased[name] = false
				}
			}
			need := []accounts.Need{none, once30, {OncePerStep: 10 * time.Second}}[rnd.IntN(3)]
			got, l := take(p, now, need)
			if want := o.lease(now, need); got != want {
				t.Fatalf("seed %d, lease %d at %v with %v: got %s, want %s", seed, i, now.Sub(t0), need, got, want)
			}
			if l != nil {
				held[got] = l
			}
			if s := p.Status(now); s.Free+s.Leased+s.Cooling != n || s.Leased != len(held) || s.Logins != uint64(len(o.used)) {
				t.Fatalf("seed %d, lease %d: status is %+v with %d of %d leased", seed, i, s, len(held), n)
			}
		}
	}
}

// No account is ever in two hands, also when a set takes over from another.
func TestExclusive(t *testing.T) {
	const n = 7
	sets := []*accounts.Set{newSet(t, newPool(t, n, accounts.Limit{})), newSet(t, newPool(t, n, accounts.Limit{}))}
	sets[1].Inherit(sets[0])
	holders := map[string]*atomic.Int32{}
	for a := range sets[0].Pool("retail").Accounts() {
		holders[a.Name] = new(atomic.Int32)
	}
	var leases, misses atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			p := sets[i%2].Pool("retail")
			for j := range 2000 {
				l, reason := p.Lease(at(float64(j)), none)
				if l == nil {
					misses.Add(1)
					if reason != "no_account" {
						t.Errorf("reason is %q, want no_account", reason)
					}
					continue
				}
				leases.Add(1)
				h := holders[l.Account().Name]
				if got := h.Add(1); got != 1 {
					t.Errorf("%s has %d holders", l.Account().Name, got)
				}
				_ = p.Status(at(float64(j)))
				h.Add(-1)
				l.Release(t0, accounts.Result(j%2))
				l.Release(t0, accounts.Locked) // does nothing
			}
		})
	}
	wg.Wait()
	s := sets[1].Pool("retail").Status(at(0))
	if s.Free != n || int64(s.Logins) != leases.Load() || leases.Load()+misses.Load() != 16*2000 {
		t.Errorf("status %+v after %d leases and %d misses", s, leases.Load(), misses.Load())
	}
}

// Every account gets its turn, whatever the order in which they come back.
func TestFair(t *testing.T) {
	p := newPool(t, 10, accounts.Limit{})
	rnd := rand.New(rand.NewPCG(1, 2))
	count := map[string]int{}
	var held []*accounts.Lease
	for range 10_000 {
		for len(held) > rnd.IntN(5) {
			i := rnd.IntN(len(held))
			held[i].Release(t0, accounts.Unclear)
			held = slices.Delete(held, i, i+1)
		}
		name, l := take(p, at(0), none)
		count[name]++
		held = append(held, l)
	}
	for name, n := range count {
		if n < 900 || n > 1100 {
			t.Errorf("%s was leased %d times of 10000, want about 1000", name, n)
		}
	}
}

func TestLeaseAllocates(t *testing.T) {
	p := newPool(t, 100, accounts.Limit{Logins: 6, Per: time.Minute})
	now := t0
	got := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Second)
		l, _ := p.Lease(now, none)
		l.Release(t0, accounts.Unclear)
		p.Status(now)
	})
	if got > 1 {
		t.Errorf("a lease makes %v allocations, want the lease alone", got)
	}
}

func BenchmarkLease(b *testing.B) {
	p := newPool(b, 1000, accounts.Limit{Logins: 6, Per: time.Minute})
	now := t0
	for b.Loop() {
		now = now.Add(50 * time.Millisecond)
		l, _ := p.Lease(now, once30)
		l.Release(t0, accounts.Unclear)
	}
}
