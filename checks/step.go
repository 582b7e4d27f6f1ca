package checks

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// A Step is one action of a flow. Its exported fields are its settings; they
// are decoded strictly over the defaults that its constructor set. A kind of
// step is a type that implements Step, in a file of its own, and a line in
// kinds.
type Step interface {
	// Common returns the settings that steps of every kind have.
	Common() *StepSettings
	// Vet finds what is wrong with the settings, compiles their expressions and
	// notes mistakes in the scope. It uses no network.
	Vet(s *Scope)
	// Needs lists the captured names without which the step cannot begin.
	Needs(captured map[string]string) []string
	// Reasons lists why the action itself can fail, beside what is found in its
	// answer.
	Reasons() []prober.Reason
	// Run performs the action once and leaves the answer with the session. An
	// error made by Failf is the target's fault, any other ours. It returns
	// soon after ctx is done.
	Run(ctx context.Context, s *Session) error
}

// kinds are the kinds of steps, by the key that tells them.
var kinds = map[string]func() Step{
	"request": func() Step { return &RequestStep{MaxBody: defaultBodyLimit} },
}

// StepSettings are the settings that steps of every kind have.
type StepSettings struct {
	// Name identifies the step in metrics, logs and pages. It is unique within the flow.
	Name string `yaml:"name,required"`
	// If is a condition: where it is false the step is skipped.
	If Expr `yaml:"if"`
	// Timeout of this step alone. The default is what is left of the run's timeout.
	Timeout Duration `yaml:"timeout"`
	// Expect are conditions on the answer. The step fails where one of them is false or cannot be evaluated.
	Expect []Expr `yaml:"expect"`
	// Refuse makes this a must-be-refused step: the statuses with which the target has to refuse it. That it accepts is a fail-open.
	Refuse []int `yaml:"refuse"`
	// Capture keeps values of the answer under names, for the steps that follow. They are secret unless shown.
	Capture Captures `yaml:"capture"`
}

// Common implements part of [Step] for the kinds that embed the settings.
func (c *StepSettings) Common() *StepSettings { return c }

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

// A step is a Step within a compiled flow.
type step struct {
	Step
	*StepSettings
	node     *yaml.Node
	needs    []string
	usesTOTP bool // its action sends a one-time code by the clock
	usesBody bool // an expression reads the answer's body as JSON
	// judged are the expectations, those on the status first: what the status
	// says is the better reason.
	judged []*Expr
}

// DecodeYAML implements strict.Decoder: the kind is told by its key.
func (st *step) DecodeYAML(d *strict.Document, n *yaml.Node) {
	st.node = n
	var found []string
	near, names := "", slices.Sorted(maps.Keys(kinds))
	for key := range d.Pairs(n) {
		if _, ok := kinds[key.Value]; ok {
			found = append(found, key.Value)
		}
		near = cmp.Or(near, strict.Nearest(key.Value, names))
	}
	switch {
	case n.Kind != yaml.MappingNode: // noted by Pairs
	case len(found) == 0:
		d.Errorf(n, "a step needs a key that tells its kind; the kinds are %s%s", strings.Join(names, ", "), near)
	case len(found) > 1:
		d.Errorf(n, "a step has one kind, and this one has %v", found)
	default:
		st.Step = kinds[found[0]]()
		st.StepSettings = st.Step.Common()
		d.Decode(n, st.Step)
	}
}

// vet finds what is wrong with a step and compiles it.
func (st *step) vet(s *Scope, runTimeout time.Duration) {
	before := s
	st.If.compileBool(before)
	s.totpSeen = false
	st.Vet(before)
	st.usesTOTP = s.totpSeen
	after := s.withAnswer()
	for i := range st.Expect {
		st.Expect[i].compileBool(after)
		st.usesBody = st.usesBody || st.Expect[i].mentions("body")
	}
	st.sortExpectations()
	st.vetVerdict(s, runTimeout)
	st.needs = unique(append(st.Needs(s.captured), exprNeeds(&st.If, s.captured)...))
	st.vetCaptures(s, after)
}

func exprNeeds(e *Expr, captured map[string]string) []string {
	if e.program == nil {
		return nil
	}
	return e.program.needs(captured)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (st *step) sortExpectations() {
	for i := range st.Expect {
		st.judged = append(st.judged, &st.Expect[i])
	}
	slices.SortStableFunc(st.judged, func(a, b *Expr) int {
		switch onStatus, than := a.mentions("status"), b.mentions("status"); {
		case onStatus == than:
			return 0
		case onStatus:
			return -1
		}
		return 1
	})
}

func (st *step) vetVerdict(s *Scope, runTimeout time.Duration) {
	if !hasKey(st.node, "expect", "refuse") || st.Expect != nil && len(st.Expect) == 0 && len(st.Refuse) == 0 {
		s.doc.Errorf(st.node, "the step %q has no expect and no refuse: whatever the answer, it would pass", st.Name)
	}
	readsAnswer := func(e Expr) bool {
		return e.program == nil || slices.ContainsFunc(fieldNames(answerNames), e.mentions)
	}
	if len(st.Expect) > 0 && len(st.Refuse) == 0 && !slices.ContainsFunc(st.Expect, readsAnswer) {
		s.doc.Errorf(st.node, "no expectation of the step %q reads the answer: whatever it is, it would pass", st.Name)
	}
	for _, status := range st.Refuse {
		if status != 0 && (status < 300 || status > 499) {
			s.doc.Errorf(st.node, "the step %q lists %d as a refusal; a refusal has a status from 300 to 499", st.Name, status)
		}
	}
	if t := time.Duration(st.Timeout); t > runTimeout {
		s.doc.Errorf(st.node, "the step %q has a timeout of %s, which is longer than the run's, %s", st.Name, t, runTimeout)
	}
	if len(st.Name) > 100 || !printable(st.Name) {
		s.doc.Errorf(st.node, "the step name %q is not at most 100 printable characters", st.Name)
	}
}

// hasKey reports whether a mapping has one of the keys.
func hasKey(n *yaml.Node, keys ...string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, n.Content[i].Value) {
			return true
		}
	}
	return false
}

func (st *step) vetCaptures(s, after *Scope) {
	for i := range st.Capture {
		c := &st.Capture[i]
		if step, ok := s.captured[c.Name]; ok {
			s.doc.Errorf(c.Value.node, "%s is captured twice; step %q captures it already", c.Name, step)
			continue
		}
		if _, ok := after.names[c.Name]; ok || isHelper(c.Name) {
			s.doc.Errorf(c.Value.node, "%s has a meaning of its own in expressions; choose another name", c.Name)
			continue
		}
		c.Value.compileAny(after)
		if c.Value.program == nil {
			s.names[c.Name], s.captured[c.Name] = anyType, st.Name // so that one mistake stays one
			continue
		}
		st.usesBody = st.usesBody || c.Value.mentions("body")
		s.capture(c.Name, st.Name, typeOfResult(c.Value.program))
	}
}

// reasons lists why the step can fail, so that the series exist.
func (st *step) reasons() []prober.Reason {
	rs := append(st.Reasons(), prober.ReasonTimeout)
	if len(st.Expect) > 0 || len(st.Refuse) > 0 {
		rs = append(rs, prober.ReasonAssertion, prober.ReasonStatus4xx, prober.ReasonStatus5xx, prober.ReasonRateLimited, prober.ReasonRedirect)
	}
	if len(st.Capture) > 0 || st.usesBody {
		rs = append(rs, prober.ReasonMissingValue, prober.ReasonBadResponse)
	}
	if len(st.Refuse) > 0 {
		rs = append(rs, prober.ReasonNotRefused)
	}
	if slices.ContainsFunc(st.Expect, func(e Expr) bool { return e.mentions("took") }) {
		rs = append(rs, prober.ReasonTooSlow)
	}
	slices.Sort(rs)
	return slices.Compact(rs)
}
