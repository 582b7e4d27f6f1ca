package banktest

import (
	"crypto/rand"
	"net/url"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/pkce"
)

// What the token endpoint refuses, RFC 6749 section 5.2.
var (
	refuseGrant  = &refusal{status: 400, code: "invalid_grant"}
	refuseClient = &refusal{status: 401, code: "invalid_client"}
)

// token is the token endpoint.
func (b *Bank) token(c *call) answer {
	form, why := c.form()
	if why != nil {
		return why.answer()
	}
	client := form.Get("client_id")
	if why := b.authenticate(c, form); why != nil {
		return why.answer()
	}
	key := ""
	if client == ClientDPoP {
		if key, why = b.proven(c, ""); why != nil {
			return why.answer()
		}
	}
	switch kind := form.Get("grant_type"); {
	case kind == "authorization_code" && client != ClientService:
		return b.exchange(c, form, key)
	case kind == "refresh_token" && client != ClientService:
		return b.renew(c, form.Get("refresh_token"), client, key)
	case kind == "client_credentials" && client == ClientService: // it opens nothing here
		return answerJSON(200, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": int(b.options.AccessFor / time.Second)})
	}
	return badRequest("unsupported_grant_type", "").answer()
}

// authenticate verifies who a client says it is.
func (b *Bank) authenticate(c *call, form url.Values) *refusal {
	switch form.Get("client_id") {
	case ClientApp, ClientDPoP:
		return nil
	case ClientService:
	default:
		return refuseClient
	}
	text := form.Get("client_assertion")
	verify := func(now time.Time) (map[string]any, error) {
		return jose.Verify(text, nil, jose.Expect{Subject: ClientService, Trust: jose.Trust{
			Issuer: ClientService, Audience: c.base(), Algorithms: []string{"HS256"}, Secret: ClientSecret, Now: now,
		}})
	}
	claims, err := verify(c.now)
	if err != nil {
		said, _ := jose.Claims(text)
		exp, _ := said["exp"].(int)
		if claims, err = verify(time.Unix(int64(exp), 0).Add(-time.Second)); err != nil || !c.accepts("assertion_expired") {
			return refuseClient
		}
	}
	id, _ := claims["jti"].(string)
	if id == "" || !b.vault.first("assertion "+id, c.now) && !c.accepts("assertion_replay") {
		return refuseClient
	}
	return nil
}

// exchange gives tokens for a code (RFC 6749 section 4.1.3). A code that comes a second
// time ends the session of the first (section 4.1.2).
func (b *Bank) exchange(c *call, form url.Values, key string) answer {
	v := b.vault
	a := v.taken(form.Get("code"), c.now)
	if a == nil || a.customer == nil || a.client != form.Get("client_id") {
		return refuseGrant.answer()
	}
	challenge, err := pkce.Challenge(form.Get("code_verifier"))
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case a.used && !c.accepts("code_replay"):
		if s := v.sessions[a.session]; s != nil {
			v.end(s)
		}
		return refuseGrant.answer()
	case (err != nil || challenge != a.challenge) && !c.accepts("verifier"):
		return refuseGrant.answer()
	case a.redirect != form.Get("redirect_uri") && !c.accepts("redirect_uri"):
		return refuseGrant.answer()
	}
	a.customer.stats.Logins++
	s := v.begin(a.customer, c.now)
	s.client, s.scope, s.key, s.resource = a.client, a.scope, key, form.Get("resource")
	a.used, a.session = true, s.id
	return answerJSON(200, v.grant(c, s))
}

// renew gives new tokens for a refresh token. That of a key is good with it alone
// (RFC 9449 section 5).
func (b *Bank) renew(c *call, text, client, key string) answer {
	if !b.vault.mayRenew(text, client, key) {
		return refuseGrant.answer()
	}
	granted, opened, why := b.vault.refresh(c, text)
	if why != nil {
		return refuseGrant.answer()
	}
	if opened {
		c.caught = KindFailOpen
	}
	return answerJSON(200, granted)
}

// mayRenew reports whether a refresh token is the client's, as far as is known: a dead
// one is nobody's.
func (v *vault) mayRenew(text, client, key string) bool {
	t, ok := v.unseal(text)
	if !ok {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sessions[t.session]
	return s == nil || s.client == client && s.key == key
}

// first reports whether an id comes for the first time in ten minutes, and notes it.
func (v *vault) first(id string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for seen, at := range v.seen {
		if now.Sub(at) > 10*time.Minute {
			delete(v.seen, seen)
		}
	}
	_, again := v.seen[id]
	v.seen[id] = now
	return !again
}
