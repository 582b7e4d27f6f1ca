package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"github.com/authprober/authprober/prober/web/api"
)

func (a *app) statusCommand() *cobra.Command {
	var f clientFlags
	var asJSON bool
	var watch time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Ask a daemon how its checks stand",
		Long: `Ask a daemon how its checks stand, and print those in trouble first: state, since when,
the failure ratio of the last hour with its 95 % interval and the runs that it is of,
evidence (1 is a page), and below it whom to blame and what failed last.

` + clientHelp + `

With --json, print the answer of /api/v1/checks as it is. Ends with 0 if no check is
firing, with 1 if one is, with 2 if the command line is wrong and with 3 if there is no
daemon to ask. With --watch it goes on until it is interrupted, and then ends with 0.`,
		Example: "  authprober status\n  authprober status --watch\n  authprober status --url https://probe.bank.example:9870 --user sre --password-file pw",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(f)
			if err != nil {
				return err
			}
			if watch == 0 {
				return a.status(cmd.Context(), c, asJSON)
			}
			return a.watchStatus(cmd.Context(), c, asJSON, watch)
		}),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addWatch(cmd, &watch)
	return cmd
}

// addWatch adds --watch, which may have an interval.
func addWatch(cmd *cobra.Command, watch *time.Duration) {
	cmd.Flags().DurationVar(watch, "watch", 0, "go on, asking again at this `INTERVAL`; 2s where none is given")
	cmd.Flags().Lookup("watch").NoOptDefVal = "2s"
}

// status prints how the checks stand. The error is that one is firing.
func (a *app) status(ctx context.Context, c *daemonClient, asJSON bool) error {
	text, firing, err := a.statusText(ctx, c, asJSON)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return err
	}
	if firing {
		return &exitError{code: exitFailed}
	}
	return nil
}

func (a *app) statusText(ctx context.Context, c *daemonClient, asJSON bool) (text string, firing bool, err error) {
	var checks api.Checks
	if err := c.get(ctx, "checks", nil, &checks); err != nil {
		return "", false, err
	}
	for _, one := range checks.Checks {
		firing = firing || one.State == detect.Firing.String()
	}
	if asJSON {
		text, err := json.Marshal(checks)
		return string(text) + "\n", firing, err
	}
	return statusTable(&checks, a.paintFor(a.stdout)), firing, nil
}

// watchStatus prints how the checks stand, again and again, until ctx is done. A daemon
// that is not there for a while is said and asked again.
func (a *app) watchStatus(ctx context.Context, c *daemonClient, asJSON bool, every time.Duration) error {
	clear := ""
	if _, ok := terminal(a.stdout); ok && !asJSON && enableANSI(a.stdout) {
		clear = "\x1b[H\x1b[2J"
	}
	return repeat(ctx, every, func() error {
		text, _, err := a.statusText(ctx, c, asJSON)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintf(a.stderr, "authprober: %v\n", err)
			return nil
		case clear == "" && !asJSON:
			text += "\n"
		}
		_, err = io.WriteString(a.stdout, clear+text)
		return err
	})
}

// repeat calls f at once and then every so often, until ctx is done or it fails.
func repeat(ctx context.Context, every time.Duration, f func() error) error {
	if every < 100*time.Millisecond {
		return misconfigured(fmt.Errorf("--watch is %v, want 100ms or more", every))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := f(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// statusTable is how the checks stand, in 80 columns.
func statusTable(checks *api.Checks, p paint) string {
	var b strings.Builder
	if len(checks.Checks) == 0 {
		return "there are no checks\n"
	}
	fmt.Fprintf(&b, "%s\n", p.dim(fmt.Sprintf("%-24s %-8s %-8s %-28s %8s", "check", "state", "for", "failed in 1h, 95 %, of runs", "evidence")))
	for i := range checks.Checks {
		c := &checks.Checks[i]
		since := "-"
		if c.Since != nil {
			since = shortSpan(checks.At.Sub(*c.Since))
		}
		fmt.Fprintf(&b, "%s %s %-8s %s %8s\n", fill(clip(oneLine(c.Check), 24), 24), p.stateNamed(c.State, fill(oneLine(c.State), 8)), since,
			fill(clip(ratioText(c), 28), 28), evidence(c.Evidence))
		for _, line := range statusLines(c, checks.At) {
			b.WriteString(wrap(oneLine(line), "  ", 80))
		}
	}
	return b.String()
}

// ratioText is the ratio of an hour, with what is needed to trust it.
func ratioText(c *api.Check) string {
	for _, r := range c.Ratios {
		if r.Window == "1h" && r.Ratio != nil {
			return fmt.Sprintf("%s (%s-%s) of %d", prober.Percent(*r.Ratio), prober.Percent(r.Lower), prober.Percent(r.Upper), r.Runs)
		}
	}
	return "no runs"
}

// statusLines say more of a check that is not as it should be.
func statusLines(c *api.Check, now time.Time) (lines []string) {
	if c.DrillUntil != nil {
		lines = append(lines, fmt.Sprintf("DRILL: it pages on purpose, for another %s", shortSpan(c.DrillUntil.Sub(now))))
	}
	if c.Explained {
		lines = append(lines, fmt.Sprintf("the page of %s, which is over, has told of it: no page of its own until a second run fails", (&prober.Check{Name: c.Check, Group: c.Group}).GroupCheck()))
	}
	if c.Blame != nil {
		lines = append(lines, c.Blame.Sentence)
	}
	if c.Pooled != nil {
		lines = append(lines, pooledLines(c, now)...)
	}
	if r := c.LastFailed; r != nil && c.State != detect.Healthy.String() {
		lines = append(lines, fmt.Sprintf("last failed %s ago: %s, %s: %s", shortSpan(now.Sub(r.Start)), r.Step, r.Reason, r.Detail))
	}
	for _, t := range c.Thresholds {
		if t.Exceeded {
			lines = append(lines, fmt.Sprintf("over its limit of %s in %s: %d of %d runs failed", prober.Percent(t.Limit), t.Window, t.Failed, t.Runs))
		}
	}
	if c.Pace.Why != "" {
		lines = append(lines, fmt.Sprintf("%s: %s", c.Pace.Pace, c.Pace.Why))
	}
	if r := c.LastRun; r != nil && r.Error != "" {
		lines = append(lines, fmt.Sprintf("the last run %s: %s", r.Outcome, r.Error))
	}
	return lines
}

// stateNamed paints a text in the colour of a state.
func (p paint) stateNamed(state, text string) string {
	switch state {
	case detect.Firing.String():
		return p.red(text)
	case detect.Suspect.String():
		return p.yellow(text)
	}
	return p.green(text)
}

// shortSpan writes a time in whole seconds, in the two largest units it has.
func shortSpan(d time.Duration) string { return span(max(0, d).Truncate(time.Second)) }
