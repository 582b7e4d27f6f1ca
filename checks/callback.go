package checks

import (
	"errors"
	"net/url"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

// browses reports whether a browser would send the step: an authorization response
// comes as the answer to such a step, and to no other.
func (st *step) browses() bool {
	switch st.Step.(type) {
	case *AuthorizeStep, *RequestStep, *SubmitStep, *FollowStep:
		return true
	}
	return false
}

// authorizes reports whether the step asks for an authorization.
func (st *step) authorizes() bool {
	_, ok := st.Step.(*AuthorizeStep)
	return ok
}

// redeems reports whether the step is one that the response to it comes before.
func (st *step) redeems() bool {
	t, ok := st.Step.(*TokenStep)
	return ok && t.Token == grantCode
}

// authorizationResponse reads the answer at hand as the authorization response
// (RFC 6749 section 4.1.2), where a client waits for one and the answer goes to its
// redirect_uri. What is wrong with it is the failure of the step whose answer it was.
func (s *Session) authorizationResponse(st *step) error {
	if !st.browses() {
		return nil
	}
	for _, c := range s.flow.clients {
		g := s.grant(c)
		if !g.awaited {
			continue
		}
		params, there, err := c.returned(s)
		if err == nil && !there {
			if err = s.astray(); err == nil {
				continue
			}
			return st.asRefusal(err)
		}
		g.awaited = false
		if err == nil {
			err = c.respond(s, g, params)
		}
		return st.asRefusal(err)
	}
	return nil
}

// astray is the failure of an answer that sends the browser into an app, and not to the
// redirect_uri of a client that waits for it: nobody will ever see the code.
func (s *Session) astray() error {
	to := s.answer.redirect()
	if to == nil || s.answer.status < 300 || s.answer.status > 399 || to.Scheme == "http" || to.Scheme == "https" {
		return nil
	}
	return Failf(prober.ReasonRedirect, "want a redirect to the redirect_uri, got one into another app or to another place in it")
}

// asRefusal turns the outcome of an authorization round where the step is to be
// refused: an error is the refusal, a code that it was accepted.
func (st *step) asRefusal(err error) error {
	if len(st.Refuse) == 0 {
		return err
	}
	if err == nil {
		return Failf(prober.ReasonNotRefused, "want a refusal, got a code in the authorization response: it was accepted")
	}
	if f, ok := errors.AsType[*failure](err); ok && f.reason == prober.ReasonOAuthError {
		return nil
	}
	return err
}

// respond reads the parameters of the response.
func (c *Client) respond(s *Session, g *grant, text string) error {
	params, err := url.ParseQuery(text)
	if err != nil {
		return Failf(prober.ReasonBadResponse, "the parameters of the authorization response cannot be read")
	}
	for name, values := range params {
		if name != "error" && name != "iss" && name != "state" {
			s.hide(values[0])
		}
		if len(values) > 1 { // RFC 6749 section 3.1
			return Failf(prober.ReasonBadResponse, "a parameter of the authorization response comes twice")
		}
	}
	if c.returnsJWT() {
		if params, err = c.openJARM(s, g, params.Get("response")); err != nil {
			return err
		}
	}
	return c.accept(s, g, params)
}

// inFragment reports whether the parameters come in the fragment: where the flow
// says so, or as the response type has it by default.
func (c *Client) inFragment() bool {
	switch c.ResponseMode {
	case "fragment", "fragment.jwt":
		return true
	case "", "jwt":
		return c.returnsIDToken()
	}
	return false
}

// errNoKeys is the flow's fault: vetting has seen the step.
var errNoKeys = errors.New("the keys of the authorization server are not known: the step that fetches them was skipped")

// openJARM verifies a response that is a JWT, and returns its parameters.
func (c *Client) openJARM(s *Session, g *grant, response string) (url.Values, error) {
	if response == "" {
		return nil, Failf(prober.ReasonMissingValue, "want a signed authorization response, got no response parameter")
	}
	if g.keys == nil {
		return nil, errNoKeys
	}
	id, err := c.ClientID.text(s, nil)
	if err != nil {
		return nil, err
	}
	said, err := jose.VerifyResponse(response, g.keys, c.trust(id))
	if err != nil {
		return nil, tokenFailure("the signed authorization response", err)
	}
	params := url.Values{}
	for name, text := range said {
		params.Set(name, text)
		if name != "error" && name != "state" {
			s.hide(text)
		}
	}
	params.Set("iss", c.issuer) // it is verified, and is no parameter of such a response
	return params, nil
}

// accept checks the parameters of the response and keeps the code.
func (c *Client) accept(s *Session, g *grant, params url.Values) error {
	failed := params.Get("error")
	if state := params.Get("state"); state != g.state {
		if failed != "" && state == "" {
			return Failf(prober.ReasonOAuthError, "want a code in the authorization response, got %s, and not the state that was sent", nameOfError(failed))
		}
		return Failf(prober.ReasonBadResponse, "want the state that was sent in the authorization response, got %s", otherOrNone(state))
	}
	if err := c.vetIssuer(g, params); err != nil {
		return err
	}
	if failed != "" {
		return Failf(prober.ReasonOAuthError, "want a code in the authorization response, got %s", nameOfError(failed))
	}
	code := params.Get("code")
	if code == "" {
		return Failf(prober.ReasonMissingValue, "want a code in the authorization response, got none")
	}
	if c.returnsIDToken() {
		token := params.Get("id_token")
		if token == "" {
			return Failf(prober.ReasonMissingValue, "want an ID token in the authorization response, got none")
		}
		if err := c.verifyIDToken(s, g, token, jose.Expect{Nonce: g.nonce, Code: code, State: g.state}); err != nil {
			return err
		}
	}
	g.code = code
	return nil
}

func otherOrNone(value string) string {
	if value == "" {
		return "none"
	}
	return "another one"
}

// vetIssuer is RFC 9207: iss, where it comes or the metadata promises it, is the
// issuer that was asked. Beside an ID token, which says it too and is verified, it
// may be missing whatever the metadata says (section 4).
func (c *Client) vetIssuer(g *grant, params url.Values) error {
	promised, _ := g.metadata["authorization_response_iss_parameter_supported"].(bool)
	promised = promised && !(c.returnsIDToken() && params.Has("id_token"))
	if iss := params.Get("iss"); iss != c.issuer && (promised || iss != "") {
		return Failf(prober.ReasonBadResponse, "want the issuer as iss in the authorization response (RFC 9207), got %s", otherOrNone(iss))
	}
	return nil
}
