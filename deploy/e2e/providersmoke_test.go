package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These tests are about the provider that flows are held against: each endpoint
// and each rule that a flow will meet, seen once without the product.

// login is an authorization with PKCE up to the code, and what the token request
// has to say for it.
func (r *relying) login(p *provider, client, user string, more ...string) url.Values {
	r.t.Helper()
	redirect := p.WebRedirect
	if client == "public" || client == "dpop" {
		redirect = p.NativeRedirects[0]
	}
	verifier, challenge := pkce()
	back := r.authorize(user, with(with(challenge, "client_id", client, "redirect_uri", redirect, "response_type", "code",
		"scope", "openid email offline_access", "state", "a state", "nonce", "a nonce"), more...))
	if back.Get("state") != "a state" || back.Get("iss") != p.Issuer {
		r.t.Fatalf("came back with %v, want the state and the issuer", back)
	}
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "redirect_uri": {redirect},
		"code": {back.Get("code")}, "code_verifier": {verifier}}
}

func TestProviderCodes(t *testing.T) {
	p := newProvider(t, providerOptions{})
	basic := func(client string) []string { return []string{"Authorization", basicAuth(client, p.Secrets[client])} }
	for _, client := range []string{"public", "basic", "post", "es256", "ps256"} {
		t.Run(client, func(t *testing.T) {
			r := newRelying(t, p.URL, nil)
			// authenticate adds to a form what proves the client, each time anew.
			authenticate := func(form url.Values) (url.Values, []string) {
				switch client {
				case "basic":
					return form, basic(client)
				case "post":
					return with(form, "client_secret", p.Secrets[client]), nil
				case "es256", "ps256":
					return with(form, p.assertion(t, client, client)...), nil
				}
				return form, nil
			}
			post := func(status int, path string, form url.Values) answer {
				t.Helper()
				form, headers := authenticate(with(form, "client_id", client))
				return r.want(status, "POST", path, form, headers...)
			}
			form := r.login(p, client, "anna")
			tokens := post(200, "/token", form)
			if id := claimsOf(t, tokens.member("id_token")); id["nonce"] != "a nonce" || id["sub"] != "anna" || id["iss"] != p.Issuer {
				t.Errorf("ID token is %v", id)
			}
			bearer := []string{"Authorization", "Bearer " + tokens.member("access_token")}
			if me := r.want(200, "GET", "/me", nil, bearer...); me.member("email") != "anna@bank.example" {
				t.Errorf("userinfo is %s", me.text)
			}
			if api := r.want(200, "GET", "/resource", nil, bearer...); api.member("sub") != "anna" {
				t.Errorf("the API says %s", api.text)
			}
			if about := post(200, "/token/introspection", url.Values{"token": {tokens.member("access_token")}}); about.object["active"] != true {
				t.Errorf("introspection says %s", about.text)
			}
			refreshed := post(200, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.member("refresh_token")}})
			if refreshed.member("refresh_token") == tokens.member("refresh_token") {
				t.Error("the refresh token was not rotated")
			}
			again := post(400, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.member("refresh_token")}})
			if again.member("error") != "invalid_grant" {
				t.Errorf("a second use is answered with %s", again.text)
			}
			post(400, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshed.member("refresh_token")}})
			challenged(t, r.send("GET", "/resource", nil, bearer...), "Bearer ", `error="invalid_token"`) // the grant is revoked

			tokens = post(200, "/token", r.login(p, client, "anna"))
			post(400, "/token", with(form, "code_verifier", "wrong"+form.Get("code_verifier")))
			post(200, "/token/revocation", url.Values{"token": {tokens.member("access_token")}})
			if about := post(200, "/token/introspection", url.Values{"token": {tokens.member("access_token")}}); about.object["active"] != false {
				t.Errorf("introspection of a revoked token says %s", about.text)
			}
			challenged(t, r.send("GET", "/me", nil, "Authorization", "Bearer "+tokens.member("access_token")), `error="invalid_token"`)
		})
	}
	r := newRelying(t, p.URL, nil)
	r.want(401, "POST", "/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basicAuth("basic", "wrong"))
	r.want(200, "POST", "/token", url.Values{"grant_type": {"client_credentials"}}, basic("basic")...)
	challenged(t, r.send("GET", "/resource", nil), "Bearer ")
}

func TestProviderPushed(t *testing.T) {
	p := newProvider(t, providerOptions{})
	r := newRelying(t, p.URL, nil)
	verifier, challenge := pkce()
	ask := with(challenge, "client_id", "es256", "redirect_uri", p.WebRedirect, "response_type", "code", "scope", "openid")
	pushed := r.want(201, "POST", "/request", with(ask, p.assertion(t, "es256", "es256")...))
	if !strings.HasPrefix(pushed.member("request_uri"), "urn:ietf:params:oauth:request_uri:") {
		t.Fatalf("pushing is answered with %s", pushed.text)
	}
	// JARM: what comes back is one JWT.
	pushed = r.want(201, "POST", "/request", with(with(ask, "response_mode", "jwt"), p.assertion(t, "es256", "es256")...))
	back := r.authorize("bert", url.Values{"client_id": {"es256"}, "request_uri": {pushed.member("request_uri")}})
	answer := claimsOf(t, back.Get("response"))
	if len(back) != 1 || answer["iss"] != p.Issuer || answer["aud"] != "es256" {
		t.Fatalf("came back with %v: %v", back, answer)
	}
	code := answer["code"].(string)
	r.want(200, "POST", "/token", with(url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {p.WebRedirect},
		"code": {code}, "code_verifier": {verifier}}, p.assertion(t, "es256", "es256")...))
}

// The client jar is heard only with a signed request (RFC 9101).
func TestProviderSignedRequests(t *testing.T) {
	p := newProvider(t, providerOptions{})
	r := newRelying(t, p.URL, nil)
	_, challenge := pkce()
	now := time.Now().Unix()
	claims := map[string]any{"iss": "jar", "aud": p.Issuer, "iat": now, "nbf": now, "exp": now + 60, "jti": rand.Text(),
		"client_id": "jar", "redirect_uri": p.WebRedirect, "response_type": "code", "scope": "openid"}
	for name := range challenge {
		claims[name] = challenge.Get(name)
	}
	request := signJWT(t, p.privateKey(t, "es256.pem"), map[string]any{"kid": p.KeyIDs["es256"]}, claims)
	if back := r.authorize("carl", url.Values{"client_id": {"jar"}, "request": {request}}); back.Get("code") == "" {
		t.Errorf("came back with %v", back)
	}
	plain := with(challenge, "client_id", "jar", "redirect_uri", p.WebRedirect, "response_type", "code", "scope", "openid")
	if a := r.send("GET", "/auth?"+plain.Encode(), nil); !strings.Contains(a.header.Get("Location")+a.text, "invalid_request") {
		t.Errorf("an unsigned request is answered with %d %s", a.status, a.header.Get("Location"))
	}
}

// The client fapi has to push, with PS256, and to prove its key with nonces.
func TestProviderDPoP(t *testing.T) {
	p := newProvider(t, providerOptions{RequireNonce: true})
	r := newRelying(t, p.URL, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	verifier, challenge := pkce()
	ask := with(challenge, "client_id", "fapi", "redirect_uri", p.WebRedirect, "response_type", "code", "scope", "openid")
	if a := r.send("GET", "/auth?"+ask.Encode(), nil); !strings.Contains(a.header.Get("Location")+a.text, "invalid_request") {
		t.Errorf("a request that was not pushed is answered with %d %s", a.status, a.header.Get("Location"))
	}
	nonce := ""
	// withProof posts twice: without a nonce, to be refused, and with the one it got.
	withProof := func(status int, path string, form url.Values) answer {
		t.Helper()
		refused := r.want(400, "POST", path, with(form, p.assertion(t, "fapi", "ps256")...), "DPoP", proof(t, key, "POST", p.URL+path, "", ""))
		nonce = refused.header.Get("DPoP-Nonce")
		if refused.member("error") != "use_dpop_nonce" || nonce == "" {
			t.Fatalf("without a nonce: %s, DPoP-Nonce %q", refused.text, nonce)
		}
		return r.want(status, "POST", path, with(form, p.assertion(t, "fapi", "ps256")...), "DPoP", proof(t, key, "POST", p.URL+path, "", nonce))
	}
	pushed := withProof(201, "/request", ask)
	back := r.authorize("dora", url.Values{"client_id": {"fapi"}, "request_uri": {pushed.member("request_uri")}})
	tokens := withProof(200, "/token", url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {p.WebRedirect},
		"code": {back.Get("code")}, "code_verifier": {verifier}})
	if tokens.member("token_type") != "DPoP" {
		t.Errorf("token_type is %q, want DPoP", tokens.member("token_type"))
	}
	access := tokens.member("access_token")
	for _, path := range []string{"/me", "/resource"} {
		get := func(nonce string) answer {
			return r.send("GET", path, nil, "Authorization", "DPoP "+access, "DPoP", proof(t, key, "GET", p.URL+path, access, nonce))
		}
		refused := get("")
		challenged(t, refused, "DPoP ", `error="use_dpop_nonce"`)
		if a := get(refused.header.Get("DPoP-Nonce")); a.status != 200 || a.member("sub") != "dora" {
			t.Errorf("%s with a proof: %d %s", path, a.status, a.text)
		}
		challenged(t, r.send("GET", path, nil, "Authorization", "Bearer "+access), `error="invalid_token"`)
	}
}

// The client dpop gets no token without a proof, and may go without nonces here.
func TestProviderBoundTokens(t *testing.T) {
	p := newProvider(t, providerOptions{})
	r := newRelying(t, p.URL, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := r.login(p, "dpop", "dora")
	if a := r.want(400, "POST", "/token", form); a.member("error") != "invalid_grant" {
		t.Errorf("without a proof: %s", a.text)
	}
	once := proof(t, key, "POST", p.URL+"/token", "", "")
	tokens := r.want(200, "POST", "/token", form, "DPoP", once)
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {"dpop"}, "refresh_token": {tokens.member("refresh_token")}}
	r.want(400, "POST", "/token", refresh, "DPoP", once) // a proof is good once
	tokens = r.want(200, "POST", "/token", refresh, "DPoP", proof(t, key, "POST", p.URL+"/token", "", ""))
	access := tokens.member("access_token")
	get := func(dpop string) answer {
		return r.send("GET", "/resource", nil, "Authorization", "DPoP "+access, "DPoP", dpop)
	}
	once = proof(t, key, "GET", p.URL+"/resource", access, "")
	if a := get(once); a.status != 200 {
		t.Errorf("the API says %d: %s", a.status, a.text)
	}
	for name, dpop := range map[string]string{
		"used": once, "of another method": proof(t, key, "POST", p.URL+"/resource", access, ""),
		"of another token": proof(t, key, "GET", p.URL+"/resource", "other", ""),
		"of another URL":   proof(t, key, "GET", p.URL+"/transfer", access, ""), "no JWT": "x",
	} {
		t.Run(name, func(t *testing.T) { challenged(t, get(dpop), "DPoP ", `error="invalid_dpop_proof"`) })
	}
}

func TestProviderDevice(t *testing.T) {
	p := newProvider(t, providerOptions{})
	r, phone := newRelying(t, p.URL, nil), newRelying(t, p.URL, nil)
	begun := r.want(200, "POST", "/device/auth", url.Values{"client_id": {"device"}, "scope": {"openid"}})
	poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"device"}, "device_code": {begun.member("device_code")}}
	if a := r.want(400, "POST", "/token", poll); a.member("error") != "authorization_pending" {
		t.Errorf("before: %s", a.text)
	}
	page := phone.want(200, "GET", begun.member("verification_uri"), nil)
	confirm := phone.fill(page, url.Values{"user_code": {begun.member("user_code")}})
	if to := phone.visit(confirm, "emil"); to != "" {
		t.Errorf("the phone was sent to %s", to)
	}
	if tokens := r.want(200, "POST", "/token", poll); claimsOf(t, tokens.member("id_token"))["sub"] != "emil" {
		t.Errorf("tokens are somebody else's")
	}
}

func TestProviderBackchannel(t *testing.T) {
	p := newProvider(t, providerOptions{CIBAAfter: 300 * time.Millisecond})
	r := newRelying(t, p.URL, nil)
	auth := []string{"Authorization", basicAuth("ciba", p.Secrets["ciba"])}
	// Of one who never answers it is sure that a poll comes too early.
	for user, want := range map[string]string{"fred": "", "deny-fred": "access_denied", "never-fred": "authorization_pending"} {
		begun := r.want(200, "POST", "/backchannel", url.Values{"scope": {"openid"}, "login_hint": {user}, "binding_message": {"pay-42"}}, auth...)
		poll := url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {begun.member("auth_req_id")}}
		var last answer
		eventually(t, 10*time.Second, "the customer", func() error {
			last = r.send("POST", "/token", poll, auth...)
			if last.member("error") == "authorization_pending" && want != "authorization_pending" {
				return errors.New("no answer yet")
			}
			return nil
		})
		if last.member("error") != want || want == "" && claimsOf(t, last.member("id_token"))["sub"] != user {
			t.Errorf("%s: %d %s", user, last.status, last.text)
		}
	}
}

// A transfer wants a stronger login than the one there was (RFC 9470).
func TestProviderStepUp(t *testing.T) {
	p := newProvider(t, providerOptions{})
	r := newRelying(t, p.URL, nil)
	bearer := func(more ...string) []string {
		tokens := r.want(200, "POST", "/token", r.login(p, "public", "gina", more...))
		return []string{"Authorization", "Bearer " + tokens.member("access_token")}
	}
	weak := bearer()
	r.want(200, "GET", "/resource", nil, weak...)
	challenged(t, r.send("GET", "/transfer", nil, weak...), `error="insufficient_user_authentication"`, `acr_values="urn:bank:strong"`)
	if a := r.want(200, "GET", "/transfer", nil, bearer("acr_values", "urn:bank:strong")...); a.member("sub") != "gina" {
		t.Errorf("the transfer says %s", a.text)
	}
}

func TestProviderShortTokens(t *testing.T) {
	p := newProvider(t, providerOptions{AccessTTL: time.Second})
	r := newRelying(t, p.URL, nil)
	tokens := r.want(200, "POST", "/token", r.login(p, "public", "hans"))
	if tokens.object["expires_in"] != 1.0 {
		t.Errorf("expires_in is %v, want 1", tokens.object["expires_in"])
	}
	eventually(t, 10*time.Second, "the token's end", func() error {
		if a := r.send("GET", "/resource", nil, "Authorization", "Bearer "+tokens.member("access_token")); a.status != 401 {
			return errors.New("it is still good")
		}
		return nil
	})
	r.want(200, "POST", "/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"public"}, "refresh_token": {tokens.member("refresh_token")}})
}

func TestProviderCertificates(t *testing.T) {
	p := newProvider(t, providerOptions{TLS: true})
	ca, err := os.ReadFile(filepath.Join(p.Dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	stranger := newRelying(t, p.URL, &tls.Config{RootCAs: pool})
	for _, client := range []string{"mtls", "self-signed"} {
		cert, err := tls.LoadX509KeyPair(filepath.Join(p.Dir, client+".pem"), filepath.Join(p.Dir, client+".key"))
		if err != nil {
			t.Fatal(err)
		}
		r := newRelying(t, p.URL, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}})
		form := r.login(p, client, "ida")
		stranger.want(401, "POST", "/token", form)
		tokens := r.want(200, "POST", "/token", form)
		for _, path := range []string{"/me", "/resource"} {
			bearer := []string{"Authorization", "Bearer " + tokens.member("access_token")}
			r.want(200, "GET", path, nil, bearer...)
			challenged(t, stranger.send("GET", path, nil, bearer...), `error="invalid_token"`)
		}
	}
}

// Behind a front the issuer is the front, and its faults are counted.
func TestProviderFront(t *testing.T) {
	address := freeAddresses(t, 1)[0]
	p := newProvider(t, providerOptions{Issuer: "http://" + address})
	f := newFront(t, address, p.URL)
	r := newRelying(t, f.url, nil)
	if about := r.want(200, "GET", "/.well-known/openid-configuration", nil); about.member("issuer") != f.url || about.member("token_endpoint") != f.url+"/token" {
		t.Fatalf("discovery says %s", about.text)
	}
	f.breaks(t, "path=/token method=POST every=3 kind=status")
	for i := range 9 {
		want := 200
		if i%3 == 2 {
			want = 503
		}
		r.want(want, "POST", "/token", r.login(p, "public", "jan"))
	}
	stats := f.stats(t)
	if stats.Met != 3 || stats.Unreached != 0 || len(stats.Faults) != 1 || stats.Faults[0].Matched != 9 || stats.Faults[0].Met != 3 {
		t.Errorf("the front says %+v", stats)
	}
	f.mend(t)
	r.want(200, "POST", "/token", r.login(p, "public", "jan"))
}
