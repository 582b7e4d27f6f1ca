package functions

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

func values() []Func {
	return []Func{{
		Name: "uuid", Usage: "uuid()",
		Doc:     "A random UUID, version 4, RFC 9562.",
		Example: `uuid()`,
		Types:   []any{new(func() string)},
		Call:    call("uuid", 0, 0, func(*arguments) (any, error) { return UUID(), nil }),
	}, {
		Name: "random_string", Usage: "random_string(n, [alphabet])",
		Doc: "A random text of n characters, 1 to 4096, of the alphabet; unless given, that is A-Z, a-z and 0-9. " +
			"It is as unpredictable as a key.",
		Example: `random_string(32, "0123456789abcdef")`,
		Types:   []any{new(func(int, string) string), new(func(int) string)},
		Call: call("random_string", 1, 2, func(a *arguments) (any, error) {
			n, alphabet := a.whole(0), alphanumeric
			if len(a.args) > 1 {
				alphabet = a.text(1)
			}
			if a.err != nil {
				return nil, nil
			}
			return RandomString(n, alphabet)
		}),
	}, {
		Name: "random_digits", Usage: "random_digits(n)",
		Doc:     "A random text of n decimal digits, 1 to 4096; the first may be 0.",
		Example: `random_digits(6)`,
		Types:   []any{new(func(int) string)},
		Call: call("random_digits", 1, 1, func(a *arguments) (any, error) {
			n := a.whole(0)
			if a.err != nil {
				return nil, nil
			}
			return RandomString(n, "0123456789")
		}),
	}, {
		Name: "unix", Usage: "unix(time)",
		Doc:     "The whole seconds from 1970 to the time, as JWT and OAuth count them.",
		Example: `unix(now()) + 60`,
		Types:   []any{new(func(time.Time) int)},
		Call: call("unix", 1, 1, func(a *arguments) (any, error) {
			t, ok := a.args[0].(time.Time)
			if !ok {
				a.fail(0, "a time")
			}
			return int(t.Unix()), nil
		}),
	}}
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// UUID returns a random UUID, version 4 (RFC 9562 section 5.4), in lower case.
func UUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails; see its documentation
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const maxRandom = 4096

// RandomString returns n characters, 1 to 4096, drawn from crypto/rand, each of
// the alphabet's being equally likely. The alphabet has 2 to 256 characters,
// each once.
func RandomString(n int, alphabet string) (string, error) {
	if n < 1 || n > maxRandom {
		return "", fmt.Errorf("length is %d, want 1 to %d", n, maxRandom)
	}
	letters := []rune(alphabet)
	if !utf8.ValidString(alphabet) || len(letters) < 2 || len(letters) > 256 {
		return "", fmt.Errorf("alphabet has %d characters, want 2 to 256", len(letters))
	}
	sorted := slices.Sorted(slices.Values(letters))
	if len(slices.Compact(sorted)) != len(letters) {
		return "", errors.New("alphabet has a character twice")
	}
	fair := 256 - 256%len(letters) // bytes from there on would favour the first letters
	out := make([]rune, 0, n)
	for buf := make([]byte, 2*n); len(out) < n; {
		_, _ = rand.Read(buf)
		for _, c := range buf {
			if int(c) < fair && len(out) < n {
				out = append(out, letters[int(c)%len(letters)])
			}
		}
	}
	return string(out), nil
}
