package checks

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// ofPattern are settings that a step which is sent again does not take over, those of
// every step: what it is called, what it wants, and what it keeps.
var ofPattern = strict.Keys(StepSettings{})

// ofTemplate are keys of the steps of ready checks that are no settings.
var ofTemplate = []string{"again", "send", "without", "drop", "unless"}

// expand makes the steps of a ready check, as if they stood in the flow.
func (u *use) expand(d *strict.Document, before []*yaml.Node) (steps []*yaml.Node) {
	mistakes := len(d.Mistakes)
	var base *yaml.Node
	if u.check.Repeats != "" {
		base = u.pattern(d, before)
		u.vetHarmless(d, base)
	}
	e := &expansion{use: u, doc: d, base: base, values: u.values(base)}
	if base != nil && u.check.Repeats == "authorize" {
		e.push = pushBefore(before, base)
	}
	if len(d.Mistakes) > mistakes {
		return nil
	}
	for i, template := range u.check.Steps {
		if unless := textAt(template, "unless"); unless != "" && u.with[unless] != nil {
			continue
		}
		steps = append(steps, e.step(template, i == len(u.check.Steps)-1)...)
	}
	if len(d.Mistakes) > mistakes {
		return nil
	}
	return steps
}

// values are the parameters: those given, and those that the flow tells.
func (u *use) values(base *yaml.Node) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	for _, p := range u.check.Parameters {
		if p.Default != "" {
			values[p.Name] = u.scalar(p.Default)
		}
	}
	if base != nil && tokenOf(base) != nil {
		values["token"] = tokenOf(base)
	}
	if base != nil && valueOf(base, "client") != nil {
		values["client"] = valueOf(base, "client")
	}
	for name, value := range u.with {
		values[name] = value
	}
	last := u.check.Steps[len(u.check.Steps)-1]
	values["name"] = u.scalar(textAt(last, "name"))
	if name := u.also["name"]; name != nil {
		values["name"] = name
	}
	return values
}

// scalar is a text that stands where the `use` stands.
func (u *use) scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: u.node.Line, Column: u.node.Column}
}

// An expansion is the making of the steps of one `use`.
type expansion struct {
	*use
	doc    *strict.Document
	base   *yaml.Node // the step that is sent again; nil where there is none
	push   *yaml.Node // and the one that pushes what it refers to
	values map[string]*yaml.Node
}

// step makes one step, or two where what it repeats is pushed before.
func (e *expansion) step(template *yaml.Node, last bool) (made []*yaml.Node) {
	own := e.fill(template)
	one := e.mapping()
	put(one, "name", valueOf(own, "name"))
	again := textAt(template, "again")
	switch {
	case again != "" && e.push != nil && last: // what is pushed is refused there
		e.push, e.base = nil, e.push
		further := valueOf(own, "authorize")
		remove(own, "authorize")
		put(own, "par", further)
		e.takeOver(one, e.base, template)
	case again != "":
		if e.push != nil {
			made = append(made, e.pushed(own))
		}
		e.takeOver(one, e.base, template)
		if again == "good" {
			e.expect(one)
		}
	}
	for i := 0; i+1 < len(own.Content); i += 2 {
		if key := own.Content[i].Value; !slices.Contains(ofTemplate, key) {
			merge(one, own.Content[i], own.Content[i+1])
		}
	}
	if token := valueOf(own, "send"); token != nil {
		e.send(one, token)
	}
	if last {
		for _, key := range sortedNames(e.also) {
			put(one, key, e.also[key])
		}
	} else if condition := e.also["if"]; condition != nil && valueOf(one, "if") == nil {
		put(one, "if", condition)
	}
	return append(made, one)
}

func (e *expansion) mapping() *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: e.node.Line, Column: e.node.Column}
}

// takeOver copies what the step that is sent again sends.
func (e *expansion) takeOver(to, from, template *yaml.Node) {
	if request := e.values["request"]; request != nil {
		put(to, "request", request)
		if token := e.values["token"]; token != nil && textAt(template, "send") == "" {
			e.send(to, token)
		}
	} else if from != nil {
		for i := 0; i+1 < len(from.Content); i += 2 {
			if !slices.Contains(ofPattern, from.Content[i].Value) {
				put(to, from.Content[i].Value, e.clone(from.Content[i+1]))
			}
		}
	}
	if without := valueOf(template, "without"); without != nil {
		for _, key := range without.Content {
			remove(to, key.Value)
		}
	}
	if drop := textAt(template, "drop"); drop != "" {
		for _, place := range fieldPlaces {
			removeField(valueOf(to, place), e.values[strings.TrimPrefix(drop, "$")].Value)
		}
	}
}

// expect takes over what the step that is sent again expects.
func (e *expansion) expect(to *yaml.Node) {
	if e.base != nil && e.values["request"] == nil && valueOf(e.base, "expect") != nil {
		put(to, "expect", e.clone(valueOf(e.base, "expect")))
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: e.node.Line, Column: e.node.Column}
	list.Content = []*yaml.Node{e.scalar("status < 300")}
	put(to, "expect", list)
}

// send sets the access token of a request, in the way in which the step sends its own
// that is sent again.
func (e *expansion) send(to, token *yaml.Node) {
	remove(to, "bearer")
	dpop := valueOf(to, "dpop")
	if dpop == nil && e.base != nil && valueOf(e.base, "bearer") == nil && valueOf(e.base, "dpop") != nil {
		dpop = e.clone(valueOf(e.base, "dpop"))
	}
	if dpop == nil {
		put(to, "bearer", token)
		return
	}
	if dpop.Kind != yaml.MappingNode {
		dpop = e.mapping()
	}
	put(dpop, "token", token)
	put(to, "dpop", dpop)
}

// pushed is the step that pushes an authorization request, with the parameters that the
// ready check gives the request itself.
func (e *expansion) pushed(own *yaml.Node) *yaml.Node {
	one := e.mapping()
	put(one, "name", e.scalar(textAt(own, "name")+", pushed"))
	for i := 0; i+1 < len(e.push.Content); i += 2 {
		if key := e.push.Content[i].Value; !slices.Contains(ofPattern, key) {
			put(one, key, e.clone(e.push.Content[i+1]))
		}
	}
	if further := valueOf(own, "authorize"); further != nil {
		merge(one, e.scalar("par"), e.clone(further))
		further.Content = nil
	}
	if condition := e.also["if"]; condition != nil {
		put(one, "if", condition)
	}
	return one
}

// asked matches a parameter in a template: $name as it is, $(name) as an expression.
var asked = regexp.MustCompile(`\$([a-z_]+)|\$\(([a-z_]+)\)`)

// fill is a copy of a part of a template, its parameters filled in.
func (e *expansion) fill(n *yaml.Node) *yaml.Node {
	made := *n
	made.Line, made.Column, made.Content = e.node.Line, e.node.Column, nil
	for i, inner := range n.Content {
		if n.Kind == yaml.MappingNode && e.isOpen(n.Content[i|1]) {
			continue
		}
		made.Content = append(made.Content, e.fill(inner))
	}
	if n.Kind != yaml.ScalarNode {
		return &made
	}
	if whole := asked.FindStringSubmatch(n.Value); whole != nil && whole[0] == n.Value && whole[1] != "" {
		return e.clone(e.value(whole[1]))
	}
	made.Value = asked.ReplaceAllStringFunc(n.Value, func(found string) string {
		name := strings.Trim(found, "$()")
		value := e.value(name)
		if found == "$"+name {
			return value.Value
		}
		made.Line, made.Column = value.Line, value.Column
		return "(" + expressionOf(e.doc, value) + ")"
	})
	return &made
}

// isOpen reports whether a value is a setting of the step that is sent again which that
// one does not have: it is left out.
func (e *expansion) isOpen(n *yaml.Node) bool {
	return n.Value == "$client" && e.values["client"] == nil
}

// clone is a copy of a part of the flow, each node with its place.
func (e *expansion) clone(n *yaml.Node) *yaml.Node {
	n, ok := e.doc.Resolve(n)
	if !ok {
		return e.scalar("") // which is noted
	}
	made := *n
	made.Anchor, made.Content = "", make([]*yaml.Node, len(n.Content))
	for i, inner := range n.Content {
		made.Content[i] = e.clone(inner)
	}
	return &made
}

// value is that of a parameter. That it has none is noted.
func (e *expansion) value(name string) *yaml.Node {
	if e.values[name] == nil {
		e.doc.Errorf(e.node, "%s needs with: {%s: …}", e.check.name, name)
		e.values[name] = e.scalar("") // once is enough
	}
	return e.values[name]
}

// expressionOf is the text of a template as an expression.
func expressionOf(d *strict.Document, n *yaml.Node) string {
	var t Template
	d.Decode(n, &t)
	var terms []string
	for _, p := range t.parts {
		if p.source != "" {
			terms = append(terms, strings.TrimSpace(p.source))
		} else {
			terms = append(terms, strconv.Quote(p.literal))
		}
	}
	if len(terms) == 0 {
		return `""`
	}
	return strings.Join(terms, " + ")
}
