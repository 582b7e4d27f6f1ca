package banktest

import (
	"crypto/rand"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The clients of the bank's authorization server, and what they are known by.
const (
	ClientApp     = "app"      // public
	ClientDPoP    = "dpop-app" // public, its tokens bound to a key (RFC 9449)
	ClientService = "service"  // client_secret_jwt with ClientSecret, for client_credentials

	// ClientSecret is that of ClientService. It protects nothing.
	ClientSecret = "the-secret-of-a-service-of-the-staging-bank"
	// RedirectURI is that of both apps.
	RedirectURI = "com.example.bank:/callback"
)

// codeFor is how long a code is good, and an authorization request that waits for a login.
const codeFor = time.Minute

// An authorization is a request for one, and then what a code stands for.
type authorization struct {
	client, redirect, challenge, scope, state string

	customer *customer
	until    time.Time
	used     bool
	session  sessionID // that the code was exchanged for
}

// metadata is RFC 8414.
func (b *Bank) metadata(c *call) answer {
	base := c.base()
	return answerJSON(200, map[string]any{
		"issuer": base, "jwks_uri": base + "/.well-known/jwks.json",
		"authorization_endpoint": base + "/oauth/authorize", "token_endpoint": base + "/oauth/token", "revocation_endpoint": base + "/v1/revoke",
		"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "refresh_token", "client_credentials"},
		"scopes_supported": []string{"accounts", "payments"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"none", "client_secret_jwt"}, "dpop_signing_alg_values_supported": []string{"ES256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// authorize begins an authorization (RFC 6749 section 4.1.1): a page to log in on, or
// for who has logged in in this browser the code at once. What is wrong with the client
// or its redirect_uri nobody is redirected for.
func (b *Bank) authorize(c *call) answer {
	q := c.request.URL.Query()
	a := &authorization{
		client: q.Get("client_id"), redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), scope: q.Get("scope"), state: q.Get("state"),
		until: c.now.Add(codeFor),
	}
	switch {
	case a.client != ClientApp && a.client != ClientDPoP:
		return badRequest("invalid_request", "unknown client_id").answer()
	case a.redirect != RedirectURI && (a.redirect == "" || !c.accepts("client_redirect_uri")):
		return badRequest("invalid_request", "redirect_uri is not that of the client").answer()
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || a.challenge == "":
		return a.back(c, url.Values{"error": {"invalid_request"}})
	}
	if cookie, err := c.request.Cookie("sso"); err == nil {
		if a.customer = b.vault.browsing(cookie.Value, c.now); a.customer != nil {
			return a.back(c, url.Values{"code": {b.vault.keep(a)}})
		}
	}
	if q.Get("prompt") == "none" {
		return a.back(c, url.Values{"error": {"login_required"}})
	}
	return answer{status: 200, header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, body: fmt.Appendf(nil,
		`<!DOCTYPE html><html lang="en"><title>Log in</title><form method="post" action="/oauth/sign-in"><input type="hidden" name="request" value="%s">`+
			`<input name="username"><input type="password" name="password"><button>Log in</button></form>`, html.EscapeString(b.vault.keep(a)))}
}

// back is the authorization response.
func (a *authorization) back(c *call, params url.Values) answer {
	params.Set("iss", c.base())
	if a.state != "" {
		params.Set("state", a.state)
	}
	to := a.redirect + "?" + params.Encode()
	return answer{status: 302, header: http.Header{"Location": {to}}}
}

// signIn ends the login on the page.
func (b *Bank) signIn(c *call) answer {
	form, why := c.form()
	if why != nil {
		return why.answer()
	}
	a := b.vault.taken(form.Get("request"), c.now)
	if a == nil || a.customer != nil {
		return badRequest("invalid_request", "the page is too old").answer()
	}
	who, why := b.vault.password(c, form.Get("username"), form.Get("password"))
	if why != nil {
		return why.answer()
	}
	a.customer, a.until = who, c.now.Add(codeFor)
	done := a.back(c, url.Values{"code": {b.vault.keep(a)}})
	sso := http.Cookie{Name: "sso", Value: b.vault.seal(token{kind: browserToken, customer: who.index, session: sessionID(randomBytes(16)), generation: uint32(c.now.Unix())}), Path: "/oauth", HttpOnly: true}
	done.header.Set("Set-Cookie", sso.String())
	return done
}

// browserToken is the kind of what a browser is known by that has logged in.
const browserToken tokenKind = 'b'

// browsing is the customer who has logged in in a browser, in the last hour; nil for
// nobody.
func (v *vault) browsing(text string, now time.Time) *customer {
	t, ok := v.unseal(text)
	if !ok || t.kind != browserToken || now.Sub(time.Unix(int64(t.generation), 0)) > time.Hour {
		return nil
	}
	return v.customers[t.customer]
}

// form reads a body as a form.
func (c *call) form() (url.Values, *refusal) {
	if why := checkType(c.request, "application/x-www-form-urlencoded"); why != nil {
		return nil, why
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, badRequest("invalid_request", "the body is not a form")
	}
	return form, nil
}

// maxAuthorizations is how many of them there may be: the oldest makes room.
const maxAuthorizations = 10_000

// keep remembers an authorization under a new name, that of a page or a code.
func (v *vault) keep(a *authorization) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.authorizations) == maxAuthorizations {
		delete(v.authorizations, v.inOrder[0])
		v.inOrder = v.inOrder[1:]
	}
	name := rand.Text()
	v.authorizations[name] = a
	v.inOrder = append(v.inOrder, name)
	return name
}

// taken is the authorization of a page, which is gone then; nil where there is none.
func (v *vault) taken(name string, now time.Time) *authorization {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := v.authorizations[name]
	if a == nil || !now.Before(a.until) {
		return nil
	}
	if a.customer == nil {
		delete(v.authorizations, name)
		v.inOrder = without(v.inOrder, name)
	}
	return a
}

// hasScope reports whether the session may do what needs the scope; one that is not an
// OAuth client's may do everything.
func (s *session) hasScope(scope string) bool {
	return s == nil || s.client == "" || slices.Contains(strings.Fields(s.scope), scope)
}
