package checks

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// The grants of a token step, by the names that flows use for them.
const (
	grantCode        = "authorization_code"
	grantRefresh     = "refresh_token"
	grantClient      = "client_credentials"
	grantDevice      = "device_code"
	grantBackchannel = "ciba"
)

// grantTypes are the values of grant_type: RFC 6749, RFC 8628 section 3.4, CIBA
// section 10.1.
var grantTypes = map[string]string{
	grantCode: grantCode, grantRefresh: grantRefresh, grantClient: grantClient,
	grantDevice:      "urn:ietf:params:oauth:grant-type:device_code",
	grantBackchannel: "urn:openid:params:grant-type:ciba",
}

// A TokenStep asks the token endpoint for tokens (RFC 6749 section 3.2). An ID
// token among them is verified against the keys that a step jwks has fetched.
type TokenStep struct {
	ClientStep `yaml:",inline"`
	// Token is the grant: authorization_code, refresh_token, client_credentials, device_code (RFC 8628) or ciba. The last two poll while the grant is pending, where poll is set.
	Token string `yaml:"token,required"`
	// RefreshToken is the refresh token of that grant.
	RefreshToken Template `yaml:"refresh_token"`
	// ACR is the authentication context class that the ID token has to have (OpenID Connect Core section 2). The default asks for none.
	ACR Template `yaml:"acr"`
	// MaxAge is how long ago the user may have authenticated, by the ID token's auth_time. The default does not ask.
	MaxAge Duration `yaml:"max_age"`
}

// Vet implements [Step].
func (st *TokenStep) Vet(s *Scope) {
	st.RefreshToken.compile(s)
	s.vetToken(&st.ClientStep, "refresh_token", &st.RefreshToken)
	st.ACR.compile(s)
	if _, ok := grantTypes[st.Token]; !ok && st.Token != "" {
		names := []string{grantCode, grantRefresh, grantClient, grantDevice, grantBackchannel}
		s.doc.Errorf(st.at("token"), "unknown grant %q; want one of %s%s", st.Token, strings.Join(names, ", "), strict.Nearest(st.Token, names))
	}
	if st.RefreshToken.isSet() != (st.Token == grantRefresh) {
		s.doc.Errorf(st.at("refresh_token"), "the step %q: the grant refresh_token, and no other, has a refresh_token", st.Name)
	}
	if !st.vetClient(s) {
		return
	}
	s.vetEndpoint(&st.ClientStep, "token_endpoint")
	st.vetOrder(s, s.oauth(st.client))
}

// vetOrder finds what has to come before and does not.
func (st *TokenStep) vetOrder(s *Scope, seen *oauthSeen) {
	missing := map[string]bool{
		"authorize": st.Token == grantCode && !seen.authorized, "device_authorization": st.Token == grantDevice && !seen.device,
		"backchannel_authentication": st.Token == grantBackchannel && !seen.backchannel,
	}
	for kind, yes := range missing {
		if yes {
			s.doc.Errorf(st.node, "the grant %s needs a step %s of the client %s before", st.Token, kind, st.client.name)
		}
	}
	scope, constant := st.client.Scope.constant()
	if constant && wantsIDToken(scope) && st.bringsIDToken() && !seen.keys {
		s.doc.Errorf(st.node, "the scope openid brings an ID token, which is verified against the keys of a step jwks of the client %s before", st.client.name)
	}
}

// Needs implements [Step].
func (st *TokenStep) Needs(captured map[string]string) []string {
	return slices.Concat(st.ClientStep.Needs(captured), st.RefreshToken.needs(captured), st.ACR.needs(captured))
}

// Reasons implements [Step].
func (st *TokenStep) Reasons() []prober.Reason {
	return append(st.ClientStep.Reasons(), prober.ReasonTokenInvalid, prober.ReasonClockSkew)
}

// Shown implements [Step].
func (st *TokenStep) Shown() string { return "POST token_endpoint (" + st.Token + ")" }

// Run implements [Step].
func (st *TokenStep) Run(ctx context.Context, s *Session) error {
	g := s.grant(st.client)
	if err := st.begun(g); err != nil {
		return err
	}
	return st.post(ctx, s, "token_endpoint", func() (url.Values, error) { return st.values(s, g) })
}

// begun is why the grant has nothing to be asked with.
func (st *TokenStep) begun(g *grant) error {
	switch {
	case st.Misuse == misuseCodeReplayed && g.spent.code == "":
		return errNoCode
	case st.Misuse == misuseCodeReplayed:
		return nil
	case st.Token == grantCode:
		return g.authorized()
	case st.Token == grantDevice && g.deviceCode == "":
		return errors.New("no device has asked for a login: the step device_authorization was skipped")
	case st.Token == grantBackchannel && g.authReqID == "":
		return errors.New("no login has been asked for: the step backchannel_authentication was skipped")
	}
	return nil
}

func (st *TokenStep) values(s *Session, g *grant) (url.Values, error) {
	params := url.Values{"grant_type": {grantTypes[st.Token]}}
	switch st.Token {
	case grantCode:
		back, err := st.client.RedirectURI.text(s, nil)
		if err != nil {
			return nil, err
		}
		sent := codeAndVerifier{g.code, g.verifier}
		if st.Misuse == misuseCodeReplayed {
			sent = g.spent
		}
		params.Set("code", sent.code)
		params.Set("redirect_uri", back)
		params.Set("code_verifier", sent.verifier)
	case grantRefresh:
		token, err := st.RefreshToken.text(s, nil)
		if err != nil {
			return nil, err
		}
		params.Set("refresh_token", token)
	case grantClient:
		scope, err := textOr(&st.client.Scope, s, "")
		if err != nil {
			return nil, err
		}
		if scope != "" {
			params.Set("scope", scope)
		}
	case grantDevice:
		params.Set("device_code", g.deviceCode)
	case grantBackchannel:
		params.Set("auth_req_id", g.authReqID)
	}
	return params, nil
}

// pending implements poller: RFC 8628 section 3.5, CIBA section 11. The server's
// interval is kept to where it is longer than the flow's.
func (st *TokenStep) pending(s *Session) (slower time.Duration, yes bool) {
	if st.Token != grantDevice && st.Token != grantBackchannel || s.answer.status != 400 {
		return 0, false
	}
	g := s.grant(st.client)
	if every := time.Duration(st.Poll.Every); !g.slowed && g.interval > every {
		slower = g.interval - every
	}
	g.slowed = true
	switch s.oauthError() {
	case "authorization_pending":
		return slower, true
	case "slow_down":
		return slower + 5*time.Second, true
	}
	return 0, false
}

// Verify implements [Verifier]: RFC 6749 section 5.1.
func (st *TokenStep) Verify(s *Session) error {
	object, err := s.object(200)
	if err != nil {
		return err
	}
	s.hideTokens(object)
	if err := vetTokens(object); err != nil {
		return err
	}
	if g := s.grant(st.client); st.Token == grantCode {
		g.spent = codeAndVerifier{g.code, g.verifier}
	}
	kind, err := textMember(object, "token_type")
	if err != nil {
		return err
	}
	if want := st.client.tokenType(); !strings.EqualFold(kind, want) { // RFC 6749 section 5.1: case does not count
		return Failf(prober.ReasonBadResponse, "want the token_type %s, got %s", want, describe(kind))
	}
	return st.verifyIDToken(s, object)
}

// vetTokens is for what tokens are made of (RFC 6749 appendixes A.12, A.14 and A.17):
// one that does not fit into a header field is found out here.
func vetTokens(object map[string]any) error {
	for _, name := range []string{"access_token", "refresh_token"} {
		if name == "refresh_token" && object[name] == nil {
			continue
		}
		token, err := textMember(object, name)
		if err != nil {
			return err
		}
		if strings.ContainsFunc(token, func(c rune) bool { return c < ' ' || c > '~' }) {
			return Failf(prober.ReasonBadResponse, "the %s has a character that it must not have", name)
		}
	}
	if object["expires_in"] == nil {
		return nil
	}
	_, err := secondsMember(object, "expires_in", 1)
	return err
}

func (c *Client) tokenType() string {
	if c.DPoP != nil {
		return "DPoP"
	}
	return "Bearer"
}

// hideTokens makes the tokens of an answer secret, whether they are captured or not.
func (s *Session) hideTokens(object map[string]any) {
	for _, name := range []string{"access_token", "refresh_token", "id_token", "device_code", "auth_req_id", "user_code"} {
		s.hide(object[name])
	}
}
