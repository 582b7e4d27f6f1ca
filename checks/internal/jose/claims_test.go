package jose_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/google/go-cmp/cmp"
)

// Every claim of an ID token: what is right, what is wrong, and what is said.
func TestVerifyClaims(t *testing.T) {
	const t0 = 1_700_000_000
	hour, zero := time.Hour, time.Duration(0)
	// OpenID Connect Core appendix A.3 and A.4.
	const (
		access, atHash = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"
		code, cHash    = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", "LDktKdoQak3Pk0cnXxCltA"
	)
	keys := mustSet(t, published(t, "RS256", nil))
	for _, tc := range []struct {
		name    string
		changes object
		change  func(*jose.Expect)
		want    error
		text    string
	}{
		{"issuer", object{"iss": "https://bank.example/"}, nil, jose.ErrIssuer, "token's iss is not the issuer"},
		{"no issuer", object{"iss": nil}, nil, jose.ErrIssuer, "token's iss is not the issuer"},
		{"issuer is a list", object{"iss": []string{"https://bank.example"}}, nil, jose.ErrIssuer, "token's iss is not the issuer"},

		{"audience in a list", object{"aud": []string{"client"}}, nil, nil, ""},
		{"several audiences", object{"aud": []string{"x", "client"}, "azp": "client"}, nil, nil, ""},
		{"several audiences, no azp", object{"aud": []string{"x", "client"}}, nil, jose.ErrAudience, "token's aud has several members, and there is no azp"},
		{"other audience", object{"aud": "hunter2"}, nil, jose.ErrAudience, "token's aud lacks the client"},
		{"no audience in the list", object{"aud": []any{7, "hunter2"}}, nil, jose.ErrAudience, "token's aud lacks the client"},
		{"no audience", object{"aud": nil}, nil, jose.ErrAudience, "token has no aud"},
		{"for another party", object{"azp": "hunter2"}, nil, jose.ErrAudience, "token's azp is not the client"},

		{"no subject", object{"sub": nil}, nil, jose.ErrSubject, "token has no sub of 1 to 255 characters"},
		{"empty subject", object{"sub": ""}, nil, jose.ErrSubject, "token has no sub of 1 to 255 characters"},
		{"long subject", object{"sub": strings.Repeat("x", 256)}, nil, jose.ErrSubject, "token has no sub of 1 to 255 characters"},
		{"other subject", nil, func(x *jose.Expect) { x.Subject = "hunter2" }, jose.ErrSubject, "token's sub is another subject"},
		{"same subject", nil, func(x *jose.Expect) { x.Subject = "user" }, nil, ""},

		{"nonce", object{"nonce": "n"}, func(x *jose.Expect) { x.Nonce = "n" }, nil, ""},
		{"other nonce", object{"nonce": "hunter2"}, func(x *jose.Expect) { x.Nonce = "n" }, jose.ErrNonce, "token's nonce is another than was sent"},
		{"no nonce", nil, func(x *jose.Expect) { x.Nonce = "n" }, jose.ErrNonce, "token has no nonce"},

		{"at_hash", object{"at_hash": atHash}, func(x *jose.Expect) { x.AccessToken = access }, nil, ""},
		{"no at_hash", nil, func(x *jose.Expect) { x.AccessToken = access }, nil, ""},
		{"at_hash required", nil, func(x *jose.Expect) { x.AccessToken, x.RequireAccessTokenHash = access, true }, jose.ErrHash, "token has no at_hash"},
		{"at_hash of another", object{"at_hash": atHash}, func(x *jose.Expect) { x.AccessToken = code }, jose.ErrHash, "token's at_hash is of something else"},
		{"at_hash is a number", object{"at_hash": 7}, func(x *jose.Expect) { x.AccessToken = code }, jose.ErrHash, "token's at_hash is of something else"},
		{"c_hash", object{"c_hash": cHash}, func(x *jose.Expect) { x.Code = code }, nil, ""},
		{"c_hash of another", object{"c_hash": atHash}, func(x *jose.Expect) { x.Code = code }, jose.ErrHash, "token's c_hash is of something else"},
		{"no c_hash", nil, func(x *jose.Expect) { x.Code = code }, jose.ErrHash, "token has no c_hash"},
		{"s_hash", object{"s_hash": cHash}, func(x *jose.Expect) { x.State = code }, nil, ""},
		{"no s_hash", nil, func(x *jose.Expect) { x.State = code }, jose.ErrHash, "token has no s_hash"},

		{"authenticated", object{"auth_time": t0 - 3600}, func(x *jose.Expect) { x.MaxAge = &hour }, nil, ""},
		{"authenticated now", object{"auth_time": t0 - 50}, func(x *jose.Expect) { x.MaxAge = &zero }, nil, ""},
		{"authenticated long ago", object{"auth_time": t0 - 3661}, func(x *jose.Expect) { x.MaxAge = &hour }, jose.ErrAuthTime, "token's auth_time was 1h1m2s ago"},
		{"authenticated ahead", object{"auth_time": t0 + 90}, func(x *jose.Expect) { x.MaxAge = &hour }, jose.ErrAuthTime, "token's auth_time is 1m30s ahead"},
		{"no auth_time", nil, func(x *jose.Expect) { x.MaxAge = &zero }, jose.ErrAuthTime, "token has no auth_time"},
		{"auth_time is text", object{"auth_time": "hunter2"}, func(x *jose.Expect) { x.MaxAge = &zero }, jose.ErrMalformed, "token's auth_time is no time in seconds"},

		{"acr", object{"acr": "b"}, func(x *jose.Expect) { x.ACR = []string{"a", "b"} }, nil, ""},
		{"other acr", object{"acr": "hunter2"}, func(x *jose.Expect) { x.ACR = []string{"a", "b"} }, jose.ErrACR, "token's acr is none of those wanted"},
		{"no acr", nil, func(x *jose.Expect) { x.ACR = []string{"a", "b"} }, jose.ErrACR, "token has no acr"},

		{"no exp", object{"exp": nil}, nil, jose.ErrMalformed, "token has no exp"},
		{"no iat", object{"iat": nil}, nil, jose.ErrMalformed, "token has no iat"},
		{"exp in milliseconds", object{"exp": t0 * 1000}, nil, jose.ErrMalformed, "token's exp is no time in seconds"},
		{"exp is text", object{"exp": "1700000300"}, nil, jose.ErrMalformed, "token's exp is no time in seconds"},
		{"exp is negative", object{"exp": -1}, nil, jose.ErrMalformed, "token's exp is no time in seconds"},
		{"exp is beyond all", object{"exp": 1e300}, nil, jose.ErrMalformed, "token's exp is no time in seconds"},
		{"exp with a fraction", object{"exp": t0 + 0.25}, nil, nil, ""},
		{"nbf is null", object{"nbf": []any{nil}}, nil, jose.ErrMalformed, "token's nbf is no time in seconds"},
	} {
		x := jose.Expect{Trust: trust}
		if tc.change != nil {
			tc.change(&x)
		}
		_, err := jose.Verify(idToken(t, "RS256", tc.changes, nil), keys, x)
		if tc.want == nil && err != nil || !errors.Is(err, tc.want) || err != nil && err.Error() != tc.text {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.text)
		}
	}
}

// A clock that is off is told from a token that has expired. The verifier's is at
// half a second past.
func TestVerifyTimes(t *testing.T) {
	const t0 = 1_700_000_000
	keys := mustSet(t, published(t, "EdDSA", nil))
	s := time.Second
	for _, tc := range []struct {
		name          string
		iat, exp, nbf int // seconds after now, 0 for no nbf
		leeway, fresh time.Duration
		want          error
		text          string
		ahead         time.Duration // what Skew says; 0 for not the clock
	}{
		{"good", 0, 300, 0, 0, 10 * s, nil, "", 0},
		{"clock 60 s ahead", 60, 360, 60, 0, 10 * s, nil, "", 0},
		{"clock 61 s ahead", 61, 361, 0, 0, 10 * s, jose.ErrNotYetValid, "token's iat is 1m1s ahead", 60500 * time.Millisecond},
		{"clock 90 s ahead", 90, 390, 90, 0, 0, jose.ErrNotYetValid, "token's iat is 1m30s ahead", 89500 * time.Millisecond},
		{"clock 90 s ahead, already expired", 90, -90, 0, 0, 0, jose.ErrNotYetValid, "token's iat is 1m30s ahead", 89500 * time.Millisecond},
		{"clock 90 s behind", -90, 210, 0, 0, 10 * s, jose.ErrStale, "token's iat was 1m31s ago", -90500 * time.Millisecond},
		{"clock 90 s behind, not asked", -90, 210, 0, 0, 0, nil, "", 0},
		{"clock 69 s behind", -69, 210, 0, 0, 10 * s, nil, "", 0},
		{"clock 90 s behind, short life", -90, -60, 0, 0, 10 * s, jose.ErrExpired, "token's exp was 1m1s ago", -90500 * time.Millisecond},
		{"expired within the leeway", -360, -59, 0, 0, 0, nil, "", 0},
		{"expired when it was issued", 0, -3600, 0, 0, 10 * s, jose.ErrExpired, "token's exp was 1h0m1s ago", 0},
		{"an old token", -7200, -3600, 0, 0, 0, jose.ErrExpired, "token's exp was 1h0m1s ago", -7200500 * time.Millisecond},
		{"valid later", 0, 300, 90, 0, 10 * s, jose.ErrNotYetValid, "token's nbf is 1m30s ahead", 0},
		{"no leeway", 1, 300, 0, -1, 0, jose.ErrNotYetValid, "token's iat is 1s ahead", 500 * time.Millisecond},
		{"no leeway, expired", -300, 0, 0, -1, 0, jose.ErrExpired, "token's exp was 1s ago", -300500 * time.Millisecond},
		{"no leeway, just not", -300, 1, 0, -1, 0, nil, "", 0},
		{"much leeway", 90, 300, 0, 90 * s, 0, nil, "", 0},
	} {
		changes := object{"iat": t0 + tc.iat, "exp": t0 + tc.exp}
		if tc.nbf != 0 {
			changes["nbf"] = t0 + tc.nbf
		}
		x := jose.Expect{Trust: trust}
		x.Leeway, x.Fresh = tc.leeway, tc.fresh
		_, err := jose.Verify(idToken(t, "EdDSA", changes, nil), keys, x)
		if tc.want == nil && err != nil || !errors.Is(err, tc.want) || err != nil && err.Error() != tc.text {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.text)
		}
		if ahead, ok := jose.Skew(err); ahead != tc.ahead || ok != (tc.ahead != 0) {
			t.Errorf("%s: the clock is %s ahead, %t, want %s", tc.name, ahead, ok, tc.ahead)
		}
	}
	if _, ok := jose.Skew(errors.New("hunter2")); ok {
		t.Error("any error is the clock's")
	}
}

func TestVerifyResponse(t *testing.T) {
	keys := mustSet(t, published(t, "PS256", object{"kid": "k"}))
	response := func(changes object) string {
		all := object{"sub": nil, "iat": nil, "state": "s"}
		for name, v := range changes {
			all[name] = v
		}
		return idToken(t, "PS256", all, object{"kid": "k"})
	}
	got, err := jose.VerifyResponse(response(object{"code": "c", "expires_in": 60, "jti": "j", "iat": 1_700_000_000}), keys, trust)
	if diff := cmp.Diff(map[string]string{"code": "c", "state": "s", "expires_in": "60"}, got); diff != "" || err != nil {
		t.Errorf("a code: %v (-want +got):\n%s", err, diff)
	}
	got, err = jose.VerifyResponse(response(object{"error": "access_denied"}), keys, trust)
	if diff := cmp.Diff(map[string]string{"error": "access_denied", "state": "s"}, got); diff != "" || err != nil {
		t.Errorf("an error: %v (-want +got):\n%s", err, diff)
	}
	fresh := trust
	fresh.Fresh = time.Second
	if _, err := jose.VerifyResponse(response(nil), keys, fresh); err != nil {
		t.Errorf("fresh, without iat: %v", err)
	}
	if _, err := jose.VerifyResponse(response(object{"iat": 1_699_999_900}), keys, fresh); !errors.Is(err, jose.ErrStale) {
		t.Errorf("fresh, and issued 100 s ago: %v", err)
	}
	_, err = jose.VerifyResponse(response(object{"nbf": 1_700_000_090}), keys, trust)
	if ahead, ok := jose.Skew(err); !ok || ahead != 89500*time.Millisecond || !errors.Is(err, jose.ErrNotYetValid) {
		t.Errorf("clock 90 s ahead, without iat: %v, %s ahead, %t", err, ahead, ok)
	}
	if _, ok := jose.Skew(func() error {
		_, err := jose.VerifyResponse(response(object{"exp": 1_699_999_000}), keys, trust)
		return err
	}()); ok {
		t.Error("that a token has expired is the clock's, without iat and nbf")
	}
	for _, tc := range []struct {
		name  string
		token string
		want  error
		text  string
	}{
		{"issuer", response(object{"iss": "hunter2"}), jose.ErrIssuer, "token's iss is not the issuer"},
		{"audience", response(object{"aud": "hunter2"}), jose.ErrAudience, "token's aud lacks the client"},
		{"expired", response(object{"exp": 1_699_999_000}), jose.ErrExpired, "token's exp was 16m41s ago"},
		{"no exp", response(object{"exp": nil}), jose.ErrMalformed, "token has no exp"},
		{"signature", strings.Replace(response(nil), ".e", ".f", 1), jose.ErrMalformed, "token's payload is no JSON object"},
		{"parameter", response(object{"code": []string{"hunter2"}}), jose.ErrMalformed, "token has a parameter that is neither text nor a whole number"},
		{"unsecured", rfcNone, jose.ErrAlgorithm, "token's alg is none, which is not allowed"},
		{"encrypted", "a.b.c.d.e", jose.ErrMalformed, "token has 5 parts, want 3: it is encrypted"},
	} {
		got, err := jose.VerifyResponse(tc.token, keys, trust)
		if !errors.Is(err, tc.want) || got != nil || err.Error() != tc.text {
			t.Errorf("%s: got %v, %v, want %s", tc.name, got, err, tc.text)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, alg := range []string{"ES256", "RS256", "HS256"} {
		f.Add(idToken(f, alg, object{"nonce": "n"}, object{"kid": "k"}))
	}
	f.Add(rfcNone)
	f.Add("a.b.c.d.e")
	keys := mustSet(f, published(f, "ES256", object{"kid": "k"}), published(f, "RS256", object{"kid": "k"}))
	x := jose.Expect{Trust: trust, Nonce: "n", ACR: []string{"a"}, AccessToken: "t"}
	f.Fuzz(func(t *testing.T, token string) {
		for _, verify := range []func() (bool, error){
			func() (bool, error) { c, err := jose.Verify(token, keys, x); return c != nil, err },
			func() (bool, error) { p, err := jose.VerifyResponse(token, keys, trust); return p != nil, err },
		} {
			got, err := verify()
			if got != (err == nil) {
				t.Fatalf("got %t, %v", got, err)
			}
			if _, is := errors.AsType[*jose.Error](err); err != nil && !is {
				t.Fatalf("the error is the caller's: %v", err)
			}
		}
	})
}

// Whatever the payload is, if it is signed.
func FuzzVerifyClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://bank.example","sub":"user","aud":"client","iat":1700000000,"exp":1700000300,"auth_time":1700000000,"acr":"a"}`))
	f.Add([]byte(`{"iss":"https://bank.example","aud":["client","x"],"azp":"client","iat":1e9,"exp":9e15,"nbf":{}}`))
	f.Add([]byte(`{"iss":{},"aud":[[]],"azp":[],"sub":7,"exp":null}`))
	s, age := signer(f, "HS256"), time.Hour
	x := jose.Expect{Trust: trust, MaxAge: &age, ACR: []string{"a"}, AccessToken: "t"}
	x.Algorithms, x.Secret = []string{"HS256"}, pems()["HS256"]
	f.Fuzz(func(t *testing.T, payload []byte) {
		b64 := base64.RawURLEncoding.EncodeToString
		input := "eyJhbGciOiJIUzI1NiJ9." + b64(payload)
		signature, err := s.Signature([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		token := input + "." + b64(signature)
		for _, verify := range []func() (bool, error){
			func() (bool, error) { c, err := jose.Verify(token, nil, x); return c != nil, err },
			func() (bool, error) { p, err := jose.VerifyResponse(token, nil, x.Trust); return p != nil, err },
		} {
			got, err := verify()
			e, is := errors.AsType[*jose.Error](err)
			if got != (err == nil) || err != nil && !is || errors.Is(err, jose.ErrSignature) {
				t.Fatalf("got %t, %v (%v)", got, err, e)
			}
		}
	})
}
