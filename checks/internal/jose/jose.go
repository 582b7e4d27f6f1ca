// Package jose speaks JSON Web Tokens (RFC 7515 JWS, RFC 7519 JWT) as a client
// of an authorization server does. It
//
//   - signs: whatever claims ([Signer.Sign]), client assertions ([Assertion]),
//     request objects ([RequestObject]), detached signatures ([Signer.Detached])
//     and bare bytes ([Signer.Signature]);
//   - reads the keys that a server publishes ([ParseKeySet]);
//   - verifies ID tokens ([Verify]) and authorization responses
//     ([VerifyResponse]), and says of each that it does not accept why, as one of
//     the Err… values;
//   - reads the claims of a token without verifying it ([Claims]).
//
// It measures, so it is as strict as the standards and never helps a token
// along: keys are not fetched again, and no key is tried but the one that is
// meant. No error of it has any part of a key or a token, except times and names
// of algorithms that are known here.
package jose

import (
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// algorithms are the values of "alg" that can be signed with, RFC 7518
// section 3.1 and RFC 8037 section 3.1.
var algorithms = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"}

// Algorithms lists the values of "alg" that can be signed with.
func Algorithms() []string { return append([]string(nil), algorithms...) }

// minHMAC is how long a key must be at least, RFC 7518 section 3.2, in bytes.
var minHMAC = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// keyKinds says which kind of key an algorithm asks for. There are more than can
// be signed with: a target may prefer them.
var keyKinds = map[string]string{
	"RS256": "an RSA key", "RS384": "an RSA key", "RS512": "an RSA key",
	"PS256": "an RSA key", "PS384": "an RSA key", "PS512": "an RSA key",
	"ES256": "an EC key on P-256", "ES384": "an EC key on P-384", "ES512": "an EC key on P-521",
	"EdDSA": "an Ed25519 key",
}

// A Signer signs with one key. It is safe for concurrent use. Making one for an
// RSA key takes about as long as signing does, so whoever signs often keeps it.
type Signer struct {
	alg string
	key any
	kid string
}

// Algorithm returns the "alg" that the signer signs with.
func (s *Signer) Algorithm() string { return s.alg }

// WithKeyID returns a signer with the same key that puts kid into the header of
// what it signs, unless a header given to it has one; "" means none.
func (s *Signer) WithKeyID(kid string) *Signer { return &Signer{s.alg, s.key, kid} }

// NewSigner returns a signer for one of [Algorithms]. For HS256, HS384 and HS512
// the key is the shared secret, byte for byte; for the others it is a private
// key in PEM, as PKCS #8, PKCS #1 or SEC 1, of the kind that the algorithm asks
// for. Other blocks in front of it, such as EC PARAMETERS, are skipped.
func NewSigner(key, alg string) (*Signer, error) {
	if n, ok := minHMAC[alg]; ok {
		if len(key) < n {
			return nil, fmt.Errorf("the key for %s has %d bytes, want at least %d", alg, len(key), n)
		}
		return &Signer{alg: alg, key: []byte(key)}, nil
	}
	if !slices.Contains(algorithms, alg) {
		return nil, fmt.Errorf("algorithm %q is none of %s", alg, strings.Join(algorithms, ", "))
	}
	private, err := pemkey.Private(key)
	if err != nil {
		return nil, fmt.Errorf("the key for %s: %w", alg, err)
	}
	if got, want := pemkey.Kind(private), keyKinds[alg]; got != want {
		return nil, fmt.Errorf("the key for %s is %s, want %s", alg, got, want)
	}
	if k, ok := private.(*rsa.PrivateKey); ok && k.N.BitLen() < 2048 {
		return nil, fmt.Errorf("the key for %s has %d bits, want at least 2048", alg, k.N.BitLen())
	}
	return &Signer{alg: alg, key: private}, nil
}

// Sign returns the claims as a signed JWT. header is added to the protected
// header, such as kid and typ; there is no typ unless it is there, and no kid
// unless it is there or the signer has one. It must hold neither alg, which the
// signer knows, nor b64, which is for other payloads.
//
// Claims and header are encoded as JSON, their members sorted by name. Bytes in
// them are an error: JSON has none, and whether base64 or base64url is meant is
// the caller's to say.
func (s *Signer) Sign(claims, header map[string]any) (string, error) {
	payload, err := encode("claim", claims)
	if err != nil {
		return "", err
	}
	opts, err := s.options(header)
	if err != nil {
		return "", err
	}
	signed, err := s.sign(payload, opts)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// options returns what makes the protected header: header and the signer's kid.
func (s *Signer) options(header map[string]any) (*jose.SignerOptions, error) {
	if _, err := encode("header", header); err != nil {
		return nil, err
	}
	opts := new(jose.SignerOptions)
	if s.kid != "" {
		opts.WithHeader("kid", s.kid)
	}
	for name, v := range header {
		if name == "alg" || name == "b64" {
			return nil, fmt.Errorf("header %q cannot be set", name)
		}
		opts.WithHeader(jose.HeaderKey(name), v)
	}
	return opts, nil
}

func (s *Signer) sign(payload []byte, opts *jose.SignerOptions) (*jose.JSONWebSignature, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.alg), Key: s.key}, opts)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", s.alg, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", s.alg, err)
	}
	return signed, nil
}

// Sign is [NewSigner] and [Signer.Sign] in one.
func Sign(claims map[string]any, key, alg string, header map[string]any) (string, error) {
	s, err := NewSigner(key, alg)
	if err != nil {
		return "", err
	}
	return s.Sign(claims, header)
}
