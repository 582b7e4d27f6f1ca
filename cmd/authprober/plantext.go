package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// planWidth is how many columns a plan takes at the most.
const planWidth = 100

// printPlanTable returns a function that prints a plan for people.
func printPlanTable(w io.Writer, p paint) func(*planned) error {
	first := true
	return func(plan *planned) error {
		var b strings.Builder
		if !first {
			b.WriteByte('\n')
		}
		first = false
		writePlan(&b, p, plan)
		_, err := io.WriteString(w, b.String())
		return err
	}
}

func writePlan(b *strings.Builder, p paint, plan *planned) {
	o := plan.check.Objective
	fmt.Fprintf(b, "%s  every %s; tolerate %s, detect %s, one false page in %s, blip %s\n", p.bold(plan.check.Name),
		span(plan.check.Schedule.Every), share(o.Tolerate), share(o.Detect), span(o.FalsePageEvery), span(o.Blip))
	if said := consentText(plan.check); said != "" {
		b.WriteString(wrap(said, "  ", planWidth))
	}
	b.WriteString(wrap(loadText(plan), "  ", planWidth))
	b.WriteString(wrap("promise: "+plan.Promise, "  ", planWidth))
	b.WriteByte('\n')
	writePlanRows(b, p, plan)
	for _, text := range plan.Warnings {
		b.WriteString(p.yellow(strings.TrimRight(wrap("warning: "+text, "  ", planWidth), "\n")) + "\n")
	}
}

// togetherText says how many false pages all of them may make in a month. Nobody promises
// their sum to whoever is woken by it.
func togetherText(plans []*planned) string {
	const month = 30 * 24 * time.Hour
	pages, groups := 0.0, 0
	for _, p := range plans {
		period := p.Params.RunsToFalsePage * float64(p.check.Schedule.Every) / (1 + p.confirm.Budget)
		pages += float64(month) / max(period, float64(p.check.Objective.FalsePageEvery))
		if p.flows != nil {
			groups++
		}
	}
	what := counted(float64(len(plans)-groups), "flow")
	if groups > 0 {
		what += " and " + counted(float64(groups), "group")
	}
	return fmt.Sprintf("together: %s may page falsely %s in 30d in the mean, at the most, and so in each location that runs them: "+
		"false_pages is promised of each by itself", what, counted(pages, "time"))
}

func loadText(plan *planned) string {
	l := plan.load
	text := paced(l.runs, "run") + ", " + l.mostText()
	if l.pool != "" {
		hours, _ := paceUnit(l.logins)
		text += fmt.Sprintf(", %s: %s for each of %d %s of %s",
			paced(l.logins, "login"), count(l.perAccount()*hours), l.accounts, plural(l.accounts, "account"), l.pool)
		if l.inAll > l.logins {
			text += fmt.Sprintf(" (with the pool's other flows %s)", paced(l.perAccountInAll(), "login"))
		}
	}
	switch {
	case plan.flows != nil:
		text = "the runs of " + strings.Join(plan.flows, ", ") + ": " + text
		if plan.ExtraRunsADay > 0 {
			text += fmt.Sprintf("; their confirming, up to %s a day, is not in the table", counted(float64(plan.ExtraRunsADay), "extra run"))
		}
	case plan.tried:
		text += fmt.Sprintf("; not confirming, and if it did: up to %s a day, %s of its runs while healthy",
			counted(float64(plan.ExtraRunsADay), "extra run"), share2(plan.HealthyExtra))
	case plan.confirms():
		text += fmt.Sprintf("; confirming: up to %s a day, %s of its runs while healthy",
			counted(float64(plan.ExtraRunsADay), "extra run"), share2(plan.HealthyExtra))
	default:
		text += "; not confirming"
	}
	return text
}

func (plan *planned) confirms() bool { return plan.confirm != (detect.Confirm{}) }

// writePlanRows writes the table: two columns for each rule that applies.
func writePlanRows(b *strings.Builder, p paint, plan *planned) {
	const rateColumn, column = 12, 10
	titles := [...]string{
		detect.RuleDetector: "authprober", detect.RuleConfirming: "confirming " + span(plan.confirm.Interval),
		detect.RuleInARow: "3 in a row", detect.RuleBurnRate: "burn rate 99.9%",
	}
	head, second, last := fill("", rateColumn), fill("runs failed", rateColumn), fill("false pages", rateColumn)
	lines := make([]string, len(plan.Rows))
	for i, row := range plan.Rows {
		lines[i] = fmt.Sprintf("%*s", rateColumn-1, share(row.Rate)) + " "
	}
	for rule, f := range plan.FalsePages {
		if f.In == 0 {
			continue
		}
		head += fmt.Sprintf("%*s", 2*column, titles[rule])
		second += fmt.Sprintf("%*s%*s", column, "median", column, "95 %")
		last += fmt.Sprintf("%*s", 2*column, fmt.Sprintf("%d in %s", f.Pages, span(f.In)))
		for i, row := range plan.Rows {
			d := row.Delays[rule]
			lines[i] += fmt.Sprintf("%*s%*s", column, d.Median, column, d.P95)
		}
	}
	fmt.Fprintf(b, "  %s\n  %s\n", p.dim(head), p.dim(second))
	for _, line := range append(lines, last) {
		fmt.Fprintf(b, "  %s\n", strings.TrimRight(line, " "))
	}
}

// share writes a rate as flows do: 0.001 is 0.1%.
func share(rate float64) string { return detect.Figures(100*rate, 6) + "%" }

// share2 writes one that is measured, to two digits.
func share2(rate float64) string { return detect.Figures(100*rate, 2) + "%" }

// span writes a time in the two largest units it has: 14m50s, 2h5m, 11d13h.
func span(d time.Duration) string { return detect.Quantile{Time: d}.String() }
