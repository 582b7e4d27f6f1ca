package recording

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/functions"
)

// taken are the names that mean something in expressions of the flow language,
// so that no capture can have them.
var taken = slices.Concat(helperNames(), strings.Fields(`status header body text location took step check account secrets env remembered age value
	all any none one filter map count len sum mean median min max first last take keys values sort reduce find group split join trim upper lower repeat replace
	int float string type now date duration timezone abs ceil floor round not and or in let if else nil true false matches contains get sortBy groupBy findIndex
	findLast findLastIndex countBy uniq reverse concat flatten toJSON fromJSON toBase64 fromBase64 toPairs fromPairs bitand bitor bitxor bitnand bitnot bitshl bitshr bitushr
	trimPrefix trimSuffix splitAfter indexOf lastIndexOf hasPrefix hasSuffix startsWith endsWith`))

func helperNames() (names []string) {
	for _, f := range functions.All() {
		names = append(names, f.Name)
	}
	return names
}

// snake is a name in small letters with underscores: accessToken is
// access_token, X-CSRF-Token is x_csrf_token.
func snake(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			if i > 0 && (name[i-1] >= 'a' && name[i-1] <= 'z' || isDigit(name[i-1])) {
				b.WriteByte('_')
			}
			b.WriteByte(c + 'a' - 'A')
		case isAlnum(c):
			b.WriteByte(c)
		default:
			b.WriteByte('_')
		}
	}
	return strings.Join(strings.FieldsFunc(b.String(), func(r rune) bool { return r == '_' }), "_")
}

// identifier is a name fit for a value of the flow language, or otherwise.
func identifier(name, otherwise string) string {
	if name == "" || len(name) > 60 || !isLetter(name[0]) || looksSecret(name) {
		return otherwise
	}
	return name
}

// unused makes a name unlike those in use and unlike those that mean something.
func unused(name string, used map[string]bool) string {
	if slices.Contains(taken, name) {
		name += "_value"
	}
	for i, first := 2, name; used[name]; i++ {
		name = fmt.Sprintf("%s_%d", first, i)
	}
	used[name] = true
	return name
}

// slug is a name fit for a flow or a pool: small letters, digits and hyphens, at
// most 63.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ReplaceAll(snake(name), "_", "-"), func(r rune) bool { return r == '-' })
	text := strings.Trim(strings.Join(words, "-"), "-")
	if len(text) > 50 {
		text = strings.Trim(text[:50], "-")
	}
	if text == "" || !isLetter(text[0]) || looksSecret(text) {
		return ""
	}
	return text
}

// stepName is what a request is called: by the recording, or by its path
// without versions and what differs from one run to the next.
func (d *drafting) stepName(r *request) string {
	name := d.printable(r.Name)
	if name == "" || d.tells(name) || strings.Contains(name, "://") || strings.Contains(name, "{{") || len(name) > 80 {
		name = pathName(d, r)
	}
	if method := strings.ToLower(r.Method); d.names[name] && method != "get" && !d.names[method+" "+name] {
		name = method + " " + name
	}
	for i, first := 2, name; d.names[name]; i++ {
		name = fmt.Sprintf("%s %d", first, i)
	}
	d.names[name] = true
	return name
}

// tells reports whether a name that a person gave a request may have a value in
// it: it sets something, has a number as long as a PIN, or a word like hunter22.
func (d *drafting) tells(name string) bool {
	if strings.Contains(name, "=") || assigns(name) {
		return true
	}
	credential := false
	for _, word := range strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(" ,;:/()[]{}<>\"'|", c) }) {
		c := count(word)
		_, known := d.known[word]
		if known || c.digits >= 4 || c.digits >= 2 && c.lower+c.upper > 0 || credential && (c.digits > 0 || strings.ContainsAny(word, "!#$%&*+@^~")) {
			return true
		}
		credential = credential || namesCredential(word)
	}
	return false
}

func pathName(d *drafting, r *request) string {
	var words []string
	for _, s := range strings.Split(r.place.path, "/") {
		s, _, _ = strings.Cut(unescape(s), ";")
		plainSegment := s != "" && !strings.Contains(s, "{{") && !looksSecret(s) && !isDigits(s) && !d.isKnown(s, r)
		if version := len(s) > 1 && s[0] == 'v' && isDigits(s[1:]); plainSegment && !version && s != "api" && s != "rest" {
			words = append(words, strings.ReplaceAll(snake(s), "_", " "))
		}
	}
	name := strings.Join(words[max(0, len(words)-3):], " ")
	if name = d.printable(name); name == "" || len(name) > 80 {
		return strings.ToLower(r.Method) + " " + "request"
	}
	return name
}

// memberExpr reads a member of an object in an expression.
func memberExpr(name string) string {
	if isIdentifier(name) && !slices.Contains([]string{"in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith", "let", "if", "else", "nil", "true", "false"}, name) {
		return "." + name
	}
	return "[" + quoteExpr(name) + "]"
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '_' || i == 0 && isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// quoteExpr is a text as a string of the expression language.
func quoteExpr(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r > 0xffff || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0x85:
			if r > 0xffff {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
