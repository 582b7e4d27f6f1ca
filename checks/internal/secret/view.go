package secret

import (
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A view is a text as it reads after unescaping, with the way back: byte i of it
// stands for the bytes [pos[i], pos[i+1]) of the original. A nil pos is the
// original itself.
type view struct {
	text string
	pos  []int
}

func (v view) origin(i int) int {
	if v.pos == nil {
		return i
	}
	return v.pos[i]
}

// span returns what stands for the given part of the view, which is not empty,
// in the original. An escape that stands for several bytes is taken whole.
func (v view) span(s span) span {
	from, to := v.origin(s.from), v.origin(s.to)
	for i, last := s.to, v.origin(s.to-1); to <= last; i++ {
		to = v.origin(i)
	}
	return span{from, to}
}

// A decoder reads one escape at the beginning of s: how many bytes of s it is
// and what it stands for. It returns 0 where there is none.
type decoder func(s string) (n int, text string)

var decoders = [...]struct {
	hint    string // bytes one of which begins each escape
	longest int    // in bytes, escapes are
	decode  decoder
}{
	{`\`, 12, decodeJSON},
	{"%", 3, decodePercent},
	{"%+", 3, decodeQuery},
	{"&", longestEntity, decodeHTML},
}

// viewsOf returns all the ways in which s may be read: as it is, unescaped in
// each way, and in each way after another. Most texts have but few of them.
// With part, s may end within an escape.
func viewsOf(s string, part bool) []view {
	views := []view{{text: s}}
	views = views[0].unescaped(views, part)
	for _, v := range views[1:] {
		views = v.unescaped(views, part)
	}
	return views
}

// unescaped appends v without the escapes of each kind that it has.
func (v view) unescaped(views []view, part bool) []view {
	for _, d := range decoders {
		longest := 0
		if part {
			longest = d.longest
		}
		if u, ok := v.unescape(d.hint, d.decode, longest); ok {
			views = append(views, u)
		}
	}
	return views
}

// unescape reports whether v has an escape that decode knows, and how it reads
// without them. What looks like the beginning of an escape and is followed by
// less than longest bytes is dropped.
func (v view) unescape(hint string, decode decoder, longest int) (view, bool) {
	if !strings.ContainsAny(v.text, hint) {
		return v, false
	}
	var (
		text    = make([]byte, 0, len(v.text))
		pos     = make([]int, 0, len(v.text)+1)
		changed bool
	)
	for i := 0; i < len(v.text); {
		n, is := 0, ""
		if strings.IndexByte(hint, v.text[i]) >= 0 {
			n, is = decode(v.text[i:])
			changed = changed || n > 0
			if n == 0 && len(v.text)-i < longest {
				changed = true
				break
			}
		}
		if n == 0 {
			n, is = 1, v.text[i:i+1]
		}
		text = append(text, is...)
		for range len(is) {
			pos = append(pos, v.origin(i))
		}
		i += n
	}
	return view{string(text), append(pos, v.origin(len(v.text)))}, changed
}

// decodeJSON reads an escape of a JSON string, RFC 8259 section 7.
func decodeJSON(s string) (int, string) {
	if len(s) < 2 {
		return 0, ""
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return 2, "\"\\/\b\f\n\r\t"[i : i+1]
	}
	r, ok := hex4(s)
	if !ok {
		return 0, ""
	}
	if utf16.IsSurrogate(r) {
		low, _ := hex4(s[6:])
		if c := utf16.DecodeRune(r, low); c != utf8.RuneError {
			return 12, string(c)
		}
		return 0, ""
	}
	return 6, string(r)
}

// hex4 reads a \uXXXX.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range []byte(s[2:6]) {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// decodePercent reads a percent-encoded byte, RFC 3986 section 2.1.
func decodePercent(s string) (int, string) {
	if len(s) < 3 || s[0] != '%' {
		return 0, ""
	}
	hi, lo := hexDigit(s[1]), hexDigit(s[2])
	if hi < 0 || lo < 0 {
		return 0, ""
	}
	return 3, string([]byte{byte(hi<<4 | lo)})
}

// decodeQuery is decodePercent for queries and forms, where "+" is a space.
func decodeQuery(s string) (int, string) {
	if s[0] == '+' {
		return 1, " "
	}
	return decodePercent(s)
}

// longestEntity is longer than any character reference that stands for ASCII,
// leading zeros aside.
const longestEntity = 32

// decodeHTML reads a character reference that ends in a semicolon.
func decodeHTML(s string) (int, string) {
	i := strings.IndexByte(s[:min(len(s), longestEntity)], ';')
	if i < 2 {
		return 0, ""
	}
	text := html.UnescapeString(s[:i+1])
	if text == s[:i+1] || strings.HasSuffix(text, ";") && text != ";" {
		return 0, ""
	}
	return i + 1, text
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
