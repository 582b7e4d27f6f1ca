package strict

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Decoder is a type that reads itself from a node. It notes what is wrong in
// the document and returns nothing: decoding goes on.
type Decoder interface {
	DecodeYAML(d *Document, n *yaml.Node)
}

// Decode reads a mapping into the struct that into points to. A field is read
// from the key that its `yaml` tag names; ",required" after the name makes its
// absence a mistake, a field without a tag is not read, and ",inline" reads an
// embedded struct's fields from the same mapping. Keys no field names are
// mistakes. What the document does not set keeps its value.
//
// Fields are of a type that implements [Decoder] (through its pointer), or
// string, bool, int, a slice, or a map by string of such types.
func (d *Document) Decode(n *yaml.Node, into any) {
	d.value(n, reflect.ValueOf(into).Elem(), 0)
}

func (d *Document) value(n *yaml.Node, v reflect.Value, depth int) {
	n, ok := d.Resolve(n)
	if !ok {
		return
	}
	if depth > maxDepth {
		d.Errorf(n, "nested more than %d deep", maxDepth)
		return
	}
	if v.CanAddr() {
		if self, ok := v.Addr().Interface().(Decoder); ok {
			self.DecodeYAML(d, n)
			return
		}
	}
	switch v.Kind() {
	case reflect.String:
		if text, ok := d.Text(n); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			d.Errorf(n, "want true or false, got %s", Describe(n))
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int:
		d.integer(n, v)
	case reflect.Slice:
		d.slice(n, v, depth)
	case reflect.Map:
		d.mapping(n, v, depth)
	case reflect.Struct:
		d.structure(n, v, depth)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), depth)
	default:
		panic(fmt.Sprintf("strict: no way to decode into %s", v.Type()))
	}
}

// Text reads a scalar as text, as it is written: 0123 is "0123". A boolean or
// nothing is a mistake, for YAML has already guessed what they mean.
func (d *Document) Text(n *yaml.Node) (string, bool) {
	n, ok := d.Resolve(n)
	if !ok {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		d.Errorf(n, "want text, got %s", Describe(n))
		return "", false
	}
	switch n.ShortTag() {
	case "!!null":
		d.Errorf(n, "want text, got nothing; write \"\" if it is to be empty")
		return "", false
	case "!!bool":
		d.Errorf(n, "want text, got a boolean; put it in quotes")
		return "", false
	case "!!str", "!!int", "!!float", "!!timestamp", "!!merge":
		return n.Value, true
	}
	d.Errorf(n, "want text, got the tag %s, which means nothing here", n.ShortTag())
	return "", false
}

func (d *Document) integer(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		d.Errorf(n, "want a whole number, got %s", Describe(n))
		return
	}
	var i int
	if _, err := fmt.Sscanf(n.Value, "%d", &i); err != nil || fmt.Sprint(i) != n.Value {
		d.Errorf(n, "want a whole number in plain decimal digits, got %q", n.Value)
		return
	}
	v.SetInt(int64(i))
}

func (d *Document) slice(n *yaml.Node, v reflect.Value, depth int) {
	if n.Kind != yaml.SequenceNode {
		d.Errorf(n, "want a list, got %s", Describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, out.Index(i), depth+1)
	}
	v.Set(out)
}

func (d *Document) mapping(n *yaml.Node, v reflect.Value, depth int) {
	out := reflect.MakeMap(v.Type())
	for key, value := range d.Pairs(n) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(value, item, depth+1)
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	}
	v.Set(out)
}

// Pairs yields the keys and values of a mapping in the order of the file. It
// notes keys that are no text or stand twice, and leaves those out.
func (d *Document) Pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			d.Errorf(n, "want a mapping of keys to values, got %s", Describe(n))
			return
		}
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch line, twice := seen[key.Value]; {
			case key.Kind != yaml.ScalarNode:
				d.Errorf(key, "want text as a key, got %s", Describe(key))
			case key.ShortTag() == "!!merge":
				d.Errorf(key, "merge keys (<<) are not supported; write the keys out, or use an alias for a whole value")
			case twice:
				d.Errorf(key, "the key %q stands twice; it was first set in line %d", key.Value, line)
			default:
				seen[key.Value] = key.Line
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

type field struct {
	name     string
	required bool
	index    []int
}

func fieldsOf(t reflect.Type, at []int) (fields []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		index := append(slices.Clone(at), i)
		switch {
		case options == "inline":
			fields = append(fields, fieldsOf(f.Type, index)...)
		case name != "":
			fields = append(fields, field{name, options == "required", index})
		}
	}
	return fields
}

// Keys lists the keys that Decode reads into the struct, in its order.
func Keys(of any) []string {
	var keys []string
	for _, f := range fieldsOf(reflect.Indirect(reflect.ValueOf(of)).Type(), nil) {
		keys = append(keys, f.name)
	}
	return keys
}

func (d *Document) structure(n *yaml.Node, v reflect.Value, depth int) {
	fields := fieldsOf(v.Type(), nil)
	set := make(map[string]bool, len(fields))
	for key, value := range d.Pairs(n) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		if i < 0 {
			d.Errorf(key, "unknown key %q%s", key.Value, d.otherKeys(key.Value, fields))
			continue
		}
		set[key.Value] = true
		d.value(value, v.FieldByIndex(fields[i].index), depth+1)
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, f := range fields {
		if f.required && !set[f.name] {
			d.Errorf(n, "the key %q is missing", f.name)
		}
	}
}

func (d *Document) otherKeys(name string, fields []field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	if near := Nearest(name, names); near != "" || len(names) > 12 {
		return near
	}
	return "; the keys here are " + strings.Join(names, ", ")
}
