package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// table writes rows as Markdown; the first is the head, and every column but the first
// so many is of numbers.
func table(texts int, rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", texts) + strings.Repeat("---:|", len(row)-texts) + "\n")
		}
	}
	return b.String()
}

func (r *report) costTable() string {
	rows := [][]string{{"tool", "how", "CPU ms a flow", "flows a second", "MiB at most", "MiB resident", "MiB private"}}
	for _, t := range r.tools {
		all := r.Cost[t.name]
		if len(all) == 0 {
			rows = append(rows, []string{t.name, t.about, r.nothing(t.name), "", "", "", ""})
			continue
		}
		of := func(digits int, f func(cost) float64) string { return spread(digits, all, f) }
		rows = append(rows, []string{t.name, t.about,
			of(2, func(c cost) float64 { return c.CPU }), of(1, func(c cost) float64 { return c.PerSec }),
			of(0, func(c cost) float64 { return c.Peak }), of(0, func(c cost) float64 { return c.Settled }),
			of(0, func(c cost) float64 { return c.Private })})
	}
	return table(2, rows)
}

// nothing says why there is no measurement of a tool.
func (r *report) nothing(name string) string {
	if r.missing(name) {
		return "not installed"
	}
	return "failed"
}

// spread is the median, and the least and the most where they differ as they are shown.
func spread[T any](digits int, all []T, f func(T) float64) string {
	var values []float64
	for _, v := range all {
		values = append(values, f(v))
	}
	slices.Sort(values)
	show := func(v float64) string { return fmt.Sprintf("%.*f", digits, v) }
	low, high := show(values[0]), show(values[len(values)-1])
	if low == high {
		return low
	}
	return fmt.Sprintf("%s (%s–%s)", show(median(values)), low, high)
}

// median is the middle of sorted values; of an even number the mean of two.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (r *report) ratioTable() string {
	rows := [][]string{{"tool", "how", "failed, it says", "of its logins, the bank says", "flows"}}
	for _, t := range r.tools {
		all := r.Ratio[t.name]
		if len(all) == 0 {
			rows = append(rows, []string{t.name, t.about, r.nothing(t.name), "", ""})
			continue
		}
		var says, met []string
		for _, v := range all {
			says, met = append(says, fmt.Sprintf("%.0f", v.Says)), append(met, fmt.Sprintf("%.0f", v.Met))
		}
		rows = append(rows, []string{t.name, t.about, strings.Join(says, ", ") + " %", strings.Join(met, ", ") + " %",
			spread(0, all, func(v ratio) float64 { return v.Flows })})
	}
	return table(2, rows)
}

// pageTable has a row for each rule of the tools that were asked for.
func (r *report) pageTable() string {
	head := []string{"tool", "rule"}
	for _, percent := range r.rates {
		head = append(head, fmt.Sprintf("%v %%", percent))
	}
	rows := [][]string{head}
	for _, rule := range rules {
		t := slices.IndexFunc(r.tools, func(t tool) bool { return t.job == rule.Job })
		if t < 0 {
			continue // it was not asked for
		}
		row := []string{r.tools[t].name, rule.Name}
		for _, percent := range r.rates {
			cell := r.pageCell(rule.rule, percent)
			if cell == "" {
				cell = r.nothing(r.tools[t].name)
				if rule.prometheus && r.missing("prometheus") {
					cell = "no Prometheus"
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return table(2, rows)
}

// pageCell says how soon a rule paged: the median, the least and the most, or how often it did;
// nothing where there is no measurement of it.
func (r *report) pageCell(of rule, percent float64) string {
	var came []float64
	n, early := 0, 0
	for _, p := range r.Pages {
		switch {
		case p.rule != of || p.Percent != percent:
			continue
		case p.Early:
			early++
		case p.After >= 0:
			came = append(came, p.After.Seconds())
		}
		n++
	}
	slices.Sort(came)
	cell := ""
	switch {
	case n == 0:
		return ""
	case len(came) == n && n > 1:
		cell = fmt.Sprintf("%s (%s–%s)", inService(median(came)), inService(came[0]), inService(came[n-1]))
	case len(came) == n:
		cell = inService(came[0])
	case len(came) > 0:
		cell = fmt.Sprintf("%d of %d, from %s on", len(came), n, inService(came[0]))
	default:
		cell = "not within " + inService(r.Limit.Seconds())
	}
	if early > 0 {
		cell += fmt.Sprintf(", %d before the fault", early)
	}
	return cell
}

// inService shows a time as coarsely as it is known: a flow is ten seconds.
func inService(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(10 * time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	text := strings.TrimSuffix(d.String(), "0s")
	if text == "" {
		return "0s"
	}
	if strings.HasSuffix(text, "h0m") {
		return strings.TrimSuffix(text, "0m")
	}
	if !strings.HasSuffix(text, "m") && !strings.HasSuffix(text, "h") {
		return text + "0s"
	}
	return text
}
