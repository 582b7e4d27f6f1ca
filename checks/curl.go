package checks

import (
	"net/http"
	"strings"
)

// curl is a command for a POSIX shell that sends what the step does. It is made of the
// flow's own text: each expression in it is a variable, whose name tells what it was, so
// that nothing of an account or of an answer is in it.
//
//	curl -X POST 'https://bank.example/v1/login' -H 'Content-Type: application/json' \
//	  --data-raw '{"username":"'"$ACCOUNT_USERNAME"'","password":"'"$ACCOUNT_PASSWORD"'"}'
func (r *RequestStep) curl(base string) string {
	c := &command{}
	c.word("curl")
	if r.Request.Method != http.MethodGet {
		c.word("-X " + r.Request.Method)
	}
	to := quoted(r.Request.URL.shell())
	if strings.HasPrefix(r.Request.URL.Source, "/") {
		to = quoted(append([]piece{{text: base}}, r.Request.URL.shell()...))
	}
	c.word(to)
	if len(r.Query) > 0 {
		c.option("--url-query", r.Query, "=")
	}
	c.option("-H", r.Headers, ": ")
	r.curlCredentials(c)
	r.curlBody(c)
	if r.FollowRedirects > 0 {
		c.word("-L")
	}
	return c.b.String()
}

func (r *RequestStep) curlCredentials(c *command) {
	if r.Bearer.isSet() {
		c.header("Authorization: Bearer ", r.Bearer.shell())
	}
	if r.Basic != nil {
		c.line("-u " + quoted(append(append(r.Basic.Username.shell(), piece{text: ":"}), r.Basic.Password.shell()...)))
	}
	c.option("-b", r.Cookies, "=")
	if r.DPoP != nil {
		c.header("Authorization: DPoP ", r.DPoP.Token.shell())
		c.header("DPoP: ", []piece{{variable: "DPOP_PROOF"}})
	}
	if r.JWS != nil {
		c.header(r.JWS.Field+": ", []piece{{variable: "JWS"}})
	}
	if r.Signature != nil {
		c.header("Signature-Input: ", []piece{{variable: "SIGNATURE_INPUT"}})
		c.header("Signature: ", []piece{{variable: "SIGNATURE"}})
	}
	if r.Sign != nil {
		for i := range r.Sign.Headers {
			c.header(r.Sign.Headers[i].Name+": ", []piece{{variable: "SIGNATURE"}})
		}
	}
}

func (r *RequestStep) curlBody(c *command) {
	switch {
	case r.JSON.isSet():
		c.header("Content-Type: application/json", nil)
		c.line("--data-raw " + quoted(r.JSON.shell()))
	case r.Form != nil:
		c.option("--data-urlencode", r.Form, "=")
	case r.Body.isSet():
		c.header("Content-Type: text/plain; charset=utf-8", nil)
		c.line("--data-raw " + quoted(r.Body.shell()))
	}
}

// A command is written word by word.
type command struct{ b strings.Builder }

func (c *command) word(s string) {
	if c.b.Len() > 0 {
		c.b.WriteByte(' ')
	}
	c.b.WriteString(s)
}

// line begins a line of the command.
func (c *command) line(s string) { c.b.WriteString(" \\\n  " + s) }

func (c *command) header(before string, value []piece) {
	c.line("-H " + quoted(append([]piece{{text: before}}, value...)))
}

// option has one option for each of the pairs.
func (c *command) option(name string, pairs Pairs, between string) {
	for i := range pairs {
		c.line(name + " " + quoted(append([]piece{{text: pairs[i].Name + between}}, pairs[i].Value.shell()...)))
	}
}

// A piece is a text, or a variable.
type piece struct{ text, variable string }

// quoted writes pieces as one word for a shell: text in single quotes, which keep
// everything as it is, and variables in double ones.
func quoted(pieces []piece) string {
	var b strings.Builder
	text := ""
	flush := func() {
		if text != "" {
			b.WriteString("'" + strings.ReplaceAll(text, "'", `'\''`) + "'")
		}
		text = ""
	}
	for _, p := range pieces {
		if p.variable == "" {
			text += p.text
			continue
		}
		flush()
		b.WriteString(`"$` + p.variable + `"`)
	}
	if flush(); b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// shell is the template with a variable for each expression.
func (t *Template) shell() (pieces []piece) {
	for i := range t.parts {
		if p := &t.parts[i]; p.source == "" {
			pieces = append(pieces, piece{text: p.literal})
		} else {
			pieces = append(pieces, piece{variable: variableName(p.source)})
		}
	}
	return pieces
}

// shell is the value's JSON text with a variable for each expression, as text.
func (v *Value) shell() (pieces []piece) {
	text := func(s string) { pieces = append(pieces, piece{text: s}) }
	switch v.kind {
	case templateValue:
		text(`"`)
		for _, p := range v.template.shell() {
			if p.variable == "" {
				encoded := string(encodeJSON(p.text))
				p.text = encoded[1 : len(encoded)-1]
			}
			pieces = append(pieces, p)
		}
		text(`"`)
	case objectValue:
		text("{")
		for i := range v.fields {
			if i > 0 {
				text(",")
			}
			text(string(v.fields[i].key))
			pieces = append(pieces, v.fields[i].value.shell()...)
		}
		text("}")
	case listValue:
		text("[")
		for i := range v.items {
			if i > 0 {
				text(",")
			}
			pieces = append(pieces, v.items[i].shell()...)
		}
		text("]")
	default:
		text(string(v.literal))
	}
	return pieces
}

// longestVariable is how long the name of a variable is at the most.
const longestVariable = 40

// variableName is an expression as the name of a variable: account.password is
// ACCOUNT_PASSWORD.
func variableName(expression string) string {
	var b strings.Builder
	gap := false
	for _, c := range []byte(strings.ToUpper(expression)) {
		if c < 'A' || c > 'Z' {
			if c < '0' || c > '9' || b.Len() == 0 {
				gap = b.Len() > 0
				continue
			}
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		if b.WriteByte(c); b.Len() >= longestVariable {
			break
		}
	}
	if b.Len() == 0 {
		return "VALUE"
	}
	return b.String()
}
