package checks

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"slices"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

// Limits on how many copies a step coherence compares.
const (
	fewestCopies  = 2
	mostCopies    = 50
	defaultCopies = 5
)

// A CoherenceStep fetches the metadata and the keys of the authorization server
// several times, each time over new connections and without cookies, so that every
// replica behind the address is met sooner or later; all copies have to say the
// same. Replicas that rotate their keys apart from one another, or that cache old
// ones, refuse good tokens now and then: this sees them even when no login meets two.
type CoherenceStep struct {
	ClientStep `yaml:",inline"`
	// Coherence is the document of the metadata: openid-configuration or oauth-authorization-server.
	Coherence string `yaml:"coherence,required"`
	// Fetch is how many copies are compared, from 2 to 50. The default is 5.
	Fetch int `yaml:"fetch"`
	// KeyOf is a token, a JWT; the key that it is signed with has to be in every copy of the keys.
	KeyOf Template `yaml:"key_of"`
}

// Vet implements [Step].
func (st *CoherenceStep) Vet(s *Scope) {
	st.KeyOf.compile(s)
	vetWellKnown(st.Coherence, &st.ClientStep, s)
	if st.Fetch < fewestCopies || st.Fetch > mostCopies {
		s.doc.Errorf(st.node, "fetch is %d; want a number from %d to %d", st.Fetch, fewestCopies, mostCopies)
	}
	if st.vetClient(s) {
		seen := s.oauth(st.client)
		seen.discovered, seen.keys = true, true
	}
}

// Needs implements [Step].
func (st *CoherenceStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.KeyOf.needs(captured)...)
}

// Reasons implements [Step].
func (st *CoherenceStep) Reasons() []prober.Reason {
	return append(st.ClientStep.Reasons(), prober.ReasonTokenInvalid)
}

// Shown implements [Step].
func (st *CoherenceStep) Shown() string {
	return fmt.Sprintf("GET /.well-known/%s and jwks_uri, %d times", st.Coherence, st.Fetch)
}

// asks implements [asker]: the metadata and the keys, for each copy.
func (st *CoherenceStep) asks() int { return 2 * st.Fetch }

// A copyOf is what one fetch has brought.
type copyOf struct {
	metadata map[string]any
	keys     *jose.KeySet
}

// Run implements [Step].
func (st *CoherenceStep) Run(ctx context.Context, s *Session) error {
	kid, err := st.kid(s)
	if err != nil {
		return err
	}
	jar := s.client.Jar
	defer func() { s.client.Jar = jar }()
	var first copyOf
	for i := range st.Fetch {
		s.apart()
		got, err := st.fetch(ctx, s)
		if err == nil && i > 0 {
			err = first.same(got)
		}
		if err == nil && kid != "" && !got.keys.Has(kid) {
			err = Failf(prober.ReasonTokenInvalid, "want the key of the token in the keys, and it is not there")
		}
		if f, ok := err.(*failure); ok {
			return Failf(f.reason, "copy %d of %d: %s", i+1, st.Fetch, f.detail)
		}
		if err != nil {
			return err
		}
		if i == 0 {
			first = got
		}
	}
	g := s.grant(st.client)
	g.metadata, g.keys = first.metadata, first.keys
	return nil
}

// Verify implements [Verifier]: Run has seen to it, copy by copy.
func (st *CoherenceStep) Verify(*Session) error { return nil }

// kid is the key id of the token; "" where no token is asked about.
func (st *CoherenceStep) kid(s *Session) (string, error) {
	if !st.KeyOf.isSet() {
		return "", nil
	}
	token, err := st.KeyOf.text(s, nil)
	if err != nil {
		return "", err
	}
	header, err := jose.Header(token)
	if err != nil {
		return "", Failf(prober.ReasonTokenInvalid, "%v", err)
	}
	kid, _ := header["kid"].(string)
	if kid == "" {
		return "", Failf(prober.ReasonTokenInvalid, "the token does not say which key it is signed with: it has no kid")
	}
	return kid, nil
}

// apart makes the exchange that follows one of its own: over a new connection,
// without the cookies by which a balancer knows who has been there before.
func (s *Session) apart() {
	if s.answer.status != 0 {
		s.again()
	}
	s.wire.transport.CloseIdleConnections()
	s.client.Jar, _ = cookiejar.New(nil) // it never errs
}

// fetch gets one copy of the metadata and of the keys.
func (st *CoherenceStep) fetch(ctx context.Context, s *Session) (got copyOf, err error) {
	to, err := wellKnown(st.client.issuer, st.Coherence)
	if err != nil {
		return got, err
	}
	if err := st.get(ctx, s, to); err != nil {
		return got, err
	}
	if got.metadata, err = s.object(http.StatusOK); err != nil {
		return got, err
	}
	if err := vetMetadata(got.metadata, st.client.issuer); err != nil {
		return got, err
	}
	text, err := textMember(got.metadata, jwksURI)
	if err != nil {
		return got, err
	}
	if to, err = parseEndpoint(text, jwksURI); err != nil {
		return got, err
	}
	s.apart()
	if err := st.get(ctx, s, to); err != nil {
		return got, err
	}
	got.keys, err = s.readKeys()
	return got, err
}

// same compares a copy with the first one.
func (c copyOf) same(other copyOf) error {
	for _, name := range endpointNames {
		if c.metadata[name] != other.metadata[name] { // texts, or not there
			return Failf(prober.ReasonAssertion, "want the %s of the first copy, got another one", name)
		}
	}
	if c.keys.Fingerprint() == other.keys.Fingerprint() {
		return nil
	}
	if mine, theirs := c.keys.KeyIDs(), other.keys.KeyIDs(); !slices.Equal(mine, theirs) {
		return Failf(prober.ReasonAssertion, "want the keys of the first copy: %d of them are not there, and %d others are",
			len(without(mine, theirs)), len(without(theirs, mine)))
	}
	return Failf(prober.ReasonAssertion, "want the keys of the first copy, got others of the same names")
}

// without lists what is in a and not in b.
func without(a, b []string) []string {
	in := map[string]bool{}
	for _, name := range a {
		in[name] = true
	}
	for _, name := range b {
		delete(in, name)
	}
	return slices.Collect(maps.Keys(in))
}
