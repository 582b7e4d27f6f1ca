package checks

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// An Expansion is what a `use` of a flow has become.
type Expansion struct {
	// File and Line are where it stands.
	File string
	Line int
	// Check is the ready check, such as refused/no-token.
	Check string
	// Steps are the steps in its place, a list in YAML.
	Steps string
}

// expansions lists what has become of each `use` of the flow.
func (src *source) expansions() (all []Expansion, err error) {
	steps := src.flow.Steps
	for i := 0; i < len(steps); {
		u := steps[i].use
		if u == nil {
			i++
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for ; i < len(steps) && steps[i].use != nil && steps[i].use.node == u.node; i++ {
			list.Content = append(list.Content, steps[i].use.made)
		}
		text, err := yaml.Dump(list)
		if err != nil {
			return nil, fmt.Errorf("writing the steps of %s: %w", u.check, err)
		}
		all = append(all, Expansion{File: src.doc.File, Line: u.node.Line, Check: u.check, Steps: string(text)})
	}
	return all, nil
}
