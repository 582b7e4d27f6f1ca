package checks

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// deal returns the sources without the flows of other shards, whose names it notes. A
// flow in which something is wrong already is of all of them: each of them says so.
func (l *loader) deal(sources []*source) []*source {
	if l.options.Shard.Of <= 1 {
		return sources
	}
	times := map[string]int{}
	for _, src := range sources {
		if src.flow != nil {
			times[src.flow.Name]++
		}
	}
	var own []*source
	for _, src := range sources {
		if src.flow == nil || len(src.doc.Mistakes) > 0 || times[src.flow.Name] > 1 || l.options.Shard.OwnsFlows(src.together()) {
			own = append(own, src)
			continue
		}
		l.elsewhere = append(l.elsewhere, src.flow.Name)
	}
	slices.Sort(l.elsewhere)
	return own
}

// together is the key of the flows that are of one shard: those that read what others of
// their pool remember, and those of a group, which is judged by the runs of all of them.
// Any other flow is by itself. It does not depend on what other flows there are.
func (src *source) together() string {
	switch f := src.flow; {
	case f.Accounts != "" && src.remembers():
		return "pool/" + f.Accounts
	case f.Objective.Group != "":
		return "group/" + f.Objective.Group
	default:
		return "flow/" + f.Name
	}
}

// remembers reports whether the flow keeps something of an account, uses it up, or reads it.
func (src *source) remembers() bool {
	for _, st := range slices.Concat(pointers(src.flow.Steps), pointers(src.flow.Cleanup)) {
		if st.StepSettings != nil && len(st.remembers())+len(st.Forget) > 0 {
			return true
		}
	}
	return mentionsMemory(src.doc.Root)
}

// mentionsMemory reports whether a text of the document reads what is remembered, or how
// old it is. One that only looks so costs nothing but that its flow goes with its pool's.
func mentionsMemory(n *yaml.Node) bool {
	if n == nil {
		return false
	}
	if n.Kind == yaml.ScalarNode && (strings.Contains(n.Value, "remembered") || strings.Contains(n.Value, "age.") || strings.Contains(n.Value, "age[")) {
		return true
	}
	return slices.ContainsFunc(n.Content, mentionsMemory)
}

// shareText names the share of the accounts that this instance has.
func (o *Options) shareText() string {
	switch {
	case o.AccountShare.Of <= 1:
		return "the shard " + o.Shard.String()
	case o.Shard.Of <= 1:
		return "the account share " + o.AccountShare.String()
	}
	return "the shard " + o.Shard.String() + " of the account share " + o.AccountShare.String()
}
