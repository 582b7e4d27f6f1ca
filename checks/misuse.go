package checks

import (
	"errors"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// What a step may do wrong on purpose, where it has to be refused.
const (
	misuseBodyChanged       = "body_changed"
	misuseAssertionExpired  = "assertion_expired"
	misuseAssertionReplayed = "assertion_replayed"
	misuseCodeReplayed      = "code_replayed"
)

// vetMisuse finds what is wrong with the misuse of a step, one of allowed.
func (s *Scope) vetMisuse(at *yaml.Node, misuse string, allowed ...string) {
	switch {
	case misuse == "":
	case !slices.Contains(allowed, misuse):
		s.doc.Errorf(at, "unknown misuse %q; want %s%s", misuse, strings.Join(allowed, " or "), strict.Nearest(misuse, allowed))
	default:
		s.spoils = true
	}
}

// vetMisuse finds what is wrong with the misuse of a client's step.
func (st *ClientStep) vetMisuse(s *Scope) {
	allowed := []string{misuseAssertionExpired, misuseAssertionReplayed}
	if textAt(st.node, "token") == grantCode {
		allowed = append(allowed, misuseCodeReplayed)
	}
	s.vetMisuse(st.at("misuse"), st.Misuse, allowed...)
	if st.Misuse != "" && st.Misuse != misuseCodeReplayed && st.client != nil && st.client.Auth.with() == nil {
		s.doc.Errorf(st.at("misuse"), "the step %q misuses the assertion of the client %s, whose auth is %s and sends none", st.Name, st.client.name, st.client.Auth.Method)
	}
}

// vetMisuse finds what is wrong with the misuse of a request.
func (r *RequestStep) vetMisuse(s *Scope) {
	s.vetMisuse(r.at("misuse"), r.Misuse, misuseBodyChanged)
	signed := r.JWS != nil || r.Sign != nil || r.Signature != nil
	if r.Misuse == misuseBodyChanged && (!signed || !r.JSON.isSet() && r.Form == nil && !r.Body.isSet()) {
		s.doc.Errorf(r.at("misuse"), "the step %q changes its body after signing it, and has no body or signs nothing", r.Name)
	}
}

// spoilBody changes a body so that it means the same: a space at the end, which no
// format minds, and of a form a parameter that nobody knows.
func (r *RequestStep) spoilBody(body []byte) []byte {
	if r.Form != nil {
		return append(slices.Clone(body), "&unsigned=1"...)
	}
	return append(slices.Clone(body), ' ')
}

// What has to come before and did not is the flow's fault.
var (
	errNoAssertion = errors.New("no assertion of the client was sent in this run that could be sent again")
	errNoCode      = errors.New("no code was exchanged for tokens in this run that could be sent again")
)

// issuedAt is when an assertion says that it was made.
func issuedAt(misuse string) time.Time {
	if misuse == misuseAssertionExpired {
		return time.Now().Add(-2 * time.Hour)
	}
	return time.Now()
}
