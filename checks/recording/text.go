package recording

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func isPrint(r rune) bool { return unicode.IsPrint(r) }

// A piece is a part of a text as a flow has it: as it was, or an expression.
type piece struct {
	text   string
	expr   bool
	number bool // the expression yields a number
}

var variableForm = form(`\{\{\s*([^{}]{1,100}?)\s*\}\}`)

// text turns what a request sends in a field into the pieces that a flow sends.
func (d *drafting) text(r *request, key, value string) []piece {
	return d.sealed(key, value, d.split(r, key, value))
}

// split is text for a value of which nothing has to be hidden as a whole.
func (d *drafting) split(r *request, key, value string) (all []piece) {
	if !d.rec.Variables {
		return d.literal(r, key, value)
	}
	rest := 0
	for _, m := range variableForm().FindAllStringSubmatchIndex(value, -1) {
		if m[0] > rest {
			all = append(all, d.literal(r, key, value[rest:m[0]])...)
		}
		all = append(all, piece{text: d.variableExpr(value[m[2]:m[3]]), expr: true})
		rest = m[1]
	}
	if rest < len(value) || rest == 0 {
		all = append(all, d.literal(r, key, value[rest:])...)
	}
	return all
}

// literal turns a text without variables into pieces.
func (d *drafting) literal(r *request, key, value string) []piece {
	if p, ok := d.whole(r, key, value); ok {
		return []piece{p}
	}
	if roleFor(key, value) == publicRole && !looksPersonal(value) {
		return d.parts(r, key, value, false)
	}
	return d.parts(r, key, value, true)
}

// whole is the expression for a value that is one thing.
func (d *drafting) whole(r *request, key, value string) (p piece, ok bool) {
	if value == "" {
		return p, false
	}
	role := roleFor(key, value)
	if k, ok := d.known[value]; ok && (k.role == role || stands(k.role, value, key)) {
		return piece{text: k.expr, expr: true}, true
	}
	if s, ok := d.source(value, r); ok && s.at.kept && role != publicRole {
		return d.carried(value, s), true
	}
	switch {
	case d.full() && (role == userRole || role == passwordRole || role == personalRole || role == secretRole):
		return d.stranger(value), true
	case role == otpRole:
		return piece{text: d.otp(len(value)), expr: true}, true
	case role == tokenRole && (looksSecret(value) || len(value) >= 6 && !isWord(value)):
		return d.unsourced(key, value), true
	}
	return d.clock(r, value)
}

// stands reports whether a value that is known from one field is to be taken for
// the same in another: short and plain words are not, in a path.
func stands(r role, value, key string) bool {
	switch {
	case strings.HasPrefix(key, "path "):
		return len(value) >= 6 && !isWord(value)
	case r == userRole || r == personalRole:
		return len(value) >= 6
	}
	return len(value) >= 4
}

// isWord reports whether a text is a word as people write it.
func isWord(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) || i > 0 && s[i] < 'a' {
			return false
		}
	}
	return true
}

// clock finds the time at which the request was sent.
func (d *drafting) clock(r *request, value string) (p piece, ok bool) {
	if !isDigits(value) || r.At.IsZero() || len(value) != 10 && len(value) != 13 {
		return p, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return p, false
	}
	at, expr := time.Unix(n, 0), "unix(now())"
	if len(value) == 13 {
		at, expr = time.UnixMilli(n), "now().UnixMilli()"
	}
	if at.Sub(r.At).Abs() > time.Hour {
		return p, false
	}
	return piece{text: expr, expr: true, number: true}, true
}

// carried is a value of an answer.
func (d *drafting) carried(value string, s source) piece {
	if _, ok := d.captured[value]; !ok && d.full() {
		return d.stranger(value)
	}
	return piece{text: d.capture(value, s), expr: true, number: s.number}
}

// stranger is a secret that there is no room for.
func (d *drafting) stranger(value string) piece {
	d.decide(fmt.Sprintf("this recording has more than %d values that look like secrets; the rest are random texts here", maxKnown))
	return piece{text: fmt.Sprintf("random_string(%d)", min(max(len(value), 1), 64)), expr: true}
}

// unsourced is a secret that no answer had.
func (d *drafting) unsourced(key, value string) piece {
	if d.full() {
		return d.stranger(value)
	}
	key = strings.TrimPrefix(key, "path ")
	switch {
	case looksPersonal(value):
		expr := d.accountFor(identifier(snake(key), "value"), value)
		d.know(value, personalRole, expr)
		return piece{text: expr, expr: true}
	case key == "authorization":
		key = "access_token"
	}
	expr := d.secretFor(key, value)
	d.know(value, secretRole, expr)
	d.decide(fmt.Sprintf("no recorded answer had what is sent as %s; it is a secret of the flow here", plainVariable(strings.TrimPrefix(expr, "secrets."))))
	return piece{text: expr, expr: true}
}

// parts looks for values within a text; with anything, also for what merely
// looks like a secret.
func (d *drafting) parts(r *request, key, text string, anything bool) (all []piece) {
	for _, value := range d.knownValues() {
		if len(value) < 6 || !strings.Contains(text, value) || isWord(value) && len(value) < 12 {
			continue
		}
		before, after, _ := strings.Cut(text, value)
		if embedded(before, value, after) && isWord(value) {
			continue
		}
		all = d.parts(r, key, before, anything)
		all = append(all, piece{text: d.known[value].expr, expr: true})
		return append(all, d.parts(r, key, after, anything)...)
	}
	rest := 0
	for _, at := range wordForm().FindAllStringIndex(text, -1) {
		all = addText(all, text[rest:at[0]])
		all = append(all, d.word(r, key, text[at[0]:at[1]], anything)...)
		rest = at[1]
	}
	return joinPieces(addText(all, text[rest:]))
}

// knownValues are the values that have an expression, the longest first.
func (d *drafting) knownValues() []string {
	if len(d.sorted) != len(d.known) {
		d.sorted = slices.SortedFunc(maps.Keys(d.known), longestFirst)
	}
	return d.sorted
}

func longestFirst(a, b string) int {
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	return strings.Compare(a, b)
}

// embedded reports whether a value stands within a longer word.
func embedded(before, value, after string) bool {
	return before != "" && isAlnum(before[len(before)-1]) && isAlnum(value[0]) ||
		after != "" && isAlnum(after[0]) && isAlnum(value[len(value)-1])
}

// word turns a run of characters such as tokens are made of into pieces: it is
// one value, or has some between slashes and the like.
func (d *drafting) word(r *request, key, word string, anything bool) (all []piece) {
	if p, ok := d.find(r, key, word); ok {
		return []piece{p}
	}
	if i := strings.IndexFunc(word, isBetween); i >= 0 && d.hasInside(r, word) {
		all = d.word(r, key, word[:i], anything)
		all = addText(all, word[i:i+1])
		return append(all, d.word(r, key, word[i+1:], anything)...)
	}
	if anything && looksSecret(word) && !isPath(word) {
		return []piece{d.unsourced(key, word)}
	}
	return addText(nil, word)
}

// find is the expression of a value that stands within a text.
func (d *drafting) find(r *request, key, word string) (p piece, ok bool) {
	if k, ok := d.known[word]; ok && len(word) >= 6 && !isWord(word) {
		return piece{text: k.expr, expr: true}, true
	}
	if s, ok := d.source(word, r); ok && s.at.kept && len(word) >= 6 {
		return d.carried(word, s), true
	}
	return p, false
}

func (d *drafting) hasInside(r *request, word string) bool {
	return isPath(word) || slices.ContainsFunc(strings.FieldsFunc(word, isBetween), func(part string) bool {
		_, known := d.known[part]
		_, answered := d.source(part, r)
		return known || answered
	})
}

// isPath reports whether a word is a path or an address, whose parts are words,
// and not a token with slashes in it.
func isPath(word string) bool {
	return strings.ContainsRune(word, '/') && slices.ContainsFunc(strings.Split(word, "/"), func(s string) bool {
		return len(s) >= 3 && isWord(s)
	})
}

func addText(all []piece, text string) []piece {
	if text == "" {
		return all
	}
	return append(all, piece{text: text})
}

// joinPieces makes texts that follow each other one.
func joinPieces(all []piece) (joined []piece) {
	for _, p := range all {
		if n := len(joined); n > 0 && !p.expr && !joined[n-1].expr {
			joined[n-1].text += p.text
			continue
		}
		joined = append(joined, p)
	}
	return joined
}

// template is the pieces as a template of the flow language.
func template(all []piece) string {
	var b strings.Builder
	for _, p := range joinPieces(all) {
		if p.expr {
			b.WriteString("${{ " + p.text + " }}")
			continue
		}
		b.WriteString(strings.ReplaceAll(p.text, "${{", `${{ "${{" }}`))
	}
	return b.String()
}
