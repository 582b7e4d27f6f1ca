package checks

import (
	"maps"
	"slices"

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
	if o != g.objective && o.Validate() == nil && g.objective.Validate() == nil {
		src.mistake("objective", "tolerate, detect, false_pages and blip are not those of the flow %q in %s; "+
			"all flows of the group %q have the same", g.first.flow.Name, g.first.doc.File, name)
	}
	return name
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
