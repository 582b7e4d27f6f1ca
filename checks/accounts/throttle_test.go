package accounts_test

import (
	"testing"
	"time"

	"github.com/authprober/authprober/checks/accounts"
)

// Two pools share a limit, go on with it in a new configuration, and are free of it in
// one that has none.
func TestLimitOfAll(t *testing.T) {
	set := func(l accounts.Limit) (*accounts.Set, *accounts.Pool, *accounts.Pool) {
		a := newPool(t, 9, accounts.Limit{})
		b, err := accounts.NewPool("business", accounts.Limit{}, named(9))
		if err != nil {
			t.Fatal(err)
		}
		s := newSet(t, a, b)
		if err := s.Limit(l); err != nil {
			t.Fatal(err)
		}
		return s, a, b
	}
	three := accounts.Limit{Logins: 3, Per: time.Minute}
	old, a, b := set(three)
	want := func(p *accounts.Pool, seconds float64, want string) {
		t.Helper()
		if got := visit(p, at(seconds), none); got != want {
			t.Errorf("at %v s: got %q, want %q", seconds, got, want)
		}
	}
	want(a, 0, "a0")
	want(b, 1, "a0")
	want(a, 2, "a1")
	want(b, 3, "budget")
	want(a, 58, "budget")
	if s := b.Status(at(58)); s.Free != 9 || s.Logins != 1 {
		t.Errorf("a login that was not made is in the books: %+v", s)
	}
	next, a, b := set(three)
	next.Inherit(old)
	want(b, 58, "budget")
	want(b, 59.5, "a1")
	want(a, 59.6, "budget")
	free, a, _ := set(accounts.Limit{})
	free.Inherit(next)
	want(a, 59.7, "a2")
	last, _, b := set(three)
	last.Inherit(free)
	want(b, 59.8, "a2")
	if err := last.Limit(accounts.Limit{Logins: -1, Per: time.Minute}); err == nil || err.Error() != "all pools together: limit of -1 logins, want 1 to 10000" {
		t.Errorf("got %v", err)
	}
}

// Halt leaves an account alone whatever the run comes to.
func TestHalt(t *testing.T) {
	for _, result := range []accounts.Result{accounts.Accepted, accounts.Refused, accounts.Unclear} {
		p := newPool(t, 2, accounts.Limit{})
		var told []accounts.Event
		newSet(t, p).Watch(func(e accounts.Event) { told = append(told, e) })
		_, lease := take(p, at(0), none)
		lease.Halt(accounts.WhyCaptcha)
		lease.Halt(accounts.WhyLocked)
		lease.Release(at(1), result)
		if len(told) != 1 || told[0].Kind != accounts.EventQuarantined || told[0].Record.Why != accounts.WhyCaptcha || told[0].Record.Refusals != 1 {
			t.Errorf("result %v: told %+v", result, told)
		}
		if s := p.Status(at(2)); s.Quarantined != 1 || s.Free != 1 {
			t.Errorf("result %v: status %+v", result, s)
		}
	}
}
