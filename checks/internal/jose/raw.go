package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // registers SHA-384 and SHA-512 with package crypto
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// hashes says by which digest an algorithm signs, RFC 7518 section 3.1. EdDSA
// hashes by itself: with Ed25519 by SHA-512, RFC 8032 section 5.1.
var hashes = map[string]crypto.Hash{
	"RS256": crypto.SHA256, "PS256": crypto.SHA256, "ES256": crypto.SHA256, "HS256": crypto.SHA256,
	"RS384": crypto.SHA384, "PS384": crypto.SHA384, "ES384": crypto.SHA384, "HS384": crypto.SHA384,
	"RS512": crypto.SHA512, "PS512": crypto.SHA512, "ES512": crypto.SHA512, "HS512": crypto.SHA512,
	"EdDSA": crypto.SHA512,
}

// Signature returns the signature of data, in the form that the signer's
// algorithm has in a token: for ES256 and ES384 that is r and s, each padded with
// zeros to the size of the curve (RFC 7518 section 3.4), 64 and 96 bytes.
func (s *Signer) Signature(data []byte) ([]byte, error) {
	switch key := s.key.(type) {
	case []byte:
		mac := hmac.New(hashes[s.alg].New, key)
		mac.Write(data)
		return mac.Sum(nil), nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, data), nil
	case *rsa.PrivateKey:
		if s.alg == "PS256" {
			o := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash} // RFC 7518 section 3.5
			return rsa.SignPSS(rand.Reader, key, hashes[s.alg], s.digest(data), o)
		}
		return rsa.SignPKCS1v15(rand.Reader, key, hashes[s.alg], s.digest(data))
	case *ecdsa.PrivateKey:
		der, err := s.SignatureASN1(data)
		if err != nil {
			return nil, err
		}
		return fixed(der, (key.Params().BitSize+7)/8)
	}
	return nil, errors.New("the signer has no key")
}

// SignatureASN1 returns the signature of data by an EC key as the ASN.1
// structure that phones and TLS use (RFC 3279 section 2.2.3), 70 bytes or so.
// With other keys it is an error.
func (s *Signer) SignatureASN1(data []byte) ([]byte, error) {
	key, ok := s.key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s has no signatures in ASN.1, only ES256 and ES384 have", s.alg)
	}
	return ecdsa.SignASN1(rand.Reader, key, s.digest(data))
}

func (s *Signer) digest(data []byte) []byte {
	h := hashes[s.alg].New()
	h.Write(data)
	return h.Sum(nil)
}

// fixed turns an ASN.1 signature into r and s of size bytes each.
func fixed(der []byte, size int) ([]byte, error) {
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return nil, errors.New("the signature is no ASN.1")
	}
	out := make([]byte, 2*size)
	sig.R.FillBytes(out[:size])
	sig.S.FillBytes(out[size:])
	return out, nil
}
