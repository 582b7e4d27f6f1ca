package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/aggregate"
	"github.com/authprober/authprober/prober/detect"
)

// onceTries is how often --once asks before it gives up.
const onceTries = 3

// aggregateOnce judges the past and prints how all stand. The error is that one is firing.
func (a *app) aggregateOnce(ctx context.Context, o aggregate.Options, flags *aggregateFlags) error {
	now := time.Now()
	agg := aggregate.New(o)
	var err error
	for try := range onceTries {
		if try > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second << try):
			}
		}
		if err = agg.Poll(ctx, now); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("asking %s: %w", o.API.URL, err)
	}
	if agg.Partial() {
		fmt.Fprintln(a.stderr, "warning: the answers come with warnings: something is missing from what is judged")
	}
	all := agg.Standings(now)
	for _, s := range all {
		for _, doubt := range s.Doubts {
			fmt.Fprintf(a.stderr, "warning: %s: %s\n", s.Status.Check.Name, doubt)
		}
	}
	print := printStandings
	if flags.asJSON {
		print = printStandingsJSON
	}
	if err := print(a.stdout, a.paintFor(a.stdout), all, o.Replay); err != nil {
		return err
	}
	for _, s := range all {
		if s.Status.State == detect.Firing {
			return &exitError{code: exitFailed}
		}
	}
	return nil
}

func printStandings(w io.Writer, p paint, all []aggregate.Standing, past time.Duration) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no series that count anything")
		return err
	}
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "STATE\tCHECK\tEVIDENCE\tFAILED IN %s\t95 %%\tINSTANCES\tRUNS TO A FALSE PAGE\n", prober.WindowName(past))
	for _, s := range all {
		c := s.Status.Counts
		runs := int(c.Passed + c.Failed)
		ratio, interval := "no runs", ""
		if runs > 0 {
			i := detect.Wilson(int(c.Failed), runs)
			ratio = fmt.Sprintf("%s of %d", prober.Percent(float64(c.Failed)/float64(runs)), runs)
			interval = prober.Percent(i.Lower) + "-" + prober.Percent(i.Upper)
		} else if s.Held > 0 {
			ratio = fmt.Sprintf("%d not judged yet", s.Held)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%.0f\n", s.Status.State, s.Status.Check.Name, detect.Figures(s.Status.Evidence, 2),
			ratio, interval, s.Load.Instances, s.RunsToFalsePage)
	}
	t.Flush()
	for line := range strings.Lines(table.String()) {
		switch { // colours would count as width
		case strings.HasPrefix(line, detect.Firing.String()):
			line = p.red(detect.Firing.String()) + strings.TrimPrefix(line, detect.Firing.String())
		case strings.HasPrefix(line, detect.Suspect.String()):
			line = p.yellow(detect.Suspect.String()) + strings.TrimPrefix(line, detect.Suspect.String())
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

// A jsonStanding is a pool as --json prints it. The names are documented in the command's
// help and do not change.
type jsonStanding struct {
	Check           string     `json:"check"`
	State           string     `json:"state"`
	Since           *time.Time `json:"since"`
	Evidence        float64    `json:"evidence"`
	Failed          uint64     `json:"failed"`
	Runs            uint64     `json:"n"`
	Ratio           *float64   `json:"ratio"`
	Lower           float64    `json:"lower"`
	Upper           float64    `json:"upper"`
	Instances       int        `json:"instances"`
	RunsToFalsePage float64    `json:"runs_to_false_page"`
	Resets          uint64     `json:"resets"`
	Held            int        `json:"held"`
}

func printStandingsJSON(w io.Writer, _ paint, all []aggregate.Standing, _ time.Duration) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, s := range all {
		c := s.Status.Counts
		runs := c.Passed + c.Failed
		i := detect.Wilson(int(c.Failed), int(runs))
		out := jsonStanding{
			Check: s.Status.Check.Name, State: s.Status.State.String(), Evidence: s.Status.Evidence,
			Failed: c.Failed, Runs: runs, Lower: i.Lower, Upper: i.Upper,
			Instances: s.Load.Instances, RunsToFalsePage: s.RunsToFalsePage, Resets: s.Resets, Held: s.Held,
		}
		if since := s.Status.Since.UTC(); !s.Status.Since.IsZero() {
			out.Since = &since
		}
		if runs > 0 {
			ratio := float64(c.Failed) / float64(runs)
			out.Ratio = &ratio
		}
		if err := e.Encode(out); err != nil {
			return err
		}
	}
	return nil
}
