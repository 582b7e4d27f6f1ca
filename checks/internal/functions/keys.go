package functions

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/authprober/authprober/checks/internal/jose"
)

func keys() []Func {
	return []Func{{
		Name: "new_key", Usage: "new_key(algorithm)",
		Doc: "A fresh private key for ES256, ES384, EdDSA, RS256 or PS256, as PKCS #8 in PEM. Every call makes another. " +
			"RSA keys have 2048 bits and take about a tenth of a second.",
		Example: `new_key("ES256")`,
		Types:   []any{new(func(string) string)},
		trial:   tryNewKey,
		Call: call("new_key", 1, 1, func(a *arguments) (any, error) {
			algorithm := a.text(0)
			if a.err != nil {
				return nil, nil
			}
			return jose.GenerateKey(algorithm)
		}),
	}, {
		Name: "public_key", Usage: "public_key(key, form)",
		Doc: "The public half of a key in PEM. The form is pem; spki, the bytes of the SubjectPublicKeyInfo; " +
			"point, the bytes of an EC key's uncompressed point; or jwk, a JSON Web Key as an object. Encode bytes with hex, base64 or base64url.",
		Example: `base64(public_key(account.key, "spki"))`,
		Types:   []any{new(func(string, string) any)},
		trial:   tryPublicKey,
		Call: call("public_key", 2, 2, func(a *arguments) (any, error) {
			key, form := a.text(0), a.text(1)
			if a.err != nil {
				return nil, nil
			}
			return PublicKey(key, form)
		}),
	}, {
		Name: "jwk_thumbprint", Usage: "jwk_thumbprint(key)",
		Doc:     "The SHA-256 thumbprint of a key, RFC 7638, in base64url. The key is in PEM or a JSON Web Key, private or public.",
		Example: `jwk_thumbprint(account.key)`,
		Types:   []any{new(func(map[string]any) string), new(func(string) string)},
		trial:   tryThumbprint,
		Call: call("jwk_thumbprint", 1, 1, func(a *arguments) (any, error) {
			if jwk, ok := a.args[0].(map[string]any); ok {
				return jose.Thumbprint(jwk)
			}
			key, ok := a.args[0].(string)
			if !ok {
				a.fail(0, "text or an object")
				return nil, nil
			}
			return Thumbprint(key)
		}),
	}, {
		Name: "certificate_thumbprint", Usage: "certificate_thumbprint(certificate)",
		Doc: "The SHA-256 thumbprint of a certificate, RFC 8705 section 3.1, in base64url: what cnf of a token that is bound to it has as x5t#S256. " +
			"It is in PEM; of a chain it is that of the first.",
		Example: `certificate_thumbprint(secrets.certificate)`,
		Types:   []any{new(func(string) string)},
		trial:   tryCertificate,
		Call: call("certificate_thumbprint", 1, 1, func(a *arguments) (any, error) {
			text := a.text(0)
			if a.err != nil {
				return nil, nil
			}
			return CertificateThumbprint(text)
		}),
	}, {
		Name: "sign", Usage: "sign(data, key, algorithm)",
		Doc: "The signature of the data, as bytes: encode them with hex, base64 or base64url. Key and algorithm are those of jwt_sign. " +
			"ES256 and ES384 give r and s at full length, as JOSE has it; ES256-DER and ES384-DER the ASN.1 structure that phones make.",
		Example: `base64(sign("challenge", account.key, "ES256-DER"))`,
		Types:   []any{new(func([]byte, string, string) []byte), new(func(string, string, string) []byte)},
		trial:   trySigner(1, 2, SignAlgorithms()),
		Call: call("sign", 3, 3, func(a *arguments) (any, error) {
			data, key, algorithm := a.data(0), a.text(1), a.text(2)
			if a.err != nil {
				return nil, nil
			}
			return Sign(data, key, algorithm)
		}),
	}}
}

// PublicKey returns the public half of a key in PEM: as text for the form pem, as
// []byte for spki and point, and as map[string]any for jwk.
func PublicKey(key, form string) (any, error) {
	if err := checkForm(form); err != nil {
		return nil, err
	}
	public, err := jose.ParsePublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("the key: %w", err)
	}
	switch form {
	case "jwk":
		return jose.PublicJWK(public)
	case "point":
		ec, ok := public.(*ecdsa.PublicKey)
		if !ok {
			return nil, errors.New("only an EC key has a point")
		}
		point, err := ec.Bytes() // SEC 1 section 2.3.3
		if err != nil {
			return nil, errors.New("the key has no point")
		}
		return point, nil
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, errors.New("the key has no SubjectPublicKeyInfo")
	}
	if form == "spki" {
		return spki, nil
	}
	return jose.PublicPEM(spki), nil
}

// Thumbprint returns the thumbprint of a key in PEM, private or public.
func Thumbprint(key string) (string, error) {
	public, err := jose.ParsePublicKey(key)
	if err != nil {
		return "", fmt.Errorf("the key: %w", err)
	}
	jwk, err := jose.PublicJWK(public)
	if err != nil {
		return "", err
	}
	return jose.Thumbprint(jwk)
}

// SignAlgorithms lists those of [Sign]: [jose.Algorithms], ES256-DER and ES384-DER.
func SignAlgorithms() []string { return append(jose.Algorithms(), "ES256-DER", "ES384-DER") }

// CertificateThumbprint returns the thumbprint of the first certificate of a PEM.
func CertificateThumbprint(text string) (string, error) {
	for rest := []byte(text); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return "", errors.New("there is no certificate in PEM")
		}
		if rest = after; block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", errors.New("the certificate is malformed") // the cause may quote it
		}
		sum := sha256.Sum256(block.Bytes)
		return base64.RawURLEncoding.EncodeToString(sum[:]), nil
	}
}

// Sign returns the signature of data, on the terms of [jose.NewSigner]. The
// algorithm is one of [SignAlgorithms].
func Sign(data []byte, key, algorithm string) ([]byte, error) {
	if err := checkAlgorithm(algorithm, SignAlgorithms()); err != nil {
		return nil, err
	}
	alg, der := strings.CutSuffix(algorithm, "-DER")
	signer, err := jose.NewSigner(key, alg)
	if err != nil {
		return nil, err
	}
	if der {
		return signer.SignatureASN1(data)
	}
	return signer.Signature(data)
}
