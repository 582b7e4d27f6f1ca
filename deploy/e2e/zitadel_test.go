package e2e

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

// What a zitadel has: two customers of one password, and these clients.
const (
	zitadelUser     = "test-user@localhost"
	zitadelPassword = "verysecure"
	zitadelNative   = "native" // no secret, PKCE; com.example.bank:/callback
	zitadelWeb      = "web"    // client_secret_basic with zitadelSecret; https://app.bank.example/callback
	zitadelDevice   = "device" // client_secret_basic with zitadelSecret
	zitadelSecret   = "a secret"
)

// A zitadel is the example provider of zitadel/oidc, in this process. Unlike the
// other provider it checks passwords. A wrong one is answered with 200 and the
// form again, and a token that has been revoked with 403.
type zitadel struct{ url string }

var registerZitadelClients = sync.OnceFunc(func() { // they are the package's
	storage.RegisterClients(
		storage.NativeClient(zitadelNative, "com.example.bank:/callback"),
		storage.WebClient(zitadelWeb, zitadelSecret, "https://app.bank.example/callback"),
		storage.DeviceClient(zitadelDevice, zitadelSecret),
	)
})

// newZitadel starts one for the length of the test. The issuer is that of a front,
// or "" for the server's own URL, which has no slash at its end.
func newZitadel(t *testing.T, issuer string) *zitadel {
	t.Helper()
	registerZitadelClients()
	server := httptest.NewUnstartedServer(nil)
	z := &zitadel{"http://" + server.Listener.Addr().String()}
	if issuer == "" {
		issuer = z.url
	}
	store := storage.NewStorage(storage.NewUserStore("http://localhost:1/")) // whose host is part of the user's name
	server.Config.Handler = exampleop.SetupServer(issuer, store, slog.New(slog.DiscardHandler), false)
	server.Start()
	t.Cleanup(server.Close)
	return z
}

// zitadelLogin is an authorization up to the code.
func (r *relying) zitadelLogin(client, redirect string) url.Values {
	r.t.Helper()
	verifier, challenge := pkce()
	query := with(challenge, "client_id", client, "redirect_uri", redirect, "response_type", "code",
		"scope", "openid email offline_access", "state", "a state", "nonce", "a nonce")
	a := r.want(302, "GET", "/auth?"+query.Encode(), nil)
	page := r.want(200, "GET", a.header.Get("Location"), nil)
	wrong := r.fill(page, url.Values{"username": {zitadelUser}, "password": {"wrong"}})
	if wrong.status != 200 || !strings.Contains(wrong.text, "password wrong") {
		r.t.Errorf("a wrong password is answered with %d: %s", wrong.status, wrong.text)
	}
	a = r.fill(wrong, url.Values{"username": {zitadelUser}, "password": {zitadelPassword}})
	for range 5 {
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.status/100 != 3 {
			r.t.Fatalf("%d to %q: %v", a.status, a.header.Get("Location"), err)
		}
		if code := to.Query().Get("code"); code != "" {
			return url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {redirect}, "code": {code}, "code_verifier": {verifier}}
		}
		a = r.send("GET", to.String(), nil)
	}
	r.t.Fatal("no code after 5 redirects")
	return nil
}

func TestZitadel(t *testing.T) {
	z := newZitadel(t, "")
	for client, redirect := range map[string]string{zitadelNative: "com.example.bank:/callback", zitadelWeb: "https://app.bank.example/callback"} {
		r := newRelying(t, z.url, nil)
		id := url.Values{"client_id": {client}}
		var auth []string
		if client == zitadelWeb {
			id, auth = nil, []string{"Authorization", basicAuth(client, zitadelSecret)}
		}
		post := func(status int, path string, more ...string) answer {
			t.Helper()
			return r.want(status, "POST", path, with(id, more...), auth...)
		}
		form := r.zitadelLogin(client, redirect)
		for name, values := range id {
			form[name] = values
		}
		tokens := r.want(200, "POST", "/oauth/token", form, auth...)
		if claims := claimsOf(t, tokens.member("id_token")); claims["nonce"] != "a nonce" || claims["iss"] != z.url {
			t.Errorf("%s: ID token is %v", client, claims)
		}
		bearer := []string{"Authorization", "Bearer " + tokens.member("access_token")}
		if me := r.want(200, "GET", "/userinfo", nil, bearer...); me.member("email") != "test-user@zitadel.ch" {
			t.Errorf("%s: userinfo is %s", client, me.text)
		}
		if client == zitadelWeb {
			if about := post(200, "/oauth/introspect", "token", tokens.member("access_token")); about.object["active"] != true {
				t.Errorf("introspection says %s", about.text)
			}
		}
		refreshed := post(200, "/oauth/token", "grant_type", "refresh_token", "refresh_token", tokens.member("refresh_token"))
		if refreshed.member("refresh_token") == tokens.member("refresh_token") {
			t.Error("the refresh token was not rotated")
		}
		if again := post(400, "/oauth/token", "grant_type", "refresh_token", "refresh_token", tokens.member("refresh_token")); again.member("error") != "invalid_grant" {
			t.Errorf("%s: a second use is answered with %s", client, again.text)
		}
		post(200, "/revoke", "token", refreshed.member("access_token"))
		r.want(http.StatusForbidden, "GET", "/userinfo", nil, "Authorization", "Bearer "+refreshed.member("access_token"))
	}
}

// Without openid, for which the example looks the customer up by the wrong name.
func TestZitadelDevice(t *testing.T) {
	r := newRelying(t, newZitadel(t, "").url, nil)
	auth := []string{"Authorization", basicAuth(zitadelDevice, zitadelSecret)}
	begun := r.want(200, "POST", "/device_authorization", url.Values{"scope": {"offline_access"}}, auth...)
	poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {begun.member("device_code")}}
	if a := r.want(400, "POST", "/oauth/token", poll, auth...); a.member("error") != "authorization_pending" {
		t.Errorf("before: %s", a.text)
	}
	login := url.Values{"username": {zitadelUser}, "password": {zitadelPassword}, "user_code": {begun.member("user_code")}}
	phone := newRelying(t, r.base, nil)
	phone.want(200, "POST", "/device/login", login)
	phone.want(200, "GET", "/device/confirm?action=allowed", nil)
	if tokens := r.want(200, "POST", "/oauth/token", poll, auth...); tokens.member("access_token") == "" {
		t.Errorf("tokens are %s", tokens.text)
	}
}
