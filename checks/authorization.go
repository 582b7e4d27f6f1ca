package checks

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/authprober/authprober/checks/internal/pkce"
	"github.com/authprober/authprober/prober"
)

// A PARStep pushes an authorization request (RFC 9126). It makes the run's state,
// nonce and PKCE verifier; the step authorize then sends the reference that came back.
type PARStep struct {
	ClientStep `yaml:",inline"`
	// PAR are parameters of the authorization request, beside those that the client's settings make.
	PAR Pairs `yaml:"par,required"`
}

// Vet implements [Step].
func (st *PARStep) Vet(s *Scope) {
	st.PAR.compile(s)
	if st.vetClient(s) {
		s.vetEndpoint(&st.ClientStep, "pushed_authorization_request_endpoint")
		st.client.vetAuthorization(&st.ClientStep, st.PAR, s)
		s.oauth(st.client).pushed = true
	}
}

// Needs implements [Step].
func (st *PARStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.PAR.needs(captured)...)
}

// Shown implements [Step].
func (st *PARStep) Shown() string { return "POST pushed_authorization_request_endpoint" }

// Run implements [Step].
func (st *PARStep) Run(ctx context.Context, s *Session) error {
	params, err := st.client.authorizationParams(s, st.PAR)
	if err != nil {
		return err
	}
	return st.post(ctx, s, "pushed_authorization_request_endpoint", func() (url.Values, error) {
		return st.client.sealed(s, params) // RFC 9126 section 3: nothing but the request object stands outside of it
	})
}

// Verify implements [Verifier]: RFC 9126 section 2.2.
func (st *PARStep) Verify(s *Session) error {
	object, err := s.object(http.StatusCreated)
	if err != nil {
		return err
	}
	if _, err := secondsMember(object, "expires_in", 1); err != nil {
		return err
	}
	uri, err := textMember(object, "request_uri")
	if err == nil {
		s.hide(uri)
		s.grant(st.client).requestURI = uri
	}
	return err
}

// An AuthorizeStep sends the user to the authorization endpoint, as a browser
// would (RFC 6749 section 4.1.1). Its answer is a login page or a redirect; the
// steps that follow go on from there. As soon as an answer redirects to the
// client's redirect_uri it is read as the authorization response. With refuse, an error
// in it is the refusal, and a code is not.
type AuthorizeStep struct {
	ClientStep `yaml:",inline"`
	// Authorize are parameters of the authorization request, beside those that the client's settings make, such as prompt, acr_values or max_age.
	Authorize Pairs `yaml:"authorize,required"`
}

// Vet implements [Step].
func (st *AuthorizeStep) Vet(s *Scope) {
	st.Authorize.compile(s)
	if !st.vetClient(s) {
		return
	}
	s.vetEndpoint(&st.ClientStep, "authorization_endpoint")
	st.client.vetAuthorization(&st.ClientStep, st.Authorize, s)
	seen := s.oauth(st.client)
	if seen.pushed && len(st.Authorize) > 0 {
		s.doc.Errorf(st.Authorize[0].node, "the authorization request of the client %s is pushed before; its parameters stand there", st.client.name)
	}
	seen.authorized, seen.pushed = true, false // a reference is good once, RFC 9126 section 4
}

// Needs implements [Step].
func (st *AuthorizeStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.Authorize.needs(captured)...)
}

// Shown implements [Step].
func (st *AuthorizeStep) Shown() string { return "GET authorization_endpoint" }

// asks implements [asker]: a browser has no key to prove.
func (st *AuthorizeStep) asks() int { return 1 }

// Run implements [Step].
func (st *AuthorizeStep) Run(ctx context.Context, s *Session) error {
	to, err := st.client.endpoint(s, "authorization_endpoint")
	if err != nil {
		return err
	}
	params, err := st.params(s)
	if err != nil {
		return err
	}
	if err := st.Params.set(params, s); err != nil {
		return err
	}
	st.client.begin(s)
	full := *to
	full.RawQuery = strings.TrimPrefix(to.RawQuery+"&"+params.Encode(), "&")
	req := s.newRequest(ctx, http.MethodGet, &full, nil, "")
	req.Header.Set("Accept", acceptPages)
	if err := st.Headers.setHeaders(req, s); err != nil {
		return err
	}
	return s.exchange(req, 0, defaultBodyLimit)
}

// accepted reports whether an answer that is to be a refusal goes on with the
// authorization instead: whoever is redirected, is redirected to log in, or back to
// where the request has said. An error that comes back to the client is none.
func (st *AuthorizeStep) accepted(s *Session) bool {
	return s.answer.redirect() != nil && s.grant(st.client).awaited
}

// begin notes that the authorization request is on its way: what was pushed is used
// up, and a response has to come.
func (c *Client) begin(s *Session) {
	g := s.grant(c)
	g.requestURI, g.awaited = "", true
}

// params are those of the request: after PAR the reference to what was pushed
// (RFC 9126 section 4).
func (st *AuthorizeStep) params(s *Session) (url.Values, error) {
	g := s.grant(st.client)
	if g.requestURI == "" {
		params, err := st.client.authorizationParams(s, st.Authorize)
		if err != nil {
			return nil, err
		}
		return st.client.sealed(s, params, "client_id", "response_type", "scope") // OpenID Connect Core section 6.1
	}
	id, err := st.client.ClientID.text(s, nil)
	return url.Values{"client_id": {id}, "request_uri": {g.requestURI}}, err
}

// Verify implements [Verifier]: a page or a redirect is fine.
func (st *AuthorizeStep) Verify(s *Session) error {
	if status := s.answer.status; status >= 200 && status < 300 || s.answer.redirect() != nil && status >= 300 && status < 400 {
		return nil
	}
	switch status := s.answer.status; {
	case status >= 300 && status < 400:
		return Failf(prober.ReasonRedirect, "want a page or a redirect, got %d without a Location that can be read", status)
	case status == http.StatusBadRequest && s.oauthError() == "":
		return Failf(prober.ReasonStatus4xx, "want a page or a redirect, got 400: so servers refuse a client_id or a redirect_uri that they do not know")
	}
	return s.wrongStatus("want a page or a redirect")
}

// authorizationParams makes a new authorization request: RFC 6749 section 4.1.1,
// with PKCE (RFC 7636), state and nonce. What the flow says comes last, and is what
// the response is held against.
func (c *Client) authorizationParams(s *Session, extra Pairs) (url.Values, error) {
	g := s.grant(c)
	*g = grant{metadata: g.metadata, keys: g.keys, assertion: g.assertion, spent: g.spent, verifier: pkce.NewVerifier()}
	challenge, err := pkce.Challenge(g.verifier)
	if err != nil {
		return nil, err
	}
	params := url.Values{
		"response_type": {c.responseType()}, "state": {randomHex(16)},
		"code_challenge": {challenge}, "code_challenge_method": {pkce.Method},
	}
	for name, t := range map[string]*Template{"client_id": &c.ClientID, "redirect_uri": &c.RedirectURI, "scope": &c.Scope} {
		text, err := textOr(t, s, "")
		if err != nil {
			return nil, err
		}
		if text != "" {
			params.Set(name, text)
		}
	}
	if c.ResponseMode != "" {
		params.Set("response_mode", c.ResponseMode)
	}
	if c.DPoP != nil { // RFC 9449 section 10: the code is bound to the key as well
		if err := c.bindCode(s, params); err != nil {
			return nil, err
		}
	}
	if err := extra.set(params, s); err != nil {
		return nil, err
	}
	if wantsIDToken(params.Get("scope")) && !extra.has("nonce") {
		params.Set("nonce", randomHex(16))
	}
	g.state, g.nonce = params.Get("state"), params.Get("nonce")
	s.secrets = append(s.secrets, g.verifier, g.state, g.nonce)
	return params, nil
}

func (c *Client) responseType() string {
	if c.ResponseType == "" {
		return "code"
	}
	return c.ResponseType
}

// wantsIDToken reports whether an ID token has to come of the scope.
func wantsIDToken(scope string) bool {
	for one := range strings.FieldsSeq(scope) {
		if one == "openid" {
			return true
		}
	}
	return false
}

// authorized is why a step that needs an authorization response cannot begin: the
// target has given none, or the flow has not asked.
func (g *grant) authorized() error {
	switch {
	case g.verifier == "":
		return errors.New("no authorization has been asked for: the step authorize was skipped")
	case g.code == "":
		return Failf(prober.ReasonMissingValue, "no answer has redirected to the redirect_uri with a code")
	}
	return nil
}
