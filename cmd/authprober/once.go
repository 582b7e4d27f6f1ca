package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/prober"
)

func (a *app) onceCommand() *cobra.Command {
	var only []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "once PATH...",
		Short: "Run each flow once, and print what happened",
		Long: `Run each flow once, one after the other, and print each step: whether it passed,
its status, how long it took and in which phases, what was expected and what came.
Secrets are not shown.

An account's one-time code is good once in 30 s, and this command does not know
which codes an earlier one has used: one that is repeated at once may be refused.

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
      took_seconds          how long it took
      phases_seconds        resolve, connect, tls, processing, transfer: those that happened
  tags                      the flow's tags
  error                     why the run says nothing about the target

Members without a value are left out. Ends with 0 if all passed, with 1 if one has
failed, otherwise with 3: a run was errored or aborted, or found no account.`,
		Example: `  authprober once flows/
  authprober once flows/ --check retail-login
  authprober once flows/ --json | jq 'select(.outcome == "failed")'`,
		Args: somePaths,
		RunE: action(func(cmd *cobra.Command, args []string) error {
			_, config, err := a.load(args)
			if err != nil {
				return err
			}
			a.printWarnings(config)
			chosen, err := choose(config.Checks, only)
			if err != nil {
				return misconfigured(err)
			}
			print := printRun(a.stdout, a.paintFor(a.stdout))
			if asJSON {
				print = printRunJSON(a.stdout)
			}
			return once(cmd.Context(), chosen, print)
		}),
	}
	cmd.Flags().StringArrayVar(&only, "check", nil, "run only the flow of this `NAME`; may be given more than once")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a run")
	return cmd
}

// choose returns the checks of the given names, or all if none is given.
func choose(all []*prober.Check, names []string) ([]*prober.Check, error) {
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
		if !slices.ContainsFunc(all, func(c *prober.Check) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no flow %q, only %s", name, strings.Join(checkNames(all), ", "))
		}
	}
	return chosen, nil
}

func checkNames(all []*prober.Check) (names []string) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

// once runs each check once. After an interruption the run at hand cleans up and
// no other begins.
func once(ctx context.Context, chosen []*prober.Check, print func(*prober.Run) error) error {
	p, err := prober.New(prober.Options{Checks: chosen})
	if err != nil {
		return err
	}
	outcomes := map[prober.Outcome]int{}
	for _, c := range chosen {
		if ctx.Err() != nil {
			outcomes[prober.Aborted]++
			break
		}
		r := p.Once(ctx, c)
		outcomes[r.Outcome]++
		if err := print(r); err != nil {
			return err
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
