package checks

import (
	"context"
	"errors"
	"fmt"
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
	rs := append(slices.Clone(exchangeReasons), prober.ReasonMissingValue, prober.ReasonOAuthError,
		prober.ReasonStatus4xx, prober.ReasonStatus5xx, prober.ReasonRateLimited, prober.ReasonRedirect, prober.ReasonAssertion)
	if st.client != nil && st.client.DPoP != nil {
		rs = append(rs, prober.ReasonChallenge)
	}
	return rs
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
// says, or else as the metadata that the run has fetched does.
func (c *Client) endpoint(s *Session, name string) (*url.URL, error) {
	return c.endpointOf(s, s.grant(c).metadata, name)
}

func (c *Client) endpointOf(s *Session, metadata map[string]any, name string) (*url.URL, error) {
	for i := range c.Endpoints {
		if c.Endpoints[i].Name == name {
			return c.configured(s, &c.Endpoints[i])
		}
	}
	if metadata == nil {
		return nil, fmt.Errorf("the %s is not known: the step that fetches the metadata was skipped", name)
	}
	if aliases, ok := metadata["mtls_endpoint_aliases"].(map[string]any); ok && s.flow.hasClientCertificate() && !inFront(name) {
		if text, ok := aliases[name].(string); ok { // RFC 8705 section 5
			return parseEndpoint(text, name)
		}
	}
	text, ok := metadata[name].(string)
	if !ok {
		return nil, Failf(prober.ReasonMissingValue, "the metadata of the authorization server has no %s", name)
	}
	return parseEndpoint(text, name)
}

// inFront reports whether an endpoint is one that needs no certificate: the user's,
// or public.
func inFront(name string) bool { return name == "authorization_endpoint" || name == jwksURI }

// configured is an endpoint that the flow names. What is wrong with it is not the
// target's fault.
func (c *Client) configured(s *Session, e *Pair) (*url.URL, error) {
	text, err := e.Value.text(s, nil)
	if err != nil {
		return nil, err
	}
	to, err := parseEndpoint(s.flow.absolute(text), e.Name)
	if err != nil {
		return nil, errors.New(err.Error()) // ours
	}
	return to, nil
}

// absolute puts a path after the target.
func (f *compiled) absolute(text string) string {
	if strings.HasPrefix(text, "/") {
		return f.base + text
	}
	return text
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
	return s.behind(func() error { return s.send(call{build: build, proof: proof, limit: defaultBodyLimit}) })
}

// behind makes an exchange that the user's browser has no part in: an app has its
// cookies apart from those of the browser it logs in with. A cookie by which a
// balancer knows the browser would hide that replicas do not know of each other.
func (s *Session) behind(exchange func() error) error {
	jar := s.client.Jar
	s.client.Jar = nil
	defer func() { s.client.Jar = jar }()
	return exchange()
}

// has reports whether one of the pairs has the name.
func (p Pairs) has(name string) bool {
	return slices.ContainsFunc(p, func(one Pair) bool { return one.Name == name })
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
