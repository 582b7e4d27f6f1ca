package recording

import (
	"fmt"
	"strings"
)

// guard looks for the recording's secrets in what has been written. It is the
// second look at the same thing, and finds nothing unless the first is wrong.
func (d *drafting) guard(draft *Draft) error {
	for _, text := range []string{string(draft.Flow), string(draft.Accounts)} {
		if d.leaks(text) == "" {
			continue
		}
		for i, line := range strings.Split(text, "\n") { // a value that is known stands in one line
			if what := d.leaks(line); what != "" {
				return fmt.Errorf("line %d of the draft would show %s of the recording; nothing is written: leave that request out of the recording", i+1, what)
			}
		}
		return fmt.Errorf("the draft would show %s of the recording; nothing is written", d.leaks(text))
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
	for _, value := range d.cookies {
		if holds(text, value) {
			return "a cookie or an Authorization"
		}
	}
	return ""
}

// strangers are the names of cookies that the steps sent and no answer had set:
// of a session that was there before the recording.
func (d *drafting) strangers() (names []string) {
	set := map[string]bool{}
	for _, r := range d.requests {
		for _, f := range parseCookies(get(r.Header, "Cookie")) {
			if name := d.printable(f.Name); r.kept && !set[f.Name] && name != "" && validName(name) {
				names = append(names, name)
			}
			set[f.Name] = true
		}
		for _, f := range r.Answer.Header {
			if name, _, _ := strings.Cut(f.Value, "="); strings.EqualFold(f.Name, "Set-Cookie") {
				set[strings.TrimSpace(name)] = true
			}
		}
	}
	return names
}

// gather finds the cookies and the credentials of all requests.
func (d *drafting) gather() {
	seen := map[string]bool{}
	for _, r := range d.requests {
		all := append(parseCookies(get(r.Header, "Cookie")), Field{"", r.auth.value})
		for _, f := range append(all, parseCookies(get(r.Answer.Header, "Set-Cookie"))...) {
			if !seen[f.Value] && looksSecret(f.Value) {
				d.cookies = append(d.cookies, f.Value)
			}
			seen[f.Value] = true
		}
	}
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
