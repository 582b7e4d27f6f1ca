package checks

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A readyCheck is a check that must be refused, ready to be included in a flow. Each is
// a file of the folder refused. In its steps
//
//	$name      is the name of the step that has to be refused, or another parameter
//	$(name)    is a parameter as an expression
//	again      says that a step sends what the step before the `use` sends: true, or
//	           good with what that one expects
//	send       is the access token that is sent in place of that one's
//	without    are settings of that one that are left out
//	drop       is a field that is left out of its body, its query and its header
//	unless     is a parameter with which the step is left out
//
// and the last is the one that has to be refused.
type readyCheck struct {
	name string
	// About says what is sent and what has to come of it, in a sentence.
	About string `yaml:"about,required"`
	// Source is the standard and its section.
	Source string `yaml:"source,required"`
	// Needs says what the flow has to have before it.
	Needs string `yaml:"needs,required"`
	// Often says how often it is worth being done: each run, or hourly.
	Often string `yaml:"often,required"`
	// Pool is the kind of pool that it needs. The default is any.
	Pool string `yaml:"pool"`
	// Repeats says which of the steps before it the check sends again, a pattern. The default is none.
	Repeats string `yaml:"repeats"`
	// Ends says that the session of the token is over by then, or may be.
	Ends bool `yaml:"ends"`
	// Bare says that it sends no token, so that it does not matter whether that is a good one.
	Bare bool `yaml:"bare"`
	// Parameters are those of the check itself.
	Parameters []parameter `yaml:"parameters"`
	// Steps are what it becomes.
	Steps templateSteps `yaml:"steps,required"`
}

// A parameter of a ready check.
type parameter struct {
	Name     string `yaml:"name,required"`
	About    string `yaml:"about,required"`
	Required bool   `yaml:"required"`
	Default  string `yaml:"default"`
	// Is says what it has to be: a duration, or a field that is no credential. The default is any text.
	Is string `yaml:"is"`
}

// What a parameter may have to be.
const (
	isDuration = "duration"
	isHarmless = "harmless" // the name of a field whose value is not the account's
)

type templateSteps []*yaml.Node

// DecodeYAML implements strict.Decoder.
func (s *templateSteps) DecodeYAML(_ *strict.Document, n *yaml.Node) { *s = n.Content }

//go:embed refused/*.yaml
var refusedFiles embed.FS

// readyChecks are the ready checks by name. Their files are part of the program: what
// is wrong with one is a panic, and no test passes.
var readyChecks = sync.OnceValue(func() map[string]*readyCheck {
	entries, err := refusedFiles.ReadDir("refused")
	if err != nil {
		panic(err)
	}
	all := make(map[string]*readyCheck, len(entries))
	for _, entry := range entries {
		path := "refused/" + entry.Name()
		text, err := refusedFiles.ReadFile(path)
		if err != nil {
			panic(err)
		}
		d, one := strict.Parse(path, text), &readyCheck{name: strings.TrimSuffix(path, ".yaml")}
		if d.Root != nil {
			d.Decode(d.Root, one)
		}
		if one.Repeats != "" && patterns[one.Repeats].is == nil {
			d.Errorf(d.Root, "there is no pattern %q", one.Repeats)
		}
		if err := d.Mistakes.Err(); err != nil {
			panic(fmt.Sprint("a ready check: ", err))
		}
		all[one.name] = one
	}
	return all
})

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// findReady is the check of a name; a name that is none is noted.
func findReady(d *strict.Document, n *yaml.Node) *readyCheck {
	name, ok := d.Text(n)
	if !ok {
		return nil
	}
	all := readyChecks()
	if found := all[name]; found != nil {
		return found
	}
	names := sortedNames(all)
	near := strict.Nearest(name, names)
	if near == "" {
		near = strict.Nearest("refused/"+name, names)
	}
	if near == "" {
		near = "; they are " + strings.Join(names, ", ")
	}
	d.Errorf(n, "there is no ready check %q%s", name, near)
	return nil
}

// parameterNames are those that `with` may have, in the order of the reference.
func (r *readyCheck) parameterNames() (names []string) {
	for _, p := range r.parameters() {
		names = append(names, p.Name)
	}
	return names
}

// parameters are those of the check and of the pattern that it repeats.
func (r *readyCheck) parameters() []parameter {
	all := slices.Clone(r.Parameters)
	if r.Repeats == "" {
		return all
	}
	add := func(name, about string) {
		if !slices.ContainsFunc(all, func(p parameter) bool { return p.Name == name }) {
			all = append(all, parameter{Name: name, About: about})
		}
	}
	p := patterns[r.Repeats]
	if p.request {
		add("request", "The method and path that are asked for in place of that step's.")
		add("token", "The access token in place of that step's.")
	}
	add("step", "The name of the step that is sent again. The default is the last "+p.about+".")
	return all
}

// refusals are the statuses that the check wants.
func (r *readyCheck) refusals() string {
	last := valueOf(r.Steps[len(r.Steps)-1], "refuse")
	texts := make([]string, len(last.Content))
	for i, n := range last.Content {
		texts[i] = n.Value
	}
	return strings.Join(texts, " or ")
}
