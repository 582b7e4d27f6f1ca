package accounts_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/prober"
	"github.com/google/go-cmp/cmp"
)

var t0 = time.Unix(1_700_000_010, 0) // the beginning of a step of 30 s

// at returns t0 plus a number of seconds.
func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

var (
	none   = accounts.Need{}
	once30 = accounts.Need{OncePerStep: 30 * time.Second}
)

// named returns n accounts a0, a1 and so on.
func named(n int) []accounts.Account {
	out := make([]accounts.Account, n)
	for i := range out {
		out[i] = accounts.Account{
			Name:   fmt.Sprintf("a%d", i),
			Fields: map[string]secret.Secret{"password": secret.New(fmt.Sprintf("hunter-%d", i))},
		}
	}
	return out
}

func newPool(t testing.TB, n int, limit accounts.Limit) *accounts.Pool {
	t.Helper()
	p, err := accounts.NewPool("retail", limit, named(n))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// take leases an account and returns its name, or the reason why there is none.
func take(p *accounts.Pool, now time.Time, need accounts.Need) (string, *accounts.Lease) {
	l, reason := p.Lease(now, need)
	if l == nil {
		return string(reason), nil
	}
	return l.Account().Name, l
}

// visit leases an account and gives it back at once.
func visit(p *accounts.Pool, now time.Time, need accounts.Need) string {
	name, l := take(p, now, need)
	if l != nil {
		l.Release(t0, accounts.Unclear)
	}
	return name
}

func TestNewPool(t *testing.T) {
	second := time.Second
	for _, tc := range []struct {
		limit    accounts.Limit
		accounts string
		want     string
	}{
		{accounts.Limit{}, "a b", ""},
		{accounts.Limit{Logins: 1, Per: second}, "a", ""},
		{accounts.Limit{Logins: 10_000, Per: 24 * time.Hour}, "a", ""},
		{accounts.Limit{}, "", `pool "retail" has no account, want at least one`},
		{accounts.Limit{}, "a b a", `pool "retail" has two accounts "a"`},
		{accounts.Limit{}, "a b ,", `pool "retail": account 3 has no name`},
		{accounts.Limit{Logins: 6}, "a", `pool "retail": limit of 6 logins per 0s, want at least a second`},
		{accounts.Limit{Per: second}, "a", `pool "retail": limit of 0 logins, want 1 to 10000`},
		{accounts.Limit{Logins: -1, Per: second}, "a", `pool "retail": limit of -1 logins, want 1 to 10000`},
		{accounts.Limit{Logins: 10_001, Per: second}, "a", `pool "retail": limit of 10001 logins, want 1 to 10000`},
	} {
		var list []accounts.Account
		for _, name := range strings.Fields(tc.accounts) {
			list = append(list, accounts.Account{Name: strings.Trim(name, ",")})
		}
		_, err := accounts.NewPool("retail", tc.limit, list)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%v, accounts %q: got %q, want %q", tc.limit, tc.accounts, got, tc.want)
		}
	}
}

func TestLeastRecentlyUsed(t *testing.T) {
	p := newPool(t, 3, accounts.Limit{})
	var order []string
	var held *accounts.Lease
	for i := range 9 {
		name, l := take(p, at(0), none) // the time stands still: the order does not depend on it
		order = append(order, name)
		if i == 1 {
			held = l // a1 stays away for a while
			continue
		}
		if i == 5 {
			held.Release(t0, accounts.Unclear)
		}
		l.Release(t0, accounts.Unclear)
	}
	want := []string{"a0", "a1", "a2", "a0", "a2", "a0", "a1", "a2", "a0"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order of leases (-want +got):\n%s", diff)
	}
}

func TestMissed(t *testing.T) {
	p := newPool(t, 2, accounts.Limit{Logins: 1, Per: 10 * time.Second})
	_, l0 := take(p, at(0), none)
	_, l1 := take(p, at(0), none)
	want := func(now float64, want string) {
		t.Helper()
		if got := visit(p, at(now), none); got != want {
			t.Errorf("at %v s: got %s, want %s", now, got, want)
		}
	}
	want(1, "no_account") // both leased
	l0.Release(t0, accounts.Unclear)
	want(1, "budget") // one leased, one cooling
	l1.Release(t0, accounts.Refused)
	want(1, "budget") // both cooling
	want(9, "a0")
	want(9, "a1")
	want(9, "budget")
	if diff := cmp.Diff(prober.PoolStatus{Name: "retail", Cooling: 2, Logins: 4, Refusals: 1}, p.Status(at(9))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestLimitWindow(t *testing.T) {
	for _, tc := range []struct {
		limit  accounts.Limit
		window float64 // seconds
	}{
		{accounts.Limit{Logins: 6, Per: time.Minute}, 59},
		{accounts.Limit{Logins: 1, Per: time.Minute}, 59},
		{accounts.Limit{Logins: 1, Per: time.Second}, 0.9},
		{accounts.Limit{Logins: 60, Per: time.Minute}, 59.9},
		{accounts.Limit{Logins: 3, Per: 24 * time.Hour}, 86399},
	} {
		p := newPool(t, 1, tc.limit)
		for i := range tc.limit.Logins { // all at once: the window is not of the calendar
			if got := visit(p, at(0.1), none); got != "a0" {
				t.Fatalf("%v: login %d: got %s, want a0", tc.limit, i+1, got)
			}
		}
		if got := visit(p, at(0.1+tc.window-0.001), none); got != "budget" {
			t.Errorf("%v: just before the window ends: got %s, want budget", tc.limit, got)
		}
		if got := visit(p, at(0.1+tc.window+0.001), none); got != "a0" {
			t.Errorf("%v: when the window has ended: got %s, want a0", tc.limit, got)
		}
	}
}

// A schedule at the very limit misses nothing, though no run is quite on time.
func TestLimitWithLateRuns(t *testing.T) {
	p := newPool(t, 1, accounts.Limit{Logins: 6, Per: time.Minute})
	for i := range 1000 {
		late := float64(i*7919%100) / 100 // of a second
		if got := visit(p, at(float64(i)*10+late), none); got != "a0" {
			t.Fatalf("run %d, %v s late: got %s, want a0", i, late, got)
		}
	}
}

func TestOncePerStep(t *testing.T) {
	p := newPool(t, 2, accounts.Limit{})
	for _, tc := range []struct {
		now  float64
		need accounts.Need
		want string
	}{
		{0, once30, "a0"},
		{29.999, once30, "a1"},
		{29.9999, once30, "budget"},
		{29.9999, none, "a0"}, // without a code
		{29.9999, none, "a1"},
		{29.9999, once30, "budget"},
		{30, once30, "a0"}, // the order is that of all leases
		{31, none, "a1"},
		{32, once30, "a1"},
		{59.9, once30, "budget"},
		{59.9, accounts.Need{OncePerStep: 10 * time.Second}, "a0"}, // another period has other steps
		{60, once30, "a1"},
		{61, once30, "a0"},
		{89, once30, "budget"},
		{1000, once30, "a1"},
		{1000.5, accounts.Need{OncePerStep: time.Millisecond}, "a0"}, // a second at least
		{1000.6, accounts.Need{OncePerStep: time.Millisecond}, "budget"},
	} {
		if got := visit(p, at(tc.now), tc.need); got != tc.want {
			t.Errorf("at %v s with %v: got %s, want %s", tc.now, tc.need, got, tc.want)
		}
	}
	old := newPool(t, 1, accounts.Limit{})
	for i, want := range []string{"a0", "budget", "a0", "budget", "a0"} {
		now := time.Unix([]int64{-31, -31, -30, -1, 0}[i], 0)
		if got := visit(old, now, once30); got != want {
			t.Errorf("at %d: got %s, want %s", now.Unix(), got, want)
		}
	}
}

func TestCodeUsed(t *testing.T) {
	p := newPool(t, 1, accounts.Limit{})
	_, l := take(p, at(29), once30)
	l.CodeUsed(at(31)) // made after the step in which the account was leased
	l.CodeUsed(at(2))
	l.Release(t0, accounts.Unclear)
	for _, tc := range []struct {
		now  float64
		want string
	}{{32, "budget"}, {59, "budget"}, {60, "a0"}} {
		if got := visit(p, at(tc.now), once30); got != tc.want {
			t.Errorf("at %v s: got %s, want %s", tc.now, got, tc.want)
		}
	}
}

func TestTimeGoesBack(t *testing.T) {
	minute := accounts.Limit{Logins: 2, Per: time.Minute}
	type visits []struct {
		now  float64
		want string
	}
	for name, tc := range map[string]struct {
		limit  accounts.Limit
		need   accounts.Need
		visits visits
	}{
		// Logins in the future count as just happened, and so not for ever.
		"limit": {minute, none, visits{{1e8, "a0"}, {1e8, "a0"}, {0, "budget"}, {58, "budget"}, {59, "a0"}, {59, "a0"}, {60, "budget"}}},
		"limit, one in the future": {minute, none, visits{
			{0, "a0"}, {100, "a0"}, {10, "budget"}, {58, "budget"}, {59, "a0"}, {68, "budget"}, {69, "a0"}}},
		// Steps that may have been used are not used again, within limits.
		"steps, a little":   {accounts.Limit{}, once30, visits{{65, "a0"}, {55, "budget"}, {0, "budget"}, {89, "budget"}, {90, "a0"}}},
		"steps, 10 of them": {accounts.Limit{}, once30, visits{{300, "a0"}, {0, "budget"}, {299, "budget"}, {330, "a0"}}},
		"steps, 11 of them": {accounts.Limit{}, once30, visits{{330, "a0"}, {0, "a0"}, {29, "budget"}, {30, "a0"}}},
	} {
		p := newPool(t, 1, tc.limit)
		for _, v := range tc.visits {
			if got := visit(p, at(v.now), tc.need); got != v.want {
				t.Errorf("%s: at %v s: got %s, want %s", name, v.now, got, v.want)
			}
		}
	}
}

func TestRelease(t *testing.T) {
	p := newPool(t, 1, accounts.Limit{})
	_, first := take(p, at(0), none)
	first.Release(t0, accounts.Refused)
	_, second := take(p, at(1), none)
	first.Release(t0, accounts.Refused) // is not the second's
	if got, _ := take(p, at(2), none); got != "no_account" {
		t.Errorf("after a second release of the first lease: got %s, want no_account", got)
	}
	if diff := cmp.Diff(prober.PoolStatus{Name: "retail", Leased: 1, Logins: 2, Refusals: 1}, p.Status(at(2))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	second.Release(t0, accounts.Unclear)
	if got := visit(p, at(3), none); got != "a0" {
		t.Errorf("after all are released: got %s, want a0", got)
	}
}

func TestCapacity(t *testing.T) {
	six := accounts.Limit{Logins: 6, Per: time.Minute}
	for _, tc := range []struct {
		n     int
		limit accounts.Limit
		need  accounts.Need
		want  float64
	}{
		{1, six, none, 0.1},
		{5, six, none, 0.5},
		{3, six, once30, 0.1},
		{3, accounts.Limit{Logins: 1, Per: time.Minute}, once30, 0.05},
		{3, accounts.Limit{}, once30, 0.1},
		{3, accounts.Limit{}, none, math.Inf(1)},
	} {
		p := newPool(t, tc.n, tc.limit)
		if got := p.Capacity(tc.need); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%d accounts, %v, %v: got %v, want %v", tc.n, tc.limit, tc.need, got, tc.want)
		}
		if math.IsInf(tc.want, 1) {
			continue
		}
		// A schedule of just that rate runs for an hour without a miss.
		every := 1 / tc.want
		for i := range int(3600 / every) {
			now := at(0.5 + float64(i)*every)
			if got := visit(p, now, tc.need); got == "budget" {
				t.Fatalf("%d accounts, %v, %v: run %d missed", tc.n, tc.limit, tc.need, i)
			}
		}
	}
}
