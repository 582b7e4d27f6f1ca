package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
)

// A book is a Book in memory, whose disk can be full and whose files damaged.
type book struct {
	mu      sync.Mutex
	records map[string]accounts.Record
	saves   int
	full    error
	damaged error
}

func (b *book) Load(account string) (accounts.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.records[account], b.damaged
}

func (b *book) Save(account string, r accounts.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full != nil {
		return b.full
	}
	if b.records == nil {
		b.records = map[string]accounts.Record{}
	}
	b.saves++
	b.records[account] = r
	return nil
}

// guarded is a pool of n accounts with rules and a book.
func guarded(t testing.TB, n int, r accounts.Rules, b accounts.Book) (*accounts.Pool, *[]string) {
	t.Helper()
	p := newPool(t, n, accounts.Limit{})
	if err := p.Protect(r); err != nil {
		t.Fatal(err)
	}
	if b != nil {
		p.Keep(b, t0)
	}
	var told []string
	newSet(t, p).Watch(func(e accounts.Event) {
		told = append(told, strings.TrimSpace(fmt.Sprintf("%s: %s %s", e.Kind, e.Account, e.Record.Why)))
	})
	return p, &told
}

// try makes a run with the result, and returns the account it had, or why none.
func try(t testing.TB, p *accounts.Pool, seconds float64, need accounts.Need, result accounts.Result) string {
	t.Helper()
	name, l := take(p, at(seconds), need)
	if l == nil {
		return name
	}
	if err := l.Store(at(seconds)); err != nil {
		l.Release(at(seconds), accounts.Unclear)
		return err.Error()
	}
	l.Release(at(seconds), result)
	return name
}

// TestQuarantine plays runs of one pool: each letter is one run, of the account that
// it names, A for accepted, u unclear, r refused, L locked.
func TestQuarantine(t *testing.T) {
	results := map[byte]accounts.Result{'A': accounts.Accepted, 'u': accounts.Unclear, 'r': accounts.Refused, 'L': accounts.Locked}
	for name, tc := range map[string]struct {
		accounts int
		rules    accounts.Rules
		runs     string // "0r 1A" is a0 refused, then a1 accepted; "+15m" lets time pass
		then     string // what a further run gets
		told     []string
	}{
		"one refusal":             {1, accounts.Rules{}, "0r", "a0", nil},
		"two in a row":            {3, accounts.Rules{}, "0r 1A 2A 0r", "a1", []string{"account in quarantine: a0 refused"}},
		"the only account":        {1, accounts.Rules{}, "0r 0r", "quarantine", []string{"account in quarantine: a0 refused"}},
		"a success in between":    {1, accounts.Rules{}, "0r 0A 0r", "a0", nil},
		"unclear is no success":   {1, accounts.Rules{}, "0r 0u 0u 0r", "quarantine", []string{"account in quarantine: a0 refused"}},
		"and no refusal":          {1, accounts.Rules{}, "0u 0u 0u 0u 0u", "a0", nil},
		"locked at once":          {2, accounts.Rules{}, "0L 1A 1A", "a1", []string{"account in quarantine: a0 locked"}},
		"one allowed":             {2, accounts.Rules{Attempts: 1}, "0r 1A", "a1", []string{"account in quarantine: a0 refused"}},
		"half of the others":      {3, accounts.Rules{}, "0r 1r 2A 0r", "a1", []string{"account in quarantine: a0 refused"}},
		"most accounts":           {3, accounts.Rules{}, "0r 1r 2r 0r", "a1", []string{"account rests: a0 outage"}},
		"all of them rest":        {2, accounts.Rules{}, "0r 1r 0r 1r", "budget", []string{"account rests: a0 outage", "account rests: a1 outage"}},
		"a rest that is not over": {2, accounts.Rules{}, "0r 1r 0r 1r +14m", "budget", []string{"account rests: a0 outage", "account rests: a1 outage"}},
		"the end of the outage": {2, accounts.Rules{}, "0r 1r 0r 1r +15m 0A 1A", "a0",
			[]string{"account rests: a0 outage", "account rests: a1 outage", "account accepted again: a0", "account accepted again: a1"}},
		"an outage that goes on": {2, accounts.Rules{}, "0r 1r 0r 1r +15m 0r 1r +1h 0r 1r +99h", "quarantine", []string{
			"account rests: a0 outage", "account rests: a1 outage", "account rests: a0 outage", "account rests: a1 outage",
			"account in quarantine: a0 refused", "account in quarantine: a1 refused"}},
		"no more in an outage": {2, accounts.Rules{OutageAttempts: 2}, "0r 1r 0r 1r", "quarantine",
			[]string{"account in quarantine: a0 refused", "account in quarantine: a1 refused"}},
		"unclear after a rest": {2, accounts.Rules{}, "0r 1r 0r 1r +15m 0u", "a1", []string{"account rests: a0 outage", "account rests: a1 outage"}},
		"refusals that come and go": {5, accounts.Rules{}, "0r 1r 2A 3A 4A 0A 1r", "a2",
			[]string{"account rests: a1 outage"}},
		"come and go long ago": {3, accounts.Rules{}, "0r 1A 2A 0A +61m 1r 2A 0A 1r", "a2",
			[]string{"account in quarantine: a1 refused"}},
		"those in quarantine do not count": {3, accounts.Rules{}, "0L 1r 2A 1r", "a2",
			[]string{"account in quarantine: a0 locked", "account in quarantine: a1 refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, told := guarded(t, tc.accounts, tc.rules, nil)
			now := 0.0
			for _, run := range strings.Fields(tc.runs) {
				if pause, ok := strings.CutPrefix(run, "+"); ok {
					d, _ := time.ParseDuration(pause)
					now += d.Seconds()
					continue
				}
				if got, want := try(t, p, now, none, results[run[1]]), "a"+run[:1]; got != want {
					t.Fatalf("run %s: got %s", run, got)
				}
			}
			if got := visit(p, at(now), none); got != tc.then {
				t.Errorf("then: got %s, want %s", got, tc.then)
			}
			if diff := cmp.Diff(tc.told, *told, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCrashes never gives an account back: each process ends with its run.
func TestCrashes(t *testing.T) {
	b := &book{}
	for i, want := range []string{"a0", "a0", "a1", "a1", "quarantine", "quarantine"} {
		p, told := guarded(t, 2, accounts.Rules{}, b)
		name, l := take(p, at(float64(i)), none)
		if l != nil {
			if err := l.Store(at(float64(i))); err != nil {
				t.Fatal(err)
			}
		}
		if name != want {
			t.Errorf("process %d: got %s, want %s; told %q", i, name, want, *told)
		}
		if want == "quarantine" && len(*told) != 2 {
			t.Errorf("process %d is told %q, want both accounts", i, *told)
		}
	}
	if r := b.records["a1"]; r.Why != accounts.WhyCutOff || r.Attempts != 2 {
		t.Errorf("the record is %+v", r)
	}
}

// TestRestart goes on in a new process: quarantine, rests and what a day has used
// are kept, and a release lets an account back.
func TestRestart(t *testing.T) {
	b := &book{}
	rules := accounts.Rules{AccountDay: accounts.Use{Codes: 2}}
	code := accounts.Need{Use: accounts.Use{Codes: 1}}
	p, _ := guarded(t, 2, rules, b)
	try(t, p, 0, code, accounts.Locked)   // a0
	try(t, p, 1, code, accounts.Accepted) // a1
	p, told := guarded(t, 2, rules, b)
	for i, want := range []string{"a1", "budget"} {
		if got := try(t, p, float64(2+i), code, accounts.Accepted); got != want {
			t.Errorf("run %d: got %s, want %s", i, got, want)
		}
	}
	if want := []string{"account in quarantine: a0 locked"}; !cmp.Equal(*told, want) {
		t.Errorf("told %q, want %q", *told, want)
	}
	r := b.records["a0"]
	r.Release()
	_ = b.Save("a0", r)
	p, _ = guarded(t, 2, rules, b)
	for i, want := range []string{"a0", "budget"} {
		if got := try(t, p, float64(4+i), code, accounts.Accepted); got != want {
			t.Errorf("run %d after the release: got %s, want %s", i, got, want)
		}
	}
}

// TestDisk has a book that cannot be read or written: nothing may be sent then, and
// what it says once it can be read counts.
func TestDisk(t *testing.T) {
	b := &book{full: errors.New("the disk is full")}
	p, told := guarded(t, 1, accounts.Rules{}, b)
	for range 5 { // nothing was sent, so nothing is held against the account
		if got := try(t, p, 0, none, accounts.Accepted); got != "the disk is full" {
			t.Fatalf("a full disk: got %s", got)
		}
	}
	b.full = nil
	if got := try(t, p, 1, none, accounts.Accepted); got != "a0" || b.records["a0"].Attempts != 0 {
		t.Errorf("after that: got %s, record %+v", got, b.records["a0"])
	}
	_, l := take(p, at(2), none)
	if err := l.Store(at(2)); err != nil {
		t.Fatal(err)
	}
	b.full = errors.New("the disk is full")
	l.Release(at(2), accounts.Accepted)
	if r := b.records["a0"]; r.Attempts != 1 {
		t.Errorf("where the end is not stored, it is not known: got %+v", r)
	}
	if n := len(*told); n == 0 || (*told)[n-1] != "account's record not stored: a0" {
		t.Errorf("told %q", *told)
	}

	b = &book{damaged: errors.New("it stops being JSON"), records: map[string]accounts.Record{"a0": {Why: accounts.WhyLocked, Since: t0}}}
	p, _ = guarded(t, 1, accounts.Rules{}, b)
	if got := try(t, p, 0, none, accounts.Accepted); got != "it stops being JSON" || b.saves != 0 {
		t.Errorf("a damaged file: got %s and %d writes", got, b.saves)
	}
	b.damaged = nil
	for i, want := range []string{"the account a0 is to be left alone, as is stored of it", "quarantine"} {
		if got := try(t, p, 1, none, accounts.Accepted); got != want {
			t.Errorf("run %d after it is repaired: got %s, want %s", i, got, want)
		}
	}
	if r := b.records["a0"]; r.Why != accounts.WhyLocked {
		t.Errorf("the record is %+v, want it in quarantine", r)
	}
}

// TestReadMeanwhile reads the configuration again while the last attempt that an account
// may have is under way. It is no attempt that was cut off, and nothing is written of it.
func TestReadMeanwhile(t *testing.T) {
	for _, refused := range []bool{false, true} {
		b := &book{}
		pool, told := guarded(t, 1, accounts.Rules{}, b)
		old := newSet(t, pool)
		try(t, pool, 0, none, accounts.Refused)
		_, held := take(pool, at(1), none)
		if err := held.Store(at(1)); err != nil {
			t.Fatal(err)
		}
		before := b.saves
		p := newPool(t, 1, accounts.Limit{})
		p.Keep(b, at(2))
		if !refused { // the configuration is
			set := newSet(t, p)
			set.Inherit(old)
			set.Watch(func(e accounts.Event) { t.Errorf("told of %s: %s", e.Kind, e.Record.Why) })
		}
		if r := b.records["a0"]; b.saves != before || r.Why != "" || r.Attempts != 2 {
			t.Errorf("refused %v: the record is %+v after %d more saves", refused, r, b.saves-before)
		}
		held.Release(at(3), accounts.Accepted)
		if got := try(t, pool, 4, none, accounts.Accepted); got != "a0" || len(*told) > 0 {
			t.Errorf("refused %v: the next run got %s, and was told %v", refused, got, *told)
		}
	}
}

// TestInheritRecords reads the configuration again while accounts are in quarantine and
// in use: the new set knows of all that, and of new accounts what the book says.
func TestInheritRecords(t *testing.T) {
	b := &book{records: map[string]accounts.Record{"a2": {Why: accounts.WhyLocked, Since: t0}}}
	pool, _ := guarded(t, 2, accounts.Rules{}, b)
	old := newSet(t, pool)
	try(t, pool, 0, none, accounts.Locked) // a0
	_, held := take(pool, at(1), none)     // a1
	if err := held.Store(at(1)); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, 4, accounts.Limit{})
	if err := p.Protect(accounts.Rules{PoolLogins: accounts.Limit{Logins: 3, Per: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	p.Keep(b, at(2))
	set := newSet(t, p)
	set.Inherit(old)
	if got, want := p.Status(at(2)), (prober.PoolStatus{Name: "retail", Free: 1, Leased: 1, Quarantined: 2, Logins: 2, Refusals: 1}); !cmp.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	each := []prober.AccountStatus{
		{Pool: "retail", Name: "a0", State: prober.AccountQuarantined, Why: "locked", Since: at(0), Refusals: 1, Logins: 1},
		{Pool: "retail", Name: "a1", State: prober.AccountLeased, Logins: 1},
		{Pool: "retail", Name: "a2", State: prober.AccountQuarantined, Why: "locked", Since: t0},
		{Pool: "retail", Name: "a3", State: prober.AccountFree},
	}
	if diff := cmp.Diff(each, set.Each(at(2))); diff != "" {
		t.Errorf("each (-want +got):\n%s", diff)
	}
	held.Release(at(3), accounts.Refused)
	if r := b.records["a1"]; r.Attempts != 1 || r.Refusals != 1 {
		t.Errorf("the record of the one that was held is %+v", r)
	}
	for i, want := range []string{"a3", "a1", "a3", "budget"} {
		if got := try(t, p, float64(4+i), none, accounts.Accepted); got != want {
			t.Errorf("run %d: got %s, want %s", i, got, want)
		}
	}
}
