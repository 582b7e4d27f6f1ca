package recording

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// A tree is a JSON value whose members keep their order.
type tree struct {
	kind    treeKind
	text    string // of a string, a number or a bool
	members []member
}

// A member is a value with its name in an object; in a list it has none.
type member struct {
	name  string
	value *tree
}

type treeKind uint8

const (
	nullTree treeKind = iota
	boolTree
	numberTree
	stringTree
	listTree
	objectTree
)

// maxDepth is how deep the JSON of a body may be nested to be looked at.
const maxDepth = 64

var errNotJSON = errors.New("not JSON")

// parseTree reads one JSON text.
func parseTree(text string) (*tree, error) {
	if c := strings.TrimSpace(text); c == "" || strings.IndexByte("{[\"-0123456789tfn", c[0]) < 0 || !utf8.ValidString(text) {
		return nil, errNotJSON
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	t, err := readTree(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNotJSON
	}
	return t, nil
}

func readTree(dec *json.Decoder, depth int) (*tree, error) {
	token, err := dec.Token()
	if err != nil || depth > maxDepth {
		return nil, errNotJSON
	}
	switch v := token.(type) {
	case string:
		return &tree{kind: stringTree, text: v}, nil
	case json.Number:
		return &tree{kind: numberTree, text: string(v)}, nil
	case bool:
		return &tree{kind: boolTree, text: map[bool]string{true: "true", false: "false"}[v]}, nil
	case json.Delim:
		t := &tree{kind: objectTree}
		if v == '[' {
			t.kind = listTree
		}
		return t, t.readMembers(dec, depth)
	}
	return &tree{kind: nullTree}, nil
}

func (t *tree) readMembers(dec *json.Decoder, depth int) error {
	at := map[string]int{} // of two members with one name the later counts
	for dec.More() {
		var m member
		if t.kind == objectTree {
			name, err := dec.Token()
			if err != nil {
				return errNotJSON
			}
			m.name, _ = name.(string)
		}
		var err error
		if m.value, err = readTree(dec, depth+1); err != nil {
			return err
		}
		if i, ok := at[m.name]; ok && t.kind == objectTree {
			t.members[i] = m
			continue
		}
		at[m.name] = len(t.members)
		t.members = append(t.members, m)
	}
	if _, err := dec.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
