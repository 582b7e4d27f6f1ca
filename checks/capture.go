package checks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// Captures are the values a step keeps, in the order of the file.
type Captures []Capture

// A Capture keeps the value of an expression under a name.
type Capture struct {
	Name string `yaml:"-"`
	// Value is an expression over the answer; where it finds nothing the step fails.
	Value Expr `yaml:"value,required"`
	// Show allows the value to be seen in reports and logs. It is secret otherwise.
	Show bool `yaml:"show"`
}

var identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// DecodeYAML implements strict.Decoder.
func (c *Captures) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		one := Capture{Name: key.Value}
		if value.Kind == yaml.MappingNode {
			d.Decode(value, &one)
		} else {
			d.Decode(value, &one.Value)
		}
		if !identifier.MatchString(key.Value) {
			d.Errorf(key, "%q is no name for a value; want letters, digits and _, beginning with a letter", key.Value)
			continue
		}
		*c = append(*c, one)
	}
}

// vetLet compiles what is computed before the action and brings it into reach of
// the step itself. It returns the captured names that are read for it.
func (st *step) vetLet(s *Scope) (needs []string) {
	for i := range st.Let {
		c := &st.Let[i]
		if st.vetCapture(s, s, c) {
			needs = append(needs, c.Value.program.needs(s.captured)...)
			s.capture(c.Name, st.Name, typeOfResult(c.Value.program))
			s.keep(c.Name, c.Value.program)
		}
	}
	return needs
}

// lets reports whether the name is one that the step computes.
func (st *step) lets(name string) bool {
	return slices.ContainsFunc(st.Let, func(c Capture) bool { return c.Name == name })
}

func (st *step) vetCaptures(s, after *Scope) {
	for i := range st.Capture {
		c := &st.Capture[i]
		if st.vetCapture(s, after, c) {
			st.usesBody = st.usesBody || c.Value.mentions("body")
			s.capture(c.Name, st.Name, typeOfResult(c.Value.program))
			s.keep(c.Name, c.Value.program)
		}
	}
}

// vetCapture compiles one value in the scope given and reports whether it is
// well. Where it is not, the name is known all the same, so that one mistake
// stays one.
func (st *step) vetCapture(s, in *Scope, c *Capture) bool {
	if step, ok := s.captured[c.Name]; ok {
		s.doc.Errorf(c.Value.node, "%s is captured twice; step %q captures it already", c.Name, step)
		return false
	}
	_, taken := answerNames[c.Name]
	if _, ok := in.names[c.Name]; ok || taken || isHelper(c.Name) {
		s.doc.Errorf(c.Value.node, "%s has a meaning of its own in expressions; choose another name", c.Name)
		return false
	}
	if c.Value.compileAny(in); c.Value.program == nil {
		s.names[c.Name], s.captured[c.Name] = anyType, st.Name
		return false
	}
	return true
}

// compute evaluates what the step computes before its action.
func (s *Session) compute(st *step) error {
	for i := range st.Let {
		c := &st.Let[i]
		v, err := s.eval(c.Value.program)
		if f, ok := errors.AsType[*failure](err); ok {
			return Failf(f.reason, "computing %s from %s: %v", c.Name, c.Value.Source, err)
		}
		if err != nil {
			return fmt.Errorf("computing %s: %w", c.Name, err)
		}
		s.keep(c, v)
	}
	return nil
}

// captureAll keeps what the step captures.
func (s *Session) captureAll(st *step) error {
	for i := range st.Capture {
		v, err := s.found(&st.Capture[i], "capturing")
		if err != nil {
			return err
		}
		s.keep(&st.Capture[i], v)
	}
	return nil
}

// found is the value of a capture. That the answer has none, or an empty one, is the
// target's fault.
func (s *Session) found(c *Capture, doing string) (any, error) {
	v, err := s.evalAnswer(c.Value.program)
	if f, ok := errors.AsType[*failure](err); ok {
		return nil, Failf(f.reason, "%s %s from %s: %v", doing, c.Name, c.Value.Source, err)
	}
	if err == nil && (v == nil || v == "") {
		err = Failf(prober.ReasonMissingValue, "%s %s from %s: got %s", doing, c.Name, c.Value.Source, describe(v))
	}
	return v, err
}

// keep stores a captured value; its texts are secret unless it may be shown.
func (s *Session) keep(c *Capture, v any) {
	if p, ok := v.(functions.Proof); ok { // its fields are read as those of any other value that is kept
		v = map[string]any{"verifier": p.Verifier, "challenge": p.Challenge, "method": p.Method}
	}
	s.vars[c.Name], s.captured[c.Name] = v, true
	if !c.Show {
		s.hide(v)
	}
}

func (s *Session) hide(v any) {
	switch v := v.(type) {
	case string:
		s.secrets = append(s.secrets, v)
	case int, int64, uint64, float64:
		if text, err := textOf(v); err == nil {
			s.secrets = append(s.secrets, text)
		}
	case []any:
		for _, item := range v {
			s.hide(item)
		}
	case map[string]any:
		for _, item := range v {
			s.hide(item)
		}
	case map[string]string: // of helpers, such as url_query()
		for _, item := range v {
			s.hide(item)
		}
	case []byte:
		s.secrets = append(s.secrets, string(v))
	}
}

// hideComputed makes a token secret that an expression of the request has made of others,
// and which nobody has captured.
func (s *Session) hideComputed(of *Template, token string) {
	if _, constant := of.constant(); !constant {
		s.hide(token)
	}
}

// hideCaptures makes secret what the step would have captured and remembered, had it
// not failed before: what its failure says is not to show it.
func (s *Session) hideCaptures(st *step) {
	for _, c := range slices.Concat(st.Capture, st.Remember) {
		if !c.Show {
			if v, err := s.evalAnswer(c.Value.program); err == nil {
				s.hide(v)
			}
		}
	}
}
