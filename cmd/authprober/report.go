package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/prober/web"
	"github.com/authprober/authprober/prober/web/api"
)

// A reportQuery is what a report is to be of.
type reportQuery struct {
	since, until, format, out string
	checks                    []string
	examples                  int
}

func (a *app) reportCommand() *cobra.Command {
	var f clientFlags
	var q reportQuery
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a report of an incident from what a daemon knows",
		Long: `Write what happened to checks, to be kept with an incident: when states changed, the
failure ratio with its 95 % interval and the runs that it is of, whom to blame, why and
where runs failed, and some of them as examples. The page needs nothing else: it loads
nothing and runs nothing. Secrets are not in it.

Without --check it is of all checks of which a run failed or the state changed.

` + clientHelp + `

Ends with 0, with 2 if the command line is wrong and with 3 if there is no daemon to ask.`,
		Example: "  authprober report --since 24h -o incident.html\n  authprober report --since 2026-11-27T02:00:00Z --until 2026-11-27T05:00:00Z --check retail-login --format markdown",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if q.format != "html" && q.format != "markdown" || q.examples < 0 || q.examples > 50 {
				return misconfigured(errors.New("want --format html or markdown, and --examples 0 to 50"))
			}
			c, err := a.client(f)
			if err != nil {
				return err
			}
			return a.report(cmd.Context(), c, q)
		}),
	}
	f.add(cmd)
	cmd.Flags().StringVar(&q.since, "since", "24h", "from this `TIME` on: RFC 3339, or how long ago")
	cmd.Flags().StringVar(&q.until, "until", "0s", "until this `TIME`: RFC 3339, or how long ago")
	cmd.Flags().StringArrayVar(&q.checks, "check", nil, "only this `CHECK` or group:NAME; may be given more than once")
	cmd.Flags().StringVar(&q.format, "format", "html", "`html` or markdown")
	cmd.Flags().StringVarP(&q.out, "output", "o", "", "`FILE` to write; standard output without one")
	cmd.Flags().IntVar(&q.examples, "examples", 3, "`N` failed runs of each check, the latest of each reason first")
	return cmd
}

func (a *app) report(ctx context.Context, c *daemonClient, q reportQuery) (err error) {
	r, err := collectReport(ctx, c, q, time.Now())
	if err != nil {
		return err
	}
	write := r.HTML
	if q.format == "markdown" {
		write = r.Markdown
	}
	if q.out == "" {
		return write(a.stdout)
	}
	f, err := os.OpenFile(q.out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(io.Writer(f))
}

func collectReport(ctx context.Context, c *daemonClient, q reportQuery, now time.Time) (*web.Report, error) {
	r := &web.Report{Source: c.base.String()}
	for _, x := range []struct {
		name, text string
		at         *time.Time
	}{{"since", q.since, &r.From}, {"until", q.until, &r.To}} {
		var ok bool
		if *x.at, ok = web.ParseMoment(x.text, now); !ok {
			return nil, misconfigured(fmt.Errorf("--%s: want a time such as 2026-11-27T03:00:00Z, or how long ago, such as 24h", x.name))
		}
	}
	if !r.From.Before(r.To) {
		return nil, misconfigured(errors.New("--since: want a time before --until"))
	}
	var itself api.Prober
	if err := c.get(ctx, "prober", nil, &itself); err != nil {
		return nil, err
	}
	r.Version = itself.Version
	var all api.Checks
	if err := c.get(ctx, "checks", nil, &all); err != nil {
		return nil, err
	}
	chosen, err := chooseChecks(all.Checks, q.checks)
	if err != nil {
		return nil, misconfigured(err)
	}
	for _, one := range chosen {
		rc, err := collectCheck(ctx, c, one, r, q.examples)
		switch {
		case err != nil:
			return nil, err
		case len(q.checks) == 0 && rc.Causes.Failed == 0 && len(rc.Changes) == 0:
			r.Quiet = append(r.Quiet, one.Check)
		default:
			r.Checks = append(r.Checks, rc)
		}
	}
	return r, nil
}

func chooseChecks(all []api.Check, names []string) (chosen []api.Check, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(c api.Check) bool { return c.Check == name })
		if i < 0 {
			return nil, fmt.Errorf("--check: the daemon has no check %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func collectCheck(ctx context.Context, c *daemonClient, check api.Check, r *web.Report, examples int) (rc web.ReportCheck, err error) {
	rc.Check = check
	span := url.Values{"since": {r.From.UTC().Format(time.RFC3339Nano)}, "until": {r.To.UTC().Format(time.RFC3339Nano)}}
	path := "checks/" + url.PathEscape(check.Check)
	if err := c.get(ctx, path+"/series", span, &rc.Series); err != nil {
		return rc, err
	}
	if err := c.get(ctx, path+"/causes", span, &rc.Causes); err != nil {
		return rc, err
	}
	changes := api.Changes{}
	span.Set("check", check.Check)
	span.Set("limit", "1000")
	if err := c.get(ctx, "changes", span, &changes); err != nil {
		return rc, err
	}
	rc.Changes = changes.Changes
	if check.IsGroup || examples == 0 || rc.Causes.Failed == 0 {
		return rc, nil // the runs are those of its checks
	}
	rc.Examples, err = collectExamples(ctx, c, span, rc.Causes.Reasons, examples)
	return rc, err
}

// collectExamples are failed runs: the latest of each step and reason, the most frequent
// first.
func collectExamples(ctx context.Context, c *daemonClient, span url.Values, reasons []api.ReasonCount, n int) (all []api.Run, err error) {
	for _, reason := range reasons[:min(n, len(reasons))] {
		span.Set("step", reason.Step)
		span.Set("reason", reason.Reason)
		span.Set("limit", fmt.Sprint((n+len(reasons)-1)/len(reasons)))
		var runs api.Runs
		if err := c.get(ctx, "runs", span, &runs); err != nil {
			return nil, err
		}
		for _, s := range runs.Runs {
			var run api.Run
			if err := c.get(ctx, "runs/"+s.ID, nil, &run); err != nil {
				return nil, err
			}
			if len(all) < n {
				all = append(all, run)
			}
		}
	}
	return all, nil
}
