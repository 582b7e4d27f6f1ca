package checks

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A groupOfFlows is the flows that share an objective.group.
type groupOfFlows struct {
	first     *source
	objective detect.Objective // of the first
	flows     int
}

// vetGroup returns the group of the flow. Its flows have the same objective: the
// group is held to it, and another one in one of its files would be a surprise.
func (l *loader) vetGroup(src *source, o detect.Objective) string {
	name := src.flow.Objective.Group
	if name == "" {
		return ""
	}
	if !flowName.MatchString(name) {
		src.mistake("objective", "%q is no name for a group; want lower-case letters, digits and hyphens, at most 63", name)
		return ""
	}
	g := l.groups[name]
	if g == nil {
		g = &groupOfFlows{first: src, objective: o}
		l.groups[name] = g
	}
	g.flows++
	if o.Validate() == nil && g.objective.Validate() == nil {
		g.compare(src, o)
	}
	return name
}

// compare notes a mistake for each key in which the objective is not the group's.
func (g *groupOfFlows) compare(src *source, o detect.Objective) {
	differ := func(key, here, there string, same bool) {
		if !same {
			src.doc.Errorf(src.inside("objective", key), "%s is %s, and %s in the flow %q in %s; all flows of the group %q have the same",
				key, here, there, g.first.flow.Name, g.first.doc.File, src.flow.Objective.Group)
		}
	}
	first := g.objective
	differ("tolerate", percent(o.Tolerate), percent(first.Tolerate), o.Tolerate == first.Tolerate)
	differ("detect", percent(o.Detect), percent(first.Detect), o.Detect == first.Detect)
	differ("false_pages", "1 per "+inDays(o.FalsePageEvery), "1 per "+inDays(first.FalsePageEvery), o.FalsePageEvery == first.FalsePageEvery)
	differ("blip", inDays(o.Blip), inDays(first.Blip), o.Blip == first.Blip)
}

// percent and inDays write values as flows do, all digits of them.
func percent(rate float64) string { return detect.Figures(100*rate, 15) + "%" }

func inDays(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return short(d)
}

// warnOfGroups warns of groups of one, which look like a name that is misspelled.
func (l *loader) warnOfGroups() {
	for _, name := range slices.Sorted(maps.Keys(l.groups)) {
		if g := l.groups[name]; g.flows == 1 {
			at := g.first.at("objective")
			l.warnings = append(l.warnings, Mistake{File: g.first.doc.File, Line: at.Line, Column: at.Column,
				Message: "no other flow is in the group \"" + name + "\", so its detector sees no more than this flow's"})
		}
	}
}
