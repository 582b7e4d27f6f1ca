package dpop

import (
	"net/http"

	"github.com/authprober/authprober/checks/internal/challenge"
)

// wantsNonce is the error by which servers ask for a nonce.
const wantsNonce = "use_dpop_nonce"

// MaxNonce is how many bytes a nonce may have; it travels in a header field.
const MaxNonce = 4 << 10

// NonceWanted reports whether an answer says that the request has to be made
// again with a nonce, and which. oauthError is the error of its JSON body, ""
// where it has none. An authorization server says so with status 400 and that
// error (RFC 9449 section 8), a resource server with 401 and a challenge of the
// scheme DPoP with that error (section 9).
//
// wanted with no nonce is a fault of the server, which has asked for a nonce and
// not given one.
func NonceWanted(status int, header http.Header, oauthError string) (nonce string, wanted bool) {
	switch status {
	case http.StatusBadRequest:
		wanted = oauthError == wantsNonce
	case http.StatusUnauthorized:
		wanted = challenged(header)
	}
	if !wanted {
		return "", false
	}
	return Nonce(header), true
}

func challenged(header http.Header) bool {
	all, err := challenge.Of(header)
	if err != nil {
		return false
	}
	for _, c := range all {
		if c.Is("DPoP") && c.Params["error"] == wantsNonce {
			return true
		}
	}
	return false
}

// Nonce returns the nonce that an answer hands out for the requests to come
// (sections 8.2 and 9), "" where it has none. There must be one such field at
// most, and its value is of printable ASCII without space, quote and backslash;
// what is otherwise is no nonce.
func Nonce(header http.Header) string {
	values := header.Values("DPoP-Nonce")
	if len(values) != 1 || len(values[0]) > MaxNonce {
		return ""
	}
	for _, c := range []byte(values[0]) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' { // NQCHAR, RFC 6749 appendix A
			return ""
		}
	}
	return values[0]
}
