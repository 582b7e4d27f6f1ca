package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// because says in a sentence why the delivery is what it is.
func (d *delivery) because() string {
	bad := func(g *gated) bool { return g.decision() == detect.Bad }
	for _, what := range []func(*gated) bool{bad, (*gated).ours} {
		if i := slices.IndexFunc(d.checks, what); i >= 0 && d.decision() != detect.Good {
			return d.why(d.checks[i])
		}
	}
	switch {
	case d.decision() == detect.Good:
		return fmt.Sprintf("no flow fails %s of its runs or more", share(d.params.Bad))
	case d.interrupted:
		return "it was interrupted"
	}
	return fmt.Sprintf("nothing is decided after %s", span(d.limit))
}

// why says in a sentence why one of its checks is what it is.
func (d *delivery) why(g *gated) string {
	failed, n := g.gate.Counts()
	name, errored := g.check.Name, g.counts[prober.Errored]
	switch {
	case g.failOpen:
		return fmt.Sprintf("%s let in what must be refused", name)
	case g.decision() == detect.Bad:
		return fmt.Sprintf("%s failed %s; %s and more are bad", name, ratioOf(failed, n), share(d.params.Bad))
	case g.decision() == detect.Good:
		return fmt.Sprintf("%s failed %s", name, ratioOf(failed, n))
	case g.ours() && errored > 0:
		return fmt.Sprintf("%d %s of %s %s errored, and %s passed or failed", errored, plural(errored, "run"), name, wasOrWere(errored), noneOr(n))
	case g.ours() && g.misses[prober.MissPaused] > 0:
		return fmt.Sprintf("%s is paused, by %sPAUSE_FILE or by its target", name, envPrefix)
	case g.ours():
		return fmt.Sprintf("%s found no account: %s", name, heldUpText(g.heldUpBy()))
	case d.decision() == detect.Bad || slices.ContainsFunc(d.checks, func(g *gated) bool { return g.hopeless }):
		return fmt.Sprintf("%s was stopped when another flow had ended it", name)
	case d.interrupted:
		return fmt.Sprintf("%s was interrupted", name)
	case n == 0:
		return fmt.Sprintf("%s: no run passed or failed in %s", name, span(d.limit))
	}
	return fmt.Sprintf("%s is undecided after %s, having failed %s", name, span(d.limit), ratioOf(failed, n))
}

func wasOrWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func noneOr(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// heldUpBy are the reasons for which there was nothing to make a run with, sorted.
func (g *gated) heldUpBy() []prober.MissReason { return slices.Sorted(maps.Keys(g.misses)) }

// heldUpWords say what the reasons mean.
var heldUpWords = map[prober.MissReason]string{
	prober.MissNoAccount:  "each was in use",
	prober.MissBudget:     "their logins or one-time codes were used up",
	prober.MissQuarantine: "some are in quarantine",
	prober.MissPaused:     "somebody, or the target, wanted a pause",
}

func heldUpText(reasons []prober.MissReason) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = string(r)
		if words := heldUpWords[r]; words != "" {
			texts[i] = fmt.Sprintf("%s (%s)", words, r)
		}
	}
	return strings.Join(texts, ", ")
}
