package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"hash"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/google/go-cmp/cmp"
)

// The examples of RFC 7515 appendix A.1 (HS256), A.3 (ES256) and
// A.5 (unsecured): one payload, three headers.
const (
	rfcPayload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	rfcHS256   = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfcPayload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcES256   = "eyJhbGciOiJFUzI1NiJ9." + rfcPayload + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfcNone    = "eyJhbGciOiJub25lIn0." + rfcPayload + "."
)

func TestClaimsRFC7515(t *testing.T) {
	want := map[string]any{"iss": "joe", "exp": 1300819380, "http://example.com/is_root": true}
	for token, header := range map[string]map[string]any{
		rfcHS256: {"typ": "JWT", "alg": "HS256"},
		rfcES256: {"alg": "ES256"},
		rfcNone:  {"alg": "none"},
	} {
		got, err := jose.Claims(token)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("claims of %s: %v (-want +got):\n%s", token, err, diff)
		}
		got, err = jose.Header(token)
		if diff := cmp.Diff(header, got); diff != "" || err != nil {
			t.Errorf("header of %s: %v (-want +got):\n%s", token, err, diff)
		}
	}
}

// RFC 7515 appendix A.1 with its key: what is signed there has spaces and line
// ends, so only the key and the algorithm can be held against it.
func TestSignRFC7515(t *testing.T) {
	key, err := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	if err != nil {
		t.Fatal(err)
	}
	if !verifyHMAC(t, rfcHS256, string(key), sha256.New) {
		t.Fatal("the example does not verify")
	}
	token, err := jose.Sign(map[string]any{"iss": "joe", "exp": 1300819380}, string(key), "HS256", map[string]any{"typ": "JWT"})
	want := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjEzMDA4MTkzODAsImlzcyI6ImpvZSJ9."
	if err != nil || !strings.HasPrefix(token, want) || !verifyHMAC(t, token, string(key), sha256.New) {
		t.Errorf("got %s, %v, want %s and a signature", token, err, want)
	}
}

// RFC 8037 appendix A.4 signs other bytes than a JWT has, so the key of A.1 is
// held against its own public half.
func TestSignRFC8037(t *testing.T) {
	seed, _ := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	public, _ := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	token, err := jose.Sign(nil, pkcs8(t, ed25519.NewKeyFromSeed(seed)), "EdDSA", nil)
	if err != nil {
		t.Fatal(err)
	}
	input, signature := split(t, token)
	if !ed25519.Verify(public, []byte(input), signature) {
		t.Errorf("%s does not verify", token)
	}
}

func split(t *testing.T, token string) (input string, signature []byte) {
	t.Helper()
	i := strings.LastIndex(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	return token[:i], signature
}

func verifyHMAC(t *testing.T, token, key string, h func() hash.Hash) bool {
	t.Helper()
	input, signature := split(t, token)
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(input))
	return hmac.Equal(mac.Sum(nil), signature)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func newEC(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestSign verifies what is signed with nothing but package crypto.
func TestSign(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, p384 := newEC(t, elliptic.P256()), newEC(t, elliptic.P384())
	sec1, err := x509.MarshalECPrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	shared := strings.Repeat("k\x00é", 20)
	sum256 := func(s string) []byte { b := sha256.Sum256([]byte(s)); return b[:] }
	sum384 := func(s string) []byte { b := sha512.Sum384([]byte(s)); return b[:] }
	ecVerify := func(key *ecdsa.PrivateKey, sum func(string) []byte, size int) func(string, []byte) bool {
		return func(in string, sig []byte) bool {
			return len(sig) == 2*size && // r and s in full, RFC 7518 section 3.4
				ecdsa.Verify(&key.PublicKey, sum(in), new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]))
		}
	}
	mac := func(h func() hash.Hash) func(string, []byte) bool {
		return func(in string, sig []byte) bool {
			m := hmac.New(h, []byte(shared))
			m.Write([]byte(in))
			return hmac.Equal(m.Sum(nil), sig)
		}
	}
	rs := func(in string, sig []byte) bool {
		return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum256(in), sig) == nil
	}
	for _, tc := range []struct {
		name, alg, key string
		verify         func(string, []byte) bool
	}{
		{"RS256", "RS256", pkcs8(t, rsaKey), rs},
		{"RS256, PKCS #1", "RS256", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rs},
		{"PS256", "PS256", pkcs8(t, rsaKey), func(in string, sig []byte) bool {
			o := &rsa.PSSOptions{SaltLength: 32} // as long as the hash, RFC 7518 section 3.5
			return rsa.VerifyPSS(&rsaKey.PublicKey, crypto.SHA256, sum256(in), sig, o) == nil
		}},
		{"ES256", "ES256", pkcs8(t, p256), ecVerify(p256, sum256, 32)},
		{"ES256, SEC 1", "ES256", block("EC PARAMETERS", []byte{6, 0}) + "\n" + block("EC PRIVATE KEY", sec1), ecVerify(p256, sum256, 32)},
		{"ES384", "ES384", pkcs8(t, p384), ecVerify(p384, sum384, 48)},
		{"EdDSA", "EdDSA", pkcs8(t, edKey), func(in string, sig []byte) bool {
			return ed25519.Verify(edKey.Public().(ed25519.PublicKey), []byte(in), sig)
		}},
		{"HS256", "HS256", shared, mac(sha256.New)},
		{"HS384", "HS384", shared, mac(sha512.New384)},
		{"HS512", "HS512", shared, mac(sha512.New)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			claims := map[string]any{"iss": "a<b>&é", "iat": 1_700_000_000, "exp": 1_700_000_060.5, "aud": []any{"x", "y"}, "cnf": map[string]any{"jkt": "z"}}
			header := map[string]any{"typ": "JWT", "kid": "key-1", "crit": []any{"iss"}, "iss": "me"}
			token, err := jose.Sign(claims, tc.key, tc.alg, header)
			if err != nil {
				t.Fatal(err)
			}
			if in, sig := split(t, token); !tc.verify(in, sig) {
				t.Errorf("the signature of %s does not verify", token)
			}
			got, err := jose.Claims(token)
			if diff := cmp.Diff(claims, got); diff != "" || err != nil {
				t.Errorf("claims: %v (-want +got):\n%s", err, diff)
			}
			header["alg"] = tc.alg
			got, err = jose.Header(token)
			if diff := cmp.Diff(header, got); diff != "" || err != nil {
				t.Errorf("header: %v (-want +got):\n%s", err, diff)
			}
		})
	}
	if got, want := strings.Join(jose.Algorithms(), " "), "RS256 PS256 ES256 ES384 EdDSA HS256 HS384 HS512"; got != want {
		t.Errorf("algorithms: got %s, want %s", got, want)
	}
}

// One signature in 128 has an r or an s with a zero in front.
func TestSignPadsWithZeros(t *testing.T) {
	s, err := jose.NewSigner(pkcs8(t, newEC(t, elliptic.P256())), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		token, err := s.Sign(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, sig := split(t, token); len(sig) != 64 {
			t.Fatalf("signature has %d bytes, want 64", len(sig))
		}
	}
}

func TestSignErrors(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec := pkcs8(t, newEC(t, elliptic.P256()))
	public, err := x509.MarshalPKIXPublicKey(&small.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hs := strings.Repeat("hunter2-", 8)
	for _, tc := range []struct {
		alg, key       string
		claims, header map[string]any
		want           string
	}{
		{"none", "", nil, nil, `algorithm "none" is none of RS256, PS256, ES256, ES384, EdDSA, HS256, HS384, HS512`},
		{"HS256", hs[:31], nil, nil, "the key for HS256 has 31 bytes, want at least 32"},
		{"HS384", hs[:47], nil, nil, "the key for HS384 has 47 bytes, want at least 48"},
		{"HS512", hs[:63], nil, nil, "the key for HS512 has 63 bytes, want at least 64"},
		{"ES256", hs, nil, nil, "the key for ES256: it is not PEM"},
		{"ES256", block("PUBLIC KEY", public), nil, nil, "the key for ES256: there is no private key in the PEM"},
		{"ES256", block("PRIVATE KEY", []byte(hs)), nil, nil, "the key for ES256: the PEM holds no well-formed key"},
		{"ES256", block("EC PRIVATE KEY", []byte(hs)), nil, nil, "the key for ES256: the PEM holds no well-formed key"},
		{"RS256", block("RSA PRIVATE KEY", []byte(hs)), nil, nil, "the key for RS256: the PEM holds no well-formed key"},
		{"RS256", block("ENCRYPTED PRIVATE KEY", []byte(hs)), nil, nil, "the key for RS256: it is encrypted, want it without a passphrase"},
		{"RS256", ec, nil, nil, "the key for RS256 is an EC key on P-256, want an RSA key"},
		{"ES384", ec, nil, nil, "the key for ES384 is an EC key on P-256, want an EC key on P-384"},
		{"EdDSA", ec, nil, nil, "the key for EdDSA is an EC key on P-256, want an Ed25519 key"},
		{"ES256", pkcs8(t, small), nil, nil, "the key for ES256 is an RSA key, want an EC key on P-256"},
		{"PS256", pkcs8(t, small), nil, nil, "the key for PS256 has 1024 bits, want at least 2048"},
		{"HS256", hs, nil, map[string]any{"alg": "none"}, `header "alg" cannot be set`},
		{"HS256", hs, nil, map[string]any{"b64": false}, `header "b64" cannot be set`},
		{"HS256", hs, map[string]any{"ath": []byte(hs)}, nil, `claim "ath" is bytes, want text; encode it with base64url or hex`},
		{"HS256", hs, map[string]any{"a": []any{map[string]any{"b": []byte(hs)}}}, nil, `claim "a" is bytes, want text; encode it with base64url or hex`},
		{"HS256", hs, nil, map[string]any{"x5t": []byte(hs)}, `header "x5t" is bytes, want text; encode it with base64url or hex`},
		{"HS256", hs, map[string]any{"n": math.NaN()}, nil, "the claims have no JSON form"},
	} {
		_, err := jose.Sign(tc.claims, tc.key, tc.alg, tc.header)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", tc.alg, err, tc.want)
		}
	}
}

func TestClaimsErrors(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	token := func(header, payload string) string { return b64([]byte(header)) + "." + b64([]byte(payload)) + ".c2ln" }
	const alg = `{"alg":"HS256"}`
	for _, tc := range []struct{ name, token, want string }{
		{"empty", "", "token is no JWT: it has no dots"},
		{"opaque", "hunter2", "token is no JWT: it has no dots"},
		{"two parts", "hunter2.x", "token has 2 parts, want 3"},
		{"encrypted", "a.b.c.d.e", "token has 5 parts, want 3: it is encrypted"},
		{"too long", strings.Repeat(".", jose.MaxToken+1), "token has 65537 bytes, want at most 65536"},
		{"only dots", "..", "token's header is no JSON object"},
		{"padding", "e30=.e30.", "token's header is not base64url without padding"},
		{"line end", "e3\n0.e30.", "token's header is not base64url without padding"},
		{"loose bits", "e31.e30.", "token's header is not base64url without padding"},
		{"standard alphabet", b64([]byte(alg)) + ".+/+/.", "token's payload is not base64url without padding"},
		{"signature", b64([]byte(alg)) + ".e30.!", "token's signature is not base64url without padding"},
		{"no alg", "e30.e30.", "token's header has no alg"},
		{"alg is a number", token(`{"alg":1}`, `{}`), "token's header has no alg"},
		{"list", token(alg, `[1]`), "token's payload is no JSON object"},
		{"null", token(alg, `null`), "token's payload is no JSON object"},
		{"text", token(alg, `hunter2`), "token's payload is no JSON object"},
		{"half", token(alg, `{"a":"hunter2`), "token's payload is no JSON object"},
		{"more", token(alg, `{}{}`), "token's payload has something after the JSON object"},
		{"not UTF-8", token(alg, "{\"a\":\"\xff\"}"), "token's payload is not valid UTF-8"},
		{"very deep", token(alg, strings.Repeat(`{"a":`, 9000)), "token's payload is no JSON object"},
	} {
		got, err := jose.Claims(tc.token)
		if err == nil || err.Error() != tc.want || got != nil {
			t.Errorf("%s: got %v, %v, want %s", tc.name, got, err, tc.want)
		}
	}
	got, err := jose.Claims(token(alg, `{"a":1,"a":-9223372036854775808,"b":9223372036854775808,"c":1e3,"d":1e999,"e":[2,{"f":3.5}],"g":null}`))
	want := map[string]any{"a": math.MinInt64, "b": "9223372036854775808", "c": 1000.0, "d": "1e999", "e": []any{2, map[string]any{"f": 3.5}}, "g": nil}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("numbers: %v (-want +got):\n%s", err, diff)
	}
}

func FuzzClaims(f *testing.F) {
	f.Add(rfcHS256)
	f.Add(rfcNone)
	f.Add("a.b.c.d.e")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := jose.Claims(token)
		if (err == nil) != (claims != nil) {
			t.Fatalf("got %v, %v", claims, err)
		}
		if err != nil {
			for _, part := range strings.Split(token, ".") {
				if len(part) > 20 && strings.Contains(err.Error(), part) {
					t.Fatalf("the error holds a part of the token: %v", err)
				}
			}
			return
		}
		// What was read can be signed and read again.
		again, err := jose.Sign(claims, strings.Repeat("k", 32), "HS256", nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > jose.MaxToken {
			return
		}
		got, err := jose.Claims(again)
		if diff := cmp.Diff(claims, got); diff != "" || err != nil {
			t.Fatalf("read again: %v (-want +got):\n%s", err, diff)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	text := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	signer, err := jose.NewSigner(text, "PS256")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("signer", func(b *testing.B) {
		for b.Loop() {
			_, _ = signer.Sign(map[string]any{"iss": "x"}, nil)
		}
	})
	b.Run("with key", func(b *testing.B) {
		for b.Loop() {
			_, _ = jose.Sign(map[string]any{"iss": "x"}, text, "PS256", nil)
		}
	})
}
