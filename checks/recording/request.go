package recording

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// A request is an exchange on its way to becoming a step.
type request struct {
	*Exchange
	index  int // among all requests, in the order of the recording
	place  place
	header []Field // those an author might want
	auth   authorization
	tree   *tree   // the body, where it is JSON
	form   []Field // the body, where it is a form
	answer *tree   // the answer's body, where it is JSON

	kept     bool
	name     string
	lets     []pair
	captures []pair
	expects  []string // beside the status
	comments []string
}

// A pair is a name with an expression.
type pair struct{ name, expr string }

// An authorization is an Authorization header field in its parts.
type authorization struct {
	scheme, value string // the scheme may be empty
	user, secret  string // of Basic
}

func newRequest(x *Exchange, to place, index int, variables bool) *request {
	r := &request{Exchange: x, index: index, place: to}
	for _, f := range x.Header {
		if strings.EqualFold(f.Name, "Authorization") {
			r.auth = parseAuthorization(f.Value)
		} else if ownHeader(f) {
			r.header = append(r.header, f)
		}
	}
	r.parseBody(variables)
	if address, _, _ := strings.Cut(x.URL, "#"); badlyEscaped(address) {
		r.comments = append(r.comments, "decide: the recorded URL was badly escaped (a % without two digits behind it); it is escaped anew")
	}
	if t, err := parseTree(x.Answer.Text); err == nil && (t.kind >= listTree || strings.Contains(x.Answer.Type, "json")) {
		r.answer = t
	}
	return r
}

func parseAuthorization(value string) (a authorization) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok || !plainScheme(scheme) {
		return authorization{value: strings.TrimSpace(value)}
	}
	a = authorization{scheme: scheme, value: strings.TrimSpace(rest)}
	if strings.EqualFold(scheme, "Basic") {
		if raw, err := base64.StdEncoding.DecodeString(a.value); err == nil {
			a.user, a.secret, _ = strings.Cut(string(raw), ":")
		}
	}
	return a
}

// plainScheme reports whether a text is the name of a scheme, such as Bearer,
// and not a part of what is secret.
func plainScheme(s string) bool {
	return validName(s) && len(s) <= 20 && !looksRandom(s) && !slices.ContainsFunc([]byte(s), isDigit) || s == "AWS4-HMAC-SHA256"
}

// usual are header fields that a browser, a proxy or the prober writes.
var usual = []string{"accept-encoding", "accept-language", "user-agent", "host", "connection", "proxy-connection", "content-length", "transfer-encoding", "trailer", "upgrade", "te",
	"origin", "referer", "cookie", "cookie2", "cache-control", "pragma", "priority", "upgrade-insecure-requests", "dnt", "purpose", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since",
	"range", "if-range", "keep-alive", "expect", "traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-requested-from", "save-data", "viewport-width", "downlink", "rtt", "ect", "alt-used",
	"postman-token", "x-postman-captr", "newrelic", "x-newrelic-id", "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "proxy-authorization"}

// ownHeader reports whether a header field is the app's own.
func ownHeader(f Field) bool {
	name := strings.ToLower(f.Name)
	switch {
	case strings.HasPrefix(name, ":") || strings.HasPrefix(name, "sec-") || strings.HasPrefix(name, "x-datadog-") || strings.HasPrefix(name, "x-b3-") || strings.HasPrefix(name, "access-control-"):
		return false
	case name == "accept":
		return f.Value != "" && f.Value != "application/json" && !strings.Contains(f.Value, "*/*")
	}
	return validName(f.Name) && !slices.Contains(usual, name)
}

// validName reports whether s is a token, RFC 9110 section 5.6.2.
func validName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (r *request) parseBody(variables bool) {
	mediaType := strings.ToLower(r.Body.Type)
	isForm := strings.HasPrefix(mediaType, "application/x-www-form-urlencoded")
	if len(r.Body.Fields) > 0 {
		r.form = r.Body.Fields
		return
	}
	if isForm {
		r.parseForm(strings.TrimSpace(r.Body.Text))
		return
	}
	if isMultipart(mediaType) {
		return
	}
	t, err := parseTree(r.Body.Text)
	if err != nil {
		t, err = r.parseRelaxed(variables)
	}
	if err == nil && (t.kind >= listTree || strings.Contains(mediaType, "json")) {
		r.tree = t
	}
}

// parseForm reads a form, whose fields some old servers take with ; between them.
func (r *request) parseForm(text string) {
	if badlyEscaped(text) {
		r.comments = append(r.comments, "decide: this form was badly escaped (a % without two digits behind it); its fields are escaped anew")
	}
	if separatedBySemicolons(text) {
		r.comments = append(r.comments, "decide: this form had ; between its fields, and has & here")
		text = semicolon().ReplaceAllString(text, "&")
	}
	r.form = parseQuery(text)
}

var semicolon = form(`;\s*`)

// separatedBySemicolons reports whether a form is name=value;name=value.
func separatedBySemicolons(text string) bool {
	parts := strings.Split(strings.Trim(text, "; "), ";")
	return len(parts) > 1 && !strings.Contains(text, "&") && !slices.ContainsFunc(parts, func(s string) bool { return !strings.Contains(s, "=") })
}

// badlyEscaped reports whether something of a query, a form or a path cannot be
// unescaped.
func badlyEscaped(text string) bool {
	_, err := url.PathUnescape(text)
	return err != nil
}

// parseRelaxed reads JSON as people write it in a collection: with variables
// outside of strings, with comments, and with a comma behind the last member.
func (r *request) parseRelaxed(variables bool) (*tree, error) {
	text := r.Body.Text
	if variables {
		if t, err := parseTree(quoteVariables(text)); err == nil {
			return t, nil
		}
	}
	text = strict(text)
	if variables {
		text = quoteVariables(text)
	}
	t, err := parseTree(text)
	if err == nil {
		r.comments = append(r.comments, "comments and commas that are no JSON were left out of the body")
	}
	return t, err
}

// leaves calls f for every value that the request sends, with the name of the
// field it stands in; in a path that is the segment before.
func (r *request) leaves(f func(key, value string)) {
	before := ""
	for _, s := range strings.Split(r.place.path, "/") {
		f(segmentKey(before), unescape(s))
		before = s
	}
	for _, fields := range [][]Field{r.place.query, r.header, r.form} {
		for _, one := range fields {
			if slices.Contains(r.keys, one.Name) {
				f("api_key", one.Value)
				continue
			}
			f(one.Name, one.Value)
		}
	}
	switch {
	case r.auth.user+r.auth.secret != "":
		f(r.basicKeys()[0], r.auth.user)
		f(r.basicKeys()[1], r.auth.secret)
	case r.auth.value != "":
		f("authorization", r.auth.value)
	}
	if r.tree != nil {
		r.tree.scalars("", func(key string, t *tree) { f(key, t.text) })
	} else if r.form == nil && r.Body.Text != "" {
		f("body", r.Body.Text)
	}
}

// segmentKey is the name of what follows a segment in a path.
func segmentKey(before string) string { return "path " + before }

// basicKeys name what Basic authentication sends: at a token endpoint the app's
// own credentials, RFC 6749 section 2.3.1, elsewhere a customer's.
func (r *request) basicKeys() [2]string {
	grant := slices.ContainsFunc(r.form, func(f Field) bool { return f.Name == "grant_type" || f.Name == "token" })
	if last := r.place.path[strings.LastIndexByte(r.place.path, '/')+1:]; grant || slices.Contains([]string{"token", "revoke", "introspect", "par"}, last) {
		return [2]string{"app_client_id", "client_secret"}
	}
	return [2]string{"username", "password"}
}

// scalars calls f for every text and number, with the name of the nearest field.
func (t *tree) scalars(key string, f func(key string, t *tree)) {
	switch t.kind {
	case stringTree, numberTree:
		f(key, t)
	case listTree, objectTree:
		for _, m := range t.members {
			if t.kind == objectTree {
				m.value.scalars(t.keyOf(key, m), f)
			} else {
				m.value.scalars(key, f)
			}
		}
	}
}

// authWords in a path or a field mean that it is about logging in.
var authWords = []string{"login", "logon", "signin", "auth", "oauth", "token", "session", "otp", "mfa", "2fa", "verify", "challenge", "password", "passkey", "webauthn", "logout", "signout", "authorize", "sso", "oidc", "saml", "consent"}

// logins says how much a request is about logging in; 0 is not at all.
func (r *request) logins() (score int) {
	if r.auth.value != "" {
		score += 3
	}
	if hasAny(strings.ToLower(r.place.path), authWords...) {
		score += 2
	}
	r.leaves(func(key, value string) {
		switch roleFor(key, value) {
		case passwordRole:
			score += 5
		case otpRole, verifierRole, challengeRole:
			score += 3
		case tokenRole:
			score++
		}
	})
	return score
}

// isPage reports whether this is the page of an app, which matters only where
// something of it is sent back.
func (r *request) isPage() bool {
	return (r.Method == "GET" || r.Method == "HEAD") && (r.Answer.Status == 200 || r.Answer.Status == 304) &&
		(isHTML(r.Answer.Type) || r.Kind == "document")
}

// ends reports whether the request gives back what a login has taken.
func (r *request) ends() bool {
	return hasAny(plain(r.place.path), "logout", "signout", "logoff", "revoke", "endsession") ||
		r.Method == "DELETE" && hasAny(strings.ToLower(r.place.path), "session", "token")
}
