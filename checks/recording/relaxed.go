package recording

import (
	"slices"
	"strings"
)

// strict takes out of a text what makes it no JSON to a parser but JSON to a
// reader: comments of both kinds, and a comma before a bracket that closes.
func strict(text string) string {
	var b []byte
	for i := 0; i < len(text); {
		n := 1
		switch c := text[i]; {
		case c == '"':
			n = quotedLength(text[i:])
		case strings.HasPrefix(text[i:], "//"):
			i += lengthTo(text[i:], "\n")
			continue
		case strings.HasPrefix(text[i:], "/*"):
			i += lengthTo(text[i+2:], "*/") + 2
			continue
		case c == '}' || c == ']':
			b = withoutComma(b)
		}
		b = append(b, text[i:i+n]...)
		i += n
	}
	return string(b)
}

// quotedLength is the length of the string that a text begins with, or of all
// where it does not end.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// lengthTo is the length of a text up to the end of what closes it.
func lengthTo(text, end string) int {
	if i := strings.Index(text, end); i >= 0 {
		return i + len(end)
	}
	return len(text)
}

func withoutComma(b []byte) []byte {
	last := strings.TrimRight(string(b[max(0, len(b)-256):]), " \t\r\n")
	if i := len(b) - min(len(b), 256) + len(last) - 1; strings.HasSuffix(last, ",") {
		return slices.Delete(b, i, i+1)
	}
	return b
}

// In a list of names and values, these members name and hold.
var (
	namingMembers  = []string{"name", "key", "field", "fieldname", "id", "type", "label", "parameter"}
	holdingMembers = []string{"value", "val", "content", "text", "data", "input", "response"}
)

// keyOf is the name that tells what a member of an object is: its own; or, in
// {"name": "password", "value": …} and {"password": {"value": …}}, the one that
// it stands under.
func (t *tree) keyOf(within string, m member) string {
	own := plain(m.name)
	if roleFor(m.name, "0000") != noRole || t.kind != objectTree {
		return m.name
	}
	if slices.Contains(holdingMembers, own) {
		for _, other := range t.members {
			if slices.Contains(namingMembers, plain(other.name)) && other.value.kind == stringTree && namesCredential(other.value.text) {
				return other.value.text
			}
		}
	}
	if roleByWords(within) == passwordRole && !slices.Contains(namingMembers, own) && !strings.HasPrefix(own, "question") && !slices.Contains(facts, own) {
		return within
	}
	return m.name
}
