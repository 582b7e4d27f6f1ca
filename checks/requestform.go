package checks

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A RequestLine is an HTTP method and where the request goes.
type RequestLine struct {
	Method string
	URL    Template
	shown  string // both

	fixed *url.URL // where the request goes, where that is known at load; nil elsewhere
}

var requestLineForm = regexp.MustCompile(`(?s)^([A-Z]+)[ \t]+(\S.*)$`)

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// DecodeYAML implements strict.Decoder.
func (l *RequestLine) DecodeYAML(d *strict.Document, n *yaml.Node) {
	text, ok := d.Text(n)
	if !ok {
		return
	}
	m := requestLineForm.FindStringSubmatchIndex(text)
	if m == nil {
		d.Errorf(n, "%q is no request; want a method and a path, such as POST /v1/login", text)
		return
	}
	l.Method = text[m[2]:m[3]]
	l.shown = l.Method + " " + text[m[4]:]
	if !slices.Contains(methods, l.Method) {
		d.Errorf(n, "unknown method %s%s", l.Method, strict.Nearest(l.Method, methods))
	}
	at := *n
	at.Value, at.Column = text[m[4]:], n.Column+m[4]
	l.URL.DecodeYAML(d, &at)
	if first := l.URL.parts; len(first) > 0 && first[0].source == "" && !wellBegun(first[0].literal) {
		d.Errorf(n, "%q is no place to send a request to; want a path that begins with /, or a whole http or https URL", text[m[4]:])
	}
	for _, p := range l.URL.parts { // net/http would send one in a query as it is, which is no request line
		if strings.ContainsFunc(p.literal, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			d.Errorf(n, "%q has a space or a line end in it; in a URL a space is %%20", text[m[4]:])
			break
		}
	}
}

// fix finds where the request goes, where no run has a say in that.
func (l *RequestLine) fix(base string) {
	if text, ok := l.URL.constant(); ok && strings.HasPrefix(text, "/") && base != "" {
		if to, err := url.Parse(base + text); err == nil && isHTTP(to) {
			l.fixed = to
		}
	}
}

func wellBegun(place string) bool {
	return strings.HasPrefix(place, "/") || strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
}

// Pairs are names with templates, in the order of the file.
type Pairs []Pair

// A Pair is a name with a template.
type Pair struct {
	Name  string
	Value Template
	node  *yaml.Node
}

// DecodeYAML implements strict.Decoder.
func (p *Pairs) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		one := Pair{Name: key.Value, node: key}
		d.Decode(value, &one.Value)
		*p = append(*p, one)
	}
}

// encode appends the pairs in the form of application/x-www-form-urlencoded.
func (p Pairs) encode(b *strings.Builder, s *Session) error {
	for i := range p {
		value, err := p[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p[i].Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(value))
	}
	return nil
}

// compile compiles the templates of the pairs.
func (p Pairs) compile(s *Scope) {
	for i := range p {
		p[i].Value.compile(s)
	}
}

// needs lists the captured names that the pairs read.
func (p Pairs) needs(captured map[string]string) (names []string) {
	for i := range p {
		names = append(names, p[i].Value.needs(captured)...)
	}
	return names
}

// setHeaders sets the pairs as header fields of the request.
func (p Pairs) setHeaders(req *http.Request, s *Session) error {
	for i := range p {
		value, err := p[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("the header field %s would hold a line end", p[i].Name)
		}
		if strings.EqualFold(p[i].Name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(p[i].Name, value)
	}
	return nil
}

// each yields the pairs' templates.
func (p Pairs) each(f func(*Template)) {
	for i := range p {
		f(&p[i].Value)
	}
}
