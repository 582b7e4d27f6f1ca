package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A planned is the plan of one check, or of a group.
type planned struct {
	check   *prober.Check
	flows   []string       // of a group; nil for a check
	confirm detect.Confirm // the flow's own, or the one that is tried
	tried   bool
	load    load
	detect.Plan
}

// A load is what a check asks of its target and of its accounts.
type load struct {
	runs, logins float64       // an hour, as the schedule has them
	inAll        float64       // logins an hour of all flows of the pool
	most         checks.Demand // in any hour
	pool         string        // "" where it uses no accounts, or a group several pools
	accounts     int
}

// perAccount is how often an account of the pool logs in, an hour.
func (l load) perAccount() float64 { return l.logins / float64(max(l.accounts, 1)) }

// perAccountInAll is what each account of the pool is asked for by all its flows.
func (l load) perAccountInAll() float64 { return l.inAll / float64(max(l.accounts, 1)) }

// A planner makes plans, each kind of them once: many flows are of one.
type planner struct {
	config *checks.Config
	now    time.Time
	try    time.Duration // to confirm at; 0 for none
	known  map[planKind]detect.Plan
}

type planKind struct {
	objective detect.Objective
	every     time.Duration
	confirm   detect.Confirm
	params    detect.Params // of a group; the zero value for a check
	extra     int
}

// planAll plans flows and groups, those whose names are given or all, and returns the plans.
func planAll(ctx context.Context, config *checks.Config, only []string, try time.Duration, print func(*planned) error) (plans []*planned, err error) {
	groups := prober.Groups(config.Checks)
	chosen, err := choose(withGroups(config.Checks, groups), config.Elsewhere, only)
	if err != nil {
		return nil, misconfigured(err)
	}
	p := &planner{config, time.Now(), try, map[planKind]detect.Plan{}}
	if err := p.refuseTry(chosen); err != nil {
		return nil, misconfigured(err)
	}
	for _, c := range chosen {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("interrupted before %q", c.Name)
		}
		made := p.plan
		if g := groupOf(c, groups); g != nil {
			made = func(*prober.Check) *planned { return p.planGroup(g) }
		}
		plan := made(c)
		if err := print(plan); err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

// withGroups returns the checks and what stands for the groups.
func withGroups(all []*prober.Check, groups []prober.Group) []*prober.Check {
	all = slices.Clone(all)
	for _, g := range groups {
		all = append(all, g.Check)
	}
	return all
}

// groupOf returns the group that the check stands for, nil if it is one of a flow.
func groupOf(c *prober.Check, groups []prober.Group) *prober.Group {
	if i := slices.IndexFunc(groups, func(g prober.Group) bool { return g.Check == c }); i >= 0 {
		return &groups[i]
	}
	return nil
}

// tried is how a flow would confirm that does not; the error is why it cannot.
func (p *planner) tried(c *prober.Check) (detect.Confirm, error) {
	t := detect.Confirm{Interval: p.try, Budget: detect.DefaultBudget}
	return t, t.Validate(c.Schedule.Every)
}

// tries reports whether confirming is to be tried for a flow. A group has its runs
// from its flows, and none of its own.
func (p *planner) tries(c *prober.Check) bool {
	return p.try != 0 && c.Begin != nil && c.Schedule.Confirming() == (detect.Confirm{})
}

// refuseTry returns an error where no flow at all can confirm as it is to be tried.
func (p *planner) refuseTry(chosen []*prober.Check) (err error) {
	for _, c := range chosen {
		if !p.tries(c) {
			continue
		}
		_, wrong := p.tried(c)
		if wrong == nil {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("flow %q: --%w", c.Name, wrong)
		}
	}
	return err
}

func (p *planner) plan(c *prober.Check) *planned {
	one := &planned{check: c, confirm: c.Schedule.Confirming(), load: loadOf(c, p.config, p.now)}
	var left string
	if p.tries(c) {
		if t, err := p.tried(c); err == nil {
			one.confirm, one.tried = t, true
		} else {
			left = fmt.Sprintf("--%s; it is not tried here", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	k := planKind{objective: c.Objective, every: c.Schedule.Every, confirm: one.confirm}
	one.Plan = p.of(k, func() detect.Plan { return detect.NewPlan(k.objective, k.every, k.confirm) })
	if left != "" {
		one.Warnings = append(slices.Clone(one.Warnings), left)
	}
	return one
}

// planGroup plans the detector of a group, which sees the runs of all its flows.
func (p *planner) planGroup(g *prober.Group) *planned {
	one := &planned{check: g.Check}
	for i, c := range g.Members {
		one.flows = append(one.flows, c.Name)
		l := loadOf(c, p.config, p.now)
		if i == 0 {
			one.load.pool, one.load.accounts, one.load.inAll = l.pool, l.accounts, l.inAll
		} else if l.pool != one.load.pool {
			one.load.pool, one.load.accounts, one.load.inAll = "", 0, 0
		}
		one.load.runs += l.runs
		one.load.most.Runs += l.most.Runs
		one.load.most.Requests += l.most.Requests
		one.load.most.Logins += l.most.Logins
		one.load.logins += l.logins
	}
	k := planKind{objective: g.Check.Objective, every: g.Check.Schedule.Every, params: g.Params(), extra: g.ExtraRunsADay()}
	one.Plan = p.of(k, func() detect.Plan { return detect.NewGroupPlan(k.objective, k.every, k.params, k.extra) })
	return one
}

func (p *planner) of(k planKind, make func() detect.Plan) detect.Plan {
	plan, known := p.known[k]
	if !known {
		plan = make()
		p.known[k] = plan
	}
	return plan
}

// loginsOf is how many logins an hour the schedules of all flows ask of a pool.
func loginsOf(pool string, config *checks.Config) (anHour float64) {
	for _, c := range config.Checks {
		if name, _ := config.Supply(c); name == pool {
			anHour += float64(time.Hour) / float64(c.Schedule.Every)
		}
	}
	return anHour
}

// loadOf says what the check asks for.
func loadOf(c *prober.Check, config *checks.Config, now time.Time) load {
	l := load{runs: float64(time.Hour) / float64(c.Schedule.Every), most: config.Demand(c, time.Hour)}
	pool, _ := config.Supply(c)
	for _, p := range config.Accounts.Status(now) {
		if p.Name == pool {
			l.logins, l.pool, l.accounts = l.runs, pool, p.Free+p.Leased+p.Cooling+p.Quarantined
			l.inAll = loginsOf(pool, config)
		}
	}
	return l
}
