package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// GenerateKey returns a fresh private key for one of [Algorithms] that has one,
// as PKCS #8 in PEM. RSA keys have 2048 bits and take about a tenth of a second.
func GenerateKey(alg string) (string, error) {
	var key any
	var err error
	switch alg {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "RS256", "PS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return "", CheckKeyAlgorithm(alg)
	}
	if err != nil {
		return "", fmt.Errorf("generating a key for %s: %w", alg, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("encoding a key for %s: %w", alg, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// CheckKeyAlgorithm returns an error for what [GenerateKey] makes no key for. It does
// not repeat it: what was given may be a key, in the wrong place.
func CheckKeyAlgorithm(alg string) error {
	if slices.Contains([]string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}, alg) {
		return nil
	}
	return errors.New("algorithm is none of RS256, PS256, ES256, ES384, EdDSA")
}

// ParsePublicKey returns the public half of a key in PEM: a private key as
// [NewSigner] takes it, a public one (SubjectPublicKeyInfo or PKCS #1), or a
// certificate. It is an *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	private, err := pemkey.Private(text)
	if errors.Is(err, pemkey.ErrNoPrivate) {
		public, err := pemkey.Public(text)
		if err != nil {
			return nil, err
		}
		return known(public)
	}
	if err != nil {
		return nil, err
	}
	return known(private.Public())
}

func known(public crypto.PublicKey) (crypto.PublicKey, error) {
	if pemkey.Kind(public) == pemkey.OtherKind {
		return nil, pemkey.ErrOtherKind
	}
	return public, nil
}

// PublicKey returns the public half of the signer's key, an error where it is a
// shared secret.
func (s *Signer) PublicKey() (crypto.PublicKey, error) {
	if _, shared := s.key.([]byte); shared {
		return nil, fmt.Errorf("the key for %s is a shared secret, which has no public half", s.alg)
	}
	return known(s.key.(crypto.Signer).Public())
}

// curves are those that EC keys may be on, RFC 7518 section 6.2.1.1.
var curves = []string{"P-256", "P-384", "P-521"}

// PublicJWK returns a public key as a JSON Web Key (RFC 7518 section 6.2 and
// 6.3, RFC 8037 section 2), with none but the members that it must have.
func PublicJWK(key crypto.PublicKey) (map[string]any, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}, nil
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y; SEC 1 section 2.3.3
		if err != nil || !slices.Contains(curves, k.Params().Name) {
			return nil, errors.New("the key is on another curve than P-256, P-384 and P-521")
		}
		half := len(point) / 2
		return map[string]any{"kty": "EC", "crv": k.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}, nil
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(k)}, nil
	}
	return nil, pemkey.ErrOtherKind
}

// required are the members that a thumbprint is made of, in the order of RFC
// 7638 section 3.2 and RFC 8037 section 2, which is that of their names.
var required = map[string][]string{
	"RSA": {"e", "kty", "n"}, "EC": {"crv", "kty", "x", "y"}, "OKP": {"crv", "kty", "x"}, "oct": {"k", "kty"},
}

// Thumbprint returns the SHA-256 thumbprint of a key (RFC 7638) in base64url,
// as cnf.jkt and dpop_jkt hold it. Members that the kind of key need not have do
// not count, and neither do private ones.
func Thumbprint(jwk map[string]any) (string, error) {
	kty, _ := jwk["kty"].(string)
	names, ok := required[kty]
	if !ok {
		return "", errors.New("the JWK's kty is none of RSA, EC, OKP, oct")
	}
	var b strings.Builder
	for i, name := range names {
		value, ok := jwk[name].(string)
		if !ok || value == "" {
			return "", fmt.Errorf("the JWK has no %s", name)
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("the JWK's %s has no JSON form", name)
		}
		fmt.Fprintf(&b, `%c"%s":%s`, "{,"[min(i, 1)], name, quoted)
	}
	sum := sha256.Sum256([]byte(b.String() + "}"))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// PublicPEM returns a SubjectPublicKeyInfo in PEM.
func PublicPEM(spki []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
}
