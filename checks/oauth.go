package checks

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// ClientStep are the settings that the steps of an OAuth client share.
type ClientStep struct {
	StepSettings `yaml:",inline"`
	// Client names the client of the flow. It may be left out where there is one only.
	Client string `yaml:"client"`
	// Params are parameters of the request, in place of those that the step computes, or beside them.
	Params Pairs `yaml:"params"`
	// Headers are header fields, set in place of the default ones.
	Headers Pairs `yaml:"headers"`

	client *Client
}

// vetClient finds the client, notes what is wrong, and reports whether there is one.
func (st *ClientStep) vetClient(s *Scope) bool {
	st.clientTemplates(func(t *Template) { t.compile(s) })
	st.Headers.vetHeaders(s, "Authorization")
	all := s.flow.clients
	switch {
	case st.Client == "" && len(all) == 1:
		st.client = all[0]
	case len(all) == 0:
		s.doc.Errorf(st.node, "the step %q needs a client, and the flow has no clients", st.Name)
	case st.Client == "":
		s.doc.Errorf(st.node, "the step %q has to name its client: one of %s", st.Name, strings.Join(all.names(), ", "))
	default:
		if i := slices.Index(all.names(), st.Client); i >= 0 {
			st.client = all[i]
		} else {
			s.doc.Errorf(st.node, "there is no client named %q%s", st.Client, strict.Nearest(st.Client, all.names()))
		}
	}
	return st.client != nil
}

func (st *ClientStep) clientTemplates(f func(*Template)) {
	for _, pairs := range []Pairs{st.Params, st.Headers} {
		for i := range pairs {
			f(&pairs[i].Value)
		}
	}
}

// Needs implements [Step].
func (st *ClientStep) Needs(captured map[string]string) (names []string) {
	st.clientTemplates(func(t *Template) { names = append(names, t.needs(captured)...) })
	return names
}

// Reasons implements [Step].
func (st *ClientStep) Reasons() []prober.Reason {
	return []prober.Reason{
		prober.ReasonDNS, prober.ReasonConnect, prober.ReasonTLS, prober.ReasonReset, prober.ReasonBadResponse,
		prober.ReasonMissingValue, prober.ReasonOAuthError, prober.ReasonStatus4xx, prober.ReasonStatus5xx,
		prober.ReasonRateLimited, prober.ReasonRedirect, prober.ReasonAssertion,
	}
}

func (c Clients) names() []string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].name
	}
	return names
}

// A grant is what one run knows of one client: the metadata and keys it has
// fetched, and what belongs to the authorization under way.
type grant struct {
	metadata map[string]any
	keys     *jose.KeySet

	verifier, state, nonce string // as sent with the authorization request
	requestURI             string // of a pushed authorization request
	awaited                bool   // an authorization response has to come
	code                   string
	subject                string // of the ID token

	deviceCode, authReqID string
	interval              time.Duration // between polls, as the server asks for
	slowed                bool
}

// grant is what the run knows of the client.
func (s *Session) grant(c *Client) *grant {
	if s.grants == nil {
		s.grants = map[*Client]*grant{}
	}
	if s.grants[c] == nil {
		s.grants[c] = &grant{}
	}
	return s.grants[c]
}

// endpoint is where the client finds what the metadata calls name: as the flow
// says, or else as the metadata that the run has fetched does. A client that
// authenticates with a certificate uses the alias for it, RFC 8705 section 5.
func (c *Client) endpoint(s *Session, name string) (*url.URL, error) {
	for i := range c.Endpoints {
		if c.Endpoints[i].Name != name {
			continue
		}
		text, err := c.Endpoints[i].Value.text(s, nil)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(text, "/") {
			text = s.flow.base + text
		}
		return parseEndpoint(text, name)
	}
	metadata := s.grant(c).metadata
	if metadata == nil {
		return nil, Failf(prober.ReasonMissingValue, "the %s is not known: the discovery was skipped", name)
	}
	if aliases, ok := metadata["mtls_endpoint_aliases"].(map[string]any); ok && c.Auth.byTLS() {
		if text, ok := aliases[name].(string); ok {
			return parseEndpoint(text, name)
		}
	}
	text, ok := metadata[name].(string)
	if !ok {
		return nil, Failf(prober.ReasonMissingValue, "the metadata of the authorization server has no %s", name)
	}
	return parseEndpoint(text, name)
}

func parseEndpoint(text, name string) (*url.URL, error) {
	to, err := url.Parse(text)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.Fragment != "" {
		return nil, Failf(prober.ReasonBadResponse, "the %s is no http or https URL without a fragment", name)
	}
	return to, nil
}

// post sends a form to an endpoint of the client's, authenticated as the client.
// params makes the parameters anew for each time it is sent.
func (st *ClientStep) post(ctx context.Context, s *Session, endpoint string, params func() (url.Values, error)) error {
	c := st.client
	to, err := c.endpoint(s, endpoint)
	if err != nil {
		return err
	}
	build := func() (*http.Request, error) {
		values, err := params()
		if err != nil {
			return nil, err
		}
		header := http.Header{}
		if err := c.authenticate(s, header, values); err != nil {
			return nil, err
		}
		if err := st.Params.set(values, s); err != nil {
			return nil, err
		}
		req := s.newRequest(ctx, http.MethodPost, to, []byte(values.Encode()), "application/x-www-form-urlencoded")
		for name := range header {
			req.Header.Set(name, header.Get(name))
		}
		return req, st.Headers.setHeaders(req, s)
	}
	proof, err := c.proof(s, forAuthorizationServer)
	if err != nil {
		return err
	}
	return s.send(call{build: build, proof: proof, limit: defaultBodyLimit})
}

// set replaces parameters by those of the pairs; one whose text is empty is left out.
func (p Pairs) set(values url.Values, s *Session) error {
	for i := range p {
		text, err := p[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		if text == "" {
			values.Del(p[i].Name)
			continue
		}
		values.Set(p[i].Name, text)
	}
	return nil
}
