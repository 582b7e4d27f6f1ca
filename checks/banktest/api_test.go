package banktest_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

func TestWholeLogin(t *testing.T) {
	s, c := start(t, banktest.Options{Seed: 1, Users: 16})
	for _, u := range s.Users() {
		first := c.password(u)
		wantReply(t, first, 200, "")
		r := c.code(first.member("challenge"), codeOf(t, u, time.Now()))
		wantReply(t, r, 200, "")
		if r.member("token_type") != "Bearer" || !strings.Contains(r.text, `"expires_in":900`) {
			t.Errorf("tokens are %s", r.text)
		}
		if r.header.Get("Cache-Control") != "no-store" {
			t.Error("tokens may be stored by a cache")
		}
		access := r.member("access_token")
		accounts := c.bearer("GET", "/v1/accounts", access)
		wantReply(t, accounts, 200, "")
		checkAccounts(t, accounts.text)
		wantReply(t, c.bearer("POST", "/v1/logout", access), 204, "")
		wantReply(t, c.bearer("GET", "/v1/accounts", access), 401, "")
		wantReply(t, c.refresh(r.member("refresh_token")), 401, "")
		if got, want := s.Stats().Users[u.Username], (banktest.UserStats{Attempts: 1, Logins: 1, Logouts: 1}); got != want {
			t.Errorf("stats of %v are %+v, want %+v", u, got, want)
		}
	}
}

func checkAccounts(t *testing.T, text string) {
	t.Helper()
	var got struct {
		Accounts []struct {
			ID, Name, IBAN, Currency string
			Balance                  float64
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Accounts) == 0 {
		t.Fatalf("accounts are %s, %v", text, err)
	}
	for _, a := range got.Accounts {
		if a.ID == "" || a.Name == "" || a.Currency != "EUR" || !validIBAN(a.IBAN) {
			t.Errorf("account is %+v", a)
		}
	}
}

// validIBAN is ISO 13616: the number with its first four characters behind it
// and letters as numbers is 1 modulo 97.
func validIBAN(iban string) bool {
	if len(iban) != 22 || iban[:2] != "DE" {
		return false
	}
	n, ok := new(big.Int).SetString(iban[4:]+"1314"+iban[2:4], 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}

func TestRefusals(t *testing.T) {
	_, c := start(t, banktest.Options{})
	const noPath = `{"error":"not_found"}`
	const badJSON = `{"error":"malformed_json","error_description":"want one JSON object, its members of the right types, in UTF-8"}`
	const notJSON = `{"error":"unsupported_media_type","error_description":"want application/json in UTF-8"}`
	const noToken = `{"error":"unauthorized"}`
	const badToken = `{"error":"invalid_token"}`
	for _, q := range []struct {
		method, path, kind, body string
		status                   int
		want                     string
	}{
		{"GET", "/v1/status", "", "", 200, `{"status":"ok"}`},
		{"GET", "/", "", "", 404, noPath},
		{"POST", "/v1/login/", "", "", 404, noPath},
		{"GET", "/-/nothing", "", "", 404, noPath},
		{"GET", "/v1/login", "", "", 405, `{"error":"method_not_allowed","error_description":"want POST"}`},
		{"DELETE", "/v1/accounts", "", "", 405, `{"error":"method_not_allowed","error_description":"want GET"}`},
		{"POST", "/v1/login", "", "{}", 415, notJSON},
		{"POST", "/v1/login", "text/plain", "{}", 415, notJSON},
		{"POST", "/v1/login", "application/json; charset=latin1", "{}", 415, notJSON},
		{"POST", "/v1/login", "application/json; charset=UTF-8", "{", 400, badJSON},
		{"POST", "/v1/login", "application/json", "", 400, badJSON},
		{"POST", "/v1/login", "application/json", "[]", 400, badJSON},
		{"POST", "/v1/login", "application/json", `{"username":1}`, 400, badJSON},
		{"POST", "/v1/login", "application/json", `{}{}`, 400, badJSON},
		{"POST", "/v1/login", "application/json", "{\"username\":\"\xff\"}", 400, badJSON},
		{"POST", "/v1/login", "application/json", "null", 400, `{"error":"invalid_request","error_description":"username is missing or empty"}`},
		{"POST", "/v1/login", "application/json", `{"username":"a"}`, 400, `{"error":"invalid_request","error_description":"password is missing or empty"}`},
		{"POST", "/v1/login", "application/json", `{"username":"` + strings.Repeat("a", 64<<10) + `"}`, 413, `{"error":"body_too_large","error_description":"at most 65536 bytes"}`},
		{"POST", "/v1/login", "application/json", `{"username":"nobody","password":"x","extra":[]}`, 401, `{"error":"invalid_credentials"}`},
		{"POST", "/v1/login/otp", "application/json", `{}`, 400, `{"error":"invalid_request","error_description":"challenge is missing or empty"}`},
		{"POST", "/v1/login/otp", "application/json", `{"challenge":"c","code":"123456"}`, 401, `{"error":"invalid_challenge","error_description":"unknown, expired or used; log in again"}`},
		{"POST", "/v1/login/otp", "application/json", `{"challenge":"c","code":123456}`, 400, badJSON},
		{"POST", "/v1/token/refresh", "application/json", `{}`, 400, `{"error":"invalid_request","error_description":"refresh_token is missing or empty"}`},
		{"POST", "/v1/token/refresh", "application/json", `{"refresh_token":"x"}`, 401, `{"error":"invalid_grant","error_description":"the refresh token is unknown, expired, revoked or used"}`},
		{"POST", "/v1/revoke", "application/json", `{"token":"x"}`, 415, `{"error":"unsupported_media_type","error_description":"want application/x-www-form-urlencoded in UTF-8"}`},
		{"POST", "/v1/revoke", "application/x-www-form-urlencoded", "a=b", 400, `{"error":"invalid_request","error_description":"token is missing or empty"}`},
		{"POST", "/v1/revoke", "application/x-www-form-urlencoded", "token=%zz", 400, `{"error":"invalid_request","error_description":"the body is not a form"}`},
		{"POST", "/v1/revoke", "application/x-www-form-urlencoded", "token=x", 200, `{}`},
		{"GET", "/v1/accounts", "", "", 401, noToken},
		{"POST", "/v1/logout", "", "", 401, noToken},
	} {
		r := c.send(q.method, q.path, q.body, "Content-Type", q.kind)
		if r.err != nil || r.status != q.status || r.text != q.want {
			t.Errorf("%s %s %.40q: got %d %s %v, want %d %s", q.method, q.path, q.body, r.status, r.text, r.err, q.status, q.want)
		}
		if r.header.Get("Content-Type") != "application/json" || r.header.Get("X-Backend") == "" || r.header.Get("X-Release") != "1.0.0" {
			t.Errorf("%s %s: headers are %v", q.method, q.path, r.header)
		}
	}
	// RFC 6750 section 3.1: no error code where there was no token.
	for authorization, want := range map[string]string{
		"":             `Bearer realm="bank"`,
		"Basic eDp5":   `Bearer realm="bank"`,
		"Bearer":       `Bearer realm="bank", error="invalid_token", error_description="unknown, expired or revoked"`,
		"Bearer wrong": `Bearer realm="bank", error="invalid_token", error_description="unknown, expired or revoked"`,
		"bearer é":     `Bearer realm="bank", error="invalid_token", error_description="unknown, expired or revoked"`,
	} {
		body := noToken
		if strings.Contains(want, "error") {
			body = badToken
		}
		r := c.send("GET", "/v1/accounts", "", "Authorization", authorization)
		wantReply(t, r, 401, body)
		if got := r.header.Get("WWW-Authenticate"); got != want {
			t.Errorf("Authorization %q: WWW-Authenticate is %q, want %q", authorization, got, want)
		}
	}
	if allow := c.send("GET", "/v1/login", "").header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow is %q, want POST", allow)
	}
}

func TestPasswordLock(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Now: now.Now})
	good, other := s.Users()[0], s.Users()[1]
	bad := good
	bad.Password = strings.ToLower(good.Password)
	for range 4 {
		wantReply(t, c.password(bad), 401, `{"error":"invalid_credentials"}`)
	}
	wantReply(t, c.password(good), 200, "") // starts the row anew
	for range 4 {
		wantReply(t, c.password(bad), 401, `{"error":"invalid_credentials"}`)
	}
	const locked = `{"error":"account_locked"}`
	wantReply(t, c.password(bad), 423, locked)
	wantReply(t, c.password(good), 423, locked)
	wantReply(t, c.password(other), 200, "")
	want := banktest.UserStats{Attempts: 11, Refused: 10, Lockouts: 1}
	if got := s.Stats().Users[good.Username]; got != want {
		t.Errorf("stats are %+v, want %+v", got, want)
	}
	now.Advance(15*time.Minute - time.Second)
	wantReply(t, c.password(good), 423, locked)
	now.Advance(time.Second)
	wantReply(t, c.password(good), 200, "")
}

func TestLockForGood(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Now: now.Now, LockFor: -1, LockAfter: 1})
	u := s.Users()[0]
	wantReply(t, c.password(banktest.User{Username: u.Username, Password: "x"}), 423, "")
	now.Advance(10 * 365 * 24 * time.Hour)
	wantReply(t, c.password(u), 423, "")
	if !s.Unlock(u.Username) || s.Unlock("nobody") {
		t.Error("unlocking says the wrong thing")
	}
	wantReply(t, c.password(u), 200, "")
}

func TestCodes(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Now: now.Now})
	u := s.Users()[0]
	const used, wrong = `{"error":"invalid_challenge","error_description":"unknown, expired or used; log in again"}`, `{"error":"invalid_code"}`
	challenge := c.password(u).member("challenge")
	wantReply(t, c.code(challenge, "wrong!"), 401, wrong)
	wantReply(t, c.code(challenge, codeOf(t, u, now.Now())), 401, used)

	c.login(u, now.Now())
	wantReply(t, c.code(c.password(u).member("challenge"), codeOf(t, u, now.Now())), 401, wrong) // a replay
	wantReply(t, c.code(c.password(u).member("challenge"), codeOf(t, u, now.Now().Add(-30*time.Second))), 401, wrong)
	c.login(u, now.Now().Add(30*time.Second)) // the next one, a little early
	now.Advance(time.Minute)
	c.login(u, now.Now())

	challenge = c.password(u).member("challenge")
	now.Advance(2 * time.Minute)
	wantReply(t, c.code(challenge, codeOf(t, u, now.Now())), 401, used)

	for range 4 {
		wantReply(t, c.code(c.password(u).member("challenge"), "000000"), 401, wrong)
	}
	wantReply(t, c.code(c.password(u).member("challenge"), "000000"), 423, `{"error":"account_locked"}`)
	wantReply(t, c.password(u), 423, `{"error":"account_locked"}`)
}

func TestReuseCodesAndPasswordOnly(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Now: now.Now, ReuseCodes: true})
	for range 3 {
		c.login(s.Users()[0], now.Now())
	}
	s, c = start(t, banktest.Options{PasswordOnly: true})
	access := c.password(s.Users()[0]).member("access_token")
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, "")
	if got := s.Stats().Total.Logins; got != 1 {
		t.Errorf("%d logins are counted, want 1", got)
	}
}

func TestTokensExpire(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Now: now.Now})
	access, refresh := c.login(s.Users()[0], now.Now())
	now.Advance(15*time.Minute - time.Nanosecond)
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, "")
	now.Advance(time.Nanosecond)
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 401, `{"error":"invalid_token"}`)
	r := c.refresh(refresh)
	wantReply(t, r, 200, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", r.member("access_token")), 200, "")
	now.Advance(24 * time.Hour)
	wantReply(t, c.refresh(r.member("refresh_token")), 401, "")
	if live := s.Stats().Total.LiveSessions; live != 0 {
		t.Errorf("%d sessions are alive, want 0", live)
	}
}

func TestRefreshRotates(t *testing.T) {
	s, c := start(t, banktest.Options{})
	u := s.Users()[0]
	access1, refresh1 := c.login(u, time.Now())
	r := c.refresh(refresh1)
	access2, refresh2 := r.member("access_token"), r.member("refresh_token")
	wantReply(t, c.bearer("GET", "/v1/accounts", access1), 401, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", access2), 200, "")
	wantReply(t, c.refresh(access2), 401, "")                        // of the wrong kind: harmless
	wantReply(t, c.bearer("GET", "/v1/accounts", refresh2), 401, "") // likewise
	wantReply(t, c.bearer("GET", "/v1/accounts", access2), 200, "")
	wantReply(t, c.refresh(refresh1), 401, "")                      // reuse: ends the family
	wantReply(t, c.bearer("GET", "/v1/accounts", access2), 401, "") // as is seen here
	wantReply(t, c.refresh(refresh2), 401, "")
	got := s.Stats()
	if got.Refreshes != 1 || got.Reuses != 1 || got.Total.LiveSessions != 0 || got.Total.Logouts != 0 {
		t.Errorf("stats are %+v", got)
	}
}

func TestRevoke(t *testing.T) {
	s, c := start(t, banktest.Options{})
	for i := range 2 {
		access, refresh := c.login(s.Users()[i], time.Now())
		token := []string{access, refresh}[i]
		revoke := func() reply {
			return c.send("POST", "/v1/revoke", "token_type_hint=x&token="+token, "Content-Type", "application/x-www-form-urlencoded")
		}
		wantReply(t, revoke(), 200, "{}")
		wantReply(t, revoke(), 200, "{}")
		wantReply(t, c.bearer("GET", "/v1/accounts", access), 401, "")
		wantReply(t, c.refresh(refresh), 401, "")
	}
	if got := s.Stats(); got.Revocations != 2 || got.Total.LiveSessions != 0 {
		t.Errorf("stats are %+v", got)
	}
}

func TestBanksRefuseEachOthersTokens(t *testing.T) {
	a, ca := start(t, banktest.Options{})
	_, cb := start(t, banktest.Options{})
	access, _ := ca.login(a.Users()[0], time.Now())
	wantReply(t, cb.bearer("GET", "/v1/accounts", access), 401, "")
}

// A flow that never logs out must not fill the memory.
func TestMemoryIsBounded(t *testing.T) {
	now := newClock()
	b := newBank(t, banktest.Options{Now: now.Now, Users: 1, PasswordOnly: true})
	c, u := handler(t, b), b.Users()[0]
	first := c.password(u).member("access_token")
	var last string
	for range 1200 {
		last = c.password(u).member("access_token")
	}
	if live := b.Stats().Total.LiveSessions; live != 1000 {
		t.Errorf("%d sessions are alive, want 1000", live)
	}
	wantReply(t, c.bearer("GET", "/v1/accounts", first), 401, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", last), 200, "")
	now.Advance(25 * time.Hour)
	if live := b.Stats().Total.LiveSessions; live != 0 {
		t.Errorf("%d sessions are alive after a day, want 0", live)
	}

	b = newBank(t, banktest.Options{Now: now.Now, Users: 1})
	c, u = handler(t, b), b.Users()[0]
	for range 1200 {
		c.password(u)
	}
	if live := b.Stats().LiveChallenges; live != 1000 {
		t.Errorf("%d challenges are alive, want 1000", live)
	}
	now.Advance(2 * time.Minute)
	if live := b.Stats().LiveChallenges; live != 0 {
		t.Errorf("%d challenges are alive after two minutes, want 0", live)
	}
}
