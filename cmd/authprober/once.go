package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

func (a *app) onceCommand() *cobra.Command {
	var only []string
	var asJSON bool
	var n int
	cmd := &cobra.Command{
		Use:   "once PATH...",
		Short: "Run each flow once, and print what happened",
		Long: `Run each flow once, one after the other, and print each step: whether it passed,
its status, how long it took and in which phases, what was expected and what came.
Secrets are not shown.

An account's one-time code is good once in 30 s. With AUTHPROBER_STATE_DIR this command
knows which codes earlier ones have used, and does not send one again. Without it does
not: one that is repeated at once may be refused.

With --runs, run each flow so many times, waiting for accounts where it must, and say at
the end how many runs failed and who is to blame.

With --json, print one object for each run, in one line:

  check, outcome            the flow; passed, failed, errored or aborted
  start, took_seconds       when it began, as in RFC 3339, and how long its steps took
  account, trace_id         the account it leased; the W3C trace id its requests carried
  steps, cleanup            those that were begun, in order, each with
      name, request         its name; method and URL, as the flow has them
      skipped               true if its condition was false or a value was missing
      reason, detail        why it failed, and what was expected and got; absent if it did not
      status, remote        the HTTP status and the address that answered
      attempts              requests written to the network
      polls                 how often a step that polls has asked
      delivery_seconds      how long it took until what it waits for was delivered
      repeat                of what was accepted and must be refused, asked for once more over
                            another connection: accepted, refused, unclear or not_made
      propagation_seconds   how long after a revocation it was seen to be refused
      took_seconds          how long it took
      phases_seconds        resolve, connect, tls, processing, transfer: those that happened
  tags                      the flow's tags
  certificate               of the server: the first 12 hex digits of its SHA-256
  error                     why the run says nothing about the target

Members without a value are left out, and what is said at the end goes to standard
error. Ends with 0 if all passed, with 1 if one has
failed, otherwise with 3: a run was errored or aborted, or found no account.`,
		Example: `  authprober once flows/
  authprober once flows/ --check retail-login
  authprober once flows/ --json | jq 'select(.outcome == "failed")'`,
		Args: somePaths,
		RunE: action(func(cmd *cobra.Command, args []string) (err error) {
			s, config, closeState, err := a.loadToRun(args, func(o *checks.Options) { o.KeepBudget = true })
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeState()) }()
			a.printWarnings(config)
			a.warnOfAccounts(config.Accounts)
			chosen, err := choose(config.Checks, config.Elsewhere, only)
			if err != nil {
				return misconfigured(err)
			}
			if n < 1 {
				return misconfigured(fmt.Errorf("--runs is %d, want 1 or more", n))
			}
			print, end := printRun(a.stdout, a.paintFor(a.stdout)), a.stdout
			if asJSON {
				print, end = printRunJSON(a.stdout), a.stderr
			}
			o, closeControl, err := a.proberOptions(s)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeControl()) }()
			if n == 1 {
				return once(cmd.Context(), chosen, 1, o, print)
			}
			t := &tallies{}
			err = once(cmd.Context(), chosen, n, o, func(r *prober.Run) error { t.observe(r); return print(r) })
			t.write(end)
			return err
		}),
	}
	cmd.Flags().StringArrayVar(&only, "check", nil, "run only the flow of this `NAME`; may be given more than once")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a run")
	cmd.Flags().IntVar(&n, "runs", 1, "run each flow `N` times")
	return cmd
}

// choose returns the checks of the given names, or all if none is given. Those elsewhere
// are of other shards.
func choose(all []*prober.Check, elsewhere, names []string) ([]*prober.Check, error) {
	if len(all) == 0 && len(names) == 0 {
		return nil, errEmptyShard
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []*prober.Check
	for _, c := range all {
		if slices.Contains(names, c.Name) {
			chosen = append(chosen, c)
		}
	}
	for _, name := range names {
		if slices.Contains(elsewhere, name) {
			return nil, fmt.Errorf("the flow %q is of another shard than AUTHPROBER_SHARD names", name)
		}
		if !slices.ContainsFunc(all, func(c *prober.Check) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no flow %q, only %s", name, strings.Join(checkNames(all), ", "))
		}
	}
	return chosen, nil
}

// errEmptyShard is the error of a command that wants flows, where there are none but
// those of other shards.
var errEmptyShard = errors.New("no flow is of the shard that AUTHPROBER_SHARD names")

func checkNames(all []*prober.Check) (names []string) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

// once runs each check n times, and where n is above 1 waits while there is nothing
// to run it with. After an interruption the run at hand cleans up and no other
// begins.
func once(ctx context.Context, chosen []*prober.Check, n int, o prober.Options, print func(*prober.Run) error) error {
	o.Checks = chosen
	p, err := prober.New(o)
	if err != nil {
		return err
	}
	outcomes := map[prober.Outcome]int{}
	for _, c := range chosen {
		for range n {
			if ctx.Err() != nil {
				outcomes[prober.Aborted]++
				break
			}
			r := p.Once(ctx, c)
			for n > 1 && wasMissed(r) && sleep(ctx, longestWait/2) {
				r = p.Once(ctx, c)
			}
			outcomes[r.Outcome]++
			if err := print(r); err != nil {
				return err
			}
		}
	}
	switch {
	case outcomes[prober.Failed] > 0:
		return &exitError{code: exitFailed}
	case outcomes[prober.Errored]+outcomes[prober.Aborted] > 0:
		return &exitError{code: exitOurs}
	}
	return nil
}

// wasMissed reports whether there was nothing to make the run with, and waiting helps:
// an account in quarantine stays there, and nobody knows when a pause ends.
func wasMissed(r *prober.Run) bool {
	var missed *prober.MissedError
	return errors.As(r.Err, &missed) && missed.Reason != prober.MissPaused && missed.Reason != prober.MissQuarantine
}

// sleep waits, and reports false if ctx was done before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tallies are what the runs of each check came to, in the order of the checks.
type tallies struct {
	checks []*tally
}

type tally struct {
	check        *prober.Check
	failed, runs int // that count
	blame        *detect.Blame
}

// observe takes account of a run. Those of one check follow each other.
func (t *tallies) observe(r *prober.Run) {
	if n := len(t.checks); n == 0 || t.checks[n-1].check != r.Check {
		t.checks = append(t.checks, &tally{check: r.Check, blame: detect.NewBlame()})
	}
	if !r.Outcome.Counted() {
		return
	}
	one, failed := t.checks[len(t.checks)-1], r.Outcome == prober.Failed
	one.runs++
	if failed {
		one.failed++
	}
	one.blame.Observe(r.End(), failed, tagsOf(r))
}

// write says a line on each check, and who is to blame where some of its runs
// failed and there is something to tell by.
func (t *tallies) write(w io.Writer) {
	for _, one := range t.checks {
		fmt.Fprintf(w, "\n%s: failed %s\n", one.check.Name, ratioOf(one.failed, one.runs))
		if f := one.blame.Find(time.Time{}); f.Tested > 0 {
			fmt.Fprintf(w, "  %s\n", oneLine(f.String()))
		}
	}
}
