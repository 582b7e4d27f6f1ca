package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A gateResult is what a gate has come to, as `gate --json` prints it. The names are
// documented in the command's help and do not change.
type gateResult struct {
	Decision    string      `json:"decision"`
	Because     string      `json:"because"`
	MaxFailures float64     `json:"max_failures"`
	GoodBelow   float64     `json:"good_below"`
	FalseAlarm  float64     `json:"false_alarm"`
	FalsePass   float64     `json:"false_pass"`
	Took        float64     `json:"took_seconds"`
	Checks      []gateCheck `json:"checks"`

	ours bool // it is undecided by our own fault
}

type gateCheck struct {
	Check    string       `json:"check"`
	Decision string       `json:"decision"`
	Because  string       `json:"because"`
	Failed   int          `json:"failed"`
	N        int          `json:"n"`
	Ratio    float64      `json:"ratio"`
	Lower    float64      `json:"lower"`
	Upper    float64      `json:"upper"`
	Errored  int          `json:"errored,omitempty"`
	Aborted  int          `json:"aborted,omitempty"`
	FailOpen bool         `json:"fail_open,omitempty"`
	Reasons  []gateReason `json:"reasons,omitempty"`
	Blame    string       `json:"blame,omitempty"`
	Error    string       `json:"error,omitempty"`
	// GoodAfter is how many runs would have to pass, of a check that is undecided.
	GoodAfter int                 `json:"good_after,omitempty"`
	HeldUpBy  []prober.MissReason `json:"held_up_by,omitempty"`

	took time.Duration
	wait int  // runs that --min-runs wants of a check that is bad so far
	ours bool // it is undecided by our own fault
}

type gateReason struct {
	Step   string        `json:"step"`
	Reason prober.Reason `json:"reason"`
	Runs   int           `json:"runs"`
	Detail string        `json:"detail"`
}

func (g *gated) result(took time.Duration) gateCheck {
	failed, n := g.gate.Counts()
	i := detect.Wilson(failed, n)
	r := gateCheck{
		Check: g.check.Name, Decision: g.decision().String(), Failed: failed, N: n,
		Ratio: float64(failed) / float64(max(n, 1)), Lower: i.Lower, Upper: i.Upper,
		Errored: g.counts[prober.Errored], Aborted: g.counts[prober.Aborted], FailOpen: g.failOpen, HeldUpBy: g.heldUpBy(), took: took, ours: g.ours(),
	}
	for key, f := range g.reasons {
		r.Reasons = append(r.Reasons, gateReason{key.step, key.reason, f.runs, f.detail})
	}
	slices.SortFunc(r.Reasons, func(a, b gateReason) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Reason, b.Reason))
	})
	if f := g.blame.Find(time.Time{}); f.Tested > 0 {
		r.Blame = f.String()
	}
	if g.lastErr != nil {
		r.Error = g.lastErr.Error()
	}
	if g.decision() == detect.Undecided {
		r.GoodAfter, r.wait = g.gate.PassesToGood(), g.waits()
	}
	return r
}

func (r *gateResult) exitCode() int {
	switch {
	case r.Decision == detect.Good.String():
		return exitOK
	case r.Decision == detect.Bad.String():
		return exitFailed
	case r.ours:
		return exitOurs
	}
	return exitUndecided
}

// printGate returns a function that prints a result for people:
//
//	bad in 12 s: retail-login failed 14% (6.0%-29%) of 36 runs; 1% and more are bad
//	retail-login  bad  14% (6.0%-29%) of 36 runs
//	  4  login status_5xx: want status == 200, got 503
//	  1  code timeout: no answer within 8s
//	  backend=b3: 5 of 9 runs failed, 0 of 27 elsewhere (p < 1e-3)
func printGate(w io.Writer, p paint) func(*gateResult) error {
	return func(r *gateResult) error {
		var b strings.Builder
		fmt.Fprintf(&b, "%s in %s: %s\n", p.decision(r.Decision), human(time.Duration(r.Took*float64(time.Second))), r.Because)
		for i := range r.Checks {
			writeGateCheck(&b, p, &r.Checks[i])
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
}

func writeGateCheck(b *strings.Builder, p paint, c *gateCheck) {
	fmt.Fprintf(b, "%s  %s  %s\n", p.bold(c.Check), p.decision(c.Decision), ratioOf(c.Failed, c.N))
	for _, line := range c.lines() {
		fmt.Fprintf(b, "  %s\n", oneLine(line))
	}
}

// lines say what there is to say of a check beside its decision.
func (c *gateCheck) lines() (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, f := range c.Reasons {
		say("%d× %s %s: %s", f.Runs, f.Step, f.Reason, f.Detail)
	}
	if c.Blame != "" {
		say("%s", c.Blame)
	}
	if c.Errored > 0 {
		say("%d errored, not counted: %s", c.Errored, c.Error)
	}
	switch {
	case c.wait > 0:
		say("bad so far, to be decided after %d more %s: --min-runs", c.wait, plural(c.wait, "run"))
	case c.GoodAfter > 0:
		say("good after %d more %s without a failure", c.GoodAfter, plural(c.GoodAfter, "run"))
	}
	if c.heldUpMatters() {
		say("held up by its accounts: %s", heldUpText(c.HeldUpBy))
	}
	return lines
}

// longHeldUp is how long a good gate takes before one wants to know what held it up.
const longHeldUp = 10 * time.Second

// heldUpMatters reports whether a person is to be told what held the check up. A run
// is asked for as soon as one may be, so accounts hold up a gate of a second too;
// and one that is bad was decided by what it saw.
func (c *gateCheck) heldUpMatters() bool {
	return len(c.HeldUpBy) > 0 && c.Decision != detect.Bad.String() &&
		(c.Decision != detect.Good.String() || c.took >= longHeldUp)
}

func (p paint) decision(s string) string {
	switch s {
	case detect.Good.String():
		return p.green(s)
	case detect.Bad.String():
		return p.red(s)
	}
	return p.yellow(s)
}

// printGateJSON returns a function that prints a result in a line of JSON.
func printGateJSON(w io.Writer) func(*gateResult) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(r *gateResult) error { return e.Encode(r) }
}
