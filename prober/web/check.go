package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/authprober/authprober/prober"
)

// check shows all that is known of one check.
func (p *pages) check(w http.ResponseWriter, r *http.Request) {
	s, ok := p.status(r.PathValue("check"))
	if !ok {
		p.missing(w, r, http.StatusNotFound, "There is no such check.")
		return
	}
	now := time.Now()
	view := struct {
		base
		Check  row
		About  string
		Facts  []fact
		Source string
	}{base: p.base(r, s.Check.Name), Check: p.newRow(&s, now, true), About: s.Check.About, Facts: checkFacts(s.Check), Source: p.flow(s.Check.Name)}
	view.Refresh = true
	view.Live = "/live?" + url.Values{"check": {s.Check.Name}, "since": {fmt.Sprint(now.UnixMilli())}}.Encode()
	p.show(w, "check", view)
}

func checkFacts(c *prober.Check) []fact {
	o := c.Objective
	facts := []fact{
		{Name: "runs every", Value: c.Schedule.Every.String()},
		{Name: "tolerates", Value: share(o.Tolerate)},
		{Name: "pages from", Value: share(o.Detect)},
		{Name: "false pages", Value: "one in " + span(o.FalsePageEvery.Seconds())},
		{Name: "blip", Value: span(o.Blip.Seconds())},
	}
	if c.Schedule.Timeout > 0 {
		facts = append(facts, fact{Name: "timeout", Value: c.Schedule.Timeout.String()})
	}
	for name, value := range c.Labels {
		facts = append(facts, fact{Name: name, Value: value})
	}
	return facts
}
