package checks

import (
	"errors"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

const (
	// clockLeeway is how far the clock of an authorization server may be off before
	// a token of it is said to be of the wrong time.
	clockLeeway = 60 * time.Second
	// tokenFresh is how old a token may be, beside the leeway, that was just made: the
	// time that handing it out may take.
	tokenFresh = 10 * time.Second
)

// bringsIDToken reports whether the grant is one that a user has taken part in.
func (st *TokenStep) bringsIDToken() bool { return st.Token != grantRefresh && st.Token != grantClient }

// verifyIDToken verifies the ID token, where there is one or has to be.
func (st *TokenStep) verifyIDToken(s *Session, object map[string]any) error {
	g := s.grant(st.client)
	if object["id_token"] == nil {
		scope, err := textOr(&st.client.Scope, s, "")
		if err == nil && wantsIDToken(scope) && st.bringsIDToken() {
			err = Failf(prober.ReasonMissingValue, "want an id_token, for openid is in the scope, got none")
		}
		return err
	}
	token, err := textMember(object, "id_token")
	if err != nil {
		return err
	}
	access, _ := object["access_token"].(string)
	acr, err := textOr(&st.ACR, s, "")
	if err != nil {
		return err
	}
	expect := jose.Expect{AccessToken: access, ACR: strings.Fields(acr)}
	if age := time.Duration(st.MaxAge); age > 0 {
		expect.MaxAge = &age
	}
	if st.Token == grantCode {
		expect.Nonce = g.nonce
	}
	return st.client.verifyIDToken(s, g, token, expect)
}

// verifyIDToken verifies an ID token against the keys that the run has fetched
// (OpenID Connect Core section 3.1.3.7). Nothing is fetched again for a key that
// is not there: that is the fault that is looked for.
func (c *Client) verifyIDToken(s *Session, g *grant, token string, expect jose.Expect) error {
	s.hide(token)
	if g.keys == nil {
		return errNoKeys
	}
	id, err := c.ClientID.text(s, nil)
	if err != nil {
		return err
	}
	expect.Trust, expect.Subject = c.trust(id), g.subject
	claims, err := jose.Verify(token, g.keys, expect)
	if err != nil {
		return tokenFailure("the ID token", err)
	}
	g.subject, _ = claims["sub"].(string)
	return nil
}

// trust is what any token of the client's authorization server has to be.
func (c *Client) trust(clientID string) jose.Trust {
	return jose.Trust{
		Issuer: c.issuer, Audience: clientID, Algorithms: c.IDTokenAlgorithms,
		Now: time.Now(), Leeway: clockLeeway, Fresh: tokenFresh,
	}
}

// tokenFailure is the failure of a token that does not verify. A token whose times
// tell of a clock that is off has a reason of its own.
func tokenFailure(what string, err error) error {
	wrong, ok := errors.AsType[*jose.Error](err)
	if !ok {
		return err // of ours
	}
	if _, off := jose.Skew(err); off {
		return Failf(prober.ReasonClockSkew, "%s: %v", what, wrong)
	}
	return Failf(prober.ReasonTokenInvalid, "%s: %v", what, wrong)
}
