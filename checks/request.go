package checks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// Limits on the part of an answer's body that is read, after decompression.
const (
	defaultBodyLimit = 1 << 20
	maxBodyLimit     = 64 << 20
)

// A RequestStep sends one HTTP request and reads its answer.
type RequestStep struct {
	StepSettings `yaml:",inline"`
	// Request is the method and a path of the target, or a whole URL: "POST /v1/login". What an expression puts into a path or a query is escaped.
	Request RequestLine `yaml:"request,required"`
	// Query are parameters added to the URL.
	Query Pairs `yaml:"query"`
	// Headers are header fields, set in place of the default ones.
	Headers Pairs `yaml:"headers"`
	// Cookies are sent with this request, beside those that the run has been given.
	Cookies Pairs `yaml:"cookies"`
	// JSON is a body as data. At most one of json, form and body is set.
	JSON Value `yaml:"json"`
	// Form is a body in the form of application/x-www-form-urlencoded.
	Form Pairs `yaml:"form"`
	// Body is a body as text; its Content-Type is text/plain unless headers says otherwise.
	Body Template `yaml:"body"`
	// Bearer is an access token, sent as RFC 6750 section 2.1 says.
	Bearer Template `yaml:"bearer"`
	// Basic are a name and a password, sent as RFC 7617 says.
	Basic *BasicAuth `yaml:"basic"`
	// FollowRedirects is how many redirects are followed; 0, the default, follows none and makes the redirect the answer.
	FollowRedirects int `yaml:"follow_redirects"`
	// MaxBody is the most that is read of the answer's body; a longer one fails the step. The default is 1MiB.
	MaxBody Size `yaml:"max_body"`
}

// BasicAuth are the credentials of HTTP Basic authentication.
type BasicAuth struct {
	// Username is the name. It holds no colon.
	Username Template `yaml:"username,required"`
	// Password is the password.
	Password Template `yaml:"password,required"`
}

// A RequestLine is an HTTP method and where the request goes.
type RequestLine struct {
	Method string
	URL    Template
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
	if !slices.Contains(methods, l.Method) {
		d.Errorf(n, "unknown method %s%s", l.Method, strict.Nearest(l.Method, methods))
	}
	at := *n
	at.Value, at.Column = text[m[4]:], n.Column+m[4]
	l.URL.DecodeYAML(d, &at)
	if first := l.URL.parts; len(first) > 0 && first[0].source == "" && !wellBegun(first[0].literal) {
		d.Errorf(n, "%q is no place to send a request to; want a path that begins with /, or a whole http or https URL", text[m[4]:])
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

// templates yields every template of the request.
func (r *RequestStep) templates(f func(*Template)) {
	f(&r.Request.URL)
	for _, pairs := range []Pairs{r.Query, r.Headers, r.Cookies, r.Form} {
		for i := range pairs {
			f(&pairs[i].Value)
		}
	}
	r.JSON.templates(f)
	f(&r.Body)
	f(&r.Bearer)
	if r.Basic != nil {
		f(&r.Basic.Username)
		f(&r.Basic.Password)
	}
}

// Needs implements [Step].
func (r *RequestStep) Needs(captured map[string]string) (names []string) {
	r.templates(func(t *Template) { names = append(names, t.needs(captured)...) })
	return names
}

// Reasons implements [Step].
func (r *RequestStep) Reasons() []prober.Reason {
	rs := []prober.Reason{prober.ReasonDNS, prober.ReasonConnect, prober.ReasonTLS, prober.ReasonReset, prober.ReasonBadResponse}
	if r.FollowRedirects > 0 {
		rs = append(rs, prober.ReasonRedirect)
	}
	return rs
}

// Vet implements [Step].
func (r *RequestStep) Vet(s *Scope) {
	r.templates(func(t *Template) { t.compile(s) })
	r.vetBody(s)
	r.vetHeaders(s)
	if r.Bearer.isSet() && r.Basic != nil {
		s.doc.Errorf(r.Bearer.node, "bearer and basic are both set; a request has one Authorization")
	}
	if r.FollowRedirects < 0 || r.FollowRedirects > 20 {
		s.doc.Errorf(r.Request.URL.node, "follow_redirects is %d; want a number from 0 to 20", r.FollowRedirects)
	}
}

func (r *RequestStep) vetBody(s *Scope) {
	var set []string
	for _, body := range []struct {
		name string
		set  bool
	}{{"json", r.JSON.isSet()}, {"form", r.Form != nil}, {"body", r.Body.isSet()}} {
		if body.set {
			set = append(set, body.name)
		}
	}
	if len(set) > 1 {
		s.doc.Errorf(r.Request.URL.node, "%s are set; a request has one body", strings.Join(set, " and "))
	}
	if len(set) > 0 && (r.Request.Method == "GET" || r.Request.Method == "HEAD") {
		s.doc.Errorf(r.Request.URL.node, "a %s request has no body, and %s is set", r.Request.Method, set[0])
	}
}

// managed are the header fields that the transport writes.
var managed = []string{"Content-Length", "Transfer-Encoding", "Connection", "Traceparent", "Trailer", "Upgrade"}

func (r *RequestStep) vetHeaders(s *Scope) {
	for _, h := range r.Headers {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		switch {
		case !validToken(h.Name):
			s.doc.Errorf(h.node, "%q is no name of a header field", h.Name)
		case slices.Contains(managed, name):
			s.doc.Errorf(h.node, "the header field %s is written by authprober itself", name)
		case name == "Cookie":
			s.doc.Errorf(h.node, "cookies are set with the key cookies")
		case name == "Authorization" && (r.Bearer.isSet() || r.Basic != nil):
			s.doc.Errorf(h.node, "Authorization is set twice: here and by bearer or basic")
		}
	}
	for _, c := range r.Cookies {
		if !validToken(c.Name) {
			s.doc.Errorf(c.node, "%q is no name of a cookie", c.Name)
		}
	}
}

// validToken reports whether s is a token, RFC 9110 section 5.6.2.
func validToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// Run implements [Step].
func (r *RequestStep) Run(ctx context.Context, s *Session) error {
	req, err := r.build(ctx, s)
	if err != nil {
		return err
	}
	return s.exchange(req, r.FollowRedirects, int64(r.MaxBody))
}

func (r *RequestStep) build(ctx context.Context, s *Session) (*http.Request, error) {
	to, err := r.url(s)
	if err != nil {
		return nil, err
	}
	body, contentType, err := r.body(s)
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method: r.Request.Method, URL: to, Host: to.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: s.defaultHeader(),
	}).WithContext(ctx)
	if len(body) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, r.authorize(req, s)
}

// url is where the request goes.
func (r *RequestStep) url(s *Session) (*url.URL, error) {
	text, err := r.Request.URL.text(s, escapeInURL)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(text, "/") {
		text = s.flow.base + text
	}
	to, err := url.Parse(text)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, Failf(prober.ReasonBadResponse, "want an http or https URL to send the request to, got something else from %s", r.Request.URL.Source)
	}
	if len(r.Query) == 0 {
		return to, nil
	}
	var b strings.Builder
	b.WriteString(to.RawQuery)
	if err := r.Query.encode(&b, s); err != nil {
		return nil, err
	}
	to.RawQuery = b.String()
	return to, nil
}

// escapeInURL escapes what an expression puts into a URL, unless it begins it.
func escapeInURL(before, value string) string {
	switch {
	case before == "":
		return value
	case strings.Contains(before, "?"):
		return url.QueryEscape(value)
	}
	return url.PathEscape(value)
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

func (r *RequestStep) body(s *Session) (body []byte, contentType string, err error) {
	switch {
	case r.JSON.isSet():
		var b bytes.Buffer
		err = r.JSON.encode(&b, s)
		return b.Bytes(), "application/json", err
	case r.Form != nil:
		var b strings.Builder
		err = r.Form.encode(&b, s)
		return []byte(b.String()), "application/x-www-form-urlencoded", err
	case r.Body.isSet():
		text, err := r.Body.text(s, nil)
		return []byte(text), "text/plain; charset=utf-8", err
	}
	return nil, "", nil
}

// authorize sets the header fields, the cookies and the credentials.
func (r *RequestStep) authorize(req *http.Request, s *Session) error {
	for i := range r.Headers {
		value, err := r.Headers[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("the header field %s would hold a line end", r.Headers[i].Name)
		}
		if strings.EqualFold(r.Headers[i].Name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(r.Headers[i].Name, value)
	}
	for i := range r.Cookies {
		value, err := r.Cookies[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		req.AddCookie(&http.Cookie{Name: r.Cookies[i].Name, Value: value})
	}
	if r.Bearer.isSet() {
		token, err := r.Bearer.text(s, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r.Basic == nil {
		return nil
	}
	username, err := r.Basic.Username.text(s, nil)
	if err != nil {
		return err
	}
	password, err := r.Basic.Password.text(s, nil)
	req.SetBasicAuth(username, password)
	return err
}
