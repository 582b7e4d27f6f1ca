package main

import (
	"fmt"
	"time"

	"github.com/authprober/authprober/prober/web/api"
)

// pooledLines say what a check of an aggregator rests on, and how fresh that is.
func pooledLines(c *api.Check, now time.Time) []string {
	p := c.Pooled
	text := counted(float64(c.Counts.Due), "run") + " judged"
	if !p.Measured {
		text += ", " + counted(float64(p.Instances), "instance")
	}
	if len(p.Flows) > 0 {
		text += " of " + counted(float64(len(p.Flows)), "flow")
	}
	if len(p.Places) > 0 {
		text += " in " + counted(float64(len(p.Places)), "place")
	}
	if p.Held > 0 {
		text += fmt.Sprintf("; %d wait for a pace to be known", p.Held)
	} else {
		text += fmt.Sprintf("; threshold %.0f runs to a false page", p.RunsToFalsePage)
	}
	last := "nothing counted yet"
	if p.Last != nil {
		last = fmt.Sprintf("last interval %d of %d failed, %s ago", p.Last.Failed, p.Last.Runs, shortSpan(now.Sub(p.Last.To)))
	}
	if p.Through != nil {
		last += fmt.Sprintf("; judged until %s ago", shortSpan(now.Sub(*p.Through)))
	}
	if p.Read != nil {
		last += fmt.Sprintf("; read %s ago", shortSpan(now.Sub(*p.Read)))
	}
	if p.Partial {
		last += "; something is missing from what the API answers"
	}
	return []string{text, last}
}
