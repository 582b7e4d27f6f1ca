package pkce_test

import (
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/pkce"
)

// The example of RFC 7636 appendix B.
func TestAppendixB(t *testing.T) {
	got, err := pkce.Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	if want := "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestChallenge(t *testing.T) {
	for _, tc := range []struct{ verifier, want string }{
		{strings.Repeat("a", 43), ""},
		{strings.Repeat("-._~AZaz09", 10), ""},
		{strings.Repeat("a", 128), ""},
		{"", "code verifier has 0 characters, want 43 to 128"},
		{strings.Repeat("a", 42), "code verifier has 42 characters, want 43 to 128"},
		{strings.Repeat("a", 129), "code verifier has 129 characters, want 43 to 128"},
		{strings.Repeat("a", 42) + "+", "code verifier: character 43 is none of A-Z, a-z, 0-9 and -._~"},
		{"=" + strings.Repeat("a", 42), "code verifier: character 1 is none of A-Z, a-z, 0-9 and -._~"},
		{strings.Repeat("a", 42) + "é", "code verifier: character 43 is none of A-Z, a-z, 0-9 and -._~"},
	} {
		challenge, err := pkce.Challenge(tc.verifier)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tc.want || (err == nil) != (len(challenge) == 43) {
			t.Errorf("%q: got %q, %q, want %q", tc.verifier, challenge, got, tc.want)
		}
	}
}

func TestNewVerifier(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		v := pkce.NewVerifier()
		if _, err := pkce.Challenge(v); err != nil || seen[v] {
			t.Fatalf("%q: %v, seen before: %v", v, err, seen[v])
		}
		seen[v] = true
	}
}
