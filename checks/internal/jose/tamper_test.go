package jose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
)

// tampered is a token of a key, and the key set of its issuer.
func tampered(t testing.TB) (token string, keys map[string]any) {
	t.Helper()
	text, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(text, "ES256")
	if err != nil {
		t.Fatal(err)
	}
	public, err := signer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.PublicJWK(public)
	if err != nil {
		t.Fatal(err)
	}
	jwk["kid"] = "k1"
	now := time.Now().Unix()
	token, err = signer.WithKeyID("k1").Sign(map[string]any{"iss": "https://a.example", "aud": "app", "sub": "s", "iat": now, "exp": now + 300, "big": json.Number("12345678901234567890")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return token, map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "x", "kid": "other"}, jwk}}
}

func keySet(t testing.TB, keys map[string]any) *jose.KeySet {
	t.Helper()
	text, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.ParseKeySet(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestTamper holds that what comes out is refused by a verifier that accepts what went
// in, and that it differs in what its name says and in nothing else.
func TestTamper(t *testing.T) {
	token, keys := tampered(t)
	verify := func(token string) error {
		_, err := jose.Verify(token, keySet(t, keys), jose.Expect{Trust: jose.Trust{Issuer: "https://a.example", Audience: "app", Now: time.Now()}})
		return err
	}
	if err := verify(token); err != nil {
		t.Fatal(err)
	}
	changed := map[string]string{ // header members, claims, signature
		"payload": "claim exp", "signature": "signature", "none": "header alg, signature", "unknown_kid": "header kid, signature",
		"other_key": "header jwk, signature", "issuer": "claim iss, signature", "audience": "claim aud, signature",
	}
	for _, how := range jose.Tamperings() {
		spoiled, err := jose.Tamper(token, how)
		if err != nil {
			t.Errorf("%s: %v", how, err)
			continue
		}
		if verify(spoiled) == nil {
			t.Errorf("%s: the token is accepted", how)
		}
		if got := differences(t, token, spoiled); got != changed[how] {
			t.Errorf("%s changes %s, want %s", how, got, changed[how])
		}
	}
}

// differences names what two tokens differ in.
func differences(t *testing.T, a, b string) string {
	t.Helper()
	var found []string
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i, what := range []string{"header ", "claim "} {
		was, is := decoded(t, left[i]), decoded(t, right[i])
		for name := range is {
			if string(was[name]) != string(is[name]) {
				found = append(found, what+name)
			}
		}
		if len(was) > len(is) {
			found = append(found, what+"is lost")
		}
	}
	if left[2] != right[2] {
		found = append(found, "signature")
	}
	return strings.Join(found, ", ")
}

func decoded(t *testing.T, part string) (members map[string]json.RawMessage) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		t.Fatal(err)
	}
	return members
}

// TestConfuse holds that the secret is the public key in PEM, that of the token's kid.
func TestConfuse(t *testing.T) {
	token, keys := tampered(t)
	confused, err := jose.Confuse(token, keys)
	if err != nil {
		t.Fatal(err)
	}
	if got := differences(t, token, confused); got != "header alg, signature" {
		t.Errorf("it changes %s", got)
	}
	spki := publicSPKI(t, keys["keys"].([]any)[1].(map[string]any))
	signed, signature, _ := cutLast(confused)
	mac := hmac.New(sha256.New, []byte(jose.PublicPEM(spki)))
	mac.Write([]byte(signed))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); signature != want {
		t.Errorf("the signature is %s, want %s", signature, want)
	}
	keys["keys"] = keys["keys"].([]any)[:1]
	if _, err := jose.Confuse(token, keys); err == nil {
		t.Error("a key set without the token's key is no error")
	}
}

func cutLast(token string) (signed, signature string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	return token[:i], token[i+1:], i >= 0
}

// FuzzTamper holds that any text is spoiled or refused, without a panic, and that no
// error has a part of it.
func FuzzTamper(f *testing.F) {
	token, keys := tampered(f)
	for _, text := range []string{token, "", "..", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.", "bnVsbA.bnVsbA.AA", "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjFlOTl9.AA"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, how := range []string{"payload", "signature", "none"} {
			spoiled, err := jose.Tamper(text, how)
			if err == nil && spoiled == text && how != "none" {
				t.Errorf("%s changes nothing", how)
			}
			if err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Errorf("the error repeats the token: %v", err)
			}
		}
		if confused, err := jose.Confuse(text, keys); err == nil && strings.Count(confused, ".") != 2 {
			t.Errorf("%q is no token", confused)
		}
	})
}

// publicSPKI writes a JWK on P-256 as a SubjectPublicKeyInfo.
func publicSPKI(t *testing.T, jwk map[string]any) []byte {
	t.Helper()
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		half, err := base64.RawURLEncoding.DecodeString(jwk[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, half...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return spki
}
