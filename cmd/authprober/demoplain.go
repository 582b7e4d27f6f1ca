package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A plainView prints events as they happen, and every few seconds a line on each
// check.
type plainView struct {
	w      io.Writer
	from   *show
	events int           // printed so far
	next   time.Duration // when the checks are due again
	hinted bool
}

const plainEvery = 5 * time.Second

func (v *plainView) every() time.Duration { return 200 * time.Millisecond }

func (v *plainView) close() {}

func (v *plainView) show(sc scene) {
	if v.next == 0 {
		fmt.Fprintf(v.w, "see it at %s/ (metrics at /metrics); the bank is at %s\n", v.from.metrics, v.from.bank.URL)
		v.next = plainEvery
	}
	for _, e := range sc.events[v.events:] {
		fmt.Fprintf(v.w, "%s  %s\n", clock(e.at), e.text)
	}
	v.events = len(sc.events)
	if sc.firing && v.from.forever && !v.hinted {
		v.hinted = true
		fmt.Fprintf(v.w, "%s  repair the bank: %s\n", clock(sc.since), v.from.repair())
	}
	if sc.since < v.next {
		return
	}
	v.next += plainEvery
	for i := range sc.checks {
		fmt.Fprintf(v.w, "%s  %s\n", clock(sc.since), checkLine(&sc.checks[i], paint{}))
	}
}

// checkLine is how a check stands, in a line.
func checkLine(s *prober.CheckStatus, p paint) string {
	state := fill(s.State.String(), 7)
	line := fmt.Sprintf("%-14s %s  %s, evidence %s", s.Check.Name,
		strings.Replace(state, s.State.String(), p.state(s.State), 1), s.Ratio(prober.RatioWindows[0]), evidence(s.Evidence))
	if s.State == detect.Firing {
		line += fmt.Sprintf(", recovery %.0f %%", 100*s.Recovery)
	}
	return line
}

// evidence writes a number that ranges from a millionth to thousands.
func evidence(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < 0.001:
		return fmt.Sprintf("%.0e", x)
	case x < 10:
		return fmt.Sprintf("%.2g", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// repair is the command that ends the trouble.
func (s *show) repair() string { return "curl -X DELETE " + s.bank.URL + "/-/faults" }

// summary prints what the demo has shown.
func (s *show) summary(w io.Writer, p paint) {
	var b strings.Builder
	writeSummary(&b, p, s.scene())
	io.WriteString(w, b.String())
}

func writeSummary(b *strings.Builder, p paint, sc scene) {
	fmt.Fprintf(b, "%s\n", p.bold("after "+clock(sc.since)))
	for _, e := range sc.events {
		text := e.text
		if e.loud {
			text = p.bold(text)
		}
		fmt.Fprintf(b, "  %s  %s\n", clock(e.at), text)
	}
	for i := range sc.checks {
		fmt.Fprintf(b, "  %s\n", checkLine(&sc.checks[i], p))
	}
	if sc.deployed > 0 {
		fmt.Fprintf(b, "%s\n", p.bold(fmt.Sprintf("since the release %d of %d logins failed: who would have paged?", sc.failed, sc.runs)))
		for _, line := range verdicts(sc, p) {
			fmt.Fprintf(b, "  %s\n", line)
		}
		fmt.Fprintln(b, p.dim("  A burn rate that has just begun has hardly any runs to divide by: two failures\n"+
			"  among the first are a page on a healthy day too. Settled, it needs half an\n"+
			"  hour at 3 %."))
	}
}

// verdicts is what each monitor made of the same runs, ours first.
func verdicts(sc scene, p paint) (lines []string) {
	column := width(sc.monitors[0].name)
	for _, m := range sc.monitors {
		column = max(column, width(m.name))
	}
	line := func(name string, at *page) {
		lines = append(lines, fill(name, column)+"  "+sc.verdict(at, p))
	}
	line("authprober", sc.page)
	for _, m := range sc.monitors {
		line(m.name, m.page)
	}
	return lines
}

func (sc *scene) verdict(at *page, p paint) string {
	switch {
	case at == nil:
		return p.dim("silent")
	case sc.deployed == 0 || at.at < sc.deployed:
		return p.yellow("a false page at " + clock(at.at))
	}
	return p.red(fmt.Sprintf("page at %s, in %.0f s: %d of %d failed",
		clock(at.at), (at.at - sc.deployed).Seconds(), at.failed, at.runs))
}
