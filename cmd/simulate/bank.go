package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
)

// A customer makes the runs of one check in one location, as the world has them.
type customer struct {
	flow  *flow
	sky   *sky
	rng   *rand.Rand
	pool  *accounts.Pool
	clock func() time.Time
}

// need is that of a login with a one-time code, which is good once in 30 s.
var need = accounts.Need{OncePerStep: 30 * time.Second}

// errNoNetwork is what the prober's own control finds, which runs in a world of its own.
var errNoNetwork = errors.New("we have no network")

func newPool(name string) (*accounts.Pool, error) {
	var all []accounts.Account
	for i := range pool {
		all = append(all, accounts.Account{Name: fmt.Sprintf("%s-%d", name, i)})
	}
	return accounts.NewPool(name, accounts.Limit{}, all)
}

// begin is the check's Begin.
func (c *customer) begin(now time.Time) (prober.Attempt, prober.MissReason) {
	lease, miss := c.pool.Lease(now, need)
	if miss != "" {
		return prober.Attempt{}, miss
	}
	return prober.Attempt{
		Account: lease.Account().Name,
		Probe:   func(context.Context) prober.Report { return c.report(now) },
		Release: func(o prober.Outcome, _ prober.Report) {
			result := accounts.Unclear
			if o == prober.Passed {
				result = accounts.Accepted
			}
			lease.Release(c.clock(), result)
		},
	}, ""
}

// beginConfirm is the check's BeginConfirm: as in checks, a confirming run leaves an account
// to each flow of the pool.
func (c *customer) beginConfirm(now time.Time) (prober.Attempt, prober.MissReason) {
	if c.pool.Status(now).Free < teamSize {
		return prober.Attempt{}, prober.MissBudget
	}
	return c.begin(now)
}

// tags and steps are the same for all runs, as nobody writes to them.
var (
	tags  = tagsOf()
	steps = map[prober.Reason][]prober.StepResult{
		"":                     {{Name: "login"}},
		prober.ReasonStatus5xx: {{Name: "login", Reason: prober.ReasonStatus5xx}},
		prober.ReasonTimeout:   {{Name: "login", Reason: prober.ReasonTimeout}},
		prober.ReasonConnect:   {{Name: "login", Reason: prober.ReasonConnect}},
	}
)

func tagsOf() (all [backends]map[string]string) {
	for i := range all {
		all[i] = map[string]string{"backend": fmt.Sprintf("b%d", i+1)}
	}
	return all
}

// report is what becomes of a run that begins now.
func (c *customer) report(now time.Time) prober.Report {
	backend := c.rng.IntN(backends)
	took := c.flow.took + time.Duration(c.rng.IntN(int(500*time.Millisecond)))
	draw, how := c.rng.Float64(), c.rng.Float64()
	passes := 1 - c.flow.rate
	reason := prober.Reason("")
	for _, s := range c.sky.look(now) {
		switch {
		case s.kind == sick:
			reason = prober.ReasonConnect
		case s.kind == slow:
			took += 12 * time.Second
		case s.kind != release:
			passes *= 1 - s.at(now)
		case backend == badBackend:
			passes *= 1 - min(1, backends*s.at(now))
		}
	}
	if draw >= passes && reason == "" {
		reason = prober.ReasonStatus5xx
		if how < 0.2 {
			reason, took = prober.ReasonTimeout, timeout
		}
	}
	return prober.Report{Took: took, Steps: steps[reason], Tags: tags[backend]}
}

// excuse is what stands for the prober's control: it knows when our network was gone.
func excuse(_ context.Context, r *prober.Run) error {
	if r.Steps[0].Reason == prober.ReasonConnect {
		return errNoNetwork
	}
	return nil
}
