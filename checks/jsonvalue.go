package checks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A Value is a JSON value written in YAML, with templates wherever a text may
// stand. It is built as data: what an expression yields is encoded, never
// pasted in. Objects keep the order in which they are written. The zero value
// is not set.
type Value struct {
	set bool
	// Exactly one of these is in use, by kind.
	literal  []byte // encoded already
	template *Template
	fields   []valueField
	items    []Value
	kind     valueKind
}

type valueKind uint8

const (
	literalValue valueKind = iota
	templateValue
	objectValue
	listValue
)

type valueField struct {
	key   []byte // encoded, with its colon
	value Value
}

// jsonNumber is the grammar of RFC 8259 section 6.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// DecodeYAML implements strict.Decoder.
func (v *Value) DecodeYAML(d *strict.Document, n *yaml.Node) {
	n, ok := d.Resolve(n)
	if !ok {
		return
	}
	v.set = true
	switch n.Kind {
	case yaml.MappingNode:
		v.kind = objectValue
		for key, value := range d.Pairs(n) {
			f := valueField{key: append(encodeJSON(key.Value), ':')}
			f.value.DecodeYAML(d, value)
			v.fields = append(v.fields, f)
		}
	case yaml.SequenceNode:
		v.kind = listValue
		v.items = make([]Value, len(n.Content))
		for i, item := range n.Content {
			v.items[i].DecodeYAML(d, item)
		}
	default:
		v.scalar(d, n)
	}
}

func (v *Value) scalar(d *strict.Document, n *yaml.Node) {
	switch n.ShortTag() {
	case "!!null":
		v.literal = []byte("null")
	case "!!bool":
		v.literal = []byte(strings.ToLower(n.Value))
	case "!!int", "!!float":
		if !jsonNumber.MatchString(n.Value) {
			d.Errorf(n, "%s is no JSON number; put it in quotes to send it as text", n.Value)
			return
		}
		v.literal = []byte(n.Value)
	default:
		t := &Template{Source: n.Value, node: n}
		t.split(d)
		if text, ok := t.constant(); ok {
			v.literal = encodeJSON(text)
			return
		}
		v.kind, v.template = templateValue, t
	}
}

func (v *Value) isSet() bool { return v.set }

// templates calls f for every template in the value.
func (v *Value) templates(f func(*Template)) {
	if v.template != nil {
		f(v.template)
	}
	for i := range v.fields {
		v.fields[i].value.templates(f)
	}
	for i := range v.items {
		v.items[i].templates(f)
	}
}

// encode writes the value with its templates evaluated.
func (v *Value) encode(b *bytes.Buffer, s *Session) error {
	switch v.kind {
	case templateValue:
		value, err := v.template.value(s)
		if err != nil {
			return err
		}
		return writeJSON(b, value)
	case objectValue:
		b.WriteByte('{')
		for i := range v.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(v.fields[i].key)
			if err := v.fields[i].value.encode(b, s); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case listValue:
		b.WriteByte('[')
		for i := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := v.items[i].encode(b, s); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		b.Write(v.literal)
	}
	return nil
}

// encodeJSON is a text as a JSON string, with <, > and & as they are.
func encodeJSON(text string) []byte {
	var b bytes.Buffer
	_ = writeJSON(&b, text) // a string always encodes
	return b.Bytes()
}

func writeJSON(b *bytes.Buffer, value any) error {
	switch v := value.(type) {
	case []byte:
		return fmt.Errorf("encoding %s as JSON", kindOf(value))
	case string:
		if isPlain(v) {
			b.WriteByte('"')
			b.WriteString(v)
			b.WriteByte('"')
			return nil
		}
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("encoding %s as JSON: it has no JSON form", kindOf(value))
	}
	b.Truncate(b.Len() - 1) // the encoder's line end
	return nil
}

// isPlain reports whether a text stands in JSON as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
