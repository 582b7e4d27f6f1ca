package jose

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Tamperings are the ways in which [Tamper] spoils a token:
//
//	payload     exp is an hour later, and the signature what it was
//	signature   one bit of the signature is another
//	none        alg is none and the signature empty, RFC 8725 section 2.1
//	unknown_kid kid is one that no key set has, and the key one of ours
//	other_key   the key is one of ours, which the header offers as jwk (CVE-2018-0114)
//	issuer      iss is another, and the key one of ours
//	audience    aud is another, and the key one of ours
//
// What is no part of it stays as it was, so that a verifier has nothing else to refuse
// the token for.
func Tamperings() []string { return slices.Clone(tamperings) }

var tamperings = []string{"payload", "signature", "none", "unknown_kid", "other_key", "issuer", "audience"}

// nobody stands where a token names an issuer, an audience or a key that there is not
// (RFC 2606 section 2).
const nobody = "https://nobody.invalid"

// Tamper returns the token spoiled in one of [Tamperings], to be refused by whoever
// verifies it. An error is that of a text that is no signed JWT, or of another name.
func Tamper(token, how string) (string, error) {
	if !slices.Contains(tamperings, how) {
		return "", errors.New("a token is spoiled in one of " + strings.Join(tamperings, ", "))
	}
	t, err := takeApart(token)
	if err != nil {
		return "", err
	}
	switch how {
	case "payload":
		t.postpone()
		return t.put(t.signature)
	case "signature":
		if len(t.signature) == 0 {
			return "", errors.New("the token has no signature to be spoiled")
		}
		t.signature[len(t.signature)/2] ^= 1
		return t.put(t.signature)
	case "none":
		t.header["alg"] = "none"
		return t.put(nil)
	case "unknown_kid":
		t.header["kid"] = "nobody-" + rand.Text()
	case "issuer":
		t.claims["iss"] = nobody
	case "audience":
		t.claims["aud"] = nobody
	}
	return t.signAnew(how == "other_key")
}

// A loose token is taken apart, to be put together as something else. What is not
// touched keeps its bytes.
type loose struct {
	parts          [2]string // header and payload, as they came
	header, claims map[string]any
	signature      []byte
	changed        bool // the claims
}

// takeApart reads a JWS in the compact form whose payload is an object.
func takeApart(token string) (*loose, error) {
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 || len(token) > MaxToken {
		return nil, errors.New("the token is no signed JWT: it has not three parts, or is too long")
	}
	t := &loose{parts: [2]string(parts[:2])}
	for i, into := range []*map[string]any{&t.header, &t.claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, errors.New("the token is no signed JWT: a part of it is no base64url")
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber() // no number is to change by being read
		if err := d.Decode(into); err != nil || *into == nil || d.More() {
			return nil, errors.New("the token is no signed JWT: a part of it is no JSON object")
		}
	}
	var err error
	if t.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return nil, errors.New("the token is no signed JWT: its signature is no base64url")
	}
	return t, nil
}

// postpone makes the token good for an hour more; one that never expires gets another
// claim.
func (t *loose) postpone() {
	t.changed = true
	if exp, ok := t.claims["exp"].(json.Number); ok {
		if at, err := exp.Float64(); err == nil && at < 1<<50 {
			t.claims["exp"] = int64(at) + 3600
			return
		}
	}
	t.claims["exp"] = int64(1 << 40)
}

// put puts the token together, with the payload as it was unless the claims have changed.
func (t *loose) put(signature []byte) (string, error) {
	header, err := encodePart(t.header)
	if err != nil {
		return "", err
	}
	payload := t.parts[1]
	if t.changed {
		if payload, err = encodePart(t.claims); err != nil {
			return "", err
		}
		header = t.parts[0]
	}
	return header + "." + payload + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func encodePart(object map[string]any) (string, error) {
	text, err := json.Marshal(object)
	return base64.RawURLEncoding.EncodeToString(text), err
}

// signAnew signs with a fresh key of the kind that the token was signed with, which the
// header may offer.
func (t *loose) signAnew(offered bool) (string, error) {
	alg, _ := t.header["alg"].(string)
	if CheckKeyAlgorithm(alg) != nil {
		alg = "ES256"
	}
	key, err := GenerateKey(alg)
	if err != nil {
		return "", err
	}
	signer, err := NewSigner(key, alg)
	if err != nil {
		return "", err
	}
	header := t.header
	delete(header, "alg")
	delete(header, "b64")
	if offered {
		public, err := signer.PublicKey()
		if err != nil {
			return "", err
		}
		if header["jwk"], err = PublicJWK(public); err != nil {
			return "", err
		}
	}
	return signer.bare(t.claims, header)
}

// bare is a token whose header is what is given and alg, whatever it says: what is
// made to be refused need not be right.
func (s *Signer) bare(claims, header map[string]any) (string, error) {
	header["alg"] = s.alg
	protected, err := encodePart(header)
	if err != nil {
		return "", err
	}
	payload, err := encodePart(claims)
	if err != nil {
		return "", err
	}
	signature, err := s.Signature([]byte(protected + "." + payload))
	if err != nil {
		return "", err
	}
	return protected + "." + payload + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Confuse returns the token signed with HS256, where the shared secret is the public
// key of its issuer, out of the key set of the issuer (RFC 8725 section 2.1): a verifier
// that lets the token say by which algorithm it is verified takes it. The secret is the
// key in PEM, as libraries hand it to each other.
func Confuse(token string, keys map[string]any) (string, error) {
	t, err := takeApart(token)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return "", errors.New("the key set has no JSON form")
	}
	set, err := ParseKeySet(text)
	if err != nil {
		return "", err
	}
	kid, _ := t.header["kid"].(string)
	public := set.publicOf(kid)
	if public == nil {
		return "", errors.New("the key set has no public key with the token's kid")
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("writing the public key: %w", err)
	}
	signer, err := NewSigner(PublicPEM(spki), "HS256")
	if err != nil {
		return "", err
	}
	return signer.bare(t.claims, t.header)
}

// publicOf is the key of an id, or of an issuer that gives none the first; nil where
// there is none.
func (s *KeySet) publicOf(kid string) any {
	for i := range s.keys {
		if k := &s.keys[i]; k.public != nil && (kid == "" || k.id == kid) {
			return k.public
		}
	}
	return nil
}
