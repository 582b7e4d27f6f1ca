package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web/api"
)

// A runsQuery is which runs to print.
type runsQuery struct {
	check, outcome, since string
	limit                 int
	asJSON                bool
}

func (a *app) runsCommand() *cobra.Command {
	var f clientFlags
	var q runsQuery
	var watch time.Duration
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Ask a daemon for runs, the latest last",
		Long: `Ask a daemon for the runs that it has made, and print them, the latest last: when each
began in UTC, its check, what it came to, how long it took, and what failed.

` + clientHelp + `

With --json, print each run as an object in a line of its own, as /api/v1/runs has it;
its id leads to /runs/ID of the page. Ends with 0, also where there is no such run, with
2 if the command line is wrong and with 3 if there is no daemon to ask. With --watch it
goes on with runs as they come until it is interrupted, and then ends with 0.`,
		Example: "  authprober runs --outcome failed --since 1h\n  authprober runs --check retail-login --watch",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			c, err := a.client(f)
			if err != nil {
				return err
			}
			if err := q.vet(); err != nil {
				return misconfigured(err)
			}
			return a.runs(cmd.Context(), c, q, watch)
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&q.check, "check", "", "only runs of this `CHECK`")
	cmd.Flags().StringVar(&q.outcome, "outcome", "", "only those that `passed`, failed, errored or aborted")
	cmd.Flags().StringVar(&q.since, "since", "", "only those since this `TIME`: RFC 3339, or how long ago, such as 24h")
	cmd.Flags().IntVar(&q.limit, "limit", 20, "`N` of them at the most, the latest; 10000 at the most")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print JSON, an object a line")
	addWatch(cmd, &watch)
	return cmd
}

func (q *runsQuery) vet() error {
	switch {
	case q.limit < 1 || q.limit > 10000:
		return fmt.Errorf("--limit is %d, want 1 to 10000", q.limit)
	case q.outcome != "" && !slices.Contains(prober.Outcomes, prober.Outcome(q.outcome)):
		return errors.New("--outcome: want passed, failed, errored or aborted")
	}
	return nil
}

func (q *runsQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"check": q.check, "outcome": q.outcome, "since": q.since} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func (a *app) runs(ctx context.Context, c *daemonClient, q runsQuery, watch time.Duration) error {
	found, err := fetchRuns(ctx, c, q.values(), q.limit)
	if err != nil {
		return err
	}
	if len(found) == 0 && q.check != "" {
		if err := knowsCheck(ctx, c, q.check); err != nil {
			return err
		}
	}
	slices.Reverse(found)
	if !q.asJSON {
		fmt.Fprintln(a.stdout, a.paintFor(a.stdout).dim(fmt.Sprintf("%-14s %-20s %-8s %9s  %s", "began, UTC", "check", "outcome", "took", "what failed")))
	}
	if err := a.printRuns(found, q.asJSON); err != nil || watch == 0 {
		return err
	}
	last := int64(0)
	if n := len(found); n > 0 {
		last, _ = api.ParseRunID(found[n-1].ID)
	}
	return repeat(ctx, watch, func() error {
		fresh, err := runsAfter(ctx, c, q, last)
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(a.stderr, "authprober: %v\n", err)
		}
		if n := len(fresh); n > 0 {
			last, _ = api.ParseRunID(fresh[n-1].ID)
		}
		return a.printRuns(fresh, q.asJSON)
	})
}

// knowsCheck is an error where the daemon has no such check. One that is gone has runs
// and no more.
func knowsCheck(ctx context.Context, c *daemonClient, name string) error {
	var all api.Checks
	if err := c.get(ctx, "checks", nil, &all); err != nil {
		return err
	}
	if _, err := chooseChecks(all.Checks, []string{name}); err != nil {
		return misconfigured(err)
	}
	return nil
}

// fetchRuns asks page by page for so many runs, the latest first.
func fetchRuns(ctx context.Context, c *daemonClient, query url.Values, limit int) (all []api.Summary, err error) {
	for len(all) < limit {
		query.Set("limit", strconv.Itoa(min(1000, limit-len(all))))
		var page api.Runs
		if err := c.get(ctx, "runs", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Runs...)
		if page.Next == "" || len(page.Runs) == 0 { // whoever says that nothing has a next would be asked forever
			break
		}
		query.Set("cursor", page.Next)
	}
	return all, nil
}

// runsAfter are the runs with an id above the last that was printed, the latest last.
// An id is when a run ended, in microseconds.
func runsAfter(ctx context.Context, c *daemonClient, q runsQuery, last int64) (fresh []api.Summary, err error) {
	query := q.values()
	if last > 0 {
		query.Set("since", time.UnixMicro(last).UTC().Add(-time.Second).Format(time.RFC3339))
	}
	all, err := fetchRuns(ctx, c, query, 10000)
	for _, r := range slices.Backward(all) {
		if id, ok := api.ParseRunID(r.ID); ok && id > last {
			fresh = append(fresh, r)
		}
	}
	return fresh, err
}

func (a *app) printRuns(runs []api.Summary, asJSON bool) error {
	p := a.paintFor(a.stdout)
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	for i := range runs {
		if asJSON {
			if err := e.Encode(&runs[i]); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(a.stdout, runLine(&runs[i], p)); err != nil {
			return err
		}
	}
	return nil
}

// runLine is a run in 80 columns; what failed goes on where it is longer.
func runLine(r *api.Summary, p paint) string {
	what := ""
	switch {
	case r.Error != "":
		what = r.Error
	case r.Reason != "":
		what = r.Step + ", " + r.Reason
		if r.Detail != "" {
			what += ": " + r.Detail
		}
	}
	came := oneLine(r.Outcome)
	outcome := p.outcome(prober.Outcome(came)) + strings.Repeat(" ", max(0, 8-width(came)))
	length := time.Duration(r.Took * float64(time.Second))
	line := fmt.Sprintf("%-14s %s %s %9s  %s", r.Start.UTC().Format("01-02 15:04:05"), fill(clip(oneLine(r.Check), 20), 20), outcome, human(length), oneLine(what))
	return strings.TrimRight(line, " ")
}
