package httpsig

import (
	"fmt"
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
