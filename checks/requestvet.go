package checks

import (
	"net/textproto"
	"slices"
	"strings"
)

// Vet implements [Step].
func (r *RequestStep) Vet(s *Scope) {
	r.templates(func(t *Template) { t.compile(s) })
	r.Request.URL.vetOrigin(s)
	if s.flow != nil {
		r.Request.fix(s.flow.base)
	}
	r.vetBody(s)
	r.vetHeaders(s)
	if r.Bearer.isSet() && r.Basic != nil {
		s.doc.Errorf(r.Bearer.node, "bearer and basic are both set; a request has one Authorization")
	}
	r.vetSignatures(s)
	r.vetMisuse(s)
	if r.DPoP != nil {
		r.DPoP.vet(s)
		if r.FollowRedirects > 0 {
			s.doc.Errorf(r.DPoP.node, "dpop and follow_redirects are both set; a proof is good for one URL")
		}
		if r.DPoP.Token.isSet() && (r.Bearer.isSet() || r.Basic != nil) {
			s.doc.Errorf(r.DPoP.node, "the token of dpop and bearer or basic are both set; a request has one Authorization")
		}
	}
	if r.FollowRedirects < 0 || r.FollowRedirects > 20 {
		s.doc.Errorf(r.Request.URL.node, "follow_redirects is %d; want a number from 0 to 20", r.FollowRedirects)
	}
}

func (r *RequestStep) vetSignatures(s *Scope) {
	sent, authorized := r.sent(s), r.authorizes()
	if r.JWS != nil {
		r.JWS.vet(s, authorized)
		sent = append(sent, strings.ToLower(r.JWS.Field))
	}
	if r.Sign != nil {
		r.Sign.vet(s, sent, authorized)
		sent = append(sent, r.Sign.names()...)
	}
	if r.Signature != nil {
		r.Signature.vet(s, sent)
		if slices.Contains(sent, "signature") || slices.Contains(sent, "signature-input") {
			s.doc.Errorf(r.Signature.node, "the header field Signature is set twice: by signature and by another setting of the step")
		}
	}
	if r.FollowRedirects > 0 && (r.Signature != nil || r.JWS != nil || r.Sign != nil) {
		s.doc.Errorf(r.Request.URL.node, "a signed request and follow_redirects are both set; a signature is good for one request")
	}
}

// authorizes reports whether a setting other than headers makes the Authorization.
func (r *RequestStep) authorizes() bool {
	return r.Bearer.isSet() || r.Basic != nil || r.DPoP != nil && r.DPoP.Token.isSet()
}

// sent lists the header fields, in lower case, that the request has before it is
// signed.
func (r *RequestStep) sent(s *Scope) []string {
	names := []string{"host", "user-agent", "accept", "traceparent"}
	for name, there := range map[string]bool{
		"content-type": r.JSON.isSet() || r.Form != nil || r.Body.isSet(), "authorization": r.authorizes(), "dpop": r.DPoP != nil,
		"content-length": r.JSON.isSet() || r.Form != nil || r.Body.isSet() || slices.Contains([]string{"POST", "PUT", "PATCH"}, r.Request.Method),
	} {
		if there {
			names = append(names, name)
		}
	}
	if s.flow.options.MarkerName != "" {
		names = append(names, strings.ToLower(s.flow.options.MarkerName))
	}
	for _, h := range r.Headers {
		names = append(names, strings.ToLower(h.Name))
	}
	slices.Sort(names)
	return names
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

func isManaged(name string) bool {
	return slices.Contains(managed, textproto.CanonicalMIMEHeaderKey(name))
}

func (r *RequestStep) vetHeaders(s *Scope) {
	r.Headers.vetRequestHeaders(s, r.authorizes())
	for _, c := range r.Cookies {
		if !validToken(c.Name) {
			s.doc.Errorf(c.node, "%q is no name of a cookie", c.Name)
		}
	}
}

// vetRequestHeaders is vetHeaders for the fields of a request. authorized says that
// another setting makes the Authorization.
func (p Pairs) vetRequestHeaders(s *Scope, authorized bool) {
	p.vetHeaders(s)
	for _, h := range p {
		if strings.EqualFold(h.Name, "Authorization") && authorized {
			s.doc.Errorf(h.node, "Authorization is set twice: here and by bearer, basic or dpop")
		}
	}
}

// vetHeaders finds what cannot be header fields; those of the further names are
// written by authprober too.
func (p Pairs) vetHeaders(s *Scope, further ...string) {
	for _, h := range p {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		switch {
		case !validToken(h.Name):
			s.doc.Errorf(h.node, "%q is no name of a header field", h.Name)
		case isManaged(name) || slices.Contains(further, name):
			s.doc.Errorf(h.node, "the header field %s is written by authprober itself", name)
		case name == "Cookie":
			s.doc.Errorf(h.node, "cookies are set with the key cookies")
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
