package recording

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// A step is what becomes of a request: the keys of a step of the flow language,
// in their order. The kind comes first among the settings, so that another kind
// is another function like requestStep.
type step struct {
	name     string
	comments []string
	lets     []pair
	settings []setting
	expect   []string
	captures []pair
}

// A setting is a key with its value.
type setting struct {
	key   string
	value *yaml.Node
}

// requestStep is the request as a step of the kind request.
func (d *drafting) requestStep(r *request) *step {
	d.now = r
	line, query := d.requestLine(r)
	s := &step{name: r.name, settings: []setting{{"request", textNode(line)}}}
	s.settings = append(s.settings, query...)
	s.settings = append(s.settings, d.authorize(r)...)
	headers, body := d.headers(r), d.body(r)
	if contentType := d.contentType(r, body); contentType != "" {
		headers = append(headers, setting{"Content-Type", textNode(contentType)})
	}
	if len(headers) > 0 {
		s.settings = append(s.settings, setting{"headers", mapNode(headers)})
	}
	s.settings = append(s.settings, body...)
	s.expect = append(d.expect(r), r.expects...)
	d.keep(r)
	return s
}

// requestLine is the method and where the request goes. Parameters of which a
// name comes twice stay in it, for a mapping has no place for them.
func (d *drafting) requestLine(r *request) (line string, query []setting) {
	segments := strings.Split(r.place.path, "/")
	for i, s := range segments {
		before := ""
		if i > 0 {
			before = segmentName(r.place.path, i-1)
		}
		segments[i] = d.segment(r, segmentKey(before), s)
	}
	line = strings.Join(segments, "/")
	if r.place.origin != d.target {
		line = template(d.origin(r.place.origin)) + line
	}
	line = r.Method + " " + line
	fields := d.fieldsOf(r, r.place.query)
	if len(fields) == 0 {
		return line, nil
	}
	if settings, ok := asSettings(fields); ok {
		return line, []setting{{"query", mapNode(settings)}}
	}
	return line + "?" + encodeFields(fields), nil
}

func segmentName(path string, i int) string { return strings.Split(path, "/")[i] }

// segment is one segment of a path: what stays as it was stays escaped as it was.
func (d *drafting) segment(r *request, key, s string) string {
	if s == "" {
		return s
	}
	if base, parameters, ok := strings.Cut(s, ";"); ok && strings.Contains(parameters, "=") {
		return d.segment(r, key, base) + d.matrix(r, parameters)
	}
	plain := unescape(strings.ReplaceAll(s, "+", "%2B"))
	all := d.text(r, key, plain)
	if len(all) == 1 && !all[0].expr && all[0].text == plain {
		if !utf8.ValidString(s) || strings.ContainsAny(s, " \"<>\\^`{|}") {
			s = url.PathEscape(plain)
		}
		return template([]piece{{text: s}})
	}
	for i := range all {
		if !all[i].expr {
			all[i].text = url.PathEscape(all[i].text)
		}
	}
	return template(all)
}

// matrix are the parameters of a segment, as in /login;jsessionid=….
func (d *drafting) matrix(r *request, parameters string) string {
	var b strings.Builder
	for _, one := range strings.Split(parameters, ";") {
		name, value, _ := strings.Cut(one, "=")
		if name, ok := d.fieldName(r, unescape(name)); ok {
			all := d.text(r, name, unescape(value))
			if namesCredential(name) {
				all = d.credential(r, name, unescape(value))
			}
			b.WriteString(";" + encodeFields([]templated{{name, all}}))
		}
	}
	return b.String()
}

// origin is where a request goes, with its variables.
func (d *drafting) origin(origin string) []piece {
	var all []piece
	rest := 0
	if d.rec.Variables {
		for _, m := range variableForm().FindAllStringSubmatchIndex(origin, -1) {
			all = addText(all, origin[rest:m[0]])
			all = append(all, piece{text: d.env(origin[m[2]:m[3]]), expr: true})
			rest = m[1]
		}
	}
	return addText(all, origin[rest:])
}

// A templated field is a name with a template.
type templated struct {
	name   string
	pieces []piece
}

// fieldsOf are fields as a flow sends them, without those whose name is itself
// something that must not be shown.
func (d *drafting) fieldsOf(r *request, fields []Field) (all []templated) {
	for _, f := range fields {
		name, ok := d.fieldName(r, f.Name)
		if !ok {
			continue
		}
		if slices.Contains(r.keys, f.Name) {
			all = append(all, templated{name, d.credential(r, "api_key", f.Value)})
			continue
		}
		all = append(all, templated{name, d.text(r, f.Name, f.Value)})
	}
	return all
}

func (d *drafting) fieldName(r *request, name string) (string, bool) {
	if name == "" || !utf8.ValidString(name) || hasSecret(name) || d.isKnown(name, r) || strings.Contains(name, "{{") || assigns(name) || d.leaks(name) != "" {
		d.decide("a field whose name is no fixed text was left out")
		return "", false
	}
	return name, true
}

// asSettings are fields as a mapping; not where a name comes twice.
func asSettings(fields []templated) (all []setting, ok bool) {
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.name] {
			return nil, false
		}
		seen[f.name] = true
		all = append(all, setting{f.name, textNode(template(f.pieces))})
	}
	return all, true
}

// encodeFields are fields in the form of a query. In a request line an
// expression is escaped by the language.
func encodeFields(fields []templated) string {
	var all []string
	for _, f := range fields {
		value := slices.Clone(f.pieces)
		for i := range value {
			if !value[i].expr {
				value[i].text = url.QueryEscape(value[i].text)
			}
		}
		all = append(all, url.QueryEscape(f.name)+"="+template(value))
	}
	return strings.Join(all, "&")
}

func (d *drafting) headers(r *request) (all []setting) {
	seen := map[string]bool{"content-type": true} // written from the body
	for _, f := range r.header {
		if name := strings.ToLower(f.Name); seen[name] || f.Value == "" {
			continue
		} else {
			seen[name] = true
		}
		name, ok := d.fieldName(r, f.Name)
		if !ok {
			continue
		}
		value := d.text(r, f.Name, f.Value)
		if slices.Contains(r.keys, f.Name) {
			value = d.credential(r, "api_key", f.Value)
		}
		all = append(all, setting{name, textNode(oneLine(template(value)))})
	}
	return all
}

var lineEnds = form(`[\r\n\x00]+`)

func oneLine(s string) string { return lineEnds().ReplaceAllString(s, " ") }

// authorize is the request's Authorization in the words of the flow language.
func (d *drafting) authorize(r *request) []setting {
	a := r.auth
	switch {
	case a.value == "":
		return nil
	case a.user+a.secret != "":
		keys := r.basicKeys()
		return []setting{{"basic", mapNode([]setting{
			{"username", textNode(template(d.credential(r, keys[0], a.user)))}, {"password", textNode(template(d.credential(r, keys[1], a.secret)))},
		})}}
	case strings.EqualFold(a.scheme, "Bearer"):
		return []setting{{"bearer", textNode(template(d.credential(r, "authorization", a.value)))}}
	}
	if strings.EqualFold(a.scheme, "DPoP") || strings.EqualFold(a.scheme, "Digest") || strings.HasPrefix(a.scheme, "AWS4") || strings.EqualFold(a.scheme, "Hawk") || strings.EqualFold(a.scheme, "Signature") || strings.EqualFold(a.scheme, "Negotiate") {
		d.decide("what this Authorization proves is computed anew for each request, by the app")
	}
	value := d.credential(r, "authorization", a.value)
	if a.scheme != "" {
		value = append([]piece{{text: a.scheme + " "}}, value...)
	}
	return []setting{{"headers", mapNode([]setting{{"Authorization", textNode(oneLine(template(value)))}})}}
}

// credential is what authorizes a request: an expression, whatever it looks like.
func (d *drafting) credential(r *request, key, value string) []piece {
	all := d.text(r, key, value)
	if value == "" || slices.ContainsFunc(all, func(p piece) bool { return p.expr }) {
		return all
	}
	return []piece{d.unsourced(key, value)}
}

// expect is what the answer was.
func (d *drafting) expect(r *request) []string {
	status := r.Answer.Status
	switch {
	case status == 0:
		d.decide("the collection has no answer to this request")
		return []string{"status < 400"}
	case status == 304:
		d.say("recorded as 304, from the browser's cache")
		status = 200
	case status >= 500:
		d.decide("this failed while it was recorded, with " + strconv.Itoa(status))
		return []string{"status < 400"}
	case status >= 400:
		d.decide("this was refused while it was recorded; where that is how it should be, refuse: [" + strconv.Itoa(status) + "] makes a fail-open page")
	case status >= 300:
		d.say("a redirect is an answer like any other, and is not followed")
	}
	return []string{"status == " + strconv.Itoa(status)}
}

// keep captures what a collection's scripts keep of the answer.
func (d *drafting) keep(r *request) {
	for _, set := range r.Sets {
		name := unused(identifier(snake(set.Variable), "value"), d.used)
		r.captures = append(r.captures, pair{name, set.Expr})
		d.set[set.Variable] = name
	}
}
