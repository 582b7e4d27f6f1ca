package httpsig

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// maxField is the most bytes a structured field may have to be read. Servers
// take no header of more.
const maxField = 64 << 10

// parseDictionary reads a dictionary, RFC 9651 section 4.2.2. Of a key that
// occurs twice the last value counts, at the place of the first. Errors tell the
// place and what was wanted there, never what was found.
func parseDictionary(text string) (dictionary, error) {
	if len(text) > maxField {
		return nil, fmt.Errorf("it has %d bytes, want at most %d", len(text), maxField)
	}
	p := &sfvParser{text: strings.Trim(text, " ")}
	var d dictionary
	at := map[string]int{}
	for !p.end() {
		m, err := p.member()
		if err != nil {
			return nil, err
		}
		if i, seen := at[m.key]; seen {
			d[i] = m
		} else {
			at[m.key] = len(d)
			d = append(d, m)
		}
		if p.skip(" \t"); p.end() {
			break
		}
		if !p.take(',') {
			return nil, p.want("a comma")
		}
		if p.skip(" \t"); p.end() {
			return nil, p.want("another member")
		}
	}
	return d, nil
}

// parseItem reads an item that is all of the text, section 4.2.3.
func parseItem(text string) (item, error) {
	if len(text) > maxField {
		return item{}, fmt.Errorf("it has %d bytes, want at most %d", len(text), maxField)
	}
	p := &sfvParser{text: strings.Trim(text, " ")}
	it, err := p.item()
	if err == nil && !p.end() {
		err = p.want("the end")
	}
	return it, err
}

type sfvParser struct {
	text string
	at   int
}

func (p *sfvParser) end() bool { return p.at == len(p.text) }

// next returns the byte that comes next, 0 at the end.
func (p *sfvParser) next() byte {
	if p.end() {
		return 0
	}
	return p.text[p.at]
}

func (p *sfvParser) take(c byte) bool {
	if p.end() || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

func (p *sfvParser) skip(set string) {
	for !p.end() && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *sfvParser) want(what string) error {
	return fmt.Errorf("want %s at character %d", what, p.at+1)
}

func (p *sfvParser) before(what string) error {
	return fmt.Errorf("want %s before character %d", what, p.at+1)
}

func (p *sfvParser) member() (member, error) {
	key, err := p.key()
	if err != nil {
		return member{}, err
	}
	if !p.take('=') {
		ps, err := p.params()
		return member{key, item{true, ps}}, err
	}
	if p.next() == '(' {
		l, err := p.innerList()
		return member{key, l}, err
	}
	it, err := p.item()
	return member{key, it}, err
}

func (p *sfvParser) innerList() (innerList, error) {
	p.take('(')
	var l innerList
	for {
		p.skip(" ")
		if p.take(')') {
			var err error
			l.params, err = p.params()
			return l, err
		}
		it, err := p.item()
		if err != nil {
			return l, err
		}
		l.items = append(l.items, it)
		if c := p.next(); c != ' ' && c != ')' {
			return l, p.want("a space or a closing parenthesis")
		}
	}
}

func (p *sfvParser) item() (item, error) {
	value, err := p.bare()
	if err != nil {
		return item{}, err
	}
	ps, err := p.params()
	return item{value, ps}, err
}

func (p *sfvParser) params() (params, error) {
	var ps params
	at := map[string]int{}
	for p.take(';') {
		p.skip(" ")
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		var value any = true
		if p.take('=') {
			if value, err = p.bare(); err != nil {
				return nil, err
			}
		}
		if i, seen := at[key]; seen {
			ps[i].value = value
			continue
		}
		at[key] = len(ps)
		ps = append(ps, param{key, value})
	}
	return ps, nil
}

func (p *sfvParser) key() (string, error) {
	from := p.at
	for !p.end() && keyByte(p.text[p.at], p.at == from) {
		p.at++
	}
	if p.at == from {
		return "", p.want("a key")
	}
	return p.text[from:p.at], nil
}

// bare reads a bare item, section 4.2.3.1.
func (p *sfvParser) bare() (any, error) {
	c := p.next()
	switch {
	case c == '-' || isDigit(c):
		return p.number()
	case c == '"':
		return p.str()
	case c == ':':
		return p.bytes()
	case c == '?':
		return p.boolean()
	case c == '@':
		p.at++
		n, err := p.number()
		if i, ok := n.(int64); ok && err == nil {
			return date(i), nil
		}
		return nil, p.before("a whole number")
	case c == '*' || isLetter(c):
		from := p.at
		for !p.end() && tokenByte(p.text[p.at]) {
			p.at++
		}
		return token(p.text[from:p.at]), nil
	}
	return nil, p.want("a value")
}

// number reads an integer of at most 15 digits, or a decimal of at most 12 and 3.
func (p *sfvParser) number() (any, error) {
	negative := p.take('-')
	whole := p.digits()
	if whole == "" || len(whole) > 15 {
		return nil, p.before("1 to 15 digits")
	}
	fraction, isDecimal := "", p.take('.')
	if isDecimal {
		if fraction = p.digits(); fraction == "" || len(fraction) > 3 || len(whole) > 12 {
			return nil, p.before("at most 12 digits, a point and 1 to 3 digits")
		}
		fraction += strings.Repeat("0", 3-len(fraction))
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return nil, p.before("a number")
	}
	if negative {
		n = -n
	}
	if isDecimal {
		return decimal(n), nil
	}
	return n, nil
}

func (p *sfvParser) digits() string {
	from := p.at
	for !p.end() && isDigit(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *sfvParser) str() (any, error) {
	p.at++
	var b strings.Builder
	for !p.end() {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			return b.String(), nil
		case c == '\\':
			if c = p.next(); c != '"' && c != '\\' {
				return nil, p.want("a quote or a backslash")
			}
			p.at++
		case c < 0x20 || c > 0x7e:
			return nil, p.before("printable ASCII")
		}
		b.WriteByte(c)
	}
	return nil, p.want("a closing quote")
}

func (p *sfvParser) bytes() (any, error) {
	p.at++
	n := strings.IndexByte(p.text[p.at:], ':')
	if n < 0 {
		return nil, p.want("a closing colon")
	}
	text := p.text[p.at : p.at+n]
	p.at += n + 1
	// Decoders may be lenient about padding and the bits it leaves; this one is not
	// about line ends, which encoding/base64 skips.
	enc := base64.StdEncoding
	if !strings.HasSuffix(text, "=") {
		enc = base64.RawStdEncoding
	}
	b, err := enc.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, p.before("base64")
	}
	return b, nil
}

func (p *sfvParser) boolean() (any, error) {
	p.at++
	switch {
	case p.take('1'):
		return true, nil
	case p.take('0'):
		return false, nil
	}
	return nil, p.want("0 or 1")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func tokenByte(c byte) bool {
	return isDigit(c) || isLetter(c) || c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0
}
