package prober

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Group is the checks that share a [Check.Group]: one backend, seen by all of
// them. They pool their counted runs into one more detector, which has seen
// enough sooner than each of theirs. It asks for no confirming runs, and judges
// those that its checks ask for.
type Group struct {
	// Check stands for the group. Its Name is "group:" and that of the group, which is
	// no name of a check; its Schedule.Every is the mean time between the runs of the
	// members; its Labels are those that all of them have; its Begin is nil.
	Check *Check
	// Members are its checks, in the order in which they were given.
	Members []*Check
}

// groupPrefix begins the names of groups, and no name of a check.
const groupPrefix = "group:"

// GroupCheck is the name of what is judged by the runs of all checks of the check's group: "group:NAME",
// and of one that stands for all instances "all:group:NAME". It is "" of a check that is in none.
func (c *Check) GroupCheck() string {
	switch {
	case c.Group == "":
		return ""
	case strings.HasPrefix(c.Name, PooledPrefix):
		return PooledPrefix + groupPrefix + c.Group
	}
	return groupPrefix + c.Group
}

// IsGroup reports whether the check stands for all checks of its group.
func (c *Check) IsGroup() bool { return c.Group != "" && c.Name == c.GroupCheck() }

// Groups returns the groups of the checks, by name. The checks must be valid, see
// [Validate].
func Groups(checks []*Check) []Group {
	members := map[string][]*Check{}
	for _, c := range checks {
		if c.Group != "" {
			members[c.Group] = append(members[c.Group], c)
		}
	}
	var groups []Group
	for _, name := range slices.Sorted(maps.Keys(members)) {
		groups = append(groups, newGroup(name, members[name]))
	}
	return groups
}

func newGroup(name string, members []*Check) Group {
	var perSecond float64
	var names []string
	labels := maps.Clone(members[0].Labels)
	for _, c := range members {
		perSecond += 1 / c.Schedule.Every.Seconds()
		names = append(names, c.Name)
		maps.DeleteFunc(labels, func(k, v string) bool { return c.Labels[k] != v })
	}
	return Group{Members: members, Check: &Check{
		Name:  groupPrefix + name,
		About: "The runs of " + strings.Join(names, ", "),
		Group: name,
		// Rounded down, which errs on the side of too few pages.
		Schedule:  Schedule{Every: max(1, time.Duration(float64(time.Second)/perSecond))},
		Objective: members[0].Objective,
		Labels:    labels,
	}}
}

// Params are the objective in terms of the runs of all members, the confirming ones
// too: as many as their budgets allow are made in a period at the most.
func (g Group) Params() detect.Params {
	p := g.Check.Objective.Params(g.Check.Schedule.Every)
	for _, c := range g.Members {
		if s := c.Schedule; s.Confirm > 0 {
			due := float64(c.Objective.FalsePageEvery) / float64(s.Every)
			p.RunsToFalsePage += due*s.ConfirmBudget + float64(s.Confirming().Limit(s.Every))
		}
	}
	return p
}

// ExtraRunsADay is how many confirming runs its checks may make in 24 hours.
func (g Group) ExtraRunsADay() (n int) {
	for _, c := range g.Members {
		n += c.Schedule.Confirming().Limit(c.Schedule.Every)
	}
	return n
}

// vetGroups returns how checks of one group contradict each other.
func vetGroups(checks []*Check) (errs []error) {
	first := map[string]*Check{}
	for _, c := range checks {
		other := first[c.Group]
		switch {
		case c.Group == "":
		case other == nil:
			first[c.Group] = c
		case c.Objective != other.Objective:
			errs = append(errs, fmt.Errorf("check %q: objective is not that of %q, want the same in all of group %q",
				c.Name, other.Name, c.Group))
		}
	}
	return errs
}
