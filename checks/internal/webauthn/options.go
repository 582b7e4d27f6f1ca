package webauthn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
)

// maxBytes is the most that a challenge or an id may have, in bytes of base64url.
// Relying parties use 16 to 64, ids have at most 1023.
const maxBytes = 4096

// unwrap returns the options themselves where they are the publicKey of those of
// navigator.credentials.
func unwrap(options map[string]any) (map[string]any, error) {
	wrapped, ok := options["publicKey"]
	if !ok {
		return options, nil
	}
	inner, ok := wrapped.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: publicKey is no object", ErrOptions)
	}
	return inner, nil
}

var errBase64 = errors.New("it is not base64url")

// decode reads base64url, with or without padding.
func decode(text string) ([]byte, error) {
	if len(text) > maxBytes || strings.ContainsAny(text, "\r\n") {
		return nil, errBase64
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errBase64
	}
	return b, nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// octets reads a member that is base64url and not empty.
func octets(m map[string]any, name string) ([]byte, error) {
	text, ok := m[name].(string)
	if !ok {
		return nil, fmt.Errorf("%w: want a text %s", ErrOptions, name)
	}
	b, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrOptions, name, err)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", ErrOptions, name)
	}
	return b, nil
}

// object reads a member that is an object. One that is missing or null is nil.
func object(m map[string]any, name string) (map[string]any, error) {
	v := m[name]
	if v == nil {
		return nil, nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: %s is no object", ErrOptions, name)
	}
	return o, nil
}

// list reads a member that is a list of objects. One that is missing or null is
// nil.
func list(m map[string]any, name string) ([]map[string]any, error) {
	v := m[name]
	if v == nil {
		return nil, nil
	}
	items, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: %s is no list", ErrOptions, name)
	}
	all := make([]map[string]any, len(items))
	for i, item := range items {
		if all[i], ok = item.(map[string]any); !ok {
			return nil, fmt.Errorf("%w: %s has something that is no object", ErrOptions, name)
		}
	}
	return all, nil
}

// text reads a member that is a text. One that is missing or null is "".
func text(m map[string]any, name string) (string, error) {
	v := m[name]
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%w: %s is no text", ErrOptions, name)
	}
	return s, nil
}

// number reads a whole number of the JSON that flows decode, or of encoding/json.
func number(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<31 {
			return int(v), true
		}
	}
	return 0, false
}
