package checks

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A Template is text with expressions in it, each as ${{ expression }}. A
// template that is one expression and nothing else has that expression's value,
// whatever its type; every other one is text. The zero value is not set.
type Template struct {
	Source string

	node  *yaml.Node
	parts []part
}

// A part is a literal text or a compiled expression.
type part struct {
	literal string
	source  string // of the expression; "" for a literal
	offset  int    // of the expression, within the template
	program *program
}

// DecodeYAML implements strict.Decoder.
func (t *Template) DecodeYAML(d *strict.Document, n *yaml.Node) {
	if text, ok := d.Text(n); ok {
		t.Source, t.node = text, n
		t.split(d)
	}
}

func (t *Template) isSet() bool { return t.node != nil }

// split cuts the source into its parts.
func (t *Template) split(d *strict.Document) {
	rest, at := t.Source, 0
	for {
		before, inner, found := strings.Cut(rest, "${{")
		if before != "" {
			t.parts = append(t.parts, part{literal: before})
		}
		if !found {
			return
		}
		start := at + len(before) + len("${{")
		end := closing(inner)
		if end < 0 {
			line, column := d.Inside(t.node, start-len("${{"))
			d.At(line, column, "${{ without }}")
			return
		}
		trimmed := strings.TrimLeft(inner[:end], " \t\n")
		t.parts = append(t.parts, part{source: strings.TrimSpace(trimmed) + " ", offset: start + end - len(trimmed)})
		rest = inner[end+len("}}"):]
		at = start + end + len("}}")
	}
}

// closing returns the offset of the }} that ends an expression: not one in a
// string, nor one that closes maps. -1 where there is none.
func closing(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}' && strings.HasPrefix(s[i:], "}}"):
			return i
		}
	}
	return -1
}

// compile compiles the template's expressions.
func (t *Template) compile(s *Scope) {
	for i := range t.parts {
		if p := &t.parts[i]; p.source != "" {
			p.program = s.compile(t.node, p.offset, strings.TrimSpace(p.source))
		}
	}
}

// needs lists the captured names that the template reads.
func (t *Template) needs(captured map[string]string) (names []string) {
	for i := range t.parts {
		if p := t.parts[i].program; p != nil {
			names = append(names, p.needs(captured)...)
		}
	}
	return names
}

// constant returns the text of a template without expressions.
func (t *Template) constant() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].source == "":
		return t.parts[0].literal, true
	}
	return "", false
}

// alone reports whether the template is one expression and nothing else.
func (t *Template) alone() bool { return len(t.parts) == 1 && t.parts[0].source != "" }

// value evaluates the template.
func (t *Template) value(s *Session) (any, error) {
	if t.alone() {
		return s.eval(t.parts[0].program)
	}
	return t.text(s, nil)
}

// text evaluates the template as text, each expression's text passed through
// escape unless that is nil.
func (t *Template) text(s *Session, escape func(literal string, value string) string) (string, error) {
	if text, ok := t.constant(); ok {
		return text, nil
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		if p.source == "" {
			b.WriteString(p.literal)
			continue
		}
		v, err := s.eval(p.program)
		if err != nil {
			return "", err
		}
		text, err := textOf(v)
		if err != nil {
			return "", fmt.Errorf("writing ${{ %s }} into text: %w", strings.TrimSpace(p.source), err)
		}
		if escape != nil {
			text = escape(b.String(), text)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// textOf is a value as text: numbers in plain decimal digits.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case fmt.Stringer:
		return v.String(), nil
	}
	return "", fmt.Errorf("%s is no text", kindOf(v))
}
