package checks

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// put sets a key of a mapping.
func put(in *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(in.Content); i += 2 {
		if in.Content[i].Value == key {
			in.Content[i+1] = value
			return
		}
	}
	in.Content = append(in.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: value.Line, Column: value.Column}, value)
}

// merge sets a key of a mapping; of a value that is a mapping itself, the keys.
func merge(in, key, value *yaml.Node) {
	there := valueOf(in, key.Value)
	if key.Value == "dpop" && there != nil && there.Kind == yaml.ScalarNode { // `dpop: TOKEN` is short for {token: TOKEN}
		full := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: there.Line, Column: there.Column}
		put(full, "token", there)
		there = full
		put(in, key.Value, full)
	}
	if there == nil || there.Kind != yaml.MappingNode || value.Kind != yaml.MappingNode {
		put(in, key.Value, value)
		return
	}
	for i := 0; i+1 < len(value.Content); i += 2 {
		merge(there, value.Content[i], value.Content[i+1])
	}
}

// remove takes a key out of a mapping.
func remove(in *yaml.Node, key string) { removeIf(in, func(name string) bool { return name == key }) }

// removeField takes a field out of a mapping, however its name is written.
func removeField(in *yaml.Node, field string) {
	removeIf(in, func(name string) bool { return strings.EqualFold(name, field) })
}

func removeIf(in *yaml.Node, is func(name string) bool) {
	if in == nil || in.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(in.Content); {
		if is(in.Content[i].Value) {
			in.Content = append(in.Content[:i], in.Content[i+2:]...)
		} else {
			i += 2
		}
	}
}
