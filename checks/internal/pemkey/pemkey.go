// Package pemkey reads keys in PEM, for the packages that sign and verify with
// them. No error of it has any part of what was read.
package pemkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"
)

var (
	// ErrNoPrivate is the error of a PEM text that holds other things than a private
	// key.
	ErrNoPrivate = errors.New("there is no private key in the PEM")

	// ErrOtherKind is the error of a key that signs in no way that is known here.
	ErrOtherKind = errors.New("the key is of another kind than RSA, EC and Ed25519")

	errNoPEM     = errors.New("it is not PEM")
	errNoPublic  = errors.New("there is neither a public key nor a certificate in the PEM")
	errEncrypted = errors.New("it is encrypted, want it without a passphrase")
	errBroken    = errors.New("the PEM holds no well-formed key")
)

// Private reads the first private key of a PEM text: PKCS #8 (RFC 5958), PKCS #1
// or SEC 1. Other blocks in front of it, such as EC PARAMETERS, are skipped. An
// RSA key whose PKCS #8 says that it is for RSASSA-PSS only is read as any other.
func Private(text string) (crypto.Signer, error) {
	key, err := first(text, privateParsers, ErrNoPrivate)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok { // X25519, which agrees on keys and signs nothing
		return nil, ErrOtherKind
	}
	return signer, nil
}

// Public reads the first public key of a PEM text: PKIX (RFC 5280), PKCS #1, or
// that of a certificate, which is not verified.
func Public(text string) (crypto.PublicKey, error) {
	return first(text, publicParsers, errNoPublic)
}

// OtherKind is what [Kind] says of keys that it does not name.
const OtherKind = "of another kind"

// Kind names the sort of a private or public key: "an RSA key", "an EC key on
// P-256", "an Ed25519 key" or [OtherKind].
func Kind(key any) string {
	switch k := key.(type) {
	case *rsa.PrivateKey, *rsa.PublicKey:
		return "an RSA key"
	case *ecdsa.PrivateKey:
		return "an EC key on " + k.Params().Name
	case *ecdsa.PublicKey:
		return "an EC key on " + k.Params().Name
	case ed25519.PrivateKey, ed25519.PublicKey:
		return "an Ed25519 key"
	}
	return OtherKind
}

type parser func(der []byte) (any, error)

var privateParsers = map[string]parser{
	"PRIVATE KEY":     parsePKCS8,
	"RSA PRIVATE KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	"EC PRIVATE KEY":  func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
}

var publicParsers = map[string]parser{
	"PUBLIC KEY":     x509.ParsePKIXPublicKey,
	"RSA PUBLIC KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PublicKey(der) },
	"CERTIFICATE": func(der []byte) (any, error) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	},
}

func first(text string, parsers map[string]parser, none error) (any, error) {
	rest, seen := []byte(text), false
	for {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		seen = true
		if b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, errEncrypted
		}
		if parse := parsers[b.Type]; parse != nil {
			key, err := parse(b.Bytes)
			if err != nil {
				return nil, errBroken // err may quote what it has read
			}
			return key, nil
		}
	}
	if seen {
		return nil, none
	}
	return nil, errNoPEM
}

// oidPSS is id-RSASSA-PSS, RFC 4055 section 3.1. crypto/x509 does not read such
// keys, though all that differs is the name: inside is the same PKCS #1.
var oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

func parsePKCS8(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	var outer struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}
	if rest, bad := asn1.Unmarshal(der, &outer); bad != nil || len(rest) > 0 || !outer.Algorithm.Algorithm.Equal(oidPSS) {
		return nil, err
	}
	return x509.ParsePKCS1PrivateKey(outer.Key)
}
