package web

import (
	"net/http"
	"sync"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"github.com/authprober/authprober/prober/web/api"
)

// Plans simulates what checks can detect, each kind of them once and one at a time,
// as that takes a second or two. It is safe for concurrent use.
type plans struct {
	mu    sync.Mutex
	known map[planKind]detect.Plan
}

type planKind struct {
	objective detect.Objective
	schedule  prober.Schedule
	params    detect.Params // of a group
	extra     int
}

// of returns the plan of a check or a group of the given ones.
func (p *plans) of(c *prober.Check, groups []prober.Group) detect.Plan {
	k := planKind{objective: c.Objective, schedule: prober.Schedule{Every: c.Schedule.Every, Confirm: c.Schedule.Confirm, ConfirmBudget: c.Schedule.ConfirmBudget}}
	for _, g := range groups {
		if isGroup(c) && g.Check.Name == c.Name {
			k.params, k.extra = g.Params(), g.ExtraRunsADay()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	plan, known := p.known[k]
	if known {
		return plan
	}
	if k.params == (detect.Params{}) {
		plan = detect.NewPlan(k.objective, k.schedule.Every, k.schedule.Confirming())
	} else {
		plan = detect.NewGroupPlan(k.objective, k.schedule.Every, k.params, k.extra)
	}
	if p.known == nil {
		p.known = map[planKind]detect.Plan{}
	}
	p.known[k] = plan
	return plan
}

// planOf simulates a check among all that there are.
func (p *pages) planOf(c *prober.Check) detect.Plan {
	var all []*prober.Check
	for _, s := range p.opts.Checks() {
		if !isGroup(s.Check) {
			all = append(all, s.Check)
		}
	}
	return p.plans.of(c, prober.Groups(all))
}

// A planLine is a row of a plan.
type planLine struct {
	Rate   string
	Delays []string // the median and the 95 % of each rule
}

var planTitles = [...]string{
	detect.RuleDetector: "authprober", detect.RuleConfirming: "confirming",
	detect.RuleInARow: "3 in a row", detect.RuleBurnRate: "burn rate 99.9 %",
}

func (p *pages) plan(w http.ResponseWriter, r *http.Request) {
	s, ok := p.status(r.PathValue("check"))
	if !ok {
		p.missing(w, r, http.StatusNotFound, "There is no such check.")
		return
	}
	plan := p.planOf(s.Check)
	view := struct {
		base
		Check string
		Plan  api.Plan
		Rules []string
		Rows  []planLine
	}{base: p.base(r, "Plan of "+s.Check.Name), Check: s.Check.Name,
		Plan: api.NewPlan(s.Check.Name, s.Check.Schedule.Every.Seconds(), s.Check.Objective, plan)}
	for rule, d := range plan.Rows[0].Delays {
		if d.Reps > 0 {
			view.Rules = append(view.Rules, planTitles[rule])
		}
	}
	for _, row := range plan.Rows {
		line := planLine{Rate: share(row.Rate)}
		for _, d := range row.Delays {
			if d.Reps > 0 {
				line.Delays = append(line.Delays, d.Median.String(), d.P95.String())
			}
		}
		view.Rows = append(view.Rows, line)
	}
	p.show(w, "plan", view)
}

// status finds how a check stands.
func (p *pages) status(name string) (prober.CheckStatus, bool) {
	for _, s := range p.opts.Checks() {
		if s.Check.Name == name {
			return s, true
		}
	}
	return prober.CheckStatus{}, false
}
