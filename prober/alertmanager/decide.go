package alertmanager

import (
	"maps"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// What the rules in deploy/prometheus say beside their expressions.
const (
	nameFiring    = "AuthProberIntermittentFailure"
	nameSuspect   = "AuthProberSuspect"
	nameThreshold = "AuthProberThresholdExceeded"
	nameFailOpen  = "AuthProberFailOpen"
	nameDrill     = "AuthProberDrill"

	nameEverywhere  = "AuthProberEverywhere"
	aggregateSuffix = "-aggregate" // of an aggregator's scrape job, after that of its probers

	runbooks        = "https://github.com/authprober/authprober/blob/main/docs/runbooks/"
	suspectEvidence = 0.1             // a check is suspect after almost any failure
	suspectHold     = 2 * time.Minute // the rule's `for`
	failOpenStays   = time.Hour       // after the last event
)

// Names are the alerts that can be given directly. They are a part of those that the
// rules know.
var Names = []string{nameFiring, nameSuspect, nameThreshold, nameFailOpen, nameDrill, nameEverywhere}

// alertsOf returns the alerts that ought to be out for one check, or a group, at now.
func (n *Notifier) alertsOf(s *prober.CheckStatus, now time.Time) (all []alert) {
	c := s.Check
	team, severity := c.Labels["team"], c.Labels["severity"]
	switch {
	case len(s.FailOpens) > 0 && s.Evidence < 1: // it fires for a fail-open alone, which is an alert of its own
	case s.Explained: // its group's page has told of it, and of what locations say of it
		if prober.Everywhere(s.Places) {
			all = append(all, n.everywhere(c))
		}
	case s.State == detect.Firing:
		all = append(all, n.alert(nameFiring, s.Since,
			map[string]string{"check": c.Name, "team": team, "group": c.Group, "severity": or(severity, "page")},
			c.Name+" fails more often than its objective tolerates", n.figures(s, now)))
		if prober.Everywhere(s.Places) {
			all = append(all, n.everywhere(c))
		}
	case s.State == detect.Suspect && s.Evidence >= suspectEvidence:
		a := n.alert(nameSuspect, time.Time{},
			map[string]string{"check": c.Name, "team": team, "group": c.Group, "severity": "warning"},
			c.Name+" may be failing: evidence for a page is building up", n.figures(s, now))
		a.hold = suspectHold
		all = append(all, a)
	}
	if !s.Drill.Until.IsZero() {
		a := n.alert(nameDrill, s.Drill.Since,
			map[string]string{"check": c.Name, "team": team, "drill": "true", "severity": or(severity, "page")},
			"DRILL: "+c.Name+" pages on purpose, and nothing is wrong", drillText)
		a.until = s.Drill.Until
		all = append(all, a)
	}
	for i := range s.Thresholds {
		if t := &s.Thresholds[i]; t.Exceeded {
			window := prober.WindowName(t.Window)
			all = append(all, n.alert(nameThreshold, time.Time{},
				map[string]string{"check": c.Name, "team": team, "window": window, "severity": or(t.Severity, "ticket")},
				c.Name+" is above its limit over "+window, limitText(t)))
		}
	}
	for i := range s.FailOpens {
		all = append(all, n.failOpen(s, &s.FailOpens[i]))
	}
	return all
}

// everywhere holds back what locations say of the check that a pooled one stands for.
func (n *Notifier) everywhere(c *prober.Check) alert {
	name := strings.TrimPrefix(c.Name, prober.PooledPrefix)
	return n.alert(nameEverywhere, time.Time{},
		map[string]string{"check": name, "team": c.Labels["team"], "group": c.Group, "severity": "none", "job": strings.TrimSuffix(n.o.Labels["job"], aggregateSuffix)},
		name+" fails at several places, and "+c.Name+" pages for it", "This holds back what the places say by themselves, and wakes nobody.")
}

// failOpen is told for the hour that it stands at the least, whatever becomes of the prober.
func (n *Notifier) failOpen(s *prober.CheckStatus, f *prober.FailOpen) alert {
	c := s.Check
	a := n.alert(nameFailOpen, f.Since,
		map[string]string{"check": c.Name, "step": f.Step, "team": c.Labels["team"], "severity": or(c.Labels["severity"], "page")},
		c.Name+`: step "`+f.Step+`" was accepted and must be refused`, failOpenText(s, f.Step))
	a.notBefore = f.Last.Add(failOpenStays)
	return a
}

func (n *Notifier) alert(name string, since time.Time, labels map[string]string, summary, description string) alert {
	labels["alertname"] = name
	for key, value := range n.o.Labels {
		if labels[key] == "" {
			labels[key] = value
		}
	}
	for key, value := range labels {
		labels[key] = strings.ToValidUTF8(value, "?")
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" }) // to Alertmanager that is not there
	return alert{labels: labels, since: since, annotations: map[string]string{
		"summary":     summary,
		"description": strings.ToValidUTF8(description, "?"),
		"runbook_url": runbooks + name + ".md",
	}}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
