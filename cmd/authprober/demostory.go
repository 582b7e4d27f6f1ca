package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A story is what has happened in the demo so far: an observer of its runs that
// also feeds the usual monitors. It is safe for concurrent use.
type story struct {
	begin   time.Time
	watched string // the check that the release breaks

	mu           sync.Mutex
	events       []event
	monitors     []*monitor
	deployed     time.Time // zero until then
	runs, failed int       // of the watched check since the release was deployed
	page         *page     // ours, the first one
	firing       bool
	repaired     bool // somebody dropped the faults
	lastFailed   *prober.Run
}

// An event is a line of the story.
type event struct {
	at   time.Duration // since the demo began
	text string
	loud bool // a page, or its end
}

func newStory(begin time.Time, watched *prober.Check) *story {
	return &story{begin: begin, watched: watched.Name, monitors: usualMonitors(watched.Schedule.Every)}
}

// tell adds an event. It holds s.mu.
func (s *story) tell(at time.Time, loud bool, format string, args ...any) {
	s.events = append(s.events, event{at.Sub(s.begin), fmt.Sprintf(format, args...), loud})
}

// ObserveRun implements [prober.Observer]. It is to be told of a run before the
// judge is, so that a page counts the run that caused it.
func (s *story) ObserveRun(r *prober.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed := r.Outcome == prober.Failed
	if failed {
		s.lastFailed = r
	}
	if r.Check.Name != s.watched || !r.Outcome.Counted() {
		return
	}
	if !s.deployed.IsZero() && !r.Start.Before(s.deployed) {
		s.runs++
		if failed {
			s.failed++
		}
	}
	for _, m := range s.monitors {
		if m.observe(r.End(), failed) && m.page == nil {
			m.page = &page{r.End().Sub(s.begin), s.runs, s.failed}
			s.tell(r.End(), false, "%q would have paged", m.name)
		}
	}
}

// ObserveMissed implements [prober.Observer].
func (s *story) ObserveMissed(prober.Missed) {}

// changed is told of every change of a state by the judge.
func (s *story) changed(c prober.StateChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.To == detect.Firing && c.Check.Name == s.watched:
		if s.page == nil {
			s.page = &page{c.At.Sub(s.begin), s.runs, s.failed}
		}
		s.firing = true
		s.tell(c.At, true, "page: %s, after %d runs of which %d failed", c.Check.Name, s.runs, s.failed)
	case c.To == detect.Firing:
		s.tell(c.At, true, "page: %s", c.Check.Name)
	case c.From == detect.Firing:
		s.firing = false
		s.tell(c.At, true, "the page of %s is resolved", c.Check.Name)
	default:
		s.tell(c.At, false, "%s is %s", c.Check.Name, c.To)
	}
}

// begun opens the story.
func (s *story) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(s.begin, false, "all %d backends run release %s, and all is well", demoBackends, demoOldRelease)
}

// deploy notes that the release is on its backend from now on.
func (s *story) deploy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deployed = now
	s.tell(now, true, "release %s deployed on %s: %s of its logins fail, %s of all",
		demoNewRelease, demoBackend, percent(demoFailureRate()*demoBackends), percent(demoFailureRate()))
}

// repair notes that the bank has no faults any more.
func (s *story) repair(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.repaired {
		s.repaired = true
		s.tell(now, true, "somebody repaired the bank")
	}
}

// A scene is the story at one moment, with how the checks stand: a copy.
type scene struct {
	since      time.Duration // the demo began
	checks     []prober.CheckStatus
	events     []event
	monitors   []monitor
	page       *page
	deployed   time.Duration // 0 if not yet
	runs       int           // of the watched check since then
	failed     int
	firing     bool
	recovery   float64 // of the watched check
	repaired   bool
	lastFailed *prober.Run
}

func (s *story) scene(now time.Time, standing []prober.CheckStatus) scene {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := scene{
		since: now.Sub(s.begin), checks: standing, events: slices.Clone(s.events), page: s.page,
		runs: s.runs, failed: s.failed, firing: s.firing, repaired: s.repaired, lastFailed: s.lastFailed,
	}
	if !s.deployed.IsZero() {
		sc.deployed = s.deployed.Sub(s.begin)
	}
	for i := range standing {
		if standing[i].Check.Name == s.watched {
			sc.recovery = standing[i].Recovery
		}
	}
	for _, m := range s.monitors {
		sc.monitors = append(sc.monitors, *m)
	}
	return sc
}

// clock writes a time since the beginning as 01:23.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// percent writes a rate without decimals where it is a whole number.
func percent(rate float64) string { return detect.Figures(100*rate, 2) + " %" }
