package checks

import (
	"net/url"
)

// location is where the answer redirects to, as expressions see it: url, scheme,
// host, path, and the parameters of its query and of its fragment, the first
// value of each. It is nil where the answer has no Location that can be read. A
// relative one is taken from the URL that answered (RFC 9110 section 10.2.2); one
// with a scheme of an app's own is read like any other.
func (a *answer) location() any {
	to := a.redirect()
	if to == nil {
		return nil
	}
	path := to.EscapedPath()
	if to.Opaque != "" {
		path = to.Opaque
	}
	return map[string]any{
		"url": to.String(), "scheme": to.Scheme, "host": to.Host, "path": path,
		"query": parameters(to.RawQuery), "fragment": parameters(to.EscapedFragment()),
	}
}

// redirect is the answer's Location, resolved; nil where there is none.
func (a *answer) redirect() *url.URL {
	text := a.header.Get("Location")
	if text == "" || a.url == nil {
		return nil
	}
	to, err := a.url.Parse(text)
	if err != nil {
		return nil
	}
	return to
}

// parameters are those of a query, the first value of each.
func parameters(query string) map[string]any {
	values, _ := url.ParseQuery(query) // what is well-formed of it
	all := make(map[string]any, len(values))
	for name, v := range values {
		all[name] = v[0]
	}
	return all
}
