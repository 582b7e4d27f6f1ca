package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/authprober/authprober/prober"
)

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
		if err := c.authenticate(s, header, values, st.Misuse); err != nil {
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
