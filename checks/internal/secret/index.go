package secret

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// minLen is the length from which on a secret is found within other text.
const minLen = 4

// A needle is one text to look for: a secret, or what must be in a text that
// holds it encoded.
type needle struct {
	text string
	// alone asks for a border on both sides, and digits says of what kind: no
	// digit there, or no letter either.
	alone, digits bool
	// before and after say that the characters next to it, of base64, hold a few
	// bits of the secret; padding may follow them.
	before, after bool
}

// An index finds any of many needles in one pass over a text: the first four
// bytes of each lead to it, and a small bit set tells in most places that no
// needle begins there. An automaton would do it in one step a byte as well, at
// a kilobyte a state; there may be thousands of secrets of some hundred bytes.
type index struct {
	byHead map[uint32][]needle
	filter []uint64 // a power of two of words; the bit of each head is set
	count  int
	short  []needle // those of less than four bytes
}

func (x *index) empty() bool { return x.count == 0 && len(x.short) == 0 }

func head(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func (x *index) bit(h uint32) (word, mask uint64) {
	h *= 0x9E3779B1 // spreads the heads; any odd number does
	h >>= 8
	return uint64(h>>6) & uint64(len(x.filter)-1), 1 << (h & 63)
}

// insert adds one needle, unless it is there already.
func (x *index) insert(n needle) {
	if len(n.text) < minLen {
		x.short = append(x.short, n)
		return
	}
	if x.byHead == nil {
		x.byHead = make(map[uint32][]needle)
	}
	h := head(n.text)
	for _, o := range x.byHead[h] {
		if o == n {
			return
		}
	}
	x.byHead[h] = append(x.byHead[h], n)
	x.count++
	if x.count > len(x.filter)*8 { // at most an eighth of the bits is set
		x.filter = make([]uint64, max(16, len(x.filter)*2))
		for h := range x.byHead {
			w, m := x.bit(h)
			x.filter[w] |= m
		}
	}
	w, m := x.bit(h)
	x.filter[w] |= m
}

// add adds the needles of one secret.
func (x *index) add(s string) {
	if len(s) < minLen {
		x.addShort(s)
		return
	}
	x.insert(needle{text: s})
	lower := hex.EncodeToString([]byte(s))
	x.insert(needle{text: lower})
	x.insert(needle{text: strings.ToUpper(lower)})
	for shift := range 3 {
		n := base64Core(base64.RawStdEncoding, s, shift)
		x.insert(n)
		n.text = strings.NewReplacer("+", "-", "/", "_").Replace(n.text)
		x.insert(n)
	}
}

func (x *index) addShort(s string) {
	x.insert(needle{text: s, alone: true, digits: strings.Trim(s, "0123456789") == ""})
	lower := hex.EncodeToString([]byte(s))
	for _, t := range []string{
		lower, strings.ToUpper(lower),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s)),
		base64.URLEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
	} {
		x.insert(needle{text: t, alone: true})
	}
}

// base64Core returns those characters of an encoded text that depend on the
// secret s in it alone, where s begins shift bytes (modulo three) into it.
func base64Core(enc *base64.Encoding, s string, shift int) needle {
	e := enc.EncodeToString([]byte(strings.Repeat("\x00", shift) + s))
	first := (shift*8 + 5) / 6 // the first character of bits of s only
	end := (shift + len(s)) * 8 / 6
	return needle{
		text:   e[first:end],
		before: shift*8%6 != 0,
		after:  (shift+len(s))*8%6 != 0,
	}
}

// find appends to found where the needles are in the text behind v. With part,
// the beginning of a needle at the end of v counts.
func (x *index) find(found []span, v view, part bool) []span {
	s := v.text
	if x.count > 0 {
		for i := 0; i+minLen <= len(s); i++ {
			h := head(s[i:])
			if w, m := x.bit(h); x.filter[w]&m == 0 {
				continue
			}
			for _, n := range x.byHead[h] {
				if j, ok := n.at(s, i, part); ok {
					found = append(found, v.span(n.widen(s, i, j)))
				}
			}
		}
	}
	for _, n := range x.short {
		for i := 0; i+len(n.text) <= len(s); i++ {
			j := strings.Index(s[i:], n.text)
			if j < 0 {
				break
			}
			if i += j; n.bounded(s, i, i+len(n.text)) {
				found = append(found, v.span(span{i, i + len(n.text)}))
			}
		}
	}
	if part {
		found = x.findTail(found, v)
	}
	return found
}

// findTail looks for a part of a needle, shorter than four bytes and yet half of
// it, that ends the text. The longer ones are found on the way there.
func (x *index) findTail(found []span, v view) []span {
	check := func(n needle) {
		for k := min(minLen, len(n.text)) - 1; 2*k >= len(n.text) && k > 0; k-- {
			i := len(v.text) - k
			if strings.HasSuffix(v.text, n.text[:k]) && (!n.alone || n.border(v.text, i-1)) {
				found = append(found, v.span(span{i, len(v.text)}))
			}
		}
	}
	for _, n := range x.short {
		check(n)
	}
	for _, ns := range x.byHead {
		for _, n := range ns {
			if len(n.text) < 2*minLen {
				check(n)
			}
		}
	}
	return found
}

// at reports whether n is in s at i, and where it ends there.
func (n *needle) at(s string, i int, part bool) (end int, ok bool) {
	if part && len(s)-i < len(n.text) {
		return len(s), strings.HasPrefix(n.text, s[i:]) && (!n.alone || n.border(s, i-1))
	}
	end = i + len(n.text)
	return end, strings.HasPrefix(s[i:], n.text) && n.bounded(s, i, end)
}

func (n *needle) bounded(s string, i, j int) bool {
	return !n.alone || n.border(s, i-1) && n.border(s, j)
}

// border reports whether the byte of s at i, if there is one, may stand next to
// a needle that is to stand alone.
func (n *needle) border(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return true
	}
	c := s[i]
	return !(c >= '0' && c <= '9') && (n.digits || !isLetter(c))
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// widen takes the characters of base64 in that hold the first and the last bits.
func (n *needle) widen(s string, i, j int) span {
	if n.before && i > 0 && isBase64(s[i-1]) {
		i--
	}
	if n.after && j < len(s) && isBase64(s[j]) {
		j++
		for j < len(s) && s[j] == '=' {
			j++
		}
	}
	return span{i, j}
}

func isBase64(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}
