package httpsig

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CavageTimes are what (created) and (expires) stand for. Both may be zero where
// they are not signed. Fractions of a second are cut off.
type CavageTimes struct {
	Created, Expires time.Time
}

// SigningString returns what draft-cavage-http-signatures-12 signs, section 2.3:
// a line for each of headers, in their order. A header is the name of a field, in
// any case, (request-target), (created) or (expires). body is what is sent, for
// content-length.
//
// There must be at least one, for which one is meant by none depends on the
// version of the draft. One that the request does not have is an error.
func SigningString(req *http.Request, body []byte, headers []string, times CavageTimes) (string, error) {
	if len(headers) == 0 {
		return "", errors.New("there are no headers to sign")
	}
	m := &message{req, body}
	lines := make([]string, len(headers))
	for i, name := range headers {
		name = strings.ToLower(name)
		value, err := m.cavage(name, times)
		if err != nil {
			return "", fmt.Errorf("header %q: %w", name, err)
		}
		lines[i] = name + ": " + value
	}
	return strings.Join(lines, "\n"), nil
}

func (m *message) cavage(name string, times CavageTimes) (string, error) {
	switch name {
	case "(request-target)":
		return strings.ToLower(m.method()) + " " + m.target(), nil
	case "(created)":
		return unix(times.Created)
	case "(expires)":
		return unix(times.Expires)
	}
	if !isFieldName(name) {
		return "", errors.New("want the name of a field, (request-target), (created) or (expires)")
	}
	values, err := m.field(name)
	return strings.Join(values, ", "), err
}

func unix(t time.Time) (string, error) {
	if t.IsZero() {
		return "", errors.New("the signature has no such time")
	}
	return strconv.FormatInt(t.Unix(), 10), nil
}
