package webauthn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// The algorithms of COSE, RFC 9053 section 2 and RFC 8812 section 2.
const (
	es256 = -7
	eddsa = -8
	rs256 = -257
)

// A Key is the private key of a passkey. It is safe for concurrent use.
type Key struct {
	private   crypto.Signer
	algorithm int
	cose      cborMap
}

// ParseKey reads a private key in PEM, as PKCS #8, SEC 1 or PKCS #1: on P-256 for
// ES256, Ed25519 for EdDSA, or RSA of at least 2048 bits for RS256.
func ParseKey(text string) (*Key, error) {
	private, err := pemkey.Private(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return newKey(private)
}

func newKey(private crypto.Signer) (*Key, error) {
	switch k := private.Public().(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return ellipticKey(private, k)
		}
	case ed25519.PublicKey:
		return &Key{private, eddsa, cborMap{{1, 1}, {3, eddsa}, {-1, 6}, {-2, []byte(k)}}}, nil
	case *rsa.PublicKey:
		if k.N.BitLen() >= 2048 {
			return &Key{private, rs256, cborMap{{1, 3}, {3, rs256}, {-1, k.N.Bytes()}, {-2, big.NewInt(int64(k.E)).Bytes()}}}, nil
		}
	}
	return nil, fmt.Errorf("%w: want one on P-256, Ed25519, or RSA of at least 2048 bits", ErrKey)
}

// ellipticKey is in the form of RFC 9053 section 7.1.1, with both coordinates, as
// section 6.5.1.1 of WebAuthn wants.
func ellipticKey(private crypto.Signer, k *ecdsa.PublicKey) (*Key, error) {
	point, err := k.Bytes() // 4, x, y: each of full length
	if err != nil {
		return nil, fmt.Errorf("%w: it is no point of the curve", ErrKey)
	}
	x, y := point[1:33], point[33:]
	return &Key{private, es256, cborMap{{1, 2}, {3, es256}, {-1, 1}, {-2, x}, {-3, y}}}, nil
}

// sign signs as section 6.5.5 has it: ECDSA in ASN.1.
func (k *Key) sign(data []byte) ([]byte, error) {
	if k.algorithm == eddsa {
		return k.private.Sign(rand.Reader, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// spki is the public key in DER, which getPublicKey returns.
func (k *Key) spki() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return nil, fmt.Errorf("%w: it has no public form", ErrKey)
	}
	return der, nil
}
