package recording

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A source is where in an answer a value is, first of all answers.
type source struct {
	at     *request
	expr   string // over the answer
	key    string // to name it by
	number bool   // whether it is a JSON number
}

// Limits on what is looked for in one answer.
const (
	maxLeaves = 20_000
	maxValues = 500_000 // in all answers
)

// An index knows every value of the answers that may be sent back.
type index map[string]source

func (ix index) add(value string, s source) {
	if _, ok := ix[value]; ok || len(ix) >= maxValues || !canTravel(value, s.key) {
		return
	}
	ix[value] = s
}

// read adds the values of an answer: those in JSON before those in a redirect, in
// header fields and in a page.
func (ix index) read(r *request) {
	if r.answer != nil {
		left := maxLeaves
		ix.json(r, r.answer, "body", "", &left)
	}
	ix.redirect(r)
	for _, f := range r.Answer.Header {
		if validName(f.Name) && !slices.Contains(plainFields, strings.ToLower(f.Name)) && !looksRandom(f.Name) {
			ix.add(f.Value, source{at: r, expr: "header[" + quoteExpr(f.Name) + "]", key: f.Name})
		}
	}
	ix.cookie(r)
	switch text := strings.TrimSpace(r.Answer.Text); {
	case r.answer != nil:
	case len(text) <= 4096 && wordForm().FindString(text) == text: // a token and nothing else
		ix.add(text, source{at: r, expr: "trim(text)", key: "token"})
	default:
		ix.page(r)
	}
}

// plainFields are header fields of answers that hold nothing to send back.
var plainFields = []string{"location", "set-cookie", "date", "expires", "last-modified", "etag", "content-length", "content-type", "age", "server", "via", "alt-svc", "strict-transport-security",
	"content-security-policy", "vary", "cache-control", "report-to", "nel", "server-timing", "traceparent", "x-request-id", "cf-ray", "x-amz-cf-id", "x-backend", "x-release"}

func (ix index) json(r *request, t *tree, expr, key string, left *int) {
	if *left--; *left < 0 {
		return
	}
	switch t.kind {
	case stringTree:
		ix.add(t.text, source{at: r, expr: expr, key: key})
	case numberTree:
		if wholeForm().MatchString(t.text) && len(t.text) >= 5 && len(t.text) <= 18 {
			ix.add(t.text, source{at: r, expr: expr, key: key, number: true})
		}
	case listTree:
		for i, m := range t.members {
			ix.json(r, m.value, expr+"["+strconv.Itoa(i)+"]", singular(key), left)
		}
	case objectTree:
		for _, m := range t.members {
			if looksSecret(m.name) || len(m.name) > 100 || len(expr) > 300 {
				continue // the path would have a value of the answer in it
			}
			ix.json(r, m.value, expr+memberExpr(m.name), keyWithin(key, m.name), left)
		}
	}
}

// keyWithin is what a member is called: the id of an account is account_id.
func keyWithin(of, name string) string {
	if p := plain(name); of != "" && (p == "id" || p == "value" || p == "code" || p == "token" || p == "uid" || p == "key" || p == "href" || p == "number") && plain(of) != "data" {
		return of + "_" + name
	}
	return name
}

func singular(key string) string {
	if s, ok := strings.CutSuffix(key, "ies"); ok {
		return s + "y"
	}
	return strings.TrimSuffix(key, "s")
}

// redirect adds the parameters and the path of a Location.
func (ix index) redirect(r *request) {
	text := get(r.Answer.Header, "Location")
	if text == "" {
		return
	}
	base, err := url.Parse(r.place.origin + r.place.path)
	if err != nil {
		base = &url.URL{}
	}
	to, err := base.Parse(text)
	if err != nil {
		return
	}
	for _, part := range []struct{ name, text string }{{"query", to.RawQuery}, {"fragment", to.EscapedFragment()}} {
		seen := map[string]bool{}
		for _, f := range parseQuery(part.text) {
			if !seen[f.Name] && !looksSecret(f.Name) { // expressions see the first of a name
				ix.add(f.Value, source{at: r, expr: "location." + part.name + memberExpr(f.Name), key: f.Name})
			}
			seen[f.Name] = true
		}
	}
	ix.locationPath(r, to)
}

func (ix index) locationPath(r *request, to *url.URL) {
	segments := strings.Split(to.EscapedPath(), "/")
	for i, s := range segments {
		if i == 0 || unescape(s) != s {
			continue
		}
		key := "id"
		if i > 0 && !looksSecret(segments[i-1]) && segments[i-1] != "" {
			key = singular(segments[i-1]) + "_id"
		}
		if looksSecret(s) || isDigits(s) {
			ix.add(s, source{at: r, expr: `split(location.path, "/")[` + strconv.Itoa(i) + "]", key: key})
		}
	}
}

// cookie adds the value of the first cookie, which is as far as expressions see.
// An app that reads a cookie and sends it in a header field does so against
// forged requests.
func (ix index) cookie(r *request) {
	text := get(r.Answer.Header, "Set-Cookie")
	text, _, _ = strings.Cut(text, "\n") // some recorders put all into one
	name, rest, ok := strings.Cut(text, "=")
	if value, _, _ := strings.Cut(rest, ";"); ok && validName(name) && !looksRandom(name) {
		ix.add(value, source{at: r, expr: `extract(header["Set-Cookie"], ` + quoteExpr("^"+regexp.QuoteMeta(name)+"=([^;]*)") + ")", key: name})
	}
}

// In a page, what is sent back is the value of a hidden field or of a meta, or
// stands in a script as a member of an object.
var (
	tagForm    = form(`<(?:input|meta|button)\b[^<>]{0,500}>`)
	valueForm  = form(`\b(?:value|content)\s*=\s*("[^"]*"|'[^']*')`)
	nameForm   = form(`\b(?:name|id|property)\s*=\s*["']?([A-Za-z_][\w.:\[\]-]*)`)
	memberForm = form(`["']?([A-Za-z_]\w{2,40})["']?\s*:\s*("[\w+/=.~-]{8,500}"|'[\w+/=.~-]{8,500}')`)
)

func (ix index) page(r *request) {
	text := r.Answer.Text
	for _, at := range tagForm().FindAllStringIndex(text, 2000) {
		tag := text[at[0]:at[1]]
		name, value := nameForm().FindStringSubmatch(tag), valueForm().FindStringSubmatchIndex(tag)
		if name != nil && value != nil {
			ix.between(r, name[1], tag[:value[2]+1], tag[value[2]+1:value[3]-1])
		}
	}
	for _, m := range memberForm().FindAllStringSubmatchIndex(text, 2000) {
		ix.between(r, text[m[2]:m[3]], text[m[0]:m[4]+1], text[m[4]+1:m[5]-1])
	}
}

// between adds what stands between a text that the page has once, which ends
// with a quote, and the next quote.
func (ix index) between(r *request, key, before, value string) {
	if value == "" || len(before) > 200 || html.UnescapeString(value) != value || strings.Count(r.Answer.Text, before) != 1 || hasSecret(before) {
		return
	}
	pattern := regexp.QuoteMeta(before) + "([^" + before[len(before)-1:] + "]*)"
	ix.add(value, source{at: r, expr: "extract(text, " + quoteExpr(pattern) + ")", key: key})
}

var wordForm = form(`[\w+/=.~@-]+`)

// hasSecret reports whether something within the text looks like a secret.
func hasSecret(text string) bool {
	return slices.ContainsFunc(wordForm().FindAllString(text, -1), func(word string) bool {
		return looksSecret(word) && !isPath(word) || slices.ContainsFunc(strings.FieldsFunc(word, isBetween), looksSecret)
	})
}
