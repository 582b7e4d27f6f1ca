package web

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"github.com/authprober/authprober/prober/web/api"
)

// A Report is what happened from one time to another, to be kept beside an incident.
type Report struct {
	From, To time.Time
	Source   string // whose word it is, such as the URL of a daemon
	Version  string
	Checks   []ReportCheck // those of which there is something to say, the worst first
	Quiet    []string      // the names of the others
}

// A ReportCheck is one check of a [Report].
type ReportCheck struct {
	Check    api.Check
	Series   api.Series
	Causes   api.Causes
	Changes  []api.Change // the latest first
	Examples []api.Run    // of failed runs
}

// A reportView is a check as both forms of a report show it.
type reportView struct {
	ReportCheck
	Class, Ratio string
	Reasons      []reasonLine
	Tags         []tagLine
	Steps        []stepLine
	Timeline     []timelineEntry
	Runs         []exampleView
	Evidence     chart
	Band         chart
}

type timelineEntry struct{ At, Class, What, Ratio, Blame string }

type exampleView struct {
	Run            *api.Run
	At, Sent, Got  string
	Facts          []fact
	Curl, FailedAt string
}

func newReportView(c ReportCheck) reportView {
	v := reportView{ReportCheck: c, Class: c.Check.State}
	v.Ratio = ratioWords(api.RatioOf("", c.Causes.Failed, c.Causes.Runs))
	var lines checkView
	lines.addCauses(&c.Causes, c.Check.Check)
	v.Reasons, v.Tags, v.Steps = lines.Reasons, lines.Tags, stepLines(&c.Series, c.Check.Steps)
	for i := len(c.Changes) - 1; i >= 0; i-- {
		ch := c.Changes[i]
		what := ch.From + " → " + ch.To
		if ch.Reason != "" && ch.To != detect.Healthy.String() {
			what += fmt.Sprintf(", last failed at %s: %s", ch.Step, ch.Reason)
		}
		v.Timeline = append(v.Timeline, timelineEntry{ch.At.UTC().Format("2006-01-02 15:04:05"), ch.To, what, ratioWords(ch.Ratio), ch.Blame})
	}
	var points []point
	for _, b := range c.Series.Buckets {
		points = append(points, point{at: b.At, value: b.Evidence})
	}
	s := c.Series
	if len(s.Buckets) > 0 && s.Buckets[0].At.After(s.From) {
		s.From = s.Buckets[0].At
	}
	v.Evidence = evidenceChart(points, c.Changes, s.From, s.To)
	v.Evidence.ID, v.Evidence.Marks = "evidence-"+c.Check.Check, nil
	v.Band = ratioChart(&s, detect.Objective{Tolerate: c.Check.Objective.Tolerate, Detect: c.Check.Objective.Detect})
	v.Band.ID = "ratio-" + c.Check.Check
	for i := range c.Examples {
		v.Runs = append(v.Runs, newExampleView(&c.Examples[i]))
	}
	return v
}

// ratioWords is a ratio with its interval and n.
func ratioWords(r api.Ratio) string {
	if r.Ratio == nil {
		return "no runs"
	}
	return fmt.Sprintf("%s (%s-%s) of %s", prober.Percent(*r.Ratio), prober.Percent(r.Lower), prober.Percent(r.Upper), counted(r.Runs, "run"))
}

func newExampleView(r *api.Run) exampleView {
	e := exampleView{Run: r, At: r.Start.UTC().Format("2006-01-02 15:04:05.000"), Facts: runFacts(r)[1:]}
	for _, s := range r.Steps {
		if s.Reason != "" && s.Exchange != nil {
			e.Sent, e.Got, e.Curl = sentText(s.Exchange), gotText(s.Exchange), s.Exchange.Curl
		}
	}
	return e
}

// HTML writes the report as a page that needs nothing else: it has its styles in it,
// loads nothing and runs nothing.
func (r *Report) HTML(w io.Writer) error {
	style, err := files.ReadFile("assets/style.css")
	if err != nil {
		return err
	}
	t, err := template.New("").Funcs(template.FuncMap{"took": took, "share": share}).
		ParseFS(files, "templates/report.html", "templates/chart.html")
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, "report.html", struct {
		*Report
		Style template.CSS
		Views []reportView
	}{r, template.CSS(style), r.views()}) //nolint:gosec // it is our own
}

func (r *Report) views() (all []reportView) {
	for _, c := range r.Checks {
		all = append(all, newReportView(c))
	}
	return all
}

// Span is the time that the report is of, in words.
func (r *Report) Span() string {
	return r.From.UTC().Format("2006-01-02 15:04") + " to " + r.To.UTC().Format("2006-01-02 15:04") + " UTC"
}

// QuietText names the checks of which there is nothing to say.
func (r *Report) QuietText() string {
	if len(r.Quiet) == 0 {
		return ""
	}
	return "Without a failure: " + strings.Join(r.Quiet, ", ") + "."
}

// Markdown writes the report as text for a wiki or a ticket.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# authprober, %s\n\nFrom %s. Ratios are failed runs of those that passed or failed, with their 95 %% interval.\n", r.Span(), md(r.Source))
	for _, v := range r.views() {
		v.markdown(&b)
	}
	if text := r.QuietText(); text != "" {
		fmt.Fprintf(&b, "\n%s\n", md(text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *reportView) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s: %s\n\n%s failed; %s is tolerated, %s worth a page.\n", md(v.Check.Check), v.Check.State, v.Ratio,
		share(v.Check.Objective.Tolerate), share(v.Check.Objective.Detect))
	if v.Check.Blame != nil {
		fmt.Fprintf(b, "\n**%s**\n", md(v.Check.Blame.Sentence))
	}
	if len(v.Timeline) > 0 {
		b.WriteString("\n| at, UTC | state | failed in the hour before | to blame |\n|---|---|---|---|\n")
		for _, e := range v.Timeline {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", e.At, md(e.What), e.Ratio, md(e.Blame))
		}
	}
	if len(v.Reasons) > 0 {
		b.WriteString("\n| step | reason | runs | share |\n|---|---|---:|---:|\n")
		for _, one := range v.Reasons {
			fmt.Fprintf(b, "| %s | %s | %d | %s |\n", md(one.Step), md(one.Reason), one.Failed, one.Share)
		}
	}
	if len(v.Tags) > 0 {
		b.WriteString("\n| tag | failed | of runs | ratio | 95 % interval | |\n|---|---:|---:|---:|---|---|\n")
		for _, one := range v.Tags {
			over := ""
			if one.Over {
				over = "over-represented"
			}
			fmt.Fprintf(b, "| %s=%s | %d | %d | %s | %s | %s |\n", md(one.Tag), md(one.Value), one.Failed, one.Runs, one.Ratio, one.Interval, over)
		}
	}
	for _, e := range v.Runs {
		fmt.Fprintf(b, "\n### Failed at %s UTC, %s: %s\n\n%s\n\n", e.At, md(e.Run.Step), md(e.Run.Reason), md(e.Run.Detail))
		for _, f := range e.Facts {
			fmt.Fprintf(b, "- %s: %s\n", md(f.Name), md(f.Value))
		}
		for _, text := range []string{e.Sent, e.Got, e.Curl} {
			if text != "" {
				fmt.Fprintf(b, "\n%s\n", fenced(text))
			}
		}
	}
}

// md escapes what Markdown would take for its own, and line breaks.
func md(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>|#~&", c):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || c == 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// fenced is a text as code, within a fence that is longer than any in it.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + strings.TrimRight(text, "\n") + "\n" + fence
}
