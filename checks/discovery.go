package checks

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// The documents of discovery, by the last part of their well-known URIs.
const (
	wellKnownOpenID = "openid-configuration"
	wellKnownOAuth  = "oauth-authorization-server"
)

// A DiscoveryStep fetches the metadata of the authorization server, in which the
// steps that follow find its endpoints.
type DiscoveryStep struct {
	ClientStep `yaml:",inline"`
	// Discovery is the document: openid-configuration (OpenID Connect Discovery section 4) or oauth-authorization-server (RFC 8414 section 3).
	Discovery string `yaml:"discovery,required"`
}

// Vet implements [Step].
func (st *DiscoveryStep) Vet(s *Scope) {
	vetWellKnown("discovery", st.Discovery, &st.ClientStep, s)
	if st.vetClient(s) {
		s.oauth(st.client).discovered = true
	}
}

func vetWellKnown(key, document string, st *ClientStep, s *Scope) {
	if document != "" && document != wellKnownOpenID && document != wellKnownOAuth {
		s.doc.Errorf(st.at(key), "unknown document %q; want %s or %s%s", document, wellKnownOpenID, wellKnownOAuth,
			strict.Nearest(document, []string{wellKnownOpenID, wellKnownOAuth}))
	}
	if len(st.Params) > 0 {
		s.doc.Errorf(st.Params[0].node, "the metadata is fetched without parameters")
	}
}

// Shown implements [Step].
func (st *DiscoveryStep) Shown() string { return "GET /.well-known/" + st.Discovery }

// asks implements [asker]: what is public is fetched without a proof.
func (st *DiscoveryStep) asks() int { return 1 }

// Run implements [Step].
func (st *DiscoveryStep) Run(ctx context.Context, s *Session) error {
	to, err := wellKnown(st.client.issuer, st.Discovery)
	if err != nil {
		return err
	}
	return st.get(ctx, s, to)
}

// wellKnown is where an issuer has a document: OpenID Connect appends to the
// issuer, RFC 8414 section 3.1 inserts before its path.
func wellKnown(issuer, document string) (*url.URL, error) {
	to, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(to.EscapedPath(), "/")
	if document == wellKnownOpenID {
		path += "/.well-known/" + document
	} else {
		path = "/.well-known/" + document + path
	}
	return url.Parse(to.Scheme + "://" + to.Host + path)
}

// get fetches a public document.
func (st *ClientStep) get(ctx context.Context, s *Session, to *url.URL) error {
	req := s.newRequest(ctx, http.MethodGet, to, nil, "")
	if err := st.Headers.setHeaders(req, s); err != nil {
		return err
	}
	return s.behind(func() error { return s.exchange(req, 0, defaultBodyLimit) })
}

// Verify implements [Verifier].
func (st *DiscoveryStep) Verify(s *Session) error {
	object, err := s.object(http.StatusOK)
	if err != nil {
		return err
	}
	if err := vetMetadata(object, st.client.issuer); err != nil {
		return err
	}
	s.grant(st.client).metadata = object
	return nil
}

// vetMetadata finds what is wrong with the metadata: its issuer has to be the one
// asked, letter by letter (RFC 8414 section 3.3), and its endpoints URLs.
func vetMetadata(object map[string]any, issuer string) error {
	got, err := textMember(object, "issuer")
	if err != nil {
		return err
	}
	if got != issuer {
		return Failf(prober.ReasonBadResponse, "want the issuer %s in its metadata, got another one%s", issuer, differs(issuer, got))
	}
	for _, name := range endpointNames {
		if object[name] == nil {
			continue
		}
		text, err := textMember(object, name)
		if err != nil {
			return err
		}
		if _, err := parseEndpoint(text, name); err != nil {
			return err
		}
	}
	return nil
}

// differs says in what two URLs differ, in words of this program.
func differs(want, got string) string {
	a, errA := url.Parse(want)
	b, errB := url.Parse(got)
	switch {
	case errA != nil || errB != nil:
		return ""
	case strings.TrimSuffix(want, "/") == strings.TrimSuffix(got, "/"):
		return ", by a slash at the end"
	case a.Scheme != b.Scheme:
		return ", by the scheme"
	case a.Host != b.Host:
		return ", by the host"
	}
	return ", by the path"
}

// A JWKSStep fetches the keys of the authorization server (RFC 7517), against
// which its tokens are verified from then on.
type JWKSStep struct {
	ClientStep `yaml:",inline"`
	// JWKS is where the keys are: jwks_uri, as the metadata or the client's endpoints have it, or else a path of the target or a whole URL.
	JWKS Template `yaml:"jwks,required"`
}

// jwksURI is the value of jwks that means the metadata's.
const jwksURI = "jwks_uri"

// Vet implements [Step].
func (st *JWKSStep) Vet(s *Scope) {
	st.JWKS.compile(s)
	if len(st.Params) > 0 {
		s.doc.Errorf(st.Params[0].node, "the keys are fetched without parameters")
	}
	text, constant := st.JWKS.constant()
	if st.JWKS.isSet() && constant && text != jwksURI && !wellBegun(text) {
		s.doc.Errorf(st.JWKS.node, "%q is no place of keys; want jwks_uri, a path that begins with /, or a whole http or https URL", text)
	}
	if !st.vetClient(s) {
		return
	}
	if text == jwksURI {
		s.vetEndpoint(&st.ClientStep, jwksURI)
	} else {
		st.JWKS.vetOrigin(s)
	}
	s.oauth(st.client).keys = true
}

// Needs implements [Step].
func (st *JWKSStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.JWKS.needs(captured)...)
}

// Shown implements [Step].
func (st *JWKSStep) Shown() string { return "GET " + st.JWKS.Source }

// asks implements [asker].
func (st *JWKSStep) asks() int { return 1 }

// Run implements [Step].
func (st *JWKSStep) Run(ctx context.Context, s *Session) error {
	to, err := st.client.jwksURL(s, &st.JWKS)
	if err != nil {
		return err
	}
	return st.get(ctx, s, to)
}

func (c *Client) jwksURL(s *Session, t *Template) (*url.URL, error) {
	text, err := t.text(s, escapeInURL)
	switch {
	case err != nil:
		return nil, err
	case text == jwksURI:
		return c.endpoint(s, jwksURI)
	}
	return parseEndpoint(s.flow.absolute(text), jwksURI)
}

// Verify implements [Verifier].
func (st *JWKSStep) Verify(s *Session) error {
	keys, err := s.readKeys()
	if err == nil {
		s.grant(st.client).keys = keys
	}
	return err
}

// readKeys reads the answer at hand as a key set. A key that must be kept secret is
// a fault even where the others are fine; one that is merely of no use is not, until
// a token is signed with it.
func (s *Session) readKeys() (*jose.KeySet, error) {
	if _, err := s.object(http.StatusOK); err != nil {
		return nil, err
	}
	keys, err := jose.ParseKeySet(s.answer.body)
	if err != nil {
		return nil, Failf(prober.ReasonBadResponse, "%v", err)
	}
	for _, p := range keys.Problems() {
		if p.Exposed() {
			return nil, Failf(prober.ReasonBadResponse, "%s", p)
		}
	}
	if keys.Len() == 0 {
		return nil, Failf(prober.ReasonMissingValue, "want a key in the key set, got none")
	}
	return keys, nil
}
