package accounts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/accounts"
)

// What a run uses up beside what it was leased the account for is stored before it is
// used, up to the day's caps of the account and of its pool, and no further.
func TestCharge(t *testing.T) {
	b := &book{}
	wrong := accounts.Use{Negative: 1}
	p, _ := guarded(t, 2, accounts.Rules{Kind: accounts.Negative, AccountDay: accounts.Use{Negative: 3}, PoolDay: accounts.Use{Negative: 4}}, b)
	_, lease := take(p, at(0), accounts.Need{Use: wrong})
	if err := lease.Store(at(0)); err != nil {
		t.Fatal(err)
	}
	charge := func(l *accounts.Lease, now time.Time, more accounts.Use, want bool, negative, attempts int) {
		t.Helper()
		ok, err := l.Charge(now, more)
		if r := b.records[l.Account().Name]; ok != want || err != nil || r.Used.Negative != negative || r.Attempts != attempts {
			t.Errorf("%+v: got %t, %v, stored %+v; want %t, %d used and %d attempts", more, ok, err, r, want, negative, attempts)
		}
	}
	saves := b.saves
	charge(lease, at(1), accounts.Use{}, true, 1, 1)
	if b.saves != saves {
		t.Error("nothing was used up, and it is stored")
	}
	charge(lease, at(1), wrong, true, 2, 2)
	charge(lease, at(1), accounts.Use{Codes: 9}, true, 2, 2) // no cap
	charge(lease, at(1), wrong, true, 3, 3)
	charge(lease, at(1), wrong, false, 3, 3) // the account has no more
	_, other := take(p, at(2), accounts.Need{Use: wrong})
	if err := other.Store(at(2)); err != nil {
		t.Fatal(err)
	}
	charge(other, at(2), wrong, false, 1, 1) // nor has the pool
	b.full = errors.New("the disk is full")
	if _, err := lease.Charge(at(3), accounts.Use{Codes: 1}); err != b.full {
		t.Errorf("what cannot be stored: got %v", err)
	}
	b.full = nil
	tomorrow := t0.Add(24 * time.Hour)
	charge(lease, tomorrow, wrong, true, 1, 4)
	lease.Release(tomorrow, accounts.Unclear)
	if r := b.records["a0"]; r.Attempts != 0 || r.Used.Negative != 1 {
		t.Errorf("released: %+v, want the attempts of before and what was used", r)
	}
	charge(lease, tomorrow, wrong, false, 1, 0) // somebody else may have it now
}
