package banktest_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

// wrong sends a password that is none.
func (c *client) wrong(username string) reply {
	c.t.Helper()
	return c.post("/v1/login", map[string]string{"username": username, "password": "no"})
}

// withFaults is a bank without a network that asks for no codes.
func withFaults(t *testing.T, o banktest.Options, faults ...string) (*banktest.Bank, *client, []banktest.User) {
	t.Helper()
	o.PasswordOnly = true
	for _, f := range faults {
		o.Faults = append(o.Faults, parse(t, f))
	}
	b := newBank(t, o)
	return b, handler(t, b), b.Users()
}

func TestFaultLockout(t *testing.T) {
	clock := newClock()
	b, c, users := withFaults(t, banktest.Options{Now: clock.Now}, "kind=lockout step=login every=2")
	wantReply(t, c.password(users[0]), 200, "")
	wantReply(t, c.password(users[1]), 423, `{"error":"account_locked"}`)
	b.ClearFaults()
	wantReply(t, c.password(users[1]), 423, `{"error":"account_locked"}`)
	wantReply(t, c.password(users[0]), 200, "")
	clock.Advance(15 * time.Minute)
	wantReply(t, c.password(users[1]), 200, "")
	if got := b.Stats(); got.Total.Lockouts != 1 || len(got.Faults) != 1 || got.Faults[0].Count != 1 {
		t.Errorf("stats are %+v", got)
	}
}

func TestFaultCaptcha(t *testing.T) {
	b, c, users := withFaults(t, banktest.Options{}, "kind=captcha step=login")
	wantReply(t, c.password(users[0]), 403, `{"error":"captcha_required","error_description":"show that you are human"}`)
	wantReply(t, c.send("GET", "/v1/status", ""), 200, "")
	if got := b.Stats().Total.Attempts; got != 0 {
		t.Errorf("%d attempts, want 0", got)
	}
}

func TestFaultAccountLimit(t *testing.T) {
	clock := newClock()
	b, c, users := withFaults(t, banktest.Options{Now: clock.Now}, "kind=account_limit limit=2 per=1m")
	for i, want := range []int{200, 200, 429} {
		clock.Advance(time.Second)
		r := c.password(users[0])
		wantReply(t, r, want, "")
		if got := r.header.Get("Retry-After"); i == 2 && got != "58" {
			t.Errorf("Retry-After is %q, want 58", got)
		}
	}
	wantReply(t, c.password(users[1]), 200, "") // has a limit of its own
	clock.Advance(58 * time.Second)
	wantReply(t, c.password(users[0]), 200, "")
	wantReply(t, c.password(users[0]), 429, `{"error":"too_many_requests"}`)
	met := int64(0)
	for _, f := range b.Stats().Faults {
		met += f.Count
	}
	if met != 2 {
		t.Errorf("%d requests met the fault, want 2", met)
	}
}

func TestFaultIPLimit(t *testing.T) {
	b, _, _ := withFaults(t, banktest.Options{}, "kind=ip_limit limit=2")
	from := func(address string) int {
		r, w := httptest.NewRequest("GET", "/v1/status", nil), httptest.NewRecorder()
		r.RemoteAddr = address
		b.ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		address string
		want    int
	}{
		{"192.0.2.1:1000", 200}, {"192.0.2.1:1001", 200}, {"192.0.2.1:1002", 429}, {"[2001:db8::1]:1000", 200},
	} {
		if got := from(c.address); got != c.want {
			t.Errorf("%s: got %d, want %d", c.address, got, c.want)
		}
	}
}

// A token is good for a while after its end, at one backend alone, where a fault has it so.
func TestFaultStaleToken(t *testing.T) {
	clock := newClock()
	b, c, users := withFaults(t, banktest.Options{Now: clock.Now, Backends: []banktest.Backend{{Name: "b1", Release: "1"}}}, "kind=stale_token for=10s")
	for _, end := range []func(access string) reply{
		func(access string) reply { return c.bearer("POST", "/v1/logout", access) },
		func(access string) reply {
			return c.send("POST", "/v1/revoke", "token="+access, "Content-Type", "application/x-www-form-urlencoded")
		},
	} {
		access := c.password(users[0]).member("access_token")
		end(access)
		clock.Advance(9 * time.Second)
		wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, "")
		wantReply(t, c.bearer("POST", "/v1/logout", access), 204, "") // and that begins nothing anew
		clock.Advance(time.Second)
		wantReply(t, c.bearer("GET", "/v1/accounts", access), 401, "")
	}
	wantReply(t, c.bearer("GET", "/v1/accounts", "abc"), 401, "")
	expired := c.password(users[0]).member("access_token")
	clock.Advance(time.Hour)
	wantReply(t, c.bearer("GET", "/v1/accounts", expired), 401, "")               // nobody has ended it
	if got := b.Stats().Faults; len(got) != 2 || got[0].Count+got[1].Count != 4 { // at two steps
		t.Errorf("faults are %+v", got)
	}
}

// Of five backends one does not hear of logouts.
func TestFaultStaleTokenAtOneBackend(t *testing.T) {
	_, c, users := withFaults(t, banktest.Options{Balance: banktest.PerRequest}, "kind=stale_token backend=b3")
	access := c.password(users[0]).member("access_token")
	c.bearer("POST", "/v1/logout", access)
	seen := map[string]bool{}
	for range 200 {
		r := c.bearer("GET", "/v1/accounts", access)
		backend := r.header.Get("X-Backend")
		if (r.status == 200) != (backend == "b3") {
			t.Errorf("%s answered %d", backend, r.status)
		}
		seen[backend] = true
	}
	if len(seen) != 5 {
		t.Errorf("met %v", seen)
	}
}

func TestFaultTiming(t *testing.T) {
	for fault, later := range map[string]string{"kind=timing by=2s": "unknown", "kind=timing by=-2s": "known"} {
		synctest.Test(t, func(t *testing.T) {
			b, c, users := withFaults(t, banktest.Options{}, fault)
			for who, name := range map[string]string{"known": users[0].Username, "unknown": "nobody"} {
				begin, want := time.Now(), time.Duration(0)
				wantReply(t, c.wrong(name), 401, `{"error":"invalid_credentials"}`)
				if who == later {
					want = 2 * time.Second
				}
				if took := time.Since(begin); took != want {
					t.Errorf("%s: %s took %v, want %v", fault, who, took, want)
				}
			}
			if got := b.Stats().Faults; len(got) != 1 || got[0].Count != 1 {
				t.Errorf("faults are %+v", got)
			}
		})
	}
}

func TestFaultEnumeration(t *testing.T) {
	_, c, users := withFaults(t, banktest.Options{}, "kind=enumeration")
	wantReply(t, c.wrong(users[0].Username), 401, `{"error":"invalid_credentials"}`)
	wantReply(t, c.wrong("nobody"), 401, `{"error":"unknown_user"}`)
}

func TestProxyRefusesWhatIsABanks(t *testing.T) {
	p, err := banktest.NewProxy("", banktest.ProxyOptions{ErrorLog: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, kind := range []string{"lockout", "timing", "enumeration", "account_limit", "ip_limit", "stale_token", "fail_open"} {
		if _, err := p.AddFault(parse(t, "kind="+kind)); err == nil || !strings.Contains(err.Error(), kind+" is a bank's; ") {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	if _, err := p.AddFault(parse(t, "kind=captcha path=/login")); err != nil {
		t.Error(err)
	}
}
