package prober

import "github.com/authprober/authprober/prober/detect"

// explainedUntil is the failed run that ends the explaining: one alone is what a healthy
// check has now and then, while it shows that it is well.
const explainedUntil = 2

// An explaining is what a judge keeps of why a check needs no page of its own. While its group
// fires, Alertmanager holds it back. But a group has seen enough of everything sooner, of being
// well again too: its flows, each by itself, may take hours longer to show that. Without
// this the end of one page would be the beginning of as many as there are flows.
//
// A check whose trouble goes on by itself fails again, and is told of then.
type explaining struct {
	explained bool
	failed    int // counted runs since the group was well again
}

// member reports whether the check is a flow of a group, and no group itself.
func (c *Check) member() bool { return c.Group != "" && !c.IsGroup() }

// explainMembers is called when a group is well again: what its flows of the same team
// have begun to fire for since its trouble began, and still do, has been told. A flow that was firing
// before has trouble of its own, and goes on paging for it.
func (j *Judge) explainMembers(group *judged) {
	group.mu.Lock()
	check, trouble := group.check, group.trouble
	group.mu.Unlock()
	for _, g := range j.all() {
		g.mu.Lock()
		c := g.check
		same := c.member() && c.Group == check.Group && c.Labels["team"] == check.Labels["team"]
		if same && g.detector.State() == detect.Firing && !g.since.Before(trouble) {
			g.explaining = explaining{explained: true}
		}
		g.mu.Unlock()
	}
}

// observe takes account of counted runs, after which the check is firing by its rate or not.
func (e *explaining) observe(failed int, firing bool) {
	if e.explained {
		e.failed += failed
	}
	if !firing || e.failed >= explainedUntil {
		*e = explaining{}
	}
}
