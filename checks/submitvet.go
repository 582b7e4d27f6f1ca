package checks

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/htmlform"
	"github.com/authprober/authprober/checks/internal/strict"
)

// A FormChoice says which form of a page is submitted: `first`, or exactly one of
// these. Of several that fit it is the first.
type FormChoice struct {
	// ID is the id of the form.
	ID string `yaml:"id"`
	// Name is the name of the form.
	Name string `yaml:"name"`
	// Action is where the form goes to: a whole URL, or the end of a path, such as /login; without a query.
	Action string `yaml:"action"`
	// Index counts the forms of the page from 1.
	Index int `yaml:"index"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder.
func (f *FormChoice) DecodeYAML(d *strict.Document, n *yaml.Node) {
	f.node = n
	if n.Kind != yaml.MappingNode {
		f.Index = 1
		if text, ok := d.Text(n); ok && text != "first" {
			d.Errorf(n, "%q is no form; want first, or one of id, name, action and index, such as {id: login}", text)
		}
		return
	}
	type plain FormChoice
	set := plain(*f)
	before := len(d.Mistakes)
	d.Decode(n, &set)
	*f = FormChoice(set)
	switch {
	case len(d.Mistakes) > before:
	case len(n.Content) != 2:
		d.Errorf(n, "a form is told by exactly one of id, name, action and index")
	case f.ID == "" && f.Name == "" && f.Action == "" && f.Index < 1:
		d.Errorf(n.Content[1], "a form's id, name and action are not empty, and its index is 1 or more")
	case strings.ContainsAny(f.Action, "?#") || f.Action != "" && !wellBegun(f.Action):
		d.Errorf(n.Content[1], "%q is no action; want a whole http or https URL or the end of a path that begins with /, without a query", f.Action)
	}
}

// String is the choice for people.
func (f FormChoice) String() string {
	switch {
	case f.ID != "":
		return fmt.Sprintf("a form with id %q", f.ID)
	case f.Name != "":
		return fmt.Sprintf("a form with name %q", f.Name)
	case f.Action != "":
		return fmt.Sprintf("a form with action %q", f.Action)
	case f.Index == 1:
		return "the first form"
	}
	return fmt.Sprintf("form %d", f.Index)
}

// of is the form in the page; nil where there is none.
func (f *FormChoice) of(page *htmlform.Page) *htmlform.Form {
	for i, form := range page.Forms {
		if f.ID != "" && form.ID == f.ID || f.Name != "" && form.Name == f.Name || i+1 == f.Index || f.Action != "" && f.goesTo(form) {
			return form
		}
	}
	return nil
}

func (f *FormChoice) goesTo(form *htmlform.Form) bool {
	to, err := form.Action()
	if err != nil {
		return false
	}
	if strings.HasPrefix(f.Action, "/") {
		return strings.HasSuffix(to.EscapedPath(), f.Action)
	}
	plain := url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path, RawPath: to.RawPath}
	return plain.String() == f.Action
}

// A ButtonChoice says which button of a form is pressed: by its name alone, or by
// those of its properties that are given.
type ButtonChoice struct {
	// ID is the id of the button.
	ID string `yaml:"id"`
	// Name is the name of the button.
	Name string `yaml:"name"`
	// Value is the value that the button sends.
	Value string `yaml:"value"`
}

// DecodeYAML implements strict.Decoder.
func (b *ButtonChoice) DecodeYAML(d *strict.Document, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		type plain ButtonChoice
		d.Decode(n, (*plain)(b))
	} else if text, ok := d.Text(n); ok {
		b.Name = text
	} else {
		return
	}
	if *b == (ButtonChoice{}) {
		d.Errorf(n, "a button is told by its name, or by id, name or value, and none of them is set")
	}
}

// templates yields every template of the step.
func (f *SubmitStep) templates(each func(*Template)) {
	for _, pairs := range []Pairs{f.Fields, f.Extra, f.Headers} {
		pairs.each(each)
	}
}

// Vet implements [Step].
func (f *SubmitStep) Vet(s *Scope) {
	f.templates(func(t *Template) { t.compile(s) })
	f.Headers.vetHeaders(s, "Content-Type", "Cookie")
	for _, field := range f.Extra {
		for _, other := range f.Fields {
			if field.Name == other.Name {
				s.doc.Errorf(field.node, "%q is in fields and in extra; extra would win", field.Name)
			}
		}
	}
	if f.Submit.node == nil {
		return // and that is noted
	}
	if f.FollowRedirects < 0 || f.FollowRedirects > 20 {
		s.doc.Errorf(f.Submit.node, "follow_redirects is %d; want a number from 0 to 20", f.FollowRedirects)
	}
}
