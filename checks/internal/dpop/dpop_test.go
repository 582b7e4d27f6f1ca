package dpop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/google/go-cmp/cmp"
)

var now = time.Unix(1562262616, 900_000_000)

func newKey(t *testing.T, alg string) *dpop.Key {
	t.Helper()
	key, err := dpop.NewKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// open returns header and claims of a proof that verifies with the key in its own
// header, with nothing but package crypto.
func open(t *testing.T, proof string) (header, claims map[string]any) {
	t.Helper()
	header, err := jose.Header(proof)
	if err != nil {
		t.Fatal(err)
	}
	if claims, err = jose.Claims(proof); err != nil {
		t.Fatal(err)
	}
	jwk := header["jwk"].(map[string]any)
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		b, err := base64.RawURLEncoding.DecodeString(jwk[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.LastIndex(proof, ".")
	sig, err := base64.RawURLEncoding.DecodeString(proof[i+1:])
	sum := sha256.Sum256([]byte(proof[:i]))
	if err != nil || len(sig) != 64 || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Fatalf("the signature of %s does not verify: %v", proof, err)
	}
	return header, claims
}

// The proof of RFC 9449 section 7.1, for its token.
func TestProof(t *testing.T) {
	key := newKey(t, "")
	p := dpop.Proof{Method: "GET", URL: "https://resource.example.org/protectedresource?x#y", Now: now,
		AccessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", Nonce: "eyJ7S_zG.eyJH0-Z.HX4w-7v", Claims: map[string]any{"jti": "e1j3V_bKic8-LAEB"}}
	proof, err := key.Proof(p)
	if err != nil {
		t.Fatal(err)
	}
	header, claims := open(t, proof)
	want := map[string]any{"jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": "https://resource.example.org/protectedresource", "iat": 1562262616,
		"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", "nonce": "eyJ7S_zG.eyJH0-Z.HX4w-7v"}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	jwk := header["jwk"].(map[string]any)
	if header["typ"] != "dpop+jwt" || header["alg"] != "ES256" || len(header) != 3 || len(jwk) != 4 || jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
		t.Errorf("header %v", header)
	}
	if got, err := jose.Thumbprint(jwk); err != nil || got != key.Thumbprint() {
		t.Errorf("thumbprint %s, %v, want %s", got, err, key.Thumbprint())
	}
}

func TestProofIsFreshAndCanBeWrong(t *testing.T) {
	key := newKey(t, "ES256")
	p := dpop.Proof{Method: "POST", URL: "https://server.example.com/token", Now: now}
	seen := map[any]bool{}
	for range 100 {
		proof, err := key.Proof(p)
		if err != nil {
			t.Fatal(err)
		}
		_, claims := open(t, proof)
		if id, _ := claims["jti"].(string); len(id) < 16 || seen[id] || len(claims) != 4 {
			t.Fatalf("claims %v: jti is short or was there before, or there are others", claims)
		}
		seen[claims["jti"]] = true
	}
	p.AccessToken = "token"
	p.Claims = map[string]any{"htm": "PUT", "htu": "https://other.example/", "iat": 1, "ath": nil, "jti": "again", "x": "y"}
	proof, err := key.Proof(p)
	if err != nil {
		t.Fatal(err)
	}
	_, claims := open(t, proof)
	want := map[string]any{"htm": "PUT", "htu": "https://other.example/", "iat": 1, "jti": "again", "x": "y"}
	if diff := cmp.Diff(want, claims); diff != "" || len(p.Claims) != 6 {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// No proof of any algorithm has anything private in it.
func TestAlgorithms(t *testing.T) {
	for _, alg := range dpop.Algorithms() {
		key := newKey(t, alg)
		proof, err := key.Proof(dpop.Proof{Method: "GET", URL: "http://localhost", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		header, err := jose.Header(proof)
		if err != nil || header["alg"] != alg || key.Algorithm() != alg {
			t.Errorf("%s: header %v, %v", alg, header, err)
		}
		jwk := header["jwk"].(map[string]any)
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := jwk[name]; there {
				t.Errorf("%s: the key in the proof has %s", alg, name)
			}
		}
	}
	pem, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	a, err := dpop.ParseKey(pem, "ES256")
	b, err2 := dpop.ParseKey(pem, "ES256")
	if err != nil || err2 != nil || a.Thumbprint() != b.Thumbprint() || a.Thumbprint() == newKey(t, "").Thumbprint() {
		t.Errorf("one key has two thumbprints, or two have one: %v, %v", err, err2)
	}
}

func TestErrors(t *testing.T) {
	key := newKey(t, "")
	sign := func(p dpop.Proof) error { _, err := key.Proof(p); return err }
	generate := func(alg string) error { _, err := dpop.NewKey(alg); return err }
	parse := func(pem, alg string) error { _, err := dpop.ParseKey(pem, alg); return err }
	for _, tc := range []struct {
		err  error
		want string
	}{
		{sign(dpop.Proof{URL: "https://hunter2", Now: now}), "a DPoP proof must have a method and a time"},
		{sign(dpop.Proof{Method: "GET", URL: "https://hunter2"}), "a DPoP proof must have a method and a time"},
		{sign(dpop.Proof{Method: "GET", URL: "hunter2", Now: now}), "the URL of a DPoP proof is neither https nor http"},
		{sign(dpop.Proof{Method: "GET", URL: "https://x/", Now: now, Claims: map[string]any{"x": []byte("hunter2")}}), `claim "x" is bytes, want text; encode it with base64url or hex`},
		{parse("hunter2", "ES256"), "the key for ES256: it is not PEM"},
		{parse(strings.Repeat("hunter2", 9), "HS256"), "the algorithm of a DPoP key is none of ES256, ES384, EdDSA, PS256, RS256"},
		{generate("hunter2"), "the algorithm of a DPoP key is none of ES256, ES384, EdDSA, PS256, RS256"},
	} {
		if fmt.Sprint(tc.err) != tc.want {
			t.Errorf("got %v, want %s", tc.err, tc.want)
		}
	}
}

func TestTarget(t *testing.T) {
	for raw, want := range map[string]string{
		// RFC 3986 sections 6.2.2, 6.2.3 and 5.2.4
		"HTTPS://a/./b/../b/%63/%7bfoo%7d": "https://a/b/c/%7Bfoo%7D",
		"http://example.com":               "http://example.com/",
		"http://example.com:/":             "http://example.com/",
		"http://example.com:80/":           "http://example.com/",
		"https://x/a/b/c/./../../g":        "https://x/a/g",
		"https://x/a/b/..":                 "https://x/a/",
		"https://x/a/.":                    "https://x/a/",
		"https://x/../../a":                "https://x/a",

		"https://Bank.Example:443/Token?code=hunter2#x": "https://bank.example/Token",
		"https://bank.example:80":                       "https://bank.example:80/",
		"https://bank.example:8443?a":                   "https://bank.example:8443/",
		"https://[2001:DB8::1]:443/a":                   "https://[2001:db8::1]/a",
		"https://[2001:DB8::443]/a":                     "https://[2001:db8::443]/a",
		"https://x/a//b/":                               "https://x/a//b/",
		"https://x//":                                   "https://x//",
		"https://x/a%2fb%2Fc%7e%C3%a9":                  "https://x/a%2Fb%2Fc~%C3%A9",
		"https://x/é b":                                 "https://x/%C3%A9%20b",
		"https://x/%2e%2e/a":                            "https://x/a",
		"https://x/a...b/..c":                           "https://x/a...b/..c",
	} {
		got, err := dpop.Target(raw)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", raw, got, err, want)
		}
		if again, err := dpop.Target(got); err != nil || again != got {
			t.Errorf("%s: again it is %s, %v", got, again, err)
		}
	}
	for raw, want := range map[string]string{
		"":                       "the URL of a DPoP proof is neither https nor http",
		"/hunter2":               "the URL of a DPoP proof is neither https nor http",
		"ftp://hunter2":          "the URL of a DPoP proof is neither https nor http",
		"https:hunter2":          "the URL of a DPoP proof is malformed",
		"https://%zz/hunter2":    "the URL of a DPoP proof is malformed",
		"https://x/%zz":          "the URL of a DPoP proof is malformed",
		"https://:443/hunter2":   "the URL of a DPoP proof has no host",
		"https:///hunter2":       "the URL of a DPoP proof has no host",
		"https://u:hunter2@x/":   "the URL of a DPoP proof has a user",
		"https://x:hunter2/":     "the URL of a DPoP proof is malformed",
		"https://hunter2\x7f.de": "the URL of a DPoP proof is malformed",
	} {
		if got, err := dpop.Target(raw); got != "" || err == nil || err.Error() != want {
			t.Errorf("%q: got %s, %v, want %s", raw, got, err, want)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("HTTPS://a:443/./b/../b/%63/%7bfoo%7d?x#y")
	f.Add("http://[::1]:80//..")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := dpop.Target(raw)
		if err != nil {
			return
		}
		if strings.ContainsAny(got, "?#") {
			t.Fatalf("%q: %q has a query or a fragment", raw, got)
		}
		if again, err := dpop.Target(got); err != nil || again != got {
			t.Fatalf("%q: %q, again it is %q, %v", raw, got, again, err)
		}
	})
}

func TestNonceWanted(t *testing.T) {
	const rs = `DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"` // RFC 9449 section 9
	header := func(nonce string, challenges ...string) http.Header {
		h := http.Header{"Www-Authenticate": challenges}
		if nonce != "" {
			h.Set("DPoP-Nonce", nonce)
		}
		return h
	}
	for _, tc := range []struct {
		name   string
		status int
		header http.Header
		err    string
		nonce  string
		wanted bool
	}{
		{"authorization server", 400, header("n"), "use_dpop_nonce", "n", true},
		{"resource server", 401, header("eyJ7S_zG.eyJbYu3.xK", rs), "", "eyJ7S_zG.eyJbYu3.xK", true},
		{"beside another scheme", 401, header("n", `Bearer error="invalid_token"`, `Basic realm="x, DPoP", dpop error=use_dpop_nonce`), "", "n", true},
		{"second DPoP challenge", 401, header("n", `DPoP algs=ES256, DPoP error=use_dpop_nonce`), "", "n", true},
		{"no nonce", 400, header(""), "use_dpop_nonce", "", true},
		{"no header", 400, nil, "use_dpop_nonce", "", true},
		{"bad nonce", 400, header("a b"), "use_dpop_nonce", "", true},
		{"long nonce", 400, header(strings.Repeat("n", dpop.MaxNonce+1)), "use_dpop_nonce", "", true},
		{"two nonces", 400, http.Header{"Dpop-Nonce": {"a", "b"}}, "use_dpop_nonce", "", true},
		{"another error", 400, header("n"), "invalid_dpop_proof", "", false},
		{"good", 200, header("n", rs), "use_dpop_nonce", "", false},
		{"server error", 500, header("n", rs), "use_dpop_nonce", "", false},
		{"error of the other server", 401, header("n"), "use_dpop_nonce", "", false},
		{"challenge of the other server", 400, header("n", rs), "", "", false},
		{"another error of DPoP", 401, header("n", `DPoP error="invalid_token"`), "", "", false},
		{"another scheme", 401, header("n", `Bearer error="use_dpop_nonce"`), "", "", false},
		{"malformed", 401, header("n", `DPoP error="use_dpop_nonce`), "", "", false},
	} {
		nonce, wanted := dpop.NonceWanted(tc.status, tc.header, tc.err)
		if nonce != tc.nonce || wanted != tc.wanted {
			t.Errorf("%s: got %q, %t, want %q, %t", tc.name, nonce, wanted, tc.nonce, tc.wanted)
		}
	}
	for value, want := range map[string]string{"next": "next", "!#[]~": "!#[]~", "a b": "", `a"`: "", `a\`: "", "a\x7f": "", "é": "", "a\n": "", "": ""} {
		if got := dpop.Nonce(http.Header{"Dpop-Nonce": {value}}); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func BenchmarkProof(b *testing.B) {
	key, err := dpop.NewKey("")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := key.Proof(dpop.Proof{Method: "GET", URL: "https://x/", AccessToken: "t", Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}
