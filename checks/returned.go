package checks

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/htmlform"
	"github.com/authprober/authprober/prober"
)

// leadsBack reports whether a URL is the redirect_uri of an authorization of the
// run: there is an app behind it, and no server.
func (s *Session) leadsBack(to *url.URL) bool {
	return to != nil && slices.ContainsFunc(s.flow.clients, func(c *Client) bool {
		if s.grant(c).verifier == "" {
			return false
		}
		back, err := c.RedirectURI.text(s, nil)
		return err == nil && leadsTo(to, back)
	})
}

// leadsTo reports whether a URL is the redirect_uri: all but the parameters that
// were added is the same.
func leadsTo(to *url.URL, redirectURI string) bool {
	want, err := url.Parse(redirectURI)
	if err != nil {
		return false
	}
	return strings.EqualFold(to.Scheme, want.Scheme) && strings.EqualFold(to.Host, want.Host) &&
		orRoot(to) == orRoot(want) && to.Opaque == want.Opaque
}

// orRoot is the path of a URL; none is the same as / where there is a host (RFC 3986
// section 6.2.3).
func orRoot(u *url.URL) string {
	if path := u.EscapedPath(); path != "" || u.Host == "" {
		return path
	}
	return "/"
}

// returned are the parameters with which the answer goes to the redirect_uri, where
// it does: by a redirect, or by a form that submits itself (form_post).
func (c *Client) returned(s *Session) (params string, there bool, err error) {
	back, err := c.RedirectURI.text(s, nil)
	if err != nil {
		return "", false, err
	}
	if c.posts() {
		if params, there = s.answer.postsTo(back); there {
			return params, true, nil
		}
	}
	to := s.answer.redirect()
	switch status := s.answer.status; {
	case status < 300 || status > 399 || to == nil || !leadsTo(to, back):
		return "", false, nil
	case c.posts():
		return "", true, Failf(prober.ReasonBadResponse, "want the authorization response in a form that submits itself, got it in a redirect")
	case c.inFragment():
		return to.EscapedFragment(), true, nil
	}
	params, err = withoutOwn(to.RawQuery, back)
	return params, true, err
}

// posts reports whether the response comes as a form that submits itself.
func (c *Client) posts() bool { return strings.HasPrefix(c.ResponseMode, "form_post") }

// postsTo is what a page that submits itself sends to the redirect_uri (OAuth 2.0
// Form Post Response Mode section 2).
func (a *answer) postsTo(redirectURI string) (params string, there bool) {
	if a.status < 200 || a.status > 299 || a.url == nil {
		return "", false
	}
	page, err := htmlform.Parse(a.url, a.header.Get("Content-Type"), a.body)
	if err != nil {
		return "", false // it is another answer, and the step's to judge
	}
	for _, form := range page.Forms {
		if to, err := form.Action(); err != nil || !leadsTo(to, redirectURI) {
			continue
		}
		if sent, err := form.Submit(nil); err == nil && sent.Method == http.MethodPost {
			return string(sent.Body), true
		}
	}
	return "", false
}

// withoutOwn takes the redirect_uri's own parameters out of a query: they have to be
// in it (RFC 6749 section 3.1.2), and are none of the response's.
func withoutOwn(query, redirectURI string) (string, error) {
	uri, err := url.Parse(redirectURI)
	if err != nil || uri.RawQuery == "" {
		return query, nil
	}
	rest, ok := strings.CutPrefix(query, uri.RawQuery)
	if !ok {
		return "", Failf(prober.ReasonBadResponse, "want the redirect_uri's own parameters before those of the authorization response, got others")
	}
	return strings.TrimPrefix(rest, "&"), nil
}
