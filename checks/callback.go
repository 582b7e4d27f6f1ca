package checks

import (
	"net/url"
	"strings"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

// authorizationResponse reads the answer at hand as the authorization response
// (RFC 6749 section 4.1.2), where a client waits for one and the answer redirects
// to its redirect_uri. What is wrong with it is the failure of the step whose
// answer it was.
func (s *Session) authorizationResponse() error {
	if len(s.flow.clients) == 0 || s.answer.status < 300 || s.answer.status > 399 {
		return nil
	}
	to := s.answer.redirect()
	if to == nil {
		return nil
	}
	for _, c := range s.flow.clients {
		if g := s.grant(c); g.awaited {
			if back, err := c.RedirectURI.text(s, nil); err != nil || !leadsTo(to, back) {
				if err != nil {
					return err
				}
				continue
			}
			g.awaited = false
			return c.respond(s, g, to)
		}
	}
	return nil
}

// leadsTo reports whether a redirect goes to the redirect_uri: all but the
// parameters that were added is the same.
func leadsTo(to *url.URL, redirectURI string) bool {
	want, err := url.Parse(redirectURI)
	if err != nil {
		return false
	}
	return strings.EqualFold(to.Scheme, want.Scheme) && strings.EqualFold(to.Host, want.Host) &&
		to.EscapedPath() == want.EscapedPath() && to.Opaque == want.Opaque
}

// respond takes the response's parameters out of where they have to be.
func (c *Client) respond(s *Session, g *grant, to *url.URL) error {
	in := to.RawQuery
	if c.inFragment() {
		in = to.EscapedFragment()
	}
	params, err := url.ParseQuery(in)
	if err != nil {
		return Failf(prober.ReasonBadResponse, "the parameters of the authorization response cannot be read")
	}
	for name, values := range params {
		if len(values) > 1 { // RFC 6749 section 3.1
			return Failf(prober.ReasonBadResponse, "a parameter of the authorization response comes twice")
		}
		if name != "error" && name != "iss" && name != "state" {
			s.hide(values[0])
		}
	}
	if strings.HasSuffix(c.ResponseMode, "jwt") {
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
		return strings.Contains(c.responseType(), "id_token")
	}
	return false
}

// openJARM verifies a response that is a JWT, and returns its parameters.
func (c *Client) openJARM(s *Session, g *grant, response string) (url.Values, error) {
	if response == "" {
		return nil, Failf(prober.ReasonMissingValue, "want a signed authorization response, got no response parameter")
	}
	if g.keys == nil {
		return nil, Failf(prober.ReasonMissingValue, "the keys of the authorization server are not known: the step jwks was skipped")
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
	if state := params.Get("state"); state != g.state {
		return Failf(prober.ReasonBadResponse, "want the state that was sent in the authorization response, got %s", otherOrNone(state))
	}
	if err := c.vetIssuer(g, params); err != nil {
		return err
	}
	if code := params.Get("error"); code != "" {
		return Failf(prober.ReasonOAuthError, "want a code in the authorization response, got the OAuth error %s", nameOfError(code))
	}
	code := params.Get("code")
	if code == "" {
		return Failf(prober.ReasonMissingValue, "want a code in the authorization response, got none")
	}
	if strings.Contains(c.responseType(), "id_token") {
		token := params.Get("id_token")
		if token == "" {
			return Failf(prober.ReasonMissingValue, "want an ID token in the authorization response, got none")
		}
		if err := c.verifyIDToken(s, g, token, jose.Expect{Code: code, State: g.state}); err != nil {
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
// issuer that was asked.
func (c *Client) vetIssuer(g *grant, params url.Values) error {
	promised, _ := g.metadata["authorization_response_iss_parameter_supported"].(bool)
	if iss := params.Get("iss"); iss != c.issuer && (promised || iss != "") {
		return Failf(prober.ReasonBadResponse, "want the issuer as iss in the authorization response (RFC 9207), got %s", otherOrNone(iss))
	}
	return nil
}
