// Package pkce makes the proof keys of RFC 7636, by which an authorization
// server knows that who redeems a code is who asked for it.
package pkce

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Method is the code_challenge_method of every challenge made here. The other
// one there is, "plain", sends the verifier itself.
const Method = "S256"

// The lengths that a verifier may have, RFC 7636 section 4.1.
const (
	MinLength = 43
	MaxLength = 128
)

// NewVerifier returns a fresh verifier of [MinLength] characters that holds 256
// bits of entropy, as section 4.1 recommends.
func NewVerifier() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails; see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Challenge returns the S256 challenge of a verifier, section 4.2. It is an
// error if the verifier is not one; the error has no part of it.
func Challenge(verifier string) (string, error) {
	if n := len(verifier); n < MinLength || n > MaxLength {
		return "", fmt.Errorf("code verifier has %d characters, want %d to %d", n, MinLength, MaxLength)
	}
	for i := range len(verifier) {
		if !unreserved(verifier[i]) {
			return "", fmt.Errorf("code verifier: character %d is none of A-Z, a-z, 0-9 and -._~", i+1)
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
