package jose_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/google/go-cmp/cmp"
)

// The keys of RFC 7517 appendix A, and that of RFC 8037 appendix A.2.
const (
	rfcEC  = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}`
	rfcRSA = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`
	rfcEd  = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

	rfcPrivate = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"}`
	rfcOct     = `{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}`
)

func set(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

func mustSet(t testing.TB, keys ...string) *jose.KeySet {
	t.Helper()
	s, err := jose.ParseKeySet(set(keys...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeySetRFC7517(t *testing.T) {
	s := mustSet(t, rfcRSA, rfcEC)
	if diff := cmp.Diff([]string{"1", "2011-04-29"}, s.KeyIDs()); diff != "" || s.Len() != 2 || len(s.Problems()) != 0 {
		t.Errorf("got %d keys, problems %v (-want +got):\n%s", s.Len(), s.Problems(), diff)
	}
	if !s.Has("1") || s.Has("2") || s.Has("") {
		t.Error("the set has other kids than it should")
	}
	if s.Fingerprint() != mustSet(t, rfcEC, rfcRSA).Fingerprint() {
		t.Error("the order of the keys changes the fingerprint")
	}
	other := strings.Replace(rfcEd, `{`, `{"kid":"1",`, 1)
	if s.Fingerprint() == mustSet(t, rfcRSA, other).Fingerprint() {
		t.Error("another key under the same kid has the same fingerprint")
	}
	if s.Fingerprint() == mustSet(t, rfcRSA).Fingerprint() || mustSet(t).Fingerprint() == "" {
		t.Error("a missing key has the same fingerprint")
	}
	withCertificate := strings.Replace(rfcEC, `{`, `{"x5c":["hunter2"],`, 1)
	if s.Fingerprint() != mustSet(t, rfcRSA, withCertificate).Fingerprint() {
		t.Error("what is no part of the key changes the fingerprint")
	}
}

func TestKeySetProblems(t *testing.T) {
	edit := func(key, old, new string) string {
		if !strings.Contains(key, old) {
			t.Fatalf("%s is not in %s", old, key)
		}
		return strings.Replace(key, old, new, 1)
	}
	small := `{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 171) + `"}`
	large := `{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 1024) + `"}`
	for _, tc := range []struct{ name, key, want string }{
		{"RSA", rfcRSA, ""},
		{"EC", rfcEC, ""},
		{"Ed25519", rfcEd, ""},
		{"with key_ops", edit(rfcEd, "{", `{"key_ops":["verify"],`), ""},
		{"unknown kty", `{"kty":"AKP","alg":"ML-DSA-44","pub":"hunter2"}`, ""},
		{"unused curve", edit(rfcEC, "P-256", "secp256k1"), ""},
		{"for encryption", edit(rfcEd, "Ed25519", "X25519"), ""},
		{"no object", `"hunter2"`, "it is no JSON object"},
		{"null", `null`, "it is no JSON object"},
		{"no kty", `{"kid":"hunter2"}`, "it has no kty"},
		{"kid is a number", edit(rfcEd, "{", `{"kid":7,`), "its kid, use or alg is no text"},
		{"key_ops is text", edit(rfcEd, "{", `{"key_ops":"verify",`), "its key_ops are no list"},
		{"symmetric", rfcOct, "it is symmetric, and published"},
		{"private", rfcPrivate, "it has private members"},
		{"private RSA", edit(rfcRSA, "{", `{"dp":"hunter2",`), "it has private members"},
		{"RSA with a shared secret", edit(rfcRSA, "{", `{"k":"hunter2",`), "it has private members"},
		{"wrong curve", edit(rfcEC, "P-256", "P-384"), "it is malformed, or not on its curve"},
		{"off its curve", edit(rfcEC, "MKBC", "NKBC"), "it is malformed, or not on its curve"},
		{"no curve", edit(rfcEC, "crv", "curve"), "its crv is none that its kty has"},
		{"crv of another kty", edit(rfcEC, "P-256", "Ed25519"), "its crv is none that its kty has"},
		{"case of names", edit(rfcEC, `"x"`, `"X"`), "it is malformed, or not on its curve"},
		{"half a coordinate", edit(rfcEd, "11qYAYKxCrfVS_7", ""), "it is malformed, or not on its curve"},
		{"no modulus", edit(rfcRSA, `"n"`, `"m"`), "it is malformed, or has more than 4096 bits"},
		{"modulus is a number", `{"kty":"RSA","e":"AQAB","n":7}`, "it is malformed, or has more than 4096 bits"},
		{"1026 bits", small, "it has fewer than 2048 bits"},
		{"6144 bits", large, "it is malformed, or has more than 4096 bits"},
		{"alg of another curve", edit(rfcEC, `"use":"enc"`, `"alg":"ES384"`), "its alg is for keys of another kind or curve"},
		{"alg of another kind", edit(rfcEd, `{`, `{"alg":"RS256",`), "its alg is for keys of another kind or curve"},
	} {
		s := mustSet(t, rfcRSA, tc.key)
		if tc.name == "RSA" {
			s = mustSet(t, tc.key)
		}
		got := ""
		if p := s.Problems(); len(p) > 0 {
			got = p[0].What
		}
		if got != tc.want || strings.Contains(fmt.Sprint(s.Problems()), "hunter2") {
			t.Errorf("%s: got %v, want %s", tc.name, s.Problems(), tc.want)
		}
	}
	twice := mustSet(t, rfcRSA, rfcEC, rfcRSA, edit(rfcEd, "{", `{"kid":"1",`), rfcEd, rfcEd)
	want := []jose.Problem{{Key: 3, What: "another key of its kty has the same kid"}}
	if diff := cmp.Diff(want, twice.Problems()); diff != "" {
		t.Errorf("a kid that is there twice (-want +got):\n%s", diff)
	}
	if got := want[0].String(); got != "key 3 of the key set: another key of its kty has the same kid" {
		t.Error(got)
	}
}

func TestKeySetErrors(t *testing.T) {
	for _, tc := range []struct{ name, set, want string }{
		{"empty", "", "the key set is no JSON object"},
		{"page", "<html>hunter2", "the key set is no JSON object"},
		{"list", "[]", "the key set is no JSON object"},
		{"null", "null", "the key set is no JSON object"},
		{"more", `{"keys":[]}{}`, "the key set has something after the JSON object"},
		{"not UTF-8", "{\"keys\":[\"\xff\"]}", "the key set is not valid UTF-8"},
		{"no keys", `{}`, "the key set has no list of keys"},
		{"case of names", `{"Keys":[]}`, "the key set has no list of keys"},
		{"object", `{"keys":{}}`, "the key set has no list of keys"},
		{"a key", rfcRSA, "the key set has no list of keys"},
		{"101 keys", string(set(slices.Repeat([]string{"{}"}, 101)...)), "the key set has 101 keys, want at most 100"},
		{"too long", strings.Repeat(" ", jose.MaxKeySet+1), "the key set has 262145 bytes, want at most 262144"},
	} {
		s, err := jose.ParseKeySet([]byte(tc.set))
		if err == nil || err.Error() != tc.want || s != nil {
			t.Errorf("%s: got %v, %v, want %s", tc.name, s, err, tc.want)
		}
	}
	if n := mustSet(t, slices.Repeat([]string{rfcEd}, 100)...).Len(); n != 100 {
		t.Errorf("got %d keys, want 100", n)
	}
}

// RFC 7638 section 3.1, RFC 8037 appendix A.3, RFC 9449 section 6.1.
func TestThumbprint(t *testing.T) {
	for key, want := range map[string]string{
		rfcRSA: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		rfcEd:  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		`{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}`: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
	} {
		var jwk map[string]any
		if err := json.Unmarshal([]byte(key), &jwk); err != nil {
			t.Fatal(err)
		}
		if got, err := jose.Thumbprint(jwk); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", key, got, err, want)
		}
	}
	for want, jwk := range map[string]map[string]any{
		"the JWK's kty is none of RSA, EC, OKP, oct": {"kty": "hunter2"},
		"the JWK has no y":                           {"kty": "EC", "crv": "P-256", "x": "hunter2"},
		"the JWK has no e":                           {"kty": "RSA", "n": "hunter2", "e": 65537},
	} {
		if got, err := jose.Thumbprint(jwk); got != "" || err == nil || err.Error() != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}

func FuzzParseKeySet(f *testing.F) {
	f.Add(set(rfcRSA, rfcEC, rfcEd))
	f.Add(set(rfcPrivate, rfcOct, `{"kty":"x"}`, `7`))
	f.Add(set(strings.Replace(rfcEC, "P-256", "P-521", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := jose.ParseKeySet(data)
		if (err == nil) != (s != nil) {
			t.Fatalf("got %v, %v", s, err)
		}
		if err != nil {
			return
		}
		again, err := jose.ParseKeySet(data)
		if err != nil || again.Fingerprint() != s.Fingerprint() || !slices.Equal(again.KeyIDs(), s.KeyIDs()) ||
			!slices.Equal(again.Problems(), s.Problems()) {
			t.Fatal("the same set is read otherwise")
		}
		for _, id := range s.KeyIDs() {
			if !s.Has(id) {
				t.Fatal("a kid of the set is not in it")
			}
		}
		_, _ = jose.Verify(rfcES256, s, jose.Expect{Trust: trust})
	})
}
