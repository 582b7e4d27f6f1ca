package httpsig

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A message is a request with its body, as a client is about to send it or as a
// server has got it. It is only read.
type message struct {
	req  *http.Request
	body []byte
}

// server tells that the request was received.
func (m *message) server() bool { return m.req.RequestURI != "" }

func (m *message) method() string {
	if m.req.Method == "" {
		return http.MethodGet
	}
	return m.req.Method
}

func (m *message) scheme() string {
	switch {
	case m.req.URL.Scheme != "":
		return strings.ToLower(m.req.URL.Scheme)
	case m.req.TLS != nil:
		return "https"
	}
	return "http"
}

// host is the value of the Host field.
func (m *message) host() string {
	if m.req.Host != "" {
		return m.req.Host
	}
	return m.req.URL.Host
}

// authority is in lower case and without the scheme's own port, RFC 9110
// section 4.2.3.
func (m *message) authority() string {
	host := strings.ToLower(m.host())
	port := map[string]string{"https": ":443", "http": ":80"}[m.scheme()]
	if port != "" {
		host = strings.TrimSuffix(host, port)
	}
	return strings.TrimSuffix(host, ":")
}

// target is what stands in the request line of HTTP/1.1.
func (m *message) target() string {
	switch {
	case m.server():
		return m.req.RequestURI
	case m.method() == http.MethodConnect && m.req.URL.Path == "":
		return m.host()
	}
	return m.req.URL.RequestURI()
}

func (m *message) path() string {
	if path := m.req.URL.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

func (m *message) query() string { return "?" + m.req.URL.RawQuery }

func (m *message) targetURI() string {
	uri := m.scheme() + "://" + m.authority() + m.path()
	if m.req.URL.RawQuery != "" || m.req.URL.ForceQuery {
		uri += m.query()
	}
	return uri
}

// queryParam is the value of the one parameter of the query with this name, both
// encoded; RFC 9421 section 2.2.8.
func (m *message) queryParam(name string) (string, error) {
	found, value := false, ""
	for pair := range strings.SplitSeq(m.req.URL.RawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		plain, err := decodeForm(rawName)
		if err != nil {
			return "", err
		}
		if pair == "" || encodeForm(plain) != name {
			continue
		}
		if found {
			return "", errors.New("the query has it more than once")
		}
		if plain, err = decodeForm(rawValue); err != nil {
			return "", err
		}
		found, value = true, encodeForm(plain)
	}
	if !found {
		return "", errors.New("the query does not have it")
	}
	return value, nil
}

var obsFold = regexp.MustCompile(`[ \t]*\r?\n[ \t]+`)

// field returns the values of a header field in their order, each without
// whitespace around it and without folds, RFC 9421 section 2.1. name is in lower
// case. Host and Content-Length, which net/http keeps elsewhere, are those that
// it sends.
func (m *message) field(name string) ([]string, error) {
	values := m.rawField(name)
	if len(values) == 0 {
		return nil, errors.New("the request does not have it")
	}
	for i, v := range values {
		v = strings.Trim(obsFold.ReplaceAllString(v, " "), " \t")
		if strings.ContainsAny(v, "\r\n\x00") {
			return nil, errors.New("its value has a line end")
		}
		values[i] = v
	}
	return values, nil
}

func (m *message) rawField(name string) []string {
	switch {
	case name == "host":
		return []string{m.host()}
	case name == "content-length" && !m.server():
		return m.contentLength()
	}
	var keys []string // more than one, if somebody has not kept to the canonical form
	for key := range m.req.Header {
		if strings.EqualFold(key, name) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // net/http sends them in this order
	var values []string
	for _, key := range keys {
		values = append(values, m.req.Header[key]...)
	}
	return values
}

// contentLength is what net/http sends: nothing for a request without a body,
// except where its method usually has one.
func (m *message) contentLength() []string {
	switch m.method() {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		if len(m.body) == 0 {
			return nil
		}
	}
	return []string{strconv.Itoa(len(m.body))}
}

// value is the value of a component, RFC 9421 section 2.
func (m *message) value(c component) (string, error) {
	if c.name == "@query-param" {
		name, _ := c.params.get("name")
		return m.queryParam(name.(string))
	}
	if f := derived[c.name]; f != nil {
		return f(m), nil
	}
	values, err := m.field(c.name)
	if err != nil {
		return "", err
	}
	combined := strings.Join(values, ", ")
	if len(c.params) == 0 {
		return combined, nil
	}
	if c.params[0].key == "bs" {
		for i, v := range values {
			values[i] = bare([]byte(v))
		}
		return strings.Join(values, ", "), nil
	}
	return structured(combined, c.params[0])
}

// structured is a dictionary in its strict form, or one member of it.
func structured(text string, p param) (string, error) {
	d, err := parseDictionary(text)
	if err != nil {
		return "", fmt.Errorf("its value is no dictionary: %w", err)
	}
	if p.key == "sf" {
		return d.String(), nil
	}
	v, ok := d.get(p.value.(string))
	if !ok {
		return "", errors.New("its value does not have this member")
	}
	return serialize(v), nil
}

// base is the signature base, RFC 9421 section 2.5. input is the value of
// @signature-params; the components are its items.
func (m *message) base(components []component, input innerList) ([]byte, error) {
	var b strings.Builder
	for _, c := range components {
		v, err := m.value(c)
		if err != nil {
			return nil, fmt.Errorf("component %s: %w", c, err)
		}
		if !visible(v) {
			return nil, fmt.Errorf("component %s: its value is not printable ASCII", c)
		}
		b.WriteString(c.String() + ": " + v + "\n")
	}
	b.WriteString(`"@signature-params": ` + input.String())
	return []byte(b.String()), nil
}

// visible tells whether a value can be in a base: ASCII, of which a field may
// have tabs.
func visible(value string) bool { return printable(strings.ReplaceAll(value, "\t", " ")) }
