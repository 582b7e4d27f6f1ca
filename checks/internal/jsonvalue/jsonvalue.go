// Package jsonvalue reads the JSON of an answer for expressions, in one pass and without
// reflection: it is most of what a run costs beside the network.
package jsonvalue

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What may be wrong with a text. They tell nothing of what is in it.
var (
	errUTF8    = errors.New("it is not valid UTF-8")
	errEnd     = errors.New("it ends too early")
	errSyntax  = errors.New("it is not JSON")
	errFollows = errors.New("something follows the JSON value")
)

// mostNested is how deep lists and objects may be within each other, as in encoding/json.
const mostNested = 10_000

// Decode reads a JSON text, RFC 8259, as nil, bool, int, float64, string, []any and
// map[string]any. Whole numbers that fit an int become one, others float64; those that
// are larger keep all their digits as text, for a float64 would invent some. Of members of
// one name the last counts, and half of a surrogate pair is U+FFFD. Nothing of text is
// kept.
func Decode(text []byte) (any, error) { return DecodePart(text, Whole) }

// DecodePart is Decode, and makes no more of the value than the part that is wanted: an
// object lacks members of which nothing is wanted, or they are nil, and so are the
// elements of a list. The whole text has to be right nevertheless.
func DecodePart(text []byte, wanted *Part) (any, error) {
	if !utf8.Valid(text) {
		return nil, errUTF8
	}
	d := decoder{text: text}
	v, err := d.value(wanted)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(text) {
		return nil, errFollows
	}
	return v, nil
}

type decoder struct {
	text   []byte
	at     int
	nested int
	names  map[string]string // of members: those of a list of objects are the same again and again
}

// space skips white space.
func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte there.
func (d *decoder) next() (byte, error) {
	if d.space(); d.at == len(d.text) {
		return 0, errEnd
	}
	return d.text[d.at], nil
}

// value reads a value, and makes the part of it that is wanted: nil where that is nothing.
func (d *decoder) value(wanted *Part) (any, error) {
	c, err := d.next()
	if err != nil {
		return nil, err
	}
	if wanted == nil {
		return nil, d.skip(c)
	}
	switch c {
	case '{':
		return d.object(wanted)
	case '[':
		return d.list(wanted)
	case '"':
		return d.string()
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	case 'n':
		return nil, d.literal("null")
	}
	text, whole, err := d.number()
	if err != nil {
		return nil, err
	}
	return numberOf(text, whole), nil
}

// skip reads a value that begins with c, of which nothing is wanted.
func (d *decoder) skip(c byte) (err error) {
	switch c {
	case '{':
		return d.skipObject()
	case '[':
		return d.skipList()
	case '"':
		_, _, err = d.quoted()
	case 't':
		err = d.literal("true")
	case 'f':
		err = d.literal("false")
	case 'n':
		err = d.literal("null")
	default:
		_, _, err = d.number()
	}
	return err
}

func (d *decoder) literal(want string) error {
	rest := d.text[d.at:]
	n := 0
	for n < len(want) && n < len(rest) && rest[n] == want[n] {
		n++
	}
	d.at += n
	switch {
	case n == len(want):
		return nil
	case n == len(rest):
		return errEnd
	}
	return errSyntax
}

// begin goes into a list or an object, and reports whether it is empty.
func (d *decoder) begin(end byte) (empty bool, err error) {
	if d.nested++; d.nested > mostNested {
		return false, errSyntax
	}
	d.at++
	c, err := d.next()
	if c == end && err == nil {
		d.nested--
		d.at++
		return true, nil
	}
	return false, err
}

// more reports whether another member follows, after one.
func (d *decoder) more(end byte) (bool, error) {
	c, err := d.next()
	if err != nil {
		return false, err
	}
	d.at++
	switch c {
	case ',':
		return true, nil
	case end:
		d.nested--
		return false, nil
	}
	return false, errSyntax
}

func (d *decoder) list(wanted *Part) (any, error) {
	list := []any{}
	if empty, err := d.begin(']'); empty || err != nil {
		return list, err
	}
	if !wanted.whole {
		wanted = nil
	}
	for more := true; more; {
		v, err := d.value(wanted)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if more, err = d.more(']'); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (d *decoder) object(wanted *Part) (any, error) {
	members := map[string]any{}
	if empty, err := d.begin('}'); empty || err != nil {
		return members, err
	}
	for more := true; more; {
		name, part, kept, err := d.member(wanted)
		if err != nil {
			return nil, err
		}
		v, err := d.value(part)
		if err != nil {
			return nil, err
		}
		if kept {
			members[name] = v
		}
		if more, err = d.more('}'); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// member reads the name of a member of an object, and its colon. It returns what is
// wanted of its value, and whether the object keeps it.
func (d *decoder) member(wanted *Part) (name string, part *Part, kept bool, err error) {
	raw, escaped, err := d.name()
	switch {
	case err != nil:
		return "", nil, false, err
	case wanted.whole:
		return d.nameOf(raw, escaped), wanted, true, nil
	case escaped:
		raw = []byte(unescape(raw))
	}
	if m := wanted.members[string(raw)]; m != nil {
		return m.name, m.part, true, nil
	}
	if wanted.size {
		return string(raw), nil, true, nil
	}
	return "", nil, false, nil
}

// name reads the name of a member, and its colon, and returns what is between its quotes.
func (d *decoder) name() (raw []byte, escaped bool, err error) {
	c, err := d.next()
	if err != nil {
		return nil, false, err
	}
	if c != '"' {
		return nil, false, errSyntax
	}
	if raw, escaped, err = d.quoted(); err != nil {
		return nil, false, err
	}
	if c, err = d.next(); err != nil {
		return nil, false, err
	}
	if c != ':' {
		return nil, false, errSyntax
	}
	d.at++
	return raw, escaped, nil
}

// nameOf is a name as text, one for all members that have it.
func (d *decoder) nameOf(raw []byte, escaped bool) string {
	name, known := d.names[string(raw)]
	if !known {
		if name = string(raw); escaped {
			name = unescape(raw)
		}
		if d.names == nil {
			d.names = map[string]string{}
		}
		d.names[string(raw)] = name
	}
	return name
}

// skipList reads a list of which nothing is wanted.
func (d *decoder) skipList() error {
	empty, err := d.begin(']')
	for more := !empty; more && err == nil; {
		if _, err = d.value(nil); err == nil {
			more, err = d.more(']')
		}
	}
	return err
}

// skipObject reads an object of which nothing is wanted.
func (d *decoder) skipObject() error {
	empty, err := d.begin('}')
	for more := !empty; more && err == nil; {
		if _, _, err = d.name(); err != nil {
			return err
		}
		if _, err = d.value(nil); err == nil {
			more, err = d.more('}')
		}
	}
	return err
}

func (d *decoder) string() (any, error) {
	raw, escaped, err := d.quoted()
	if err != nil {
		return nil, err
	}
	if escaped {
		return unescape(raw), nil
	}
	return string(raw), nil
}

// quoted reads a string, and returns what is between the quotes.
func (d *decoder) quoted() (raw []byte, escaped bool, err error) {
	d.at++
	from := d.at
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			raw = d.text[from:d.at]
			d.at++
			return raw, escaped, nil
		case c < ' ':
			return nil, false, errSyntax
		case c == '\\':
			escaped = true
			if err := d.escape(); err != nil {
				return nil, false, err
			}
		default:
			d.at++
		}
	}
	return nil, false, errEnd
}

// escape skips an escape in a string, which has to be right.
func (d *decoder) escape() error {
	if d.at++; d.at == len(d.text) {
		return errEnd
	}
	c := d.text[d.at]
	d.at++
	if c != 'u' {
		if strings.IndexByte(escapes, c) < 0 {
			return errSyntax
		}
		return nil
	}
	for range 4 {
		if d.at == len(d.text) {
			return errEnd
		}
		if !isHex(d.text[d.at]) {
			return errSyntax
		}
		d.at++
	}
	return nil
}

// number reads a number, RFC 8259 section 6, and reports whether it is written as a whole
// one.
func (d *decoder) number() (text []byte, whole bool, err error) {
	from := d.at
	whole = true
	if d.text[d.at] == '-' {
		d.at++
	}
	if d.at < len(d.text) && d.text[d.at] == '0' {
		d.at++
	} else if err := d.digits(); err != nil {
		return nil, false, err
	}
	if d.is(".") {
		whole = false
		d.at++
		if err := d.digits(); err != nil {
			return nil, false, err
		}
	}
	if d.is("eE") {
		whole = false
		d.at++
		if d.is("+-") {
			d.at++
		}
		if err := d.digits(); err != nil {
			return nil, false, err
		}
	}
	return d.text[from:d.at], whole, nil
}

// is reports whether one of the bytes comes next.
func (d *decoder) is(one string) bool {
	return d.at < len(d.text) && strings.IndexByte(one, d.text[d.at]) >= 0
}

// digits skips digits, of which there has to be one.
func (d *decoder) digits() error {
	from := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	switch {
	case d.at > from:
		return nil
	case d.at == len(d.text):
		return errEnd
	}
	return errSyntax
}

func numberOf(text []byte, whole bool) any {
	if whole {
		if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return int(i)
		}
		return string(text)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil { // beyond the range of float64
		return string(text)
	}
	return f
}
