package jose_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/google/go-cmp/cmp"
)

// opened returns header and claims of a token that verifies with the shared key.
func opened(t *testing.T, alg, token string) (header, claims object) {
	t.Helper()
	header, err := jose.Header(token)
	if err != nil {
		t.Fatal(err)
	}
	claims, err = jose.Claims(token)
	if err != nil {
		t.Fatal(err)
	}
	input, signature := split(t, token)
	if alg == "PS256" && !verifyPSS(t, input, signature) {
		t.Errorf("the signature of %s does not verify", token)
	}
	return header, claims
}

func verifyPSS(t *testing.T, input string, signature []byte) bool {
	t.Helper()
	key, err := jose.ParsePublicKey(pems()["PS256"])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(input))
	o := &rsa.PSSOptions{SaltLength: 32}
	return rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature, o) == nil
}

func TestAssertion(t *testing.T) {
	a := jose.Assertion{ClientID: "client", Audience: "https://bank.example", ID: "id", Now: now, Lifetime: time.Minute}
	token, err := a.Sign(signer(t, "PS256").WithKeyID("k"))
	if err != nil {
		t.Fatal(err)
	}
	header, claims := opened(t, "PS256", token)
	if diff := cmp.Diff(object{"alg": "PS256", "kid": "k"}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	want := object{"iss": "client", "sub": "client", "aud": "https://bank.example", "jti": "id", "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 1_700_000_060}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}

	a.ID, a.Type = "", jose.TypeClientAssertion
	seen := map[any]bool{}
	for range 100 {
		token, err := a.Sign(signer(t, "HS256"))
		if err != nil {
			t.Fatal(err)
		}
		header, claims := opened(t, "HS256", token)
		if diff := cmp.Diff(object{"alg": "HS256", "typ": "client-authentication+jwt"}, header); diff != "" {
			t.Fatalf("header (-want +got):\n%s", diff)
		}
		if id, ok := claims["jti"].(string); !ok || len(id) < 22 || seen[id] {
			t.Fatalf("jti %q is short or was there before", id)
		}
		seen[claims["jti"]] = true
	}
}

func TestRequestObject(t *testing.T) {
	r := jose.RequestObject{ClientID: "client", Issuer: "https://bank.example", ID: "id", Now: now, Lifetime: 5 * time.Minute,
		Params: object{"response_type": "code", "max_age": 0, "claims": object{"id_token": object{"acr": nil}}}}
	token, err := r.Sign(signer(t, "PS256").WithKeyID("k"))
	if err != nil {
		t.Fatal(err)
	}
	header, claims := opened(t, "PS256", token)
	if diff := cmp.Diff(object{"alg": "PS256", "kid": "k", "typ": "oauth-authz-req+jwt"}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	want := object{"iss": "client", "client_id": "client", "aud": "https://bank.example", "jti": "id", "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 1_700_000_300,
		"response_type": "code", "max_age": 0, "claims": object{"id_token": object{"acr": nil}}}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	r.Params = object{"exp": 1, "client_id": "other"}
	if claims, err := r.Claims(); err != nil || claims["exp"] != 1 || claims["client_id"] != "other" || len(r.Params) != 2 {
		t.Errorf("wrong on purpose: got %v, %v", claims, err)
	}
}

func TestClientErrors(t *testing.T) {
	good := jose.Assertion{ClientID: "hunter2", Audience: "hunter2", Now: now, Lifetime: time.Minute}
	const untimed = "a token must have a time of issue and a lifetime of at least a second"
	for _, tc := range []struct {
		change func(*jose.Assertion)
		want   string
	}{
		{func(a *jose.Assertion) { a.ClientID = "" }, "a client assertion must have a client and an audience"},
		{func(a *jose.Assertion) { a.Audience = "" }, "a client assertion must have a client and an audience"},
		{func(a *jose.Assertion) { a.Lifetime = time.Second - 1 }, untimed},
		{func(a *jose.Assertion) { a.Now = time.Time{} }, untimed},
	} {
		a := good
		tc.change(&a)
		if _, err := a.Sign(signer(t, "HS256")); err == nil || err.Error() != tc.want {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
	for want, r := range map[string]jose.RequestObject{
		"a request object must have a client and an issuer":      {ClientID: "hunter2", Now: now, Lifetime: time.Minute},
		"a request object cannot have the parameter request_uri": {ClientID: "hunter2", Issuer: "hunter2", Now: now, Lifetime: time.Minute, Params: object{"request_uri": "hunter2"}},
		untimed: {ClientID: "hunter2", Issuer: "hunter2", Now: now},
	} {
		if _, err := r.Sign(signer(t, "HS256")); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// RFC 7797 section 4, with the key of RFC 7515 appendix A.1.
func TestDetachedRFC7797(t *testing.T) {
	key, _ := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	s, err := jose.NewSigner(string(key), "HS256")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		unencoded bool
		want      string
	}{
		{false, "eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ"},
		{true, "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"},
	} {
		if got, err := s.Detached([]byte("$.02"), nil, tc.unencoded); err != nil || got != tc.want {
			t.Errorf("unencoded %t: got %s, %v, want %s", tc.unencoded, got, err, tc.want)
		}
	}
}

// As Open Banking signs: with critical headers, and a payload as it is.
func TestDetached(t *testing.T) {
	const body = `{"Data": {"Permissions": ["ReadAccountsBasic"]}, "é": "."}`
	s := signer(t, "PS256").WithKeyID("k")
	header := object{
		"cty": "application/json", "http://openbanking.org.uk/iat": 1_700_000_000,
		"http://openbanking.org.uk/iss": "C=UK, CN=bank", "http://openbanking.org.uk/tan": "openbanking.org.uk",
		"crit": []any{"http://openbanking.org.uk/iat", "http://openbanking.org.uk/iss", "http://openbanking.org.uk/tan"},
	}
	before := len(header)
	for _, unencoded := range []bool{false, true} {
		signature, err := s.Detached([]byte(body), header, unencoded)
		if err != nil {
			t.Fatal(err)
		}
		first, last, ok := strings.Cut(signature, "..")
		sig, err := base64.RawURLEncoding.DecodeString(last)
		if !ok || err != nil {
			t.Fatalf("%s is not detached: %v", signature, err)
		}
		payload := body
		if !unencoded {
			payload = base64.RawURLEncoding.EncodeToString([]byte(body))
		}
		if !verifyPSS(t, first+"."+payload, sig) {
			t.Errorf("unencoded %t: %s does not verify", unencoded, signature)
		}
		want := object{"alg": "PS256", "kid": "k"}
		for name, v := range header {
			want[name] = v
		}
		if unencoded {
			want["b64"], want["crit"] = false, append(header["crit"].([]any)[:3:3], "b64")
		}
		got, err := jose.Header(first + ".e30.")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("unencoded %t: %v (-want +got):\n%s", unencoded, err, diff)
		}
	}
	if len(header) != before {
		t.Error("the header that was given has changed")
	}
	const notThere = "name 2 of crit is not in the header, is there twice or need not be there"
	for _, tc := range []struct {
		header object
		want   string
	}{
		{object{"crit": []string{}}, "crit is no list of names"},
		{object{"crit": "hunter2"}, "crit is no list of names"},
		{object{"crit": []any{7}}, "crit is no list of names"},
		{object{"crit": []string{"a", "hunter2"}, "a": 1}, notThere},
		{object{"crit": []string{"a", "a"}, "a": 1}, notThere},
		{object{"crit": []string{"a", "cty"}, "a": 1, "cty": "hunter2"}, notThere},
		{object{"b64": false}, `header "b64" cannot be set`},
		{object{"x": []byte("hunter2")}, `header "x" is bytes, want text; encode it with base64url or hex`},
	} {
		if _, err := s.Detached(nil, tc.header, true); err == nil || err.Error() != tc.want {
			t.Errorf("%v: got %v, want %s", tc.header, err, tc.want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"PS256", "ES256"} {
		token, keys := idToken(b, alg, nil, nil), mustSet(b, published(b, alg, nil))
		b.Run(alg, func(b *testing.B) {
			for b.Loop() {
				if _, err := jose.Verify(token, keys, jose.Expect{Trust: trust}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
