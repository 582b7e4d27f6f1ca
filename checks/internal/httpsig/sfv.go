package httpsig

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// The structured fields of RFC 9651, as far as signatures need them: a
// dictionary of items and inner lists. A bare item is one of
//
//	int64, decimal, string, token, []byte, bool, date
//
// Display strings are not among them: no field that is signed by member has any.
type (
	token   string
	date    int64 // seconds from 1970
	decimal int64 // thousandths

	// params are in order, each key once.
	params []param
	param  struct {
		key   string
		value any // a bare item
	}

	item struct {
		value  any // a bare item
		params params
	}

	innerList struct {
		items  []item
		params params
	}

	// dictionary is in order, each key once.
	dictionary []member
	member     struct {
		key   string
		value any // item or innerList
	}
)

func (p params) get(key string) (any, bool) {
	for _, one := range p {
		if one.key == key {
			return one.value, true
		}
	}
	return nil, false
}

func (d dictionary) get(key string) (any, bool) {
	for _, m := range d {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

// String serializes a dictionary, RFC 9651 section 4.1.2.
func (d dictionary) String() string {
	parts := make([]string, len(d))
	for i, m := range d {
		parts[i] = m.key
		if it, ok := m.value.(item); ok && it.value == true {
			parts[i] += it.params.String()
			continue
		}
		parts[i] += "=" + serialize(m.value)
	}
	return strings.Join(parts, ", ")
}

// serialize writes a member's value, which is an item or an inner list.
func serialize(value any) string {
	switch v := value.(type) {
	case item:
		return bare(v.value) + v.params.String()
	case innerList:
		return v.String()
	}
	panic(fmt.Sprintf("httpsig: a member is a %T", value))
}

// String serializes an inner list, section 4.1.1.1.
func (l innerList) String() string {
	parts := make([]string, len(l.items))
	for i, it := range l.items {
		parts[i] = serialize(it)
	}
	return "(" + strings.Join(parts, " ") + ")" + l.params.String()
}

// String serializes parameters, section 4.1.1.2.
func (p params) String() string {
	var b strings.Builder
	for _, one := range p {
		b.WriteString(";" + one.key)
		if one.value != true {
			b.WriteString("=" + bare(one.value))
		}
	}
	return b.String()
}

// bare serializes a bare item, section 4.1.3.1. A string must be printable
// ASCII: see [printable].
func bare(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case decimal:
		return v.String()
	case string:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
	case token:
		return string(v)
	case []byte:
		return ":" + base64.StdEncoding.EncodeToString(v) + ":"
	case bool:
		if v {
			return "?1"
		}
		return "?0"
	case date:
		return "@" + strconv.FormatInt(int64(v), 10)
	}
	panic(fmt.Sprintf("httpsig: a bare item is a %T", value))
}

// String has at least one digit after the point, and no zeros at the end.
func (d decimal) String() string {
	sign, v := "", int64(d)
	if v < 0 {
		sign, v = "-", -v
	}
	fraction := strings.TrimRight(fmt.Sprintf("%03d", v%1000), "0")
	if fraction == "" {
		fraction = "0"
	}
	return sign + strconv.FormatInt(v/1000, 10) + "." + fraction
}

// printable tells whether a text can be a string of structured fields: printable
// ASCII and spaces.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}

func isKey(text string) bool {
	for i := range len(text) {
		if !keyByte(text[i], i == 0) {
			return false
		}
	}
	return text != ""
}

func keyByte(c byte, first bool) bool {
	if c >= 'a' && c <= 'z' || c == '*' {
		return true
	}
	return !first && (c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.')
}
