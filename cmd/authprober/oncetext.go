package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// printRun returns a function that prints a run for people:
//
//	retail-login failed in 31 ms
//	  ✓ login     200  21 ms  connect 1 ms, processing 20 ms
//	  ✗ code      503   9 ms  processing 9 ms
//	      status_5xx: want status == 200, got 503
//	  – accounts  not begun
//	  clean-up
//	  – logout    skipped
//	  account probe-1, trace 4bf92f3577b34da6a3ce929d0e0e4736, release=2026.11.3
func printRun(w io.Writer, p paint) func(*prober.Run) error {
	first := true
	return func(r *prober.Run) error {
		var b strings.Builder
		if !first {
			b.WriteByte('\n')
		}
		first = false
		writeRun(&b, p, r)
		_, err := io.WriteString(w, b.String())
		return err
	}
}

func writeRun(b *strings.Builder, p paint, r *prober.Run) {
	fmt.Fprintf(b, "%s %s in %s\n", p.bold(r.Check.Name), p.outcome(r.Outcome), human(r.Took))
	column := 0
	for _, name := range r.Check.Steps {
		column = max(column, width(name))
	}
	for _, s := range r.Cleanup {
		column = max(column, width(s.Name))
	}
	for i := range r.Steps {
		writeStep(b, p, &r.Steps[i], column, r.Err != nil && i == len(r.Steps)-1)
	}
	for _, name := range r.Check.Steps[len(r.Steps):] {
		fmt.Fprintf(b, "  %s %s  %s\n", p.dim("–"), fill(name, column), p.dim("not begun"))
	}
	if r.Err != nil {
		fmt.Fprintf(b, "      %s\n", p.yellow(oneLine(r.Err.Error())))
	}
	if len(r.Cleanup) > 0 {
		fmt.Fprintln(b, "  clean-up")
	}
	for i := range r.Cleanup {
		writeStep(b, p, &r.Cleanup[i], column, false)
	}
	if facts := factsOf(r); facts != "" {
		fmt.Fprintf(b, "  %s\n", p.dim(facts))
	}
}

// writeStep prints one step that was begun. A broken one is that at which the
// run ended without a verdict.
func writeStep(b *strings.Builder, p paint, s *prober.StepResult, column int, broken bool) {
	name := fill(s.Name, column)
	switch {
	case s.Skipped:
		fmt.Fprintf(b, "  %s %s  %s\n", p.dim("–"), name, p.dim("skipped"))
		return
	case s.Reason != "":
		fmt.Fprintf(b, "  %s %s", p.red("✗"), name)
	case broken:
		fmt.Fprintf(b, "  %s %s", p.yellow("!"), name)
	default:
		fmt.Fprintf(b, "  %s %s", p.green("✓"), name)
	}
	status := "  –"
	if s.Status != 0 {
		status = fmt.Sprint(s.Status)
	}
	var phases []string
	s.Phases.Each(func(name string, d time.Duration) { phases = append(phases, name+" "+human(d)) })
	phases = append(phases, waitOf(s)...)
	line := fmt.Sprintf("  %s  %7s  %s", status, human(s.Took), p.dim(strings.Join(phases, ", ")))
	fmt.Fprintln(b, strings.TrimRight(line, " "))
	if s.Reason != "" {
		fmt.Fprintf(b, "      %s: %s\n", p.red(string(s.Reason)), oneLine(s.Detail))
	}
}

// waitOf says how a step has waited: how often it has polled, and how long until
// what it waited for was delivered; and where it is more than one, how many requests
// it has taken, as to follow redirects or to be given a nonce.
func waitOf(s *prober.StepResult) (facts []string) {
	switch {
	case s.Polls == 0 && s.Attempts > 1:
		facts = append(facts, fmt.Sprintf("%d requests", s.Attempts))
	case s.Polls == 1:
		facts = append(facts, "polled once")
	case s.Polls > 1:
		facts = append(facts, fmt.Sprintf("polled %d times", s.Polls))
	}
	if s.Delivery > 0 {
		facts = append(facts, "delivered in "+human(s.Delivery))
	}
	if s.Propagation > 0 {
		facts = append(facts, "refused within "+human(s.Propagation))
	}
	return facts
}

// factsOf is what identifies a run elsewhere: in the target's logs, in traces.
func factsOf(r *prober.Run) string {
	var facts []string
	if r.Account != "" {
		facts = append(facts, "account "+r.Account)
	}
	if r.TraceID != "" {
		facts = append(facts, "trace "+r.TraceID)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Tags)) {
		facts = append(facts, k+"="+r.Tags[k])
	}
	return oneLine(strings.Join(facts, ", "))
}

func (p paint) outcome(o prober.Outcome) string {
	switch o {
	case prober.Passed:
		return p.green(string(o))
	case prober.Failed:
		return p.red(string(o))
	}
	return p.yellow(string(o))
}

// human writes a time to two or three digits: 1.24 s, 31 ms, 0.4 ms, 80 µs.
func human(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 0.1:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%d µs", d.Microseconds())
}
