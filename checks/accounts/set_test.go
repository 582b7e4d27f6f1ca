package accounts_test

import (
	"testing"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/prober"
	"github.com/google/go-cmp/cmp"
)

func newSet(t testing.TB, pools ...*accounts.Pool) *accounts.Set {
	t.Helper()
	s, err := accounts.NewSet(pools...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSet(t *testing.T) {
	retail := newPool(t, 2, accounts.Limit{})
	business, err := accounts.NewPool("business", accounts.Limit{}, named(1))
	if err != nil {
		t.Fatal(err)
	}
	s := newSet(t, retail, business)
	visit(retail, at(0), none)
	take(retail, at(0), none)
	want := []prober.PoolStatus{{Name: "business", Free: 1}, {Name: "retail", Free: 1, Leased: 1, Logins: 2}}
	if diff := cmp.Diff(want, s.Status(at(1))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if s.Pool("retail") != retail || s.Pool("business") != business || s.Pool("x") != nil {
		t.Error("Pool does not find pools by their names")
	}
	var none *accounts.Set
	if none.Pool("retail") != nil || none.Status(at(0)) != nil || none.Pools() != nil {
		t.Error("a nil set has pools")
	}
	_, err = accounts.NewSet(retail, business, retail)
	if got, want := err.Error(), `two pools are named "retail"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r := secret.NewRedactor()
	s.AddSecrets(r)
	if got, want := r.Redact("hunter-0 hunter-1 hunter-2"), "[secret] [secret] hunter-2"; got != want {
		t.Errorf("redacted: got %q, want %q", got, want)
	}
	r = secret.NewRedactor()
	s.AddSecrets(r, "password")
	if got, want := r.Redact("hunter-0"), "hunter-0"; got != want {
		t.Errorf("redacted: got %q, want %q", got, want)
	}
}

// A pool that a configuration does not have is the one that it was when another has it
// again: what is held is held, and what was used is used.
func TestPoolGoneAndBack(t *testing.T) {
	two := accounts.Limit{Logins: 2, Per: time.Minute}
	set := newSet(t, newPool(t, 2, two))
	_, held := take(set.Pool("retail"), at(0), none)
	visit(set.Pool("retail"), at(1), none)
	visit(set.Pool("retail"), at(2), none) // a1 has used up its logins
	for range 3 {
		business, err := accounts.NewPool("business", accounts.Limit{}, named(1))
		if err != nil {
			t.Fatal(err)
		}
		without := newSet(t, business)
		without.Inherit(set)
		set = without
	}
	again := newSet(t, newPool(t, 2, two))
	again.Inherit(set)
	p := again.Pool("retail")
	if got := visit(p, at(3), none); got != "budget" {
		t.Errorf("got %s, want none: one is held and the other has used up its logins", got)
	}
	held.Release(at(4), accounts.Accepted)
	if got := visit(p, at(5), none); got != "a0" {
		t.Errorf("got %s, want a0, which was given back", got)
	}
	want := []prober.PoolStatus{{Name: "retail", Cooling: 2, Logins: 4}}
	if diff := cmp.Diff(want, again.Status(at(5))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestInherit(t *testing.T) {
	two := accounts.Limit{Logins: 2, Per: time.Minute}
	old := newSet(t, newPool(t, 2, two))
	_, held := take(old.Pool("retail"), at(0), none)
	visit(old.Pool("retail"), at(1), none)
	visit(old.Pool("retail"), at(2), none) // a1 has used up its logins

	p, err := accounts.NewPool("retail", accounts.Limit{Logins: 3, Per: time.Minute}, named(3)[1:])
	if err != nil {
		t.Fatal(err)
	}
	set := newSet(t, p)
	set.Inherit(old)
	steps := []struct {
		do   func() string
		want string
	}{
		{func() string { return visit(p, at(3), none) }, "a2"},                             // never used
		{func() string { return visit(p, at(4), none) }, "a1"},                             // its third login
		{func() string { return visit(old.Pool("retail"), at(5), none) }, "budget"},        // which the old set knows of
		{func() string { held.Release(t0, accounts.Refused); return "" }, ""},              // a run of the old set ends
		{func() string { return visit(old.Pool("retail"), at(5), none) }, "a0"},            //
		{func() string { return visit(p, at(6), none) }, "a2"},                             //
		{func() string { return visit(p, at(7), none) }, "a2"},                             // its third
		{func() string { return visit(p, at(8), none) }, "budget"},                         //
		{func() string { return visit(p, at(61), none) }, "a1"},                            // of 1, 2 and 4 s, the first is over
		{func() string { return visit(p, at(61.5), none) }, "a1"},                          //
		{func() string { return visit(p, at(61.9), none) }, "budget"},                      //
		{func() string { n, _ := take(old.Pool("retail"), at(70), none); return n }, "a0"}, // held, and not of the new set
	}
	for i, step := range steps {
		if got := step.do(); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
	want := prober.PoolStatus{Name: "retail", Free: 2, Logins: 11, Refusals: 1}
	if diff := cmp.Diff(want, p.Status(at(70))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
