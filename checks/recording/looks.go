package recording

import (
	"strings"
)

var (
	jwtForm   = form(`^eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)
	uuidForm  = form(`^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$`)
	mailForm  = form(`^[^\s@"<>(),;:]+@[^\s@"<>(),;:/]+$`)
	phoneForm = form(`^\+[0-9][0-9 ()/-]{6,}$`)
	ibanForm  = form(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$`)
	dateForm  = form(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]*(Z|[+-][0-9:]+)?)?$`)
	dotted    = form(`^v?[0-9]+(\.[0-9]+)+$`)
	hexForm   = form(`^[0-9a-fA-F]{16,}$`)
	wholeForm = form(`^(0|[1-9][0-9]*)$`)
)

func isAlnum(c byte) bool { return isLetter(c) || isDigit(c) }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// A census counts what a text is made of.
type census struct{ lower, upper, digits, changes int }

func count(s string) (c census) {
	last := byte(0)
	for i := range len(s) {
		var class byte
		switch b := s[i]; {
		case b >= 'a' && b <= 'z':
			class, c.lower = 'a', c.lower+1
		case b >= 'A' && b <= 'Z':
			class, c.upper = 'A', c.upper+1
		case isDigit(b):
			class, c.digits = '0', c.digits+1
		default:
			continue // between the parts of a name
		}
		if class != last && !(last == 'A' && class == 'a') { // a capital begins a word
			c.changes++
		}
		last = class
	}
	return c
}

// looksRandom reports whether a text looks as if a computer had drawn it: it is
// of one word's letters, 12 or more of them, and changes between small letters,
// capitals and digits more often than names do.
func looksRandom(s string) bool {
	if len(s) < 12 || dateForm().MatchString(s) || dotted().MatchString(s) {
		return false
	}
	if jwtForm().MatchString(s) || uuidForm().MatchString(s) || hexForm().MatchString(s) && !isDigits(s) {
		return true
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("-_.~+/=", s[i]) < 0 {
			return false
		}
	}
	c := count(s)
	if c.digits == 0 {
		return len(s) >= 20 && c.upper > 2 && c.lower > 2 && c.changes > len(s)/4
	}
	return c.lower+c.upper > 0 && c.changes >= max(5, len(s)/5)
}

// looksPersonal reports whether a text is an e-mail address, a telephone
// number, an account number or another long number.
func looksPersonal(s string) bool {
	return mailForm().MatchString(s) || phoneForm().MatchString(s) || ibanForm().MatchString(s) || isDigits(s) && len(s) >= 9
}

// looksSecret reports whether a text must not be in a flow, wherever it stands.
func looksSecret(s string) bool { return looksRandom(s) || looksPersonal(s) }

// canTravel reports whether a value of an answer is one of a kind, so that the
// same value in a later request has come from there.
func canTravel(s, key string) bool {
	if len(s) < 6 || len(s) > 8192 || dateForm().MatchString(s) || dotted().MatchString(s) {
		return len(s) >= 4 && len(s) < 6 && isDigits(s) && passes(key)
	}
	c := count(s)
	switch {
	case looksSecret(s):
		return true
	case strings.ContainsAny(s, " \t\r\n"):
		return false // words
	case strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://"):
		return false // their parts do
	case passes(key):
		return true
	}
	return c.digits > 0 || c.upper > 1 && c.lower > 1 && c.changes > 3
}

// passes reports whether a field of this name holds what is to be sent back.
func passes(key string) bool {
	key = plain(key)
	for _, word := range []string{"token", "challenge", "csrf", "xsrf", "nonce", "state", "session", "ticket", "code", "handle", "transaction", "cursor"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return strings.HasSuffix(key, "id") || strings.HasSuffix(key, "uri")
}

// plain is a name without case and punctuation, so that userName, user_name and
// user-name are one.
func plain(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; isAlnum(c) {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}
