package httpsig

import (
	"encoding/base64"
	"strconv"
	"strings"
)

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
