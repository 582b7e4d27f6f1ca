package otp

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// Errors of [DecodeSecret].
var (
	// ErrEmptySecret is for a secret without a single character that counts.
	ErrEmptySecret = errors.New("one-time code secret is empty")
	// ErrBadSecret is wrapped by every other error of [DecodeSecret].
	ErrBadSecret = errors.New("one-time code secret is not base32")
)

// DecodeSecret returns the key that a base32 secret (RFC 4648 section 6) stands
// for. It is lenient in what people do to secrets: spaces, dashes and line
// ends anywhere, lower case, and padding that is missing are all fine.
//
// Its errors wrap [ErrEmptySecret] or [ErrBadSecret] and contain no part of
// the secret, only the place of the mistake: the number of the character,
// counted from 1 in s as given.
func DecodeSecret(s string) ([]byte, error) {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(s)), "otpauth:") {
		return nil, fmt.Errorf("%w: it is a whole otpauth URL, want only its secret parameter", ErrBadSecret)
	}
	plain, err := normalise(s)
	if err != nil {
		return nil, err
	}
	if plain == "" {
		return nil, ErrEmptySecret
	}
	switch len(plain) % 8 { // RFC 4648 section 6: a last group has 2, 4, 5, 7 or 8 characters
	case 1, 3, 6:
		return nil, fmt.Errorf("%w: %d characters are no whole number of bytes; one is missing or too many", ErrBadSecret, len(plain))
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(plain)
	if err != nil {
		return nil, ErrBadSecret // not err: it tells more than it needs to
	}
	return key, nil
}

// normalise returns s in upper case, without separators and padding. Every
// character of what it returns is in the alphabet.
func normalise(s string) (string, error) {
	var b strings.Builder
	padded, place := false, 0
	for _, c := range s {
		place++
		switch {
		case strings.ContainsRune(" \t\r\n-\u00a0", c):
		case c == '=':
			padded = true
		case padded:
			return "", fmt.Errorf("%w: character %d comes after padding", ErrBadSecret, place)
		case 'a' <= c && c <= 'z':
			b.WriteRune(c - 'a' + 'A')
		case 'A' <= c && c <= 'Z', '2' <= c && c <= '7':
			b.WriteRune(c)
		default:
			return "", fmt.Errorf("%w: character %d is none of A-Z and 2-7", ErrBadSecret, place)
		}
	}
	return b.String(), nil
}
