package jose_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/google/go-cmp/cmp"
)

var (
	now   = time.Unix(1_700_000_000, 500_000_000)
	trust = jose.Trust{Issuer: "https://bank.example", Audience: "client", Now: now}
)

// pems are keys that the tests share: making one for RSA takes long.
var pems = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, alg := range []string{"RS256", "ES256", "ES384", "EdDSA"} {
		key, err := jose.GenerateKey(alg)
		if err != nil {
			panic(err)
		}
		m[alg] = key
	}
	m["PS256"] = m["RS256"]
	m["HS256"] = strings.Repeat("secret--", 4)
	return m
})

func signer(t testing.TB, alg string) *jose.Signer {
	t.Helper()
	s, err := jose.NewSigner(pems()[alg], alg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// published returns the JWK of the shared key for alg, with more members.
func published(t testing.TB, alg string, more map[string]any) string {
	t.Helper()
	key, err := jose.ParsePublicKey(pems()[alg])
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.PublicJWK(key)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(jwk, more)
	text, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type object = map[string]any

// idToken returns a token that is good but for the changes; a nil leaves a claim
// out.
func idToken(t testing.TB, alg string, changes, header object) string {
	t.Helper()
	claims := object{"iss": "https://bank.example", "sub": "user", "aud": "client", "iat": 1_700_000_000, "exp": 1_700_000_300}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token, err := signer(t, alg).Sign(claims, header)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// The examples of RFC 7515 appendix A.2 and A.3 have neither aud nor sub: what
// they are refused for comes after the signature.
func TestVerifyRFC7515(t *testing.T) {
	const rsaKey = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`
	const ecKey = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	const rs256 = "eyJhbGciOiJSUzI1NiJ9." + rfcPayload + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	x := jose.Expect{Trust: jose.Trust{Issuer: "joe", Audience: "client", Now: time.Unix(1300819379, 0)}}
	for token, key := range map[string]string{rs256: rsaKey, rfcES256: ecKey} {
		if _, err := jose.Verify(token, mustSet(t, key), x); !errors.Is(err, jose.ErrAudience) {
			t.Errorf("%s: got %v, want that the audience is missing", token, err)
		}
		if _, err := jose.Verify(strings.Replace(token, "MTkzODAs", "MTkxODAs", 1), mustSet(t, key), x); !errors.Is(err, jose.ErrSignature) {
			t.Errorf("%s with another payload: got %v", token, err)
		}
	}
}

func TestVerify(t *testing.T) {
	for alg := range pems() {
		x := jose.Expect{Trust: trust}
		keys := mustSet(t, published(t, "ES384", object{"kid": "other"}))
		if alg == "HS256" {
			x.Secret, x.Algorithms = pems()[alg], []string{alg}
		} else {
			keys = mustSet(t, published(t, "ES384", object{"kid": "other"}), published(t, alg, object{"kid": "k", "use": "sig", "alg": alg}))
		}
		got, err := jose.Verify(idToken(t, alg, object{"n": 1.5}, object{"kid": "k"}), keys, x)
		want := object{"iss": "https://bank.example", "sub": "user", "aud": "client", "iat": 1_700_000_000, "exp": 1_700_000_300, "n": 1.5}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", alg, err, diff)
		}
		if alg == "ES384" {
			continue // the other key is the same
		}
		// Another key under the kid.
		if alg != "HS256" {
			keys = mustSet(t, published(t, alg, object{"kid": "other"}), strings.Replace(published(t, alg, nil), `"kty"`, `"kid":"k","kty"`, 1))
		}
		token := idToken(t, alg, nil, object{"kid": "k"})
		i := strings.LastIndex(token, ".") + 10
		token = token[:i] + map[bool]string{true: "A", false: "B"}[token[i] == 'B'] + token[i+1:]
		if _, err := jose.Verify(token, keys, x); !errors.Is(err, jose.ErrSignature) {
			t.Errorf("%s with another signature: got %v", alg, err)
		}
	}
}

// Which key verifies a token, and which algorithm may.
func TestVerifyKeys(t *testing.T) {
	es := func(more object) string { return published(t, "ES256", more) }
	rs := func(more object) string { return published(t, "RS256", more) }
	secret := pems()["HS256"]
	spki := func() string { // RS256 turned into HS256 with the public key as the secret
		s, err := jose.NewSigner(rs(nil), "HS256")
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Sign(object{"iss": trust.Issuer, "sub": "user", "aud": "client", "iat": 1_700_000_000, "exp": 1_700_000_300}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}()
	b64 := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(idToken(t, "ES256", nil, nil), ".")
	header := func(text string) string { return b64([]byte(text)) + "." + parts[1] + "." + parts[2] }
	for _, tc := range []struct {
		name, token string
		keys        []string
		allowed     []string
		want        error
		text        string
	}{
		{"only key", idToken(t, "ES256", nil, nil), []string{es(nil)}, nil, nil, ""},
		{"only key that fits", idToken(t, "ES256", nil, nil), []string{rs(nil), es(object{"kid": "k"}), es(object{"use": "enc"}), published(t, "ES384", nil)}, nil, nil, ""},
		{"kid", idToken(t, "ES256", nil, object{"kid": "k"}), []string{es(object{"kid": "k"}), es(object{"kid": "K"})}, nil, nil, ""},
		{"kid of two kinds", idToken(t, "ES256", nil, object{"kid": "k"}), []string{rs(object{"kid": "k"}), es(object{"kid": "k"})}, nil, nil, ""},
		{"empty kid", idToken(t, "ES256", nil, object{"kid": ""}), []string{es(object{"kid": ""}), es(nil)}, nil, nil, ""},
		{"no set", idToken(t, "ES256", nil, nil), nil, nil, jose.ErrUnknownKey, "there is no key set to verify the token with"},
		{"unknown kid", idToken(t, "ES256", nil, object{"kid": "new"}), []string{es(object{"kid": "old"})}, nil, jose.ErrUnknownKey, "token's kid is not in the key set"},
		{"unknown kid, key without", idToken(t, "ES256", nil, object{"kid": "new"}), []string{es(nil)}, nil, jose.ErrUnknownKey, "token's kid is not in the key set"},
		{"no key fits", idToken(t, "ES256", nil, nil), []string{rs(nil)}, nil, jose.ErrUnknownKey, "token has no kid, and no key of the key set fits"},
		{"two keys fit", idToken(t, "ES256", nil, nil), []string{es(nil), es(object{"kid": "k"})}, nil, jose.ErrAmbiguousKey, "token has no kid, and several keys of the key set fit"},
		{"two of a kid", idToken(t, "ES256", nil, object{"kid": "k"}), []string{es(object{"kid": "k"}), es(object{"kid": "k"})}, nil, jose.ErrAmbiguousKey, "several keys of the key set have the token's kid"},
		{"kid of another kind", idToken(t, "ES256", nil, object{"kid": "k"}), []string{rs(object{"kid": "k"})}, nil, jose.ErrAlgorithm, "the key of the token's kid is not for ES256 signatures"},
		{"key for encryption", idToken(t, "ES256", nil, object{"kid": "k"}), []string{es(object{"kid": "k", "use": "enc"})}, nil, jose.ErrAlgorithm, "the key of the token's kid is not for ES256 signatures"},
		{"key_ops", idToken(t, "ES256", nil, object{"kid": "k"}), []string{es(object{"kid": "k", "key_ops": []string{"encrypt"}})}, nil, jose.ErrAlgorithm, "the key of the token's kid is not for ES256 signatures"},
		{"key of another alg", idToken(t, "PS256", nil, object{"kid": "k"}), []string{rs(object{"kid": "k", "alg": "RS256"})}, nil, jose.ErrAlgorithm, "the key of the token's kid is not for PS256 signatures"},
		{"bad key", idToken(t, "ES256", nil, object{"kid": "k"}), []string{es(object{"kid": "k", "d": "hunter2"})}, nil, jose.ErrUnknownKey, "the key of the token's kid cannot be used"},
		{"not allowed", idToken(t, "RS256", nil, nil), []string{rs(nil)}, []string{"PS256", "ES256"}, jose.ErrAlgorithm, "token's alg is RS256, which is not allowed"},
		{"nothing allowed", idToken(t, "RS256", nil, nil), []string{rs(nil)}, []string{}, jose.ErrAlgorithm, "token's alg is RS256, which is not allowed"},
		{"none", header(`{"alg":"none"}`), []string{es(nil)}, nil, jose.ErrAlgorithm, "token's alg is none, which is not allowed"},
		{"None", header(`{"alg":"None"}`), []string{es(nil)}, nil, jose.ErrAlgorithm, "token's alg is not known"},
		{"unknown alg", header(`{"alg":"hunter2"}`), []string{es(nil)}, nil, jose.ErrAlgorithm, "token's alg is not known"},
		{"HS256 unasked", idToken(t, "HS256", nil, nil), []string{es(nil)}, nil, jose.ErrAlgorithm, "token's alg is HS256, which is not allowed"},
		{"HS256 by the public key", spki, []string{rs(nil)}, []string{"RS256", "HS256"}, jose.ErrSignature, "token's signature is not by the key"},
		{"crit", header(`{"alg":"ES256","crit":["exp"],"exp":1}`), []string{es(nil)}, nil, jose.ErrMalformed, "token's header has crit, and nothing critical is understood"},
		{"kid is a number", header(`{"alg":"ES256","kid":7}`), []string{es(nil)}, nil, jose.ErrMalformed, "token's kid is no text"},
		{"member twice", header(`{"alg":"ES256","alg":"ES256"}`), []string{es(nil)}, nil, jose.ErrMalformed, "token's header is malformed"},
		{"other header", header(`{"alg":"ES256","typ":"JWT"}`), []string{es(nil)}, nil, jose.ErrSignature, "token's signature is not by the key"},
		{"key in the header", idToken(t, "ES256", nil, object{"jwk": json.RawMessage(es(nil))}), []string{rs(nil)}, nil, jose.ErrUnknownKey, "token has no kid, and no key of the key set fits"},
		{"opaque", "hunter2", []string{es(nil)}, nil, jose.ErrMalformed, "token is no JWT: it has no dots"},
		{"encrypted", "a.b.c.d.e", []string{es(nil)}, nil, jose.ErrMalformed, "token has 5 parts, want 3: it is encrypted"},
	} {
		var keys *jose.KeySet
		if tc.keys != nil {
			keys = mustSet(t, tc.keys...)
		}
		x := jose.Expect{Trust: trust}
		x.Algorithms, x.Secret = tc.allowed, secret
		_, err := jose.Verify(tc.token, keys, x)
		if tc.want == nil && err != nil || !errors.Is(err, tc.want) || err != nil && err.Error() != tc.text {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.text)
		}
	}
}

func TestVerifyMistakes(t *testing.T) {
	for want, change := range map[string]func(*jose.Expect){
		"verifying a token: issuer, audience and time must be given":               func(x *jose.Expect) { x.Issuer = "" },
		"verifying a token: the secret for HS256 has 7 bytes, want at least 32":    func(x *jose.Expect) { x.Secret, x.Algorithms = "hunter2", []string{"HS256"} },
		"verifying a token: an algorithm that is allowed is not known":             func(x *jose.Expect) { x.Algorithms = []string{"none"} },
		"verifying a token: its at_hash is required, and there is no access token": func(x *jose.Expect) { x.RequireAccessTokenHash = true },
	} {
		x := jose.Expect{Trust: trust}
		change(&x)
		_, err := jose.Verify(idToken(t, "ES256", nil, nil), mustSet(t, published(t, "ES256", nil)), x)
		if _, is := errors.AsType[*jose.Error](err); is || err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
