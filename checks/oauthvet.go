package checks

import (
	"slices"
	"strings"
)

// oauthSeen is which steps of a client stand before the one that is being vetted.
type oauthSeen struct {
	discovered, keys, pushed, authorized, device, backchannel bool
}

// oauth is what was seen of the client so far.
func (s *Scope) oauth(c *Client) *oauthSeen {
	if s.clients[c] == nil {
		s.clients[c] = &oauthSeen{}
	}
	return s.clients[c]
}

// vetToken notes a token that is no more than blanks, whatever the run.
func (s *Scope) vetToken(st *ClientStep, key string, t *Template) {
	if text, constant := t.constant(); t.isSet() && constant && strings.TrimSpace(text) == "" {
		s.doc.Errorf(st.at(key), "the step %q has an empty token", st.Name)
	}
}

// vetEndpoint notes that nobody will know the endpoint when the step runs.
func (s *Scope) vetEndpoint(st *ClientStep, name string) {
	c := st.client
	if s.oauth(c).discovered || c.Endpoints.has(name) {
		return
	}
	s.doc.Errorf(st.node, "nothing says where the %s of the client %s is: put a step discovery before, or set it in endpoints", name, c.name)
}

// ofClient are parameters of an authorization request that the response is read by,
// and that are therefore settings of the client.
var ofClient = []string{"response_mode", "response_type"}

// vetAuthorization is for what an authorization request needs, and its response.
func (c *Client) vetAuthorization(st *ClientStep, params Pairs, s *Scope) {
	if !c.RedirectURI.isSet() {
		s.doc.Errorf(st.node, "the client %s has no redirect_uri, which an authorization request needs", c.name)
	}
	if scope, constant := c.Scope.constant(); c.returnsIDToken() && constant && !wantsIDToken(scope) && !params.has("scope") {
		s.doc.Errorf(st.node, "the response_type %q of the client %s needs the scope openid", c.ResponseType, c.name)
	}
	if (c.returnsIDToken() || c.returnsJWT()) && !s.oauth(c).keys {
		s.doc.Errorf(st.node, "the authorization response of the client %s is signed, and verified against the keys of a step jwks before", c.name)
	}
	for _, p := range params {
		if slices.Contains(ofClient, p.Name) {
			s.doc.Errorf(p.node, "%s is a setting of the client: the authorization response is read by it", p.Name)
		}
	}
	for _, p := range st.Params { // they are sent beside what may be signed or pushed
		if p.Name == "state" || p.Name == "nonce" || slices.Contains(ofClient, p.Name) {
			s.doc.Errorf(p.node, "%s cannot be replaced by params: the response is held against what the authorization request says", p.Name)
		}
	}
}

// returnsIDToken reports whether an ID token comes with the code.
func (c *Client) returnsIDToken() bool { return strings.Contains(c.ResponseType, "id_token") }

// returnsJWT reports whether the authorization response is a JWT (JARM).
func (c *Client) returnsJWT() bool { return strings.HasSuffix(c.ResponseMode, "jwt") }
