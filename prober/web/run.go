package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web/api"
)

// A fact is a line about a run or the prober. One with an ID can be copied.
type fact struct{ Name, Value, ID string }

// A stepView is a step of a run, as a line of the waterfall and, where there is more
// to see, a part below it.
type stepView struct {
	Step                    api.Step
	Class, Came, Took       string
	NotBegun                []string // steps to stand above this one
	Cleanup, Shown          bool
	Bar                     *stepBar
	Sent, Got, Curl, Anchor string
}

// A stepBar is a step on the run's time, which is 1000 wide.
type stepBar struct {
	X, Width int
	Parts    []barPart
	Label    string
}

type barPart struct {
	Class, Title string
	X, Width     int
}

func (p *pages) run(w http.ResponseWriter, r *http.Request) {
	run, ok, err := p.findRun(r.Context(), r.PathValue("run"))
	switch {
	case err != nil:
		p.unknown(w, r, err)
		return
	case !ok:
		p.missing(w, r, http.StatusNotFound, "There is no such run here, or not any more.")
		return
	}
	view := struct {
		base
		Run         *api.Run
		Class, Head string
		Facts       []fact
		Steps       []stepView
		Phases      []string
		NotBegun    []string // where there is no clean-up to stand above
	}{base: p.base(r, run.Check+" "+run.Outcome), Run: run, Class: stateOfOutcome(run.Outcome), Head: runHead(run), Facts: runFacts(run), Phases: prober.PhaseNames}
	span := run.Took
	for _, s := range slices.Concat(run.Steps, run.Cleanup) {
		span = max(span, s.Start+s.Took)
	}
	for i, s := range slices.Concat(run.Steps, run.Cleanup) {
		one := newStepView(s, i, i >= len(run.Steps), span)
		if i == len(run.Steps) {
			one.NotBegun = run.NotBegun
		}
		view.Steps = append(view.Steps, one)
	}
	if len(run.Cleanup) == 0 {
		view.NotBegun = run.NotBegun
	}
	p.show(w, "run", view)
}

// findRun looks for a run among the last ones and in the history, by its id or by its
// trace id, to which exemplars lead.
func (p *pages) findRun(ctx context.Context, text string) (*api.Run, bool, error) {
	id, ok := api.ParseRunID(text)
	trace := ""
	if !ok {
		if trace = strings.ToLower(text); !likeTrace.MatchString(trace) {
			return nil, false, nil
		}
	}
	if id, r := p.opts.Recent.run(id, trace); r != nil {
		run := api.NewRun(id, r)
		return &run, true, nil
	}
	return p.runOfHistory(ctx, id, trace)
}

// likeTrace is what no run id is like: those are shorter.
var likeTrace = regexp.MustCompile(`^[0-9a-f]{32}$`)

func runHead(r *api.Run) string {
	switch prober.Outcome(r.Outcome) {
	case prober.Failed:
		return fmt.Sprintf("Failed at %s: %s", r.Step, r.Reason)
	case prober.Errored:
		return "Errored: our own fault"
	case prober.Aborted:
		return "Aborted: the prober was shutting down"
	}
	return "Passed"
}

func runFacts(r *api.Run) []fact {
	facts := []fact{
		{Name: "began", Value: r.Start.UTC().Format("2006-01-02 15:04:05.000 UTC")},
		{Name: "took", Value: took(r.Took)},
	}
	add := func(name, value, id string) {
		if value != "" {
			facts = append(facts, fact{name, value, id})
		}
	}
	if late := r.Start.Sub(r.Due); late >= 10*time.Millisecond {
		add("began late by", took(late.Seconds()), "")
	}
	if r.Confirm {
		add("why", "confirming, as evidence asked for it", "")
	}
	add("account", r.Account, "")
	add("trace", r.TraceID, "trace")
	for _, name := range slices.Sorted(keysOf(r.Tags)) {
		add(name, r.Tags[name], "")
	}
	add("certificate", r.Certificate, "")
	if r.ClockSkew != nil {
		add("target's clock", fmt.Sprintf("%+.1f s", *r.ClockSkew), "")
	}
	return facts
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func newStepView(s api.Step, i int, cleanup bool, span float64) stepView {
	v := stepView{Step: s, Cleanup: cleanup, Took: took(s.Took), Anchor: fmt.Sprintf("step-%d", i+1), Came: cameTo(s)}
	switch {
	case s.Skipped:
		v.Class, v.Took = "dull", ""
		return v
	case s.Reason != "":
		v.Class = "firing"
	}
	if e := s.Exchange; e != nil {
		v.Sent, v.Got, v.Curl = sentText(e), gotText(e), e.Curl
	}
	v.Shown = s.Reason != "" || v.Sent != "" || v.Got != ""
	v.Bar = newStepBar(s, span)
	return v
}

// sentText and gotText write an exchange as it was on the wire, as far as it is kept.
func sentText(e *api.Exchange) string {
	var b strings.Builder
	writeLine(&b, e.Request)
	writeFields(&b, e.Header, e.Body)
	return b.String()
}

func gotText(e *api.Exchange) string {
	if e.Status == 0 {
		return ""
	}
	var b strings.Builder
	writeLine(&b, fmt.Sprintf("%s %d %s", e.Proto, e.Status, http.StatusText(e.Status)))
	writeFields(&b, e.AnswerHeader, e.Answer)
	if e.AnswerCut {
		fmt.Fprintf(&b, "\n… %d bytes in all", e.AnswerBytes)
	}
	return b.String()
}

func writeLine(b *strings.Builder, text string) {
	if text != "" {
		b.WriteString(strings.TrimSpace(text) + "\n")
	}
}

func writeFields(b *strings.Builder, fields []api.Field, body string) {
	for _, f := range fields {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	if body != "" {
		b.WriteString("\n" + body)
	}
}

func cameTo(s api.Step) string {
	var parts []string
	switch {
	case s.Skipped:
		return "skipped"
	case s.Reason != "" && s.Status != 0:
		parts = append(parts, fmt.Sprintf("%d, %s", s.Status, s.Reason))
	case s.Reason != "":
		parts = append(parts, s.Reason)
	case s.Status != 0:
		parts = append(parts, fmt.Sprint(s.Status))
	default:
		parts = append(parts, "passed")
	}
	if s.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("%d requests", s.Attempts))
	}
	if s.Repeat != "" {
		parts = append(parts, "its repeat: "+strings.ReplaceAll(s.Repeat, "_", " "))
	}
	if s.Propagation > 0 {
		parts = append(parts, "refused after "+took(s.Propagation))
	}
	if s.Delivery > 0 {
		parts = append(parts, "delivered in "+took(s.Delivery))
	}
	return strings.Join(parts, ", ")
}

// newStepBar puts a step where it was in the run, its phases one after the other as
// they happen; what they leave is between them and the end.
func newStepBar(s api.Step, span float64) *stepBar {
	if span <= 0 {
		return nil
	}
	at := func(seconds float64) int { return int(1000 * min(1, max(0, seconds/span))) }
	b := &stepBar{X: at(s.Start), Width: max(2, at(s.Start+s.Took)-at(s.Start))}
	var labels []string
	from := s.Start
	for _, name := range prober.PhaseNames {
		d := s.Phases[name]
		if d <= 0 {
			continue
		}
		text := name + " " + took(d)
		labels = append(labels, text)
		b.Parts = append(b.Parts, barPart{name, text, at(from), max(1, at(from+d)-at(from))})
		from += d
	}
	b.Label = cmp.Or(strings.Join(labels, ", "), took(s.Took))
	return b
}

func stateOfOutcome(outcome string) string {
	switch prober.Outcome(outcome) {
	case prober.Passed:
		return "healthy"
	case prober.Failed:
		return "firing"
	}
	return "suspect"
}

// A runLine is a run of a list.
type runLine struct {
	Run         *api.Summary
	ID, At      string
	Class, What string
}

func (p *pages) listRuns(w http.ResponseWriter, r *http.Request) {
	found, problem := p.findRuns(r.Context(), r.Form)
	if problem != nil {
		p.missing(w, r, problem.Status, "The list of runs: "+problem.Error()+".")
		return
	}
	view := struct {
		base
		Check, Outcome string
		Checks         []string
		Outcomes       []prober.Outcome
		Others         []runFilter
		Runs           []runLine
		Next           string
	}{base: p.base(r, "Runs"), Check: r.Form.Get("check"), Outcome: r.Form.Get("outcome"), Outcomes: prober.Outcomes, Others: otherFilters(r.Form)}
	for _, s := range p.opts.Checks() {
		view.Checks = append(view.Checks, s.Check.Name)
	}
	if view.Check != "" && !slices.Contains(view.Checks, view.Check) { // one that is gone has runs yet
		view.Checks = append(view.Checks, view.Check)
	}
	for i := range found.Runs {
		s := &found.Runs[i]
		view.Runs = append(view.Runs, runLine{s, s.ID, s.Start.UTC().Format("01-02 15:04:05"), stateOfOutcome(s.Outcome), whatFailed(s)})
	}
	if found.Next != "" {
		q := url.Values{}
		for name, values := range r.Form {
			q[name] = values
		}
		q.Set("cursor", found.Next)
		view.Next = "/runs?" + q.Encode()
	}
	p.show(w, "runs", view)
}

// A runFilter is a choice of runs that the form has no field for, as links lead to it.
type runFilter struct{ Name, Value, Without string }

// otherFilters are those of a query, each with the path of the list without it. What
// follows from them is kept when the form is sent.
func otherFilters(query url.Values) (all []runFilter) {
	for _, name := range []string{"step", "reason", "account", "tag", "since", "until"} {
		for i, value := range query[name] {
			q := maps.Clone(query)
			q[name] = slices.Delete(slices.Clone(query[name]), i, i+1)
			q.Del("cursor")
			all = append(all, runFilter{name, value, "/runs?" + q.Encode()})
		}
	}
	return all
}

func isGroup(c *prober.Check) bool { return c.IsGroup() }

func whatFailed(s *api.Summary) string {
	switch {
	case s.Reason != "" && s.Detail != "":
		return s.Step + ", " + s.Reason + ": " + s.Detail
	case s.Reason != "":
		return s.Step + ", " + s.Reason
	}
	return s.Error
}

func (p *pages) unknown(w http.ResponseWriter, r *http.Request, err error) {
	p.opts.Log.Error("history", errorField(err))
	p.missing(w, r, http.StatusServiceUnavailable, "The history cannot be read; see the log.")
}
