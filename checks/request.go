package checks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	// DPoP is an access token that is bound to a key, sent with a proof of having it (RFC 9449); or the settings of such a proof.
	DPoP *DPoPSettings `yaml:"dpop"`
	// Signature signs the request as RFC 9421 has it (HTTP Message Signatures).
	Signature *SignatureSettings `yaml:"signature"`
	// JWS signs the body by a detached JWS in a header field, as Open Banking has it.
	JWS *JWSSettings `yaml:"jws"`
	// Sign signs the request in a dialect of its own, such as that of draft-cavage-http-signatures.
	Sign *SignSettings `yaml:"sign"`
	// Misuse is what the request does wrong on purpose, where it must be refused: body_changed changes the body after it was signed.
	Misuse string `yaml:"misuse"`
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

// templates yields every template of the request.
func (r *RequestStep) templates(f func(*Template)) {
	f(&r.Request.URL)
	for _, pairs := range []Pairs{r.Query, r.Headers, r.Cookies, r.Form} {
		pairs.each(f)
	}
	r.JSON.templates(f)
	f(&r.Body)
	f(&r.Bearer)
	if r.Basic != nil {
		f(&r.Basic.Username)
		f(&r.Basic.Password)
	}
	if r.DPoP != nil {
		r.DPoP.templates(f)
	}
	if r.Signature != nil {
		r.Signature.templates(f)
	}
	if r.JWS != nil {
		r.JWS.templates(f)
	}
}

// stays reports whether the request goes to the flow's target and nowhere else.
func (r *RequestStep) stays() bool {
	return strings.HasPrefix(r.Request.URL.Source, "/") && r.FollowRedirects == 0
}

// Shown implements [Step].
func (r *RequestStep) Shown() string { return r.Request.shown }

// Needs implements [Step].
func (r *RequestStep) Needs(captured map[string]string) (names []string) {
	add := func(t *Template) { names = append(names, t.needs(captured)...) }
	r.templates(add)
	if r.Sign != nil { // its expressions see more, so it compiles them itself
		r.Sign.templates(add)
	}
	return names
}

// exchangeReasons are why any exchange can fail.
var exchangeReasons = []prober.Reason{prober.ReasonDNS, prober.ReasonConnect, prober.ReasonTLS, prober.ReasonReset, prober.ReasonBadResponse, prober.ReasonForeignOrigin}

// Reasons implements [Step].
func (r *RequestStep) Reasons() []prober.Reason {
	rs := slices.Clone(exchangeReasons)
	if r.FollowRedirects > 0 {
		rs = append(rs, prober.ReasonRedirect)
	}
	if r.DPoP != nil {
		rs = append(rs, prober.ReasonChallenge)
	}
	return rs
}

// asks implements [asker]: a server may want the proof of a key with a nonce of its own.
func (r *RequestStep) asks() int {
	n := 1 + r.FollowRedirects
	if r.DPoP != nil {
		n *= 2
	}
	return n
}

// Run implements [Step].
func (r *RequestStep) Run(ctx context.Context, s *Session) error {
	var p *proof
	if r.DPoP != nil {
		var err error
		if p, err = r.DPoP.proof(s); err != nil {
			return err
		}
	}
	return s.send(call{
		build:  func() (*http.Request, error) { return r.build(ctx, s, p) },
		proof:  p,
		sign:   func(req *http.Request) error { return r.sign(req, s.sent.body, s) },
		follow: r.FollowRedirects,
		limit:  int64(r.MaxBody),
	})
}

// sign signs the request that is ready but for its signatures.
func (r *RequestStep) sign(req *http.Request, body []byte, s *Session) error {
	if r.JWS != nil {
		if err := r.JWS.sign(req, body, s); err != nil {
			return err
		}
	}
	if r.Sign != nil {
		if err := r.Sign.sign(req, body, s); err != nil {
			return err
		}
	}
	if r.Signature != nil {
		if err := r.Signature.sign(req, body, s); err != nil {
			return err
		}
	}
	if r.Misuse == misuseBodyChanged {
		setBody(req, r.spoilBody(body))
	}
	return nil
}

func (r *RequestStep) build(ctx context.Context, s *Session, p *proof) (*http.Request, error) {
	to, err := r.url(s)
	if err != nil {
		return nil, err
	}
	body, contentType, err := r.body(s)
	if err != nil {
		return nil, err
	}
	req := s.newRequest(ctx, r.Request.Method, to, body, contentType)
	if p != nil && p.token != "" { // RFC 9449 section 7.1
		req.Header.Set("Authorization", "DPoP "+p.token)
	}
	return req, r.authorize(req, s)
}

// newRequest is a request with the run's header fields. It has no GetBody, so
// that nothing can send it a second time.
func (s *Session) newRequest(ctx context.Context, method string, to *url.URL, body []byte, contentType string) *http.Request {
	s.noteSent(method, to)
	req := (&http.Request{
		Method: method, URL: to, Host: to.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: s.defaultHeader(),
	}).WithContext(ctx)
	s.sent.body = body
	if len(body) > 0 {
		setBody(req, body)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func setBody(req *http.Request, body []byte) {
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// url is where the request goes.
func (r *RequestStep) url(s *Session) (*url.URL, error) {
	if r.Request.fixed != nil && len(r.Query) == 0 {
		to := *r.Request.fixed
		return &to, nil
	}
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
	if err := r.Headers.setHeaders(req, s); err != nil {
		return err
	}
	for i := range r.Cookies {
		value, err := r.Cookies[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		cookie := &http.Cookie{Name: r.Cookies[i].Name, Value: value}
		if cookie.Valid() != nil { // net/http would drop what is not valid, and send the rest
			return fmt.Errorf("the cookie %s would hold a character that no cookie may, RFC 6265 section 4.1.1", cookie.Name)
		}
		req.AddCookie(cookie)
	}
	if r.Bearer.isSet() {
		token, err := r.Bearer.text(s, nil)
		if err != nil {
			return err
		}
		s.hideComputed(&r.Bearer, token)
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
