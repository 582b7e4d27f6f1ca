package checks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
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
	if text, constant := st.KeyOf.constant(); st.KeyOf.isSet() && constant {
		if _, err := jose.Header(text); err != nil {
			s.doc.Errorf(st.KeyOf.node, "key_of: %v", err)
		}
	}
	vetWellKnown("coherence", st.Coherence, &st.ClientStep, s)
	if st.Fetch < fewestCopies || st.Fetch > mostCopies {
		s.doc.Errorf(st.at("fetch"), "fetch is %d; want a number from %d to %d", st.Fetch, fewestCopies, mostCopies)
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

// Run implements [Step]. The copies of a document are fetched one after the other
// and not in turn with those of the other one: a balancer that gives each request to
// the next replica would hand out the metadata by one half of them and the keys by
// the other.
func (st *CoherenceStep) Run(ctx context.Context, s *Session) error {
	kid, err := st.kid(s)
	if err != nil {
		return err
	}
	g := s.grant(st.client)
	err = st.each(s, func(i int) error {
		got, err := st.fetchMetadata(ctx, s)
		if err == nil && i > 0 {
			return sameMetadata(g.metadata, got)
		}
		if err == nil {
			g.metadata = got
		}
		return err
	})
	if err != nil {
		return err
	}
	return st.each(s, func(i int) error {
		got, err := st.fetchKeys(ctx, s, g.metadata)
		if err == nil && i > 0 {
			err = sameKeys(g.keys, got)
		}
		if err == nil && kid != "" && !got.Has(kid) {
			err = Failf(prober.ReasonTokenInvalid, "want the key of the token in the keys, and it is not there")
		}
		if err == nil && i == 0 {
			g.keys = got
		}
		return err
	})
}

// each gets the copies of a document, numbered from 0. A failure says of which copy.
func (st *CoherenceStep) each(s *Session, get func(i int) error) error {
	for i := range st.Fetch {
		s.apart()
		err := get(i)
		if f, ok := errors.AsType[*failure](err); ok {
			return Failf(f.reason, "copy %d of %d: %s", i+1, st.Fetch, f.detail)
		}
		if err != nil {
			return err
		}
	}
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

// apart makes the exchange that follows one of its own, over a new connection.
func (s *Session) apart() {
	if s.answer.status != 0 {
		s.again()
	}
	s.client.Transport = s.wire.renew()
}

// fetchMetadata gets one copy of the metadata.
func (st *CoherenceStep) fetchMetadata(ctx context.Context, s *Session) (map[string]any, error) {
	to, err := wellKnown(st.client.issuer, st.Coherence)
	if err != nil {
		return nil, err
	}
	if err := st.get(ctx, s, to); err != nil {
		return nil, err
	}
	got, err := s.object(http.StatusOK)
	if err != nil {
		return nil, err
	}
	return got, vetMetadata(got, st.client.issuer)
}

// fetchKeys gets one copy of the keys.
func (st *CoherenceStep) fetchKeys(ctx context.Context, s *Session, metadata map[string]any) (*jose.KeySet, error) {
	to, err := st.client.endpointOf(s, metadata, jwksURI)
	if err != nil {
		return nil, err
	}
	if err := st.get(ctx, s, to); err != nil {
		return nil, err
	}
	return s.readKeys()
}

// sameMetadata compares a copy with the first one.
func sameMetadata(first, other map[string]any) error {
	for _, name := range endpointNames {
		if first[name] != other[name] { // texts, or not there
			return Failf(prober.ReasonAssertion, "want the %s of the first copy, got another one", name)
		}
	}
	if !reflect.DeepEqual(first["mtls_endpoint_aliases"], other["mtls_endpoint_aliases"]) {
		return Failf(prober.ReasonAssertion, "want the mtls_endpoint_aliases of the first copy, got others")
	}
	return nil
}

// sameKeys compares a copy with the first one.
func sameKeys(first, other *jose.KeySet) error {
	if first.Fingerprint() == other.Fingerprint() {
		return nil
	}
	if mine, theirs := first.KeyIDs(), other.KeyIDs(); !slices.Equal(mine, theirs) {
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
