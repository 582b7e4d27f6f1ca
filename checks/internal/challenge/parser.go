package challenge

import "strings"

// A parser stands somewhere in the text of one field.
type parser struct {
	text  string
	at    int
	comma bool // whether next has passed a comma
}

func (p *parser) done() bool { return p.at >= len(p.text) }

// peek returns the byte to come, 0 at the end.
func (p *parser) peek() byte {
	if p.done() {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) space() { p.skip(" \t") }

func (p *parser) skip(set string) {
	for !p.done() && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

// next goes to the next element of the list and reports whether there is one.
// Empty elements are passed over, RFC 9110 section 5.6.1.2.
func (p *parser) next() bool {
	from := p.at
	p.skip(" \t,")
	p.comma = strings.Contains(p.text[from:p.at], ",")
	return !p.done()
}

// token reads a token, RFC 9110 section 5.6.2; "" if there is none.
func (p *parser) token() string {
	from := p.at
	for !p.done() && isToken(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

// name reads the name of a parameter with its equals sign. If there is no equals
// sign the parser stays where it is.
func (p *parser) name() (string, bool) {
	from := p.at
	name := p.token()
	p.space()
	if name == "" || p.peek() != '=' {
		p.at = from
		return "", false
	}
	p.at++
	p.space()
	return name, true
}

// token68 reads a token68 that is all that a challenge has. If there is none the
// parser stays where it is: `a=` is one, and `a=b` is a parameter.
func (p *parser) token68() (string, bool) {
	from := p.at
	for !p.done() && isToken68(p.text[p.at]) {
		p.at++
	}
	empty := p.at == from
	p.skip("=")
	text := p.text[from:p.at]
	p.space()
	if empty || !p.done() && p.peek() != ',' {
		p.at = from
		return "", false
	}
	return text, true
}

// value reads a token or a quoted text.
func (p *parser) value() (string, error) {
	if p.peek() == '"' {
		return p.quoted()
	}
	if value := p.token(); value != "" {
		return value, nil
	}
	return "", errValue
}

// quoted reads a quoted-string, RFC 9110 section 5.6.4.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for p.at++; !p.done(); p.at++ {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			c = p.text[p.at]
		case c == '\\':
			return "", errQuote
		}
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", errText
		}
		b.WriteByte(c)
	}
	return "", errQuote
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isToken(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 }

func isToken68(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0 }
