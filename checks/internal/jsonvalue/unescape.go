package jsonvalue

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escapes are the characters after a backslash, and escaped what each stands for.
const (
	escapes = `"\/bfnrt`
	escaped = "\"\\/\b\f\n\r\t"
)

// unescape is what a string stands for whose escapes are right.
func unescape(raw []byte) string {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); {
		switch {
		case raw[i] != '\\':
			b.WriteByte(raw[i])
			i++
		case raw[i+1] != 'u':
			b.WriteByte(escaped[strings.IndexByte(escapes, raw[i+1])])
			i += 2
		default:
			r, n := unicodeEscape(raw[i:])
			b.WriteRune(r)
			i += n
		}
	}
	return b.String()
}

// unicodeEscape reads \uXXXX, or two of them that are one character, and returns their
// length with it.
func unicodeEscape(raw []byte) (rune, int) {
	const one = len(`\uXXXX`)
	r := hex4(raw[2:])
	if !utf16.IsSurrogate(r) {
		return r, one
	}
	if rest := raw[one:]; len(rest) >= one && rest[0] == '\\' && rest[1] == 'u' {
		if both := utf16.DecodeRune(r, hex4(rest[2:])); both != utf8.RuneError {
			return both, 2 * one
		}
	}
	return utf8.RuneError, one
}

func hex4(digits []byte) (r rune) {
	for _, c := range digits[:4] {
		r <<= 4
		switch {
		case c <= '9':
			r |= rune(c - '0')
		default:
			r |= rune(c|0x20-'a') + 10
		}
	}
	return r
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
