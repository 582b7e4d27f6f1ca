// Package dpop proves that who uses a token has the key that it was bound to
// (RFC 9449, OAuth 2.0 Demonstrating Proof of Possession).
//
// A [Key] makes a proof for each request; a server may ask for one with a nonce
// of its own, which [NonceWanted] tells. Servers for authorization and for
// resources have nonces of their own, so whoever sends keeps them apart.
//
// No error of it has any part of a key, a token or an address.
package dpop

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
)

// Type is the typ of a proof, section 4.2.
const Type = "dpop+jwt"

// DefaultAlgorithm is the one that every server of FAPI 2.0 has to know.
const DefaultAlgorithm = "ES256"

// Algorithms lists those that a proof can be signed with. A shared secret proves
// nothing, section 4.2.
func Algorithms() []string { return slices.Clone(algorithms) }

var algorithms = []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"}

// A Key makes proofs. It is safe for concurrent use. Making one is not cheap, so
// whoever makes proofs often keeps it.
type Key struct {
	signer     *jose.Signer
	jwk        map[string]any
	thumbprint string
}

// NewKey returns a fresh key for one of [Algorithms], "" for [DefaultAlgorithm].
func NewKey(alg string) (*Key, error) {
	if alg == "" {
		alg = DefaultAlgorithm
	}
	if err := check(alg); err != nil {
		return nil, err
	}
	pem, err := jose.GenerateKey(alg)
	if err != nil {
		return nil, err
	}
	return ParseKey(pem, alg)
}

// ParseKey returns a key made elsewhere, a private key in PEM as
// [jose.NewSigner] takes it.
func ParseKey(pem, alg string) (*Key, error) {
	if err := check(alg); err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(pem, alg)
	if err != nil {
		return nil, err
	}
	public, err := signer.PublicKey()
	if err != nil {
		return nil, err
	}
	jwk, err := jose.PublicJWK(public)
	if err != nil {
		return nil, err
	}
	thumbprint, err := jose.Thumbprint(jwk)
	if err != nil {
		return nil, err
	}
	return &Key{signer, jwk, thumbprint}, nil
}

func check(alg string) error {
	if !slices.Contains(algorithms, alg) {
		return fmt.Errorf("the algorithm of a DPoP key is none of %s", strings.Join(algorithms, ", "))
	}
	return nil
}

// Thumbprint returns the key's thumbprint (RFC 7638): what dpop_jkt is in an
// authorization request (section 10), and cnf.jkt in a token bound to the key
// (section 6.1).
func (k *Key) Thumbprint() string { return k.thumbprint }

// Algorithm returns the alg of the key's proofs.
func (k *Key) Algorithm() string { return k.signer.Algorithm() }

// A Proof says what a proof is for.
type Proof struct {
	// Method and URL are those of the request; the URL is brought into the form of
	// [Target].
	Method, URL string
	// AccessToken is the one that the request is sent with, "" for none.
	AccessToken string
	// Nonce is the one that the server has asked for, "" for none.
	Nonce string
	// Now is the time of the request; it must be given.
	Now time.Time
	// Claims replace those made here, to send a proof that is wrong on purpose;
	// nil as a value leaves a claim out.
	Claims map[string]any
}

// Proof returns a proof, the value of a DPoP field (section 4.2): of this
// request only, for its jti is fresh.
func (k *Key) Proof(p Proof) (string, error) {
	if p.Method == "" || p.Now.IsZero() {
		return "", errors.New("a DPoP proof must have a method and a time")
	}
	htu, err := Target(p.URL)
	if err != nil {
		return "", err
	}
	claims := map[string]any{"jti": rand.Text(), "htm": p.Method, "htu": htu, "iat": p.Now.Unix()}
	if p.AccessToken != "" {
		claims["ath"] = TokenHash(p.AccessToken)
	}
	if p.Nonce != "" {
		claims["nonce"] = p.Nonce
	}
	maps.Copy(claims, p.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return k.signer.Sign(claims, map[string]any{"typ": Type, "jwk": k.jwk})
}

// TokenHash returns the ath of an access token, section 4.2.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
