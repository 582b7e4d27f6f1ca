package jose

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"
)

// Expect says what an ID token must be. What is left out is not looked at.
type Expect struct {
	Trust
	// Nonce is that of the authentication request.
	Nonce string
	// Subject is what sub must be; where a token is refreshed that is the sub of
	// the first one (OpenID Connect Core section 12.2).
	Subject string
	// AccessToken, where it was handed out with the token, must match at_hash. The
	// token may lack it, unless RequireAccessTokenHash (section 3.1.3.6).
	AccessToken            string
	RequireAccessTokenHash bool
	// Code, where the token came with it in the authorization response, must match
	// c_hash, and State s_hash, which the token must have then (section 3.3.2.11,
	// FAPI 1.0 Advanced section 5.2.2.1).
	Code, State string
	// MaxAge is the max_age of the request, nil if there was none. auth_time must
	// then be there, and no longer ago than that beside the leeway.
	MaxAge *time.Duration
	// ACR are the authentication contexts of which acr must be one.
	ACR []string
}

// Verify verifies an ID token (OpenID Connect Core section 3.1.3.7) with the
// keys of its issuer, and returns its claims as [Claims] does. It looks at
// everything in the order of the standard's layers, and the first thing that is
// wrong is an [*Error]; another error is a mistake of the caller's.
//
// With a kid the token is verified by the key of that kid and no other. Without
// one, the key set must have exactly one key that fits: section 10.1 demands a
// kid where there are several, so then it is [ErrAmbiguousKey], not a try of
// each. keys may be nil where only the client secret is to be used.
//
// Several members of aud are accepted where azp is the client.
func Verify(token string, keys *KeySet, expect Expect) (map[string]any, error) {
	if expect.RequireAccessTokenHash && expect.AccessToken == "" {
		return nil, errors.New("verifying a token: its at_hash is required, and there is no access token")
	}
	alg, claims, err := expect.verify(token, keys, true)
	if err != nil {
		return nil, err
	}
	for _, check := range []func(map[string]any) error{
		expect.subject,
		expect.nonce,
		func(c map[string]any) error { return expect.hashes(alg, c) },
		expect.authTime,
		expect.context,
	} {
		if err := check(claims); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// subject checks sub; section 2 bounds it at 255 ASCII characters.
func (x *Expect) subject(claims map[string]any) error {
	sub, ok := claims["sub"].(string)
	if !ok || sub == "" || len(sub) > 255 {
		return &Error{kind: ErrSubject, text: "token has no sub of 1 to 255 characters"}
	}
	if x.Subject != "" && sub != x.Subject {
		return &Error{kind: ErrSubject, text: "token's sub is another subject"}
	}
	return nil
}

func (x *Expect) nonce(claims map[string]any) error {
	if x.Nonce == "" {
		return nil
	}
	nonce, there := claims["nonce"]
	if !there {
		return &Error{kind: ErrNonce, text: "token has no nonce"}
	}
	if nonce != x.Nonce {
		return &Error{kind: ErrNonce, text: "token's nonce is another than was sent"}
	}
	return nil
}

func (x *Expect) hashes(alg string, claims map[string]any) error {
	for _, h := range []struct {
		name, of string
		must     bool
	}{
		{"at_hash", x.AccessToken, x.RequireAccessTokenHash},
		{"c_hash", x.Code, true},
		{"s_hash", x.State, true},
	} {
		got, there := claims[h.name]
		if h.of == "" || !there && !h.must {
			continue
		}
		if !there {
			return &Error{kind: ErrHash, text: "token has no " + h.name}
		}
		if got != LeftHash(alg, h.of) {
			return &Error{kind: ErrHash, text: "token's " + h.name + " is of something else"}
		}
	}
	return nil
}

// LeftHash returns what at_hash, c_hash or s_hash of a token signed with alg must
// be for value: the left half of its digest by the hash of alg, in base64url
// (OpenID Connect Core section 3.1.3.6); for EdDSA that hash is SHA-512. It is
// "" where alg is not known.
func LeftHash(alg, value string) string {
	hash, ok := hashes[alg]
	if !ok {
		return ""
	}
	h := hash.New()
	h.Write([]byte(value))
	sum := h.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func (x *Expect) authTime(claims map[string]any) error {
	if x.MaxAge == nil {
		return nil
	}
	at, there, err := moment(claims, "auth_time")
	if err != nil {
		return err
	}
	if !there {
		return &Error{kind: ErrAuthTime, text: "token has no auth_time"}
	}
	if at.Add(*x.MaxAge + x.leeway()).Before(x.Now) {
		return &Error{kind: ErrAuthTime, text: "token's auth_time was " + x.Now.Sub(at).Round(time.Second).String() + " ago"}
	}
	if at.After(x.Now.Add(x.leeway())) {
		return &Error{kind: ErrAuthTime, text: "token's auth_time is " + at.Sub(x.Now).Round(time.Second).String() + " ahead"}
	}
	return nil
}

func (x *Expect) context(claims map[string]any) error {
	if len(x.ACR) == 0 {
		return nil
	}
	acr, ok := claims["acr"].(string)
	if !ok {
		return &Error{kind: ErrACR, text: "token has no acr"}
	}
	if !slices.Contains(x.ACR, acr) {
		return &Error{kind: ErrACR, text: "token's acr is none of those wanted"}
	}
	return nil
}
