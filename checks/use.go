package checks

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// Steps are the steps of a flow, in order. Where one of them says `use`, the steps of
// a ready check stand in its place.
type Steps []step

// DecodeYAML implements strict.Decoder.
func (s *Steps) DecodeYAML(d *strict.Document, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		d.Errorf(n, "want a list, got %s", strict.Describe(n))
		return
	}
	*s = make(Steps, 0, len(n.Content))
	var before []*yaml.Node // the flow's own, in full
	var over *ending
	for _, item := range n.Content {
		item, ok := d.Resolve(item)
		if !ok {
			continue
		}
		if valueOf(item, "use") != nil {
			*s = append(*s, include(d, item, before, &over)...)
			continue
		}
		var one step
		d.Decode(item, &one)
		*s = append(*s, one)
		before = append(before, item)
	}
}

// A use is a step that says `use`, as it is written.
type use struct {
	node  *yaml.Node
	check *readyCheck
	with  map[string]*yaml.Node // its parameters
	also  map[string]*yaml.Node // settings of the step that has to be refused, in place of the check's
}

// UseSettings are what a step says that includes a ready check, beside the settings of
// the step that has to be refused: its name, refuse, if, timeout and the like.
type UseSettings struct {
	// Use is the name of a ready check, such as refused/no-token. The steps of the check stand in place of this one.
	Use string `yaml:"use,required"`
	// With are the check's parameters. Most need none: the check sends again what a step before it sends. step names another one.
	With map[string]string `yaml:"with"`
}

// settled are the settings of a step that a ready check has itself.
var settled = []string{"let", "capture", "remember", "forget", "counter", "poll"}

// overrides are the settings of a step that may stand beside `use`.
func overrides() []string {
	return slices.DeleteFunc(strict.Keys(StepSettings{}), func(key string) bool { return slices.Contains(settled, key) })
}

// include returns the steps that a `use` becomes. What is wrong with it is noted, and one
// step of no kind stands in its place then.
func include(d *strict.Document, n *yaml.Node, before []*yaml.Node, over **ending) (steps Steps) {
	u := readUse(d, n)
	if u == nil {
		return Steps{{}}
	}
	u.vetAlive(d, before, *over)
	if u.check.Ends {
		*over = &ending{u.check.name, len(before)}
	}
	for _, made := range u.expand(d, before) {
		one := step{use: &used{check: u.check.name, node: n, made: made}}
		d.Within(one.use.beside(), func() { d.Decode(made, &one) })
		steps = append(steps, one)
	}
	if len(steps) == 0 {
		return Steps{{}}
	}
	return steps
}

// An ending is a ready check after which the session of the token is over, or may be.
type ending struct {
	check string
	after int // how many of the flow's own steps
}

// vetAlive wants the token of the step that is sent again to be a good one still: what is
// made of a dead one is refused for that, and the check would never say anything.
func (u *use) vetAlive(d *strict.Document, before []*yaml.Node, over *ending) {
	p := patterns[u.check.Repeats]
	if over == nil || !p.request || u.check.Ends || u.check.Bare || u.with["token"] != nil {
		return
	}
	mistakes := len(d.Mistakes)
	base := u.pattern(d, before)
	d.Mistakes = d.Mistakes[:mistakes] // they are noted where it is made
	if at := slices.Index(before, base); at >= 0 && at < over.after {
		d.Errorf(u.node, "%s stands after %s, when the token is no longer good: it would be refused for that; put it before", u.check.name, over.check)
	}
}

// readUse reads what is written; nil where it names no check.
func readUse(d *strict.Document, n *yaml.Node) *use {
	u := &use{node: n, with: map[string]*yaml.Node{}, also: map[string]*yaml.Node{}}
	before := len(d.Mistakes)
	for key, value := range d.Pairs(n) {
		switch {
		case key.Value == "use":
			u.check = findReady(d, value)
		case key.Value == "with":
			u.readWith(d, value)
		case slices.Contains(overrides(), key.Value):
			u.also[key.Value] = value
		case slices.Contains(settled, key.Value):
			d.Errorf(key, "%s is the ready check's own; put it at a step of its own", key.Value)
		default:
			keys := append([]string{"with"}, overrides()...)
			d.Errorf(key, "unknown key %q%s; beside use stand %s", key.Value, strict.Nearest(key.Value, keys), strings.Join(keys, ", "))
		}
	}
	if u.check == nil || len(d.Mistakes) > before {
		return nil
	}
	if negative := u.also["negative"]; negative != nil && u.check.Pool != "" {
		d.Errorf(negative, "%s may cost the account its sessions, so its pool is %s whatever the flow says of it", u.check.name, u.check.Pool)
	}
	if u.vetWith(d); len(d.Mistakes) > before {
		return nil
	}
	return u
}

func (u *use) readWith(d *strict.Document, n *yaml.Node) {
	n, ok := d.Resolve(n)
	if !ok {
		return
	}
	for key, value := range d.Pairs(n) {
		if value, ok = d.Resolve(value); !ok {
			continue
		}
		if _, ok := d.Text(value); ok {
			u.with[key.Value] = &yaml.Node{Kind: value.Kind, Tag: value.Tag, Style: value.Style, Value: value.Value, Line: value.Line, Column: value.Column}
		}
	}
}

// vetWith holds the parameters against those that the check has.
func (u *use) vetWith(d *strict.Document) {
	names := u.check.parameterNames()
	for _, name := range sortedNames(u.with) {
		if !slices.Contains(names, name) {
			d.Errorf(u.with[name], "%s has no parameter %q%s; it has %s", u.check.name, name, strict.Nearest(name, names), strings.Join(names, ", "))
		}
	}
	for _, p := range u.check.Parameters {
		if p.Required && u.with[p.Name] == nil {
			d.Errorf(u.node, "%s needs with: {%s: …}: %s", u.check.name, p.Name, p.About)
		}
		if value := u.with[p.Name]; value != nil && p.Is == isDuration {
			u.vetDuration(d, p.Name, value)
		}
	}
}

// vetDuration reads a parameter that is a duration, and spells it as expressions do.
func (u *use) vetDuration(d *strict.Document, name string, value *yaml.Node) {
	mistakes := len(d.Mistakes)
	var span Duration
	d.Decode(value, &span)
	if span == 0 && len(d.Mistakes) == mistakes {
		d.Errorf(value, "%s of %s is 0s; want a time such as 16m", name, u.check.name)
	}
	value.Value = time.Duration(span).String()
}

// vetHarmless wants the fields that are left out of a step which is sent again to be none
// of the account's: without its password a login is a wrong one.
func (u *use) vetHarmless(d *strict.Document, base *yaml.Node) {
	for _, p := range u.check.Parameters {
		field := u.with[p.Name]
		if base == nil || field == nil || p.Is != isHarmless {
			continue
		}
		for _, place := range fieldPlaces {
			if value := fieldNamed(valueOf(base, place), field.Value); value != nil && ofAccount.MatchString(value.Value) {
				d.Errorf(field, "%s leaves %s out, which is the account's: that would be a wrong credential", u.check.name, field.Value)
			}
		}
	}
}

// ofAccount matches a template that reads the account.
var ofAccount = regexp.MustCompile(`\$\{\{[^}]*\baccount\b`)

// A used says where a step comes from that a ready check has made.
type used struct {
	check string
	node  *yaml.Node // the `use` in the flow
	made  *yaml.Node // what has become of it
}

// beside is what is said of a mistake in such a step, which no line of the flow shows;
// "" for a step of the flow's own.
func (u *used) beside() string {
	if u == nil {
		return ""
	}
	return " (in " + u.check + ")"
}

// orRename is what to do about a name that comes twice.
func (u *used) orRename() string {
	if u == nil {
		return ""
	}
	return "; give the second " + u.check + " another name"
}

// orHarmless is the way out for a step that only looks as if it sent a wrong credential.
// A ready check knows what it sends.
func (u *used) orHarmless() string {
	if u == nil {
		return ", or negative: false where it sends none"
	}
	return u.beside()
}
