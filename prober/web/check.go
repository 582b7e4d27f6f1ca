package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/web/api"
)

// spans are what a check may be looked at over.
var spans = []struct {
	name string
	of   time.Duration
}{{"15m", 15 * time.Minute}, {"1h", time.Hour}, {"6h", 6 * time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"30d", 30 * 24 * time.Hour}}

// A checkView is all that is known of one check.
type checkView struct {
	base
	Check    row
	About    string
	Facts    []fact
	Source   string
	Spans    []choice
	Span     string
	Evidence *chart
	Ratio    *chart
	Steps    []stepLine
	Reasons  []reasonLine
	Tags     []tagLine
	Causes   string // how many failed of how many
	Changes  []chartMark
}

type reasonLine struct {
	api.ReasonCount
	Share string
	Link  string
}

type tagLine struct {
	api.TagCount
	Ratio, Interval string
	Link            string
}

func (p *pages) check(w http.ResponseWriter, r *http.Request) {
	s, ok := p.status(r.PathValue("check"))
	if !ok {
		p.missing(w, r, http.StatusNotFound, "There is no such check.")
		return
	}
	now := time.Now()
	view := checkView{base: p.base(r, s.Check.Name), Check: p.newRow(&s, now, true), About: s.Check.About, Facts: checkFacts(&s), Source: p.flow(s.Check.Name)}
	view.Refresh = true
	view.Live = p.live(now, s.Check.Name, nil)
	span := time.Hour
	view.Span = "1h"
	for _, one := range spans {
		if r.Form.Get("span") == one.name {
			view.Span, span = one.name, one.of
		}
	}
	for _, one := range spans {
		view.Spans = append(view.Spans, choice{one.name, "/checks/" + url.PathEscape(s.Check.Name) + "?span=" + one.name, one.name == view.Span})
	}
	if err := p.addPast(r.Context(), &view, s.Check, now.Add(-span), now); err != nil {
		p.unknown(w, r, err)
		return
	}
	p.show(w, "check", &view)
}

// addPast adds what the history knows of a check.
func (p *pages) addPast(ctx context.Context, view *checkView, c *prober.Check, from, to time.Time) error {
	if p.opts.History == nil {
		return nil
	}
	series, err := p.series(ctx, c.Name, from, to)
	if err != nil {
		return err
	}
	changes, err := p.changes(ctx, c.Name, from, to, history.ChangeCursor{}, 50)
	if err != nil {
		return err
	}
	causes, err := p.causes(ctx, c.Name, from, to)
	if err != nil {
		return err
	}
	if len(series.Buckets) > 0 && series.Buckets[0].At.After(series.From) { // nothing is known of the time before
		series.From = series.Buckets[0].At
	}
	points, err := p.evidence(ctx, c, &series, changes.Changes, from, to)
	if err != nil {
		return err
	}
	if len(points) > 0 || len(changes.Changes) > 0 {
		evidence := evidenceChart(points, changes.Changes, series.From, series.To)
		view.Evidence = &evidence
	}
	if len(series.Buckets) > 0 {
		ratio := ratioChart(&series, c.Objective)
		view.Ratio = &ratio
	}
	view.Steps = stepLines(&series, c.Steps)
	view.addCauses(&causes, c.Name)
	return nil
}

// evidence is that of each run where there are few enough of them, and otherwise what is
// known of each bucket.
func (p *pages) evidence(ctx context.Context, c *prober.Check, s *api.Series, changes []api.Change, from, to time.Time) (points []point, err error) {
	if !isGroup(c) {
		page, err := p.opts.History.Runs(ctx, history.Filter{Check: c.Name, Since: from, Until: to, Limit: history.MostOnPage})
		if err != nil {
			return nil, err
		}
		for _, r := range slices.Backward(page.Runs) {
			if r.Outcome.Counted() {
				points = append(points, point{at: r.Start.Add(r.Took), value: r.Evidence})
			}
		}
		if page.Next == 0 {
			return points, nil
		}
	}
	return evidencePoints(s, changes, to), nil
}

// evidencePoints are the evidence at the end of each bucket, at each change of state, the
// latest of which come first, and at the peaks between, whose moment is not known: no
// peak stands before a change that came first.
func evidencePoints(s *api.Series, changes []api.Change, to time.Time) (points []point) {
	width := time.Duration(s.Width * float64(time.Second))
	var end time.Time // of the bucket before
	for _, b := range s.Buckets {
		if b.Passed+b.Failed+b.Errored+b.Aborted == 0 {
			continue // nothing has moved it
		}
		gap, from, highest := !end.IsZero() && b.At.After(end), b.At, b.EvidenceLast
		if end = b.At.Add(width); end.After(to) {
			end = to
		}
		if n := len(points); n > 0 && !gap {
			highest = max(highest, points[n-1].value)
		}
		for _, c := range slices.Backward(changes) {
			if !c.At.Before(b.At) && c.At.Before(end) {
				points = append(points, point{c.At, c.Evidence, gap})
				from, highest, gap = c.At, max(highest, c.Evidence), false
			}
		}
		if b.Evidence > highest {
			points = append(points, point{from.Add(end.Sub(from) / 2), b.Evidence, gap})
			gap = false
		}
		points = append(points, point{end, b.EvidenceLast, gap})
	}
	return points
}

const mostTagLines = 20

// addCauses adds why runs failed: all reasons, and the tags of failed runs, those that
// are over-represented first.
func (v *checkView) addCauses(c *api.Causes, check string) {
	if c.Failed == 0 {
		return
	}
	v.Causes = fmt.Sprintf("%d of %s failed", c.Failed, counted(c.Runs, "run"))
	for _, r := range c.Reasons {
		v.Reasons = append(v.Reasons, reasonLine{r, percentOf(float64(r.Failed) / float64(c.Failed)),
			"/runs?" + url.Values{"check": {check}, "step": {r.Step}, "reason": {r.Reason}}.Encode()})
	}
	tags := slices.DeleteFunc(slices.Clone(c.Tags), func(t api.TagCount) bool { return t.Failed == 0 })
	sortBy(tags, func(a, b api.TagCount) int {
		if a.Over != b.Over {
			if a.Over {
				return -1
			}
			return 1
		}
		return 0
	})
	for _, t := range tags[:min(len(tags), mostTagLines)] {
		v.Tags = append(v.Tags, tagLine{t, percentOf(float64(t.Failed) / float64(t.Runs)), percentOf(t.Lower) + "-" + percentOf(t.Upper),
			"/runs?" + url.Values{"check": {check}, "outcome": {"failed"}, "tag": {t.Tag + "=" + t.Value}}.Encode()})
	}
}

func sortBy[T any](all []T, by func(a, b T) int) { slices.SortStableFunc(all, by) }

func checkFacts(s *prober.CheckStatus) []fact {
	c := s.Check
	o, every, took := c.Objective, "runs every", c.Schedule.Every
	switch {
	case s.Pooled != nil && s.Pooled.Measured:
		every = "read every"
	case s.Pooled != nil && c.IsGroup():
		every, took = "its flows run, in one place, every", took.Round(time.Millisecond)
	case s.Pooled != nil:
		every = "each instance runs every"
	}
	facts := []fact{
		{Name: every, Value: took.String()},
		{Name: "tolerates", Value: share(o.Tolerate)},
		{Name: "pages from", Value: share(o.Detect)},
		{Name: "false pages", Value: "one in " + span(o.FalsePageEvery.Seconds())},
		{Name: "blip", Value: span(o.Blip.Seconds())},
	}
	if c.Schedule.Timeout > 0 {
		facts = append(facts, fact{Name: "timeout", Value: c.Schedule.Timeout.String()})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		facts = append(facts, fact{Name: name, Value: c.Labels[name]})
	}
	return facts
}
