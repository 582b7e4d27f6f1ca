package dpop

import (
	"errors"
	"net/url"
	"strings"
)

// Target returns the htu of a request to an http or https URL (RFC 9449 section
// 4.2): without query and fragment, and in the one form that it has after the
// normalization of RFC 3986 sections 6.2.2 and 6.2.3, which section 4.3 has
// servers apply. Scheme and host are in lower case, percent-encodings in upper
// case and only where needed, there are no dot segments and no default port, and
// an empty path is "/".
func Target(raw string) (string, error) {
	u, err := url.Parse(raw) // err quotes the URL
	if err != nil || u.Opaque != "" {
		return "", errors.New("the URL of a DPoP proof is malformed")
	}
	scheme := strings.ToLower(u.Scheme)
	port, known := map[string]string{"https": ":443", "http": ":80"}[scheme]
	if !known {
		return "", errors.New("the URL of a DPoP proof is neither https nor http")
	}
	if u.User != nil {
		return "", errors.New("the URL of a DPoP proof has a user")
	}
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), port), ":")
	if host == "" {
		return "", errors.New("the URL of a DPoP proof has no host")
	}
	return scheme + "://" + host + withoutDots(plain(u.EscapedPath())), nil
}

const hexDigits = "0123456789ABCDEFabcdef"

// plain decodes percent-encodings of unreserved characters and puts the others
// into upper case, RFC 3986 sections 6.2.2.1 and 6.2.2.2.
func plain(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		if c, ok := unhex(path[i+1], path[i+2]); ok && unreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

func unhex(high, low byte) (byte, bool) {
	h, l := strings.IndexByte(hexDigits, high), strings.IndexByte(hexDigits, low)
	if h < 0 || l < 0 {
		return 0, false
	}
	value := func(i int) byte { // a-f stand behind A-F
		if i > 15 {
			i -= 6
		}
		return byte(i)
	}
	return value(h)<<4 | value(l), true
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// withoutDots removes dot segments, RFC 3986 section 5.2.4, and nothing else: an
// empty segment has a meaning.
func withoutDots(path string) string {
	var kept []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case s == "." || s == "..":
		default:
			kept = append(kept, s)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}
