package recording

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// A drafting is the state of one Draft.
type drafting struct {
	rec      *Recording
	requests []*request
	target   string // the origin
	answers  index
	sent     map[string]int    // the first request that sends a value
	times    map[string]int    // how often a value is sent
	known    map[string]known  // values that have an expression
	captured map[string]string // value -> name
	used     map[string]bool   // names of values
	names    map[string]bool   // of steps
	fields   []string          // of the account
	values   map[string]string // field of the account or secret -> the value it was first given for
	secrets  []string
	envs     []string
	dropped  map[string]int    // why -> how many
	steps    []*request        // those that are kept
	sorted   []string          // the keys of known
	cookies  []string          // values of cookies and credentials that look secret
	now      *request          // the one that is being written
	set      map[string]string // a collection's variables that scripts have set -> name
}

// A known value is one that a role has given an expression.
type known struct {
	role role
	expr string
}

func newDrafting(rec *Recording) *drafting {
	d := &drafting{
		rec: rec, answers: index{}, sent: map[string]int{}, times: map[string]int{}, known: map[string]known{}, captured: map[string]string{},
		used: map[string]bool{}, names: map[string]bool{}, values: map[string]string{}, dropped: map[string]int{}, set: map[string]string{},
	}
	for i := range rec.Exchanges {
		x := &rec.Exchanges[i]
		to := cut(x.URL, rec.Variables)
		why := whyDropped(x, to)
		if why == "" && x.Answer.Status == 0 && !rec.Variables {
			why = "requests that got no answer"
		}
		if why != "" {
			d.dropped[why]++
			continue
		}
		d.requests = append(d.requests, newRequest(x, to, len(d.requests), rec.Variables))
	}
	return d
}

// maxSent is the most values of requests that are told apart.
const maxSent = 2_000_000

// trace finds out where values are from.
func (d *drafting) trace() {
	for _, r := range d.requests {
		r.leaves(func(_, value string) {
			for _, piece := range pieces(value) {
				if len(d.sent) >= maxSent {
					return
				}
				if _, ok := d.sent[piece]; !ok {
					d.sent[piece] = r.index
				}
				d.times[piece]++
			}
		})
		d.answers.read(r)
	}
}

// source finds the answer that a value of a request is from: an earlier one, and
// one that does not merely echo what had been sent before.
func (d *drafting) source(value string, r *request) (source, bool) {
	s, ok := d.answers[value]
	first, sent := d.sent[value]
	return s, ok && s.at.index < r.index && (!sent || s.at.index < first)
}

// pieces are a value and the parts of it that may be values of their own.
func pieces(value string) []string {
	if value == "" {
		return nil
	}
	all := []string{value}
	if len(value) > 16<<10 {
		return all
	}
	for _, w := range wordForm().FindAllString(value, -1) {
		all = append(all, w)
		all = append(all, strings.FieldsFunc(w, isBetween)...)
	}
	if u := unescape(value); u != value {
		all = append(all, u)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func isBetween(r rune) bool { return r == '/' || r == '=' || r == '+' }

// learn gives the values that have a role an expression, from the first request
// on: what a field is called in one request tells what the same value is in all.
func (d *drafting) learn() {
	d.learnPKCE()
	for _, good := range []bool{true, false} { // what was accepted before what was refused
		for _, r := range d.requests {
			if (r.Answer.Status < 400) == good && r.kept {
				d.now = r
				r.leaves(func(key, value string) { d.learnOne(r, key, value) })
			}
		}
	}
	d.now = nil
}

func (d *drafting) learnOne(r *request, key, value string) {
	if _, ok := d.known[value]; ok || d.full() || d.rec.Variables && strings.Contains(value, "{{") {
		return
	}
	if key == "app_client_id" {
		d.know(value, secretRole, d.secretFor("client_id", value))
		return
	}
	_, answered := d.source(value, r)
	switch role := roleFor(key, value); role {
	case userRole, passwordRole, personalRole:
		if !answered || role == passwordRole {
			d.know(value, role, d.accountFor(d.fieldFor(role, key, value), value))
		}
	case secretRole:
		if !answered {
			d.know(value, role, d.secretFor(snake(key), value))
		}
	case drawnRole, verifierRole, challengeRole:
		if !answered {
			d.draw(r, key, value)
		}
	}
}

// maxKnown is the most values that are told apart: beyond, a flow would not be
// one that people read.
const maxKnown = 500

// full reports whether there is no room for another value.
func (d *drafting) full() bool { return len(d.known)+len(d.captured) >= maxKnown }

// fieldFor is the field of the account for a value: who logs in is the username,
// and what is known of them besides goes by its own name.
func (d *drafting) fieldFor(r role, key, value string) string {
	field := accountField(r, key)
	if had, ok := d.values["account."+field]; ok && r == userRole && had != value {
		return identifier(snake(key), field)
	}
	return field
}

func (d *drafting) know(value string, r role, expr string) { d.known[value] = known{r, expr} }

// draw makes a value that an app draws a helper's: kept in a let where it is
// sent more than once.
func (d *drafting) draw(r *request, key, value string) {
	expr := fmt.Sprintf("random_string(%d)", min(max(len(value), 8), 128))
	switch {
	case uuidForm().MatchString(value) && len(value) == 36:
		expr = "uuid()"
	case isDigits(value):
		expr = fmt.Sprintf("random_digits(%d)", min(len(value), 128))
	}
	back, name := d.sentBack(value)
	if d.times[value] > 1 || back != nil {
		expr = d.let(d.firstSender(value, r), identifier(snake(key), "drawn"), expr)
	}
	if back != nil {
		back.expects = append(back.expects, "location.query"+memberExpr(name)+" == "+expr)
	}
	d.know(value, drawnRole, expr)
}

// sentBack finds the step whose answer sends a value back in a Location, as an
// authorization server does with the state: an app compares them, RFC 6749
// section 10.12.
func (d *drafting) sentBack(value string) (*request, string) {
	for _, r := range d.steps {
		_, query, _ := strings.Cut(get(r.Answer.Header, "Location"), "?")
		query, _, _ = strings.Cut(query, "#")
		for _, f := range parseQuery(query) {
			if f.Value == value && validName(f.Name) && !looksSecret(f.Name) {
				return r, f.Name
			}
		}
	}
	return nil, ""
}

// firstSender is the first step that sends a value, on its own or within a text.
func (d *drafting) firstSender(value string, otherwise *request) *request {
	for _, r := range d.steps {
		found := false
		r.leaves(func(_, text string) { found = found || strings.Contains(text, value) })
		if found {
			return r
		}
	}
	return otherwise
}

// let keeps an expression in a name before a request is sent.
func (d *drafting) let(r *request, name, expr string) string {
	name = unused(name, d.used)
	r.lets = append(r.lets, pair{name, expr})
	return name
}

// learnPKCE finds proof keys, RFC 7636: a challenge, and the verifier it is of.
func (d *drafting) learnPKCE() {
	verifierOf := map[string]string{}
	for _, r := range d.requests {
		r.leaves(func(key, value string) {
			if r.kept && roleFor(key, value) == verifierRole {
				sum := sha256.Sum256([]byte(value))
				verifierOf[base64.RawURLEncoding.EncodeToString(sum[:])] = value
			}
		})
	}
	for _, r := range d.requests {
		r.leaves(func(key, value string) {
			if _, ok := d.known[value]; ok || !r.kept || roleFor(key, value) != challengeRole || strings.Contains(value, "{{") {
				return
			}
			verifier, found := verifierOf[value]
			if !found && !looksLikeS256(value) {
				return // plain: the verifier itself, which is drawn
			}
			proof := d.let(d.firstSender(value, r), "proof", "pkce()")
			d.know(value, challengeRole, proof+".challenge")
			if found {
				d.know(verifier, verifierRole, proof+".verifier")
			} else {
				r.comments = append(r.comments, "decide: no request sends the verifier of this challenge; it is "+proof+".verifier")
			}
		})
	}
}

func looksLikeS256(challenge string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	return err == nil && len(raw) == sha256.Size
}

// account returns the expression of a field of the account.
func (d *drafting) account(field string) string {
	if !slices.Contains(d.fields, field) {
		d.fields = append(d.fields, field)
	}
	return "account." + field
}

// accountFor is account for a value: two values are two fields.
func (d *drafting) accountFor(field, value string) string {
	return d.account(d.distinct("account.", field, value, func() {
		d.decide("this " + strings.ReplaceAll(field, "_", " ") + " is not the one of the other requests")
	}))
}

// secret returns the expression of a secret of the flow.
func (d *drafting) secret(name string) string {
	name = identifier(snake(name), "value")
	if !slices.Contains(d.secrets, name) {
		d.secrets = append(d.secrets, name)
	}
	return "secrets." + name
}

func (d *drafting) secretFor(name, value string) string {
	return d.secret(d.distinct("secrets.", identifier(strings.TrimPrefix(snake(name), "x_"), "value"), value, func() {}))
}

// distinct is the name, or another where it stands for another value already.
func (d *drafting) distinct(of, name, value string, again func()) string {
	for i, first := 2, name; ; i++ {
		had, ok := d.values[of+name]
		if !ok {
			d.values[of+name] = value
			if i > 2 {
				again()
			}
			return name
		}
		if had == value {
			return name
		}
		name = fmt.Sprintf("%s_%d", first, i)
	}
}

// env returns the expression of an environment variable.
func (d *drafting) env(name string) string {
	name = strings.ToUpper(identifier(snake(name), "value"))
	if !slices.Contains(d.envs, name) {
		d.envs = append(d.envs, name)
	}
	return "env." + name
}

// capture returns the name under which a value of an answer is kept.
func (d *drafting) capture(value string, s source) string {
	if name, ok := d.captured[value]; ok {
		return name
	}
	name := unused(identifier(snake(s.key), "value"), d.used)
	s.at.captures = append(s.at.captures, pair{name, s.expr})
	d.captured[value] = name
	return name
}

// say puts a comment to the step that is being written, once.
func (d *drafting) say(comment string) {
	if comment != "" && d.now != nil && !slices.Contains(d.now.comments, comment) {
		d.now.comments = append(d.now.comments, comment)
	}
}

func (d *drafting) decide(what string) { d.say("decide: " + what) }

// isKnown reports whether a text is a value that must not be shown.
func (d *drafting) isKnown(text string, r *request) bool {
	k, is := d.known[text]
	_, answered := d.source(text, r)
	return is && stands(k.role, text, "path ") || answered
}

// printable is a text of the recording that is fit to be shown: of one line, and
// without anything that is or looks secret. "" where it is not.
func (d *drafting) printable(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, c := range text {
		if c < ' ' || c == 0x7f || c == 0xfffd || c >= 0x80 && !isPrint(c) {
			return ""
		}
	}
	if hasSecret(text) || d.leaks(text) != "" {
		return ""
	}
	return text
}
