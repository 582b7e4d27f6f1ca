package recording

import (
	"slices"
	"strings"
)

// nameForm is a name within a text, and assignForm a name with what may be its
// value: of JSON (also as a text within JSON), of a query, of GraphQL, of XML.
var (
	namesForm  = form(`[\p{L}][\p{L}\p{N}_.-]*`)
	assignForm = form(`([$/]?)([\p{L}][\p{L}\p{N}_.-]*)["'\\]*\s*[:=>]\s*["'\\]*(\S?)`)
	// defaultForm is what stands behind a variable of GraphQL that has a default.
	defaultForm = form(`^\s*:?\s*[\w!\[\] ]+=`)
)

// mentions reports whether a text that cannot be taken apart names a credential.
func mentions(text string) bool {
	return slices.ContainsFunc(readings(text), func(s string) bool {
		return slices.ContainsFunc(namesForm().FindAllString(s, -1), namesCredential)
	})
}

// assigns reports whether a text gives a value to a name of a credential. An
// expression, a variable or nothing is no value.
func assigns(text string) bool { return slices.ContainsFunc(readings(text), assignsPlainly) }

// readings are a text as it is and with its escapes undone, as a URL within a
// URL has them.
func readings(text string) []string {
	all := []string{text}
	for range 2 {
		last := all[len(all)-1]
		next := escapeForm().ReplaceAllStringFunc(unescapeUnicode(last), unescape) // one by one: others may be malformed
		if next == last {
			break
		}
		all = append(all, next)
	}
	return all
}

var (
	unicodeForm = form(`\\u00([2-7][0-9a-fA-F])`)
	escapeForm  = form(`%[0-9a-fA-F]{2}`)
)

// unescapeUnicode undoes what JSON may write for a letter of ASCII.
func unescapeUnicode(text string) string { return unicodeForm().ReplaceAllString(text, "%$1") }

func assignsPlainly(text string) bool {
	for at := 0; at < len(text); {
		m := assignForm().FindStringSubmatchIndex(text[at:])
		if m == nil {
			return false
		}
		prefix, name, value := text[at+m[2]:at+m[3]], text[at+m[4]:at+m[5]], text[at+m[6]:at+m[7]]
		rest := text[at+m[6]:]
		behind := text[at+m[5]:]
		at += m[5] // a value may be a name itself
		if namesCredential(name) && !empties(value, rest) && !declares(prefix, behind) {
			return true
		}
	}
	return false
}

// empties reports whether what stands behind a name is no value of its own.
func empties(value, rest string) bool {
	return value == "" || strings.Contains("$&,;})]<", value) || strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "null") || strings.HasPrefix(rest, "true") || strings.HasPrefix(rest, "false")
}

// declares reports whether a name is a variable of GraphQL that is declared, or
// the name at the end of an element.
func declares(prefix, behind string) bool {
	switch prefix {
	case "$":
		return !defaultForm().MatchString(behind)
	case "/":
		return strings.HasPrefix(strings.TrimSpace(behind), ">")
	}
	return false
}

// sealed is what a text becomes that holds a credential within it: a secret of
// the flow as a whole, unless expressions stand for all that is secret in it.
func (d *drafting) sealed(key, value string, all []piece) []piece {
	var b strings.Builder
	for _, p := range all {
		if p.expr {
			b.WriteByte('$')
		} else {
			b.WriteString(p.text)
		}
	}
	if len(value) < 3 || strings.HasPrefix(value, "urn:") || !assigns(b.String()) {
		return all
	}
	return d.seal(key, value, "a text in this request names a credential")
}

// seal makes a text a secret as a whole.
func (d *drafting) seal(key, value, why string) []piece {
	expr := d.secretFor(strings.TrimPrefix(key, "path "), value)
	d.decide(why + ", and cannot be taken apart: the whole of it is " + expr + " here; write it out with references in it, or set the variable to it")
	return []piece{{text: expr, expr: true}}
}
