package recording

import (
	"fmt"
	"strings"
)

// guard looks for the recording's secrets in what has been written. It is the
// second look at the same thing, and finds nothing unless the first is wrong.
func (d *drafting) guard(draft *Draft) error {
	for _, text := range []string{string(draft.Flow), string(draft.Accounts)} {
		for i, line := range strings.Split(text, "\n") {
			if what := d.leaks(line); what != "" {
				return fmt.Errorf("line %d of the flow would show %s of the recording; nothing is written: leave that request out of the recording", i+1, what)
			}
		}
	}
	return nil
}

// leaks says what of the recording's secrets a text holds, "" where none.
func (d *drafting) leaks(text string) string {
	if text == "" {
		return ""
	}
	for value, k := range d.known {
		if k.role != drawnRole && holds(text, value) {
			return "a credential"
		}
	}
	for value := range d.captured {
		if holds(text, value) {
			return "a value of an answer"
		}
	}
	for _, r := range d.steps {
		if holds(text, r.auth.value) {
			return "an Authorization"
		}
		for _, f := range append(parseCookies(get(r.Header, "Cookie")), parseCookies(get(r.Answer.Header, "Set-Cookie"))...) {
			if looksSecret(f.Value) && holds(text, f.Value) {
				return "a cookie"
			}
		}
	}
	return ""
}

// holds reports whether a text holds a value that is long and odd enough not to
// be there by chance, as a word of its own.
func holds(text, value string) bool {
	if len(value) < 6 || isWord(value) && len(value) < 12 || strings.Contains(value, "{{") {
		return false
	}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, value)
		if !found {
			return false
		}
		if !embedded(before, value, after) || looksSecret(value) {
			return true
		}
		rest = after
	}
}

func parseCookies(header string) (all []Field) {
	for _, one := range strings.FieldsFunc(header, func(r rune) bool { return r == ';' || r == '\n' }) {
		if name, value, ok := strings.Cut(strings.TrimSpace(one), "="); ok {
			all = append(all, Field{name, value})
		}
	}
	return all
}
