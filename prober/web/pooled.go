package web

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"time"

	"github.com/authprober/authprober/prober"
)

// A pooled is what stands in place of a strip where there are no single runs: the last
// interval in which any were counted, until when they are judged, when they were read, and the
// threshold.
type pooled struct {
	Last, Pages   string
	At            *ago // the end of that interval
	Through, Read *ago
}

func newPooled(s *prober.CheckStatus, now time.Time) *pooled {
	p := &pooled{Pages: thresholdText(s.Pooled)}
	if last := s.Pooled.Last; last.Runs() > 0 {
		p.Last, p.At = fmt.Sprintf("%d of %s failed", last.Failed, counted(last.Runs(), "run")), newAgo(last.To, now, "")
	}
	if !s.Pooled.Through.IsZero() {
		p.Through = newAgo(s.Pooled.Through, now, "")
	}
	if !s.Pooled.Read.IsZero() {
		p.Read = newAgo(s.Pooled.Read, now, "")
	}
	return p
}

// pooledFacts say of how many runs the evidence is, and where they are made.
func pooledFacts(s *prober.CheckStatus) string {
	text := counted(int(s.Counts.Due()), "run") + " judged"
	if !s.Pooled.Measured {
		text += ", " + counted(s.Pooled.Instances, "instance")
	}
	if n := len(s.Flows); n > 0 {
		text += " of " + counted(n, "flow")
	}
	if n := len(s.Places); n > 0 {
		text += " in " + counted(n, "place")
	}
	return text
}

// thresholdText says at which statistic it pages.
func thresholdText(p *prober.PooledStatus) string {
	if p.Measured && p.Held > 0 {
		return fmt.Sprintf("%s wait for a pace to be known", counted(p.Held, "run"))
	}
	return fmt.Sprintf("%.0f runs to a false page", math.Round(p.RunsToFalsePage))
}

// pooledSayings are what makes that it says little.
func pooledSayings(s *prober.CheckStatus, now time.Time) (all []saying) {
	p := s.Pooled
	if p.Stale(now) {
		all = append(all, saying{Class: "noted", Text: "nothing was read for " + length(now.Sub(p.Read)) + ": this is how it stood then"})
	}
	if p.Partial {
		all = append(all, saying{Class: "noted", Text: "the answers of the API come with warnings: something is missing from what is judged"})
	}
	if s.Counts.Due() == 0 && p.Held == 0 {
		all = append(all, saying{Class: "noted", Text: "nothing was counted yet: no series of its counters, or none that has risen"})
	}
	return all
}

// touched names the checks of which something has changed at or after the moment: by a run,
// or, of those that are read elsewhere, by a reading.
func (p *pages) touched(since time.Time) (names []string) {
	if p.told {
		return p.opts.Recent.touchedSince(since)
	}
	for _, s := range p.opts.Checks() {
		if s.Pooled != nil && !s.Pooled.Read.Before(since) {
			names = append(names, s.Check.Name)
		}
	}
	return names
}

// generation tells the checks that there are now from others, and this process too.
func (p *pages) generation() string {
	text := p.opts.Recent.generation()
	if p.told {
		return text
	}
	names := fnv.New64a()
	for _, s := range p.opts.Checks() {
		io.WriteString(names, s.Check.Name+"\n") // a hash takes everything
	}
	return fmt.Sprintf("%s-%x", text, names.Sum64())
}
