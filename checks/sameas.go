package checks

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// sameHeaders are the header fields that have to be the same where a flow does not say.
var sameHeaders = []string{"Content-Type", "WWW-Authenticate", "Location"}

// SameAsSettings say that a refusal must not differ from another one, so that nobody
// learns from it what was wrong: whether it was the user's name or the password. The
// status has to be the same, some header fields, the names of the cookies that are set,
// and the body. That it takes another time is no failure of one run, which would be
// noise, but a metric over many.
type SameAsSettings struct {
	// Step is an earlier must-be-refused step of the flow.
	Step string `yaml:"step,required"`
	// Ignore are names of members that may differ wherever they are in a body of JSON, such as that of a request id or of the time.
	Ignore []string `yaml:"ignore"`
	// Headers are the header fields that have to be the same. The default is Content-Type, WWW-Authenticate and Location.
	Headers []string `yaml:"headers"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: `same_as: STEP` is short for {step: STEP}.
func (a *SameAsSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	a.Headers = sameHeaders
	if n.Kind == yaml.ScalarNode {
		a.Step, _ = d.Text(n)
	} else {
		type plain SameAsSettings
		set := plain{Headers: sameHeaders}
		d.Decode(n, &set)
		*a = SameAsSettings(set)
	}
	a.node = n
}

// noteRefusal keeps the answer of a refused step that a later one is compared with.
func (s *Session) noteRefusal(st *step) {
	if !st.compared {
		return
	}
	if s.refusals == nil {
		s.refusals = map[string]answer{}
	}
	s.refusals[st.Name] = s.answer
}

// judgeSame compares the refusal at hand with that of the earlier step. Nothing of
// either is shown but statuses and sizes.
func (s *Session) judgeSame(st *step) error {
	a := st.SameAs
	other, there := s.refusals[a.Step]
	if !there {
		return fmt.Errorf("step %q is compared with %q, which was skipped", st.Name, a.Step)
	}
	if found := a.differences(&s.answer, &other); len(found) > 0 {
		return Failf(prober.ReasonWrongRefusal, "want the refusal that the step %q got, got another one: %s", a.Step, strings.Join(found, ", "))
	}
	return nil
}

// differences says in words where two refusals differ.
func (a *SameAsSettings) differences(one, other *answer) (found []string) {
	if one.status != other.status {
		found = append(found, fmt.Sprintf("status %d, not %d", one.status, other.status))
	}
	for _, name := range a.Headers {
		if !slices.Equal(one.header.Values(name), other.header.Values(name)) {
			found = append(found, "another "+http.CanonicalHeaderKey(name))
		}
	}
	if !slices.Equal(cookieNames(one.header), cookieNames(other.header)) {
		found = append(found, "other cookies")
	}
	if body := a.bodies(one.body, other.body); body != "" {
		found = append(found, body)
	}
	return found
}

// cookieNames are those of the cookies that an answer sets, sorted.
func cookieNames(h http.Header) (names []string) {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// bodies says how two bodies differ; "" where they do not. JSON is compared by what it
// says, and anything else byte by byte.
func (a *SameAsSettings) bodies(one, other []byte) string {
	this, err := jsonvalue.Decode(one)
	that, errOther := jsonvalue.Decode(other)
	switch {
	case err == nil && errOther == nil:
		var n difference
		n.note(this, that, a.Ignore)
		return n.String()
	case !bytes.Equal(one, other):
		return fmt.Sprintf("another body, of %d bytes and not %d", len(one), len(other))
	}
	return ""
}

// A difference counts where two values of JSON differ.
type difference struct{ values, alone int }

// note compares two values; members and elements that are in one of them alone are
// counted apart.
func (n *difference) note(one, other any, ignore []string) {
	switch one := one.(type) {
	case map[string]any:
		if other, ok := other.(map[string]any); ok {
			n.members(one, other, ignore)
			return
		}
	case []any:
		if other, ok := other.([]any); ok {
			for i := range min(len(one), len(other)) {
				n.note(one[i], other[i], ignore)
			}
			n.alone += max(len(one), len(other)) - min(len(one), len(other))
			return
		}
	}
	if !reflect.DeepEqual(one, other) {
		n.values++
	}
}

func (n *difference) members(one, other map[string]any, ignore []string) {
	names := slices.Concat(slices.Collect(maps.Keys(one)), slices.Collect(maps.Keys(other)))
	for _, name := range unique(names) {
		if slices.Contains(ignore, name) {
			continue
		}
		a, in := one[name]
		b, too := other[name]
		if in != too {
			n.alone++
			continue
		}
		n.note(a, b, ignore)
	}
}

// String says it in words; "" where there is no difference.
func (n difference) String() string {
	var parts []string
	if n.values > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n.values, plural(n.values, "other value")))
	}
	if n.alone > 0 {
		parts = append(parts, fmt.Sprintf("%d %s that one of them alone has", n.alone, plural(n.alone, "member")))
	}
	if len(parts) == 0 {
		return ""
	}
	return "another body, with " + strings.Join(parts, " and ")
}
