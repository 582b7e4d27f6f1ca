package banktest_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/pkce"
)

// form posts a form.
func (c *client) form(path string, values url.Values) reply {
	c.t.Helper()
	return c.send("POST", path, values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// An app is a client of the bank's authorization server with one authorization request.
type app struct {
	*client
	verifier string
	asked    url.Values
}

func newApp(t *testing.T, c *client) *app {
	t.Helper()
	verifier := pkce.NewVerifier()
	challenge, err := pkce.Challenge(verifier)
	if err != nil {
		t.Fatal(err)
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &app{c, verifier, url.Values{"client_id": {"app"}, "redirect_uri": {banktest.RedirectURI}, "response_type": {"code"}, "state": {"s"},
		"scope": {"accounts"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}}
}

// ask sends the authorization request with some of its parameters changed; one without a
// value is left out.
func (a *app) ask(changed url.Values, headers ...string) reply {
	a.t.Helper()
	asked := maps.Clone(a.asked)
	maps.Copy(asked, changed)
	maps.DeleteFunc(asked, func(_ string, v []string) bool { return len(v) == 0 })
	return a.send("GET", "/oauth/authorize?"+asked.Encode(), "", headers...)
}

// returned are the parameters of an authorization response.
func returned(t *testing.T, r reply) url.Values {
	t.Helper()
	to := r.header.Get("Location")
	query, ok := strings.CutPrefix(to, banktest.RedirectURI+"?")
	params, err := url.ParseQuery(query)
	if r.status != 302 || !ok || err != nil {
		t.Fatalf("got %d to %q, want a redirect to the app", r.status, to)
	}
	return params
}

var hidden = regexp.MustCompile(`name="request" value="([^"]+)"`)

// logIn fills in the page, and returns the response and the browser's cookie.
func (a *app) logIn(u banktest.User) (params url.Values, cookie string) {
	a.t.Helper()
	page := hidden.FindStringSubmatch(a.ask(nil).text)
	if page == nil {
		a.t.Fatal("there is no page to log in on")
	}
	r := a.form("/oauth/sign-in", url.Values{"request": {page[1]}, "username": {u.Username}, "password": {u.Password}})
	cookie, _, _ = strings.Cut(r.header.Get("Set-Cookie"), ";")
	return returned(a.t, r), cookie
}

// exchange asks for tokens, with some of the parameters changed.
func (a *app) exchange(code string, changed url.Values) reply {
	a.t.Helper()
	params := url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"}, "code": {code}, "code_verifier": {a.verifier}, "redirect_uri": {banktest.RedirectURI}}
	maps.Copy(params, changed)
	return a.form("/oauth/token", params)
}

func TestAuthorizationIsRefused(t *testing.T) {
	b := newBank(t, banktest.Options{})
	a := newApp(t, handler(t, b))
	// Who is not known is redirected nowhere, RFC 6749 section 4.1.2.1.
	for what, changed := range map[string]url.Values{
		"another client": {"client_id": {"other"}}, "a service": {"client_id": {"service"}},
		"another redirect_uri": {"redirect_uri": {"https://nobody.invalid/cb"}}, "no redirect_uri": {"redirect_uri": nil},
	} {
		if r := a.ask(changed); r.status != 400 || r.header.Get("Location") != "" {
			t.Errorf("%s: got %d to %q, want 400", what, r.status, r.header.Get("Location"))
		}
	}
	for what, changed := range map[string]url.Values{
		"invalid_request": {"code_challenge": nil}, "login_required": {"prompt": {"none"}},
	} {
		params := returned(t, a.ask(changed))
		if params.Get("error") != what || params.Get("state") != "s" || params.Get("iss") != "http://bank.test" || params.Has("code") {
			t.Errorf("%v: got %v, want %s", changed, params, what)
		}
	}
	wantReply(t, a.form("/oauth/sign-in", url.Values{"request": {"unknown"}, "username": {"u"}, "password": {"p"}}), 400, "")
}

func TestAuthorization(t *testing.T) {
	now := newClock()
	b := newBank(t, banktest.Options{Now: now.Now})
	a, user := newApp(t, handler(t, b)), b.Users()[4] // with a name beyond ASCII
	params, cookie := a.logIn(user)
	code := params.Get("code")
	for what, changed := range map[string]url.Values{
		"another verifier": {"code_verifier": {pkce.NewVerifier()}}, "another redirect_uri": {"redirect_uri": {"https://nobody.invalid/cb"}},
		"another client": {"client_id": {"dpop-app"}}, "another code": {"code": {"x"}}, "no grant": {"grant_type": {"password"}},
	} {
		if r := a.exchange(code, changed); r.status == 200 {
			t.Errorf("%s: got tokens", what)
		}
	}
	r := a.exchange(code, nil)
	wantReply(t, r, 200, "")
	access, refresh := r.member("access_token"), r.member("refresh_token")
	wantReply(t, a.bearer("GET", "/v1/accounts", access), 200, "")
	a.verifies(access, now.Now())

	// A browser that has logged in needs no page, for an hour.
	small := returned(t, a.ask(url.Values{"scope": {"payments"}, "prompt": {"none"}}, "Cookie", cookie)).Get("code")
	wantReply(t, a.bearer("GET", "/v1/accounts", a.exchange(small, nil).member("access_token")), 403, "")

	renewed := a.form("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {refresh}})
	wantReply(t, renewed, 200, "")
	wantReply(t, a.bearer("GET", "/v1/accounts", renewed.member("access_token")), 200, "")
	wantReply(t, a.exchange(code, nil), 400, `{"error":"invalid_grant"}`) // which ends the session of the first
	wantReply(t, a.bearer("GET", "/v1/accounts", renewed.member("access_token")), 401, "")

	late := returned(t, a.ask(nil, "Cookie", cookie)).Get("code")
	now.Advance(time.Minute)
	wantReply(t, a.exchange(late, nil), 400, `{"error":"invalid_grant"}`)
	now.Advance(time.Hour)
	if got := returned(t, a.ask(url.Values{"prompt": {"none"}}, "Cookie", cookie)).Get("error"); got != "login_required" {
		t.Errorf("after an hour the browser gets %q", got)
	}
}

// verifies holds an access token against the published keys.
func (a *app) verifies(token string, now time.Time) {
	a.t.Helper()
	keys, err := jose.ParseKeySet([]byte(a.send("GET", "/.well-known/jwks.json", "").text))
	if err != nil {
		a.t.Fatal(err)
	}
	claims, err := jose.Verify(token, keys, jose.Expect{Trust: jose.Trust{Issuer: "http://bank.test", Audience: "bank-api", Now: now}})
	if err != nil || claims["scope"] != "accounts" {
		a.t.Errorf("the access token says %v: %v", claims, err)
	}
}

// TestClientAssertion holds that a service is known by an assertion that comes once.
func TestClientAssertion(t *testing.T) {
	now := newClock()
	b := newBank(t, banktest.Options{Now: now.Now})
	c := handler(t, b)
	signer, err := jose.NewSigner(banktest.ClientSecret, "HS256")
	if err != nil {
		t.Fatal(err)
	}
	asked := func(a jose.Assertion) reply {
		t.Helper()
		text, err := a.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		return c.form("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"service"}, "client_assertion": {text}})
	}
	good := jose.Assertion{ClientID: "service", Audience: "http://bank.test", ID: "once", Now: now.Now(), Lifetime: time.Minute}
	wantReply(t, asked(good), 200, "")
	wantReply(t, asked(good), 401, `{"error":"invalid_client"}`)
	old, elsewhere := good, good
	old.ID, old.Now = "old", now.Now().Add(-2*time.Hour)
	elsewhere.ID, elsewhere.Audience = "elsewhere", "https://other.example"
	wantReply(t, asked(old), 401, "")
	wantReply(t, asked(elsewhere), 401, "")
	wantReply(t, c.form("/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"service"}}), 401, "")
}

// TestJWT holds that the tokens of the bank's own API may be JWTs, and are then as good as
// the others are.
func TestJWT(t *testing.T) {
	b := newBank(t, banktest.Options{JWT: true, PasswordOnly: true})
	c := handler(t, b)
	r := c.password(b.Users()[0])
	access, refresh := r.member("access_token"), r.member("refresh_token")
	if strings.Count(access, ".") != 2 || strings.Contains(refresh, ".") {
		t.Errorf("the tokens are %q and %q", access, refresh)
	}
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, "")
	second := c.refresh(refresh).member("access_token")
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 401, "") // one at a time
	wantReply(t, c.bearer("GET", "/v1/accounts", second), 200, "")
	wantReply(t, c.bearer("POST", "/v1/logout", second), 204, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", second), 401, "")
}
