package web

import (
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// manyChecks is how many checks are shown with a link for each run of theirs; the
// strips of more are drawn, and lead to the list of runs.
const manyChecks = 50

// mostRows is how many checks a page of the overview has, those in trouble first.
const mostRows = 500

// A row is how one check stands, as the overview and the head of its own page show it.
type row struct {
	Name, Class, State string
	Rank               int
	Since              *ago
	About, Labels      string
	Ratios             []rowRatio
	Evidence, Recovery string
	Bar                int // of evidence, 0 to 100
	Facts              string
	Next               *ago
	Strip              strip
	Pooled             *pooled // in place of a strip, where there are no single runs
	Says               []saying
	LinkText           string

	group, team string
}

// A rowRatio is a ratio with what is needed to trust it.
type rowRatio struct {
	Window, Percent, Interval, Of string
	Runs                          int
}

// A saying is a sentence on a check in trouble.
type saying struct{ Class, Text, Link string }

// Ranks of trouble, the worst first.
const (
	rankOpen = iota + 1 // a door is open that must be shut
	rankFiring
	rankSuspect
	rankExceeded
	rankBlind // nothing is being learnt of it
	rankHealthy
)

func rankOf(s *prober.CheckStatus, now time.Time) int {
	switch {
	case len(s.FailOpens) > 0:
		return rankOpen
	case s.State == detect.Firing:
		return rankFiring
	case s.State == detect.Suspect:
		return rankSuspect
	case slices.ContainsFunc(s.Thresholds, func(t prober.ThresholdStatus) bool { return t.Exceeded }):
		return rankExceeded
	case s.LastRun != nil && !s.LastRun.Outcome.Counted() || s.Pace.To != prober.PaceScheduled && s.Pace.To != "":
		return rankBlind
	case s.Pooled != nil && (s.Counts.Due() == 0 || s.Pooled.Stale(now)):
		return rankBlind
	}
	return rankHealthy
}

// newRow shows a check. All says that each run of the strip is to be a link.
func (p *pages) newRow(s *prober.CheckStatus, now time.Time, all bool) row {
	c := s.Check
	r := row{
		Name: c.Name, State: s.State.String(), Class: s.State.String(), Rank: rankOf(s, now), About: c.About,
		Evidence: evidenceText(s.Evidence), Bar: evidenceShare(s.Evidence),
		Facts: factsText(s), LinkText: "see it", group: c.Group, team: c.Labels["team"],
	}
	if r.Rank == rankExceeded || r.Rank == rankBlind {
		r.Class += " noted"
	}
	if s.State == detect.Firing && (s.Evidence >= 1 || len(s.FailOpens) == 0) { // by its rate: a fail-open has its own end
		r.Recovery = fmt.Sprintf("recovery %.0f %%", math.Floor(100*s.Recovery))
	}
	if !s.Since.IsZero() {
		r.Since = newAgo(s.Since, now, "for")
	}
	if next := p.opts.Recent.nextDue(c.Name, now); !next.IsZero() && s.Pace.To == prober.PaceScheduled && c.Schedule.Every >= 2*time.Second {
		r.Next = newAgo(next, now, "in")
	}
	r.Labels = labelsText(c)
	for _, ratio := range s.Ratios {
		r.Ratios = append(r.Ratios, rowRatio{prober.WindowName(ratio.Window), ratio.Percent(), ratio.PercentInterval(),
			fmt.Sprintf("of %s", counted(ratio.Runs, "run")), ratio.Runs})
	}
	if s.Pooled != nil {
		r.Pooled, r.Next = newPooled(s, now), nil
	} else {
		r.Strip = newStrip(c.Name, p.opts.Recent.strip(c.Name), all)
	}
	r.Says = p.sayings(s, now)
	return r
}

// sayings are what there is to say of a check that is not as it should be: whom to
// blame, its last failure, what it does not measure.
func (p *pages) sayings(s *prober.CheckStatus, now time.Time) (all []saying) {
	last, failed := p.opts.Recent.lastIDs(s)
	if s.Drill.On(now) {
		all = append(all, saying{Class: "noted", Text: fmt.Sprintf("DRILL: it pages on purpose, for another %s", s.Drill.Until.Sub(now).Truncate(time.Second))})
	}
	if s.Explained {
		all = append(all, saying{Class: "noted", Text: fmt.Sprintf("the page of %s, which is over, has told of it: no page of its own until a second run fails", s.Check.GroupCheck())})
	}
	if text := s.BlameText(); text != "" {
		all = append(all, saying{Class: "blame", Text: text})
	}
	for _, t := range s.Thresholds {
		if t.Exceeded {
			all = append(all, saying{Class: "noted", Text: fmt.Sprintf("over its limit of %s in %s: %s (%s)", share(t.Threshold.Ratio), prober.WindowName(t.Window), t.Ratio, t.Severity)})
		}
	}
	if s.Pooled != nil {
		all = append(all, pooledSayings(s, now)...)
	}
	if s.Pace.Why != "" {
		all = append(all, saying{Class: "noted", Text: paceText(s.Pace, now)})
	}
	if r := s.LastFailed; r != nil && s.State != detect.Healthy {
		all = append(all, saying{Text: "last failed " + agoText(now.Sub(r.End())) + ": " + failureText(s.Check, r), Link: runPath(failed)})
	}
	if r := s.LastRun; r != nil && !r.Outcome.Counted() {
		text := fmt.Sprintf("the last run %s: says nothing of the target", r.Outcome)
		if r.Err != nil {
			text = fmt.Sprintf("the last run %s: %s", r.Outcome, r.Err)
		}
		all = append(all, saying{Class: "noted", Text: text, Link: runPath(last)})
	}
	return all
}

// failureText says which step failed and how.
func failureText(c *prober.Check, r *prober.Run) string {
	step := r.FailedStep()
	text := fmt.Sprintf("%s, %s", step.Name, step.Reason)
	if isGroup(c) {
		text = r.Check.Name + ", " + text
	}
	if step.Detail != "" {
		text += ": " + step.Detail
	}
	return text
}

func runPath(id int64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("/runs/%d", id)
}

func labelsText(c *prober.Check) string {
	var parts []string
	for _, name := range []string{"team", "severity"} {
		if v := c.Labels[name]; v != "" {
			parts = append(parts, v)
		}
	}
	if c.Group != "" && !c.IsGroup() {
		parts = append(parts, "group "+c.Group)
	}
	if c.AuthorisedBy != "" {
		parts = append(parts, strings.TrimSpace(c.Labels["environment"]+" authorised by ")+" "+c.AuthorisedBy)
	}
	return strings.Join(parts, " · ")
}

func factsText(s *prober.CheckStatus) string {
	if s.Pooled != nil {
		return pooledFacts(s)
	}
	text := fmt.Sprintf("%d missed, %d inconclusive", s.Counts.Missed, s.Counts.Errored+s.Counts.Aborted)
	if s.Check.Schedule.Confirm > 0 {
		text = fmt.Sprintf("%s, %d left; ", counted(int(s.Confirmed), "confirming run"), s.ConfirmLeft) + text
	}
	return text
}

// A strip is the last runs of a check at a glance: links where there are few checks,
// and otherwise paths.
type strip struct {
	Label, All string
	Links      []stripLink
	Paths      []stripPath
}

type stripLink struct {
	ID           int64
	Class, Title string
	Dull         bool // it passed: not on the way of who goes by keyboard
}

type stripPath struct{ Class, D string }

var outcomeClass = map[prober.Outcome]string{prober.Passed: "p", prober.Failed: "f", prober.Errored: "e", prober.Aborted: "e"}

func newStrip(check string, runs []trace, links bool) strip {
	s := strip{Label: stripLabel(runs), All: "/runs?" + url.Values{"check": {strings.TrimPrefix(check, "group:")}}.Encode()}
	if g, ok := strings.CutPrefix(check, "group:"); ok {
		s.All = "/?" + url.Values{"group": {g}}.Encode()
	}
	if !links {
		s.Paths = stripPaths(runs)
		return s
	}
	for _, t := range runs {
		title := fmt.Sprintf("%s %s", t.outcome, t.end.UTC().Format("15:04:05"))
		if t.reason != "" {
			title += fmt.Sprintf(": %s, %s", t.step, t.reason)
		}
		s.Links = append(s.Links, stripLink{t.id, outcomeClass[t.outcome], title, t.outcome == prober.Passed})
	}
	return s
}

func stripLabel(runs []trace) string {
	failed := 0
	for _, t := range runs {
		if t.outcome == prober.Failed {
			failed++
		}
	}
	return fmt.Sprintf("last %s, %d failed, newest last", counted(len(runs), "run"), failed)
}

// stripPaths draws runs in a row of 120, the newest at the right: one path for each
// class, whose parts are as long as runs of one class follow each other.
func stripPaths(runs []trace) (paths []stripPath) {
	by := map[string]*strings.Builder{}
	for i := 0; i < len(runs); {
		class, from := outcomeClass[runs[i].outcome], i
		for i < len(runs) && outcomeClass[runs[i].outcome] == class {
			i++
		}
		if by[class] == nil {
			by[class] = &strings.Builder{}
		}
		fmt.Fprintf(by[class], "M%d 0h%dv8h-%dz", stripLength-len(runs)+from, i-from, i-from)
	}
	for _, class := range []string{"p", "f", "e"} {
		if b := by[class]; b != nil {
			paths = append(paths, stripPath{class, b.String()})
		}
	}
	return paths
}

// A summary says in a line how everything stands.
type summary struct{ Class, Head, Rest string }

func newSummary(all []prober.CheckStatus, now time.Time) summary {
	all = slices.Clone(all)
	sortByTrouble(all, now)
	var firing, drilling []string
	n := map[int]int{}
	for i := range all {
		if all[i].Drill.On(now) {
			drilling = append(drilling, all[i].Check.Name)
		}
		rank := rankOf(&all[i], now)
		n[rank]++
		if rank <= rankFiring {
			firing = append(firing, all[i].Check.Name)
		}
	}
	s := summary{Class: "healthy", Head: "All is well"}
	var rest []string
	if len(drilling) > 0 {
		s.Class, s.Head = "suspect", drillText(drilling)
	}
	for _, x := range []struct {
		rank int
		text string
	}{{rankBlind, "not measured"}, {rankExceeded, "over a limit"}, {rankSuspect, "suspect"}} {
		if n[x.rank] > 0 {
			s.Class, s.Head = "suspect", fmt.Sprintf("%s %s", countedAre(n[x.rank], "check"), x.text)
		}
	}
	if n[rankOpen] > 0 {
		rest = append(rest, fmt.Sprintf("%d let in what must be refused", n[rankOpen]))
	}
	if len(firing) > 0 {
		if n[rankSuspect] > 0 {
			rest = append(rest, fmt.Sprintf("%d suspect", n[rankSuspect]))
		}
		s.Class, s.Head = "firing", firingText(firing)
	}
	if len(all) == 0 {
		return summary{Class: "suspect", Head: "There is nothing to check"}
	}
	for _, x := range []struct {
		rank int
		text string
	}{{rankExceeded, "over a limit"}, {rankBlind, "not measured"}, {rankHealthy, "healthy"}} {
		if n[x.rank] > 0 && !strings.HasSuffix(s.Head, x.text) {
			rest = append(rest, fmt.Sprintf("%d %s", n[x.rank], x.text))
		}
	}
	if text := drillText(drilling); len(drilling) > 0 && s.Head != text {
		rest = append(rest, text)
	}
	s.Rest = strings.Join(rest, ", ")
	return s
}

// drillText says what pages on purpose.
func drillText(names []string) string {
	if len(names) == 1 {
		return "DRILL of " + names[0]
	}
	return fmt.Sprintf("DRILL of %s", counted(len(names), "check"))
}

func firingText(names []string) string {
	switch len(names) {
	case 1:
		return names[0] + " is firing"
	case 2:
		return names[0] + " and " + names[1] + " are firing"
	}
	return fmt.Sprintf("%d checks are firing", len(names))
}

// A filter is a choice of checks by a query parameter.
type filter struct {
	Name    string
	Choices []choice
}

type choice struct {
	Name, Path string
	Here       bool
}

func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	all := p.opts.Checks()
	shown := chosen(all, r.Form)
	sortByTrouble(shown, now)
	b := p.base(r, "Overview")
	b.Title, b.Refresh = newSummary(all, now).Head+" · authprober", true
	b.Live = p.live(now, "", r.Form)
	view := struct {
		base
		Summary        summary
		Controls       template.HTML
		Filters        []filter
		Rows           []row
		Many, Filtered bool
		Part           part
	}{base: b, Summary: newSummary(all, now), Filters: filters(all, r.Form), Many: len(all) > manyChecks, Filtered: len(shown) < len(all)}
	if p.opts.Controls != nil {
		view.Controls = p.opts.Controls()
	}
	view.Part = newPart(len(shown), r.Form)
	view.Part.Whole = view.Part.From == 1 && !view.Filtered
	shown = shown[max(0, view.Part.From-1):view.Part.To]
	for i := range shown {
		view.Rows = append(view.Rows, p.newRow(&shown[i], now, !view.Many))
	}
	p.show(w, "overview", view)
}
