package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober/detect"
)

// gateFlags are what the command line says of a gate.
type gateFlags struct {
	maxFailures string
	limit       time.Duration
	minRuns     int
	only        []string
	asJSON      bool
	junit       string
}

func (a *app) gateCommand() *cobra.Command {
	var flags gateFlags
	cmd := &cobra.Command{
		Use:   "gate PATH... --max-failures 1%",
		Short: "Decide whether a delivery is good, with as few runs as it takes",
		Long: `Run flows as fast as their accounts and their concurrency allow, and end as soon as the
evidence decides: a flow that fails at the rate of --max-failures or more is bad, one
that fails at a quarter of it or less is good, and between them it may go either way.
The delivery is bad as soon as one flow is, and good when all are.

It is a sequential probability ratio test (Wald 1945). A delivery whose flows are all
good is called bad in at most 5 % of cases, and one with a bad flow good in at most 5 %,
whenever one looks and wherever it is stopped. Something that must be refused and is let
in is bad at once. Runs that were errored do not count; where there is nothing else the
gate gives up. The runs are as those of run: one
account each, fresh connections, a clean-up. The schedule's every is not used, so whether
the accounts could serve it is not looked at; a flow's budget is kept, run by run. Give a gate accounts of its own: an account's
one-time code is good once in 30 s, and one that a daemon or an earlier gate has used is
refused, which looks like a failure: so a gate repeated at once may call a healthy target
bad. With AUTHPROBER_STATE_DIR, a folder for gates alone and the same each time, codes that
were sent are kept there, and the next gate waits for other ones; so does once.

With --max-failures 1%, a flow is good after 397 runs without a failure, and bad after
three failures among the first few.

Progress goes to standard error, the result to standard output. With --json it is one
object in one line:

  decision, because         good, bad or undecided, and why in a sentence
  max_failures, good_below  the rates it has decided between
  false_alarm, false_pass   how often it may be wrong
  took_seconds
  checks                    for each flow
      check, decision, because
      failed, n             runs that failed; that passed or failed
      ratio, lower, upper   of them, with the 95 % interval
      errored, aborted      runs that do not count
      fail_open             true if something was let in that must be refused
      reasons               why runs failed: step, reason, runs, and one detail
      blame                 who is to blame, where there are tags to tell by
      error                 why the last run that was errored was
      good_after            runs without a failure that an undecided one would need
      held_up_by            what it lacked to run with, at times: no_account, where each
                            was in use, budget, where their logins or one-time codes
                            were used up, quarantine, paused, where somebody or the
                            target wanted that

--junit writes the same as a JUnit file, with a test case for each flow.

Ends with
  0  good
  1  bad
  2  the configuration or the command line is wrong
  3  undecided by our own fault: more runs were errored than passed or failed, or none
     found an account; because says which
  4  undecided at the deadline, or when it was interrupted`,
		Example: `  authprober gate flows/ --max-failures 1%
  authprober gate flows/ --max-failures 0.5% --for 30m --junit gate.xml
  authprober gate flows/ --check retail-login --max-failures 2% --json`,
		Args: somePaths,
		RunE: action(func(cmd *cobra.Command, args []string) error { return a.gate(cmd.Context(), args, &flags) }),
	}
	f := cmd.Flags()
	f.StringVar(&flags.maxFailures, "max-failures", "", "the failure `RATE` that is bad, such as 1%; required")
	f.DurationVar(&flags.limit, "for", 15*time.Minute, "decide within this `TIME`, or not at all")
	f.IntVar(&flags.minRuns, "min-runs", 0, "decide nothing before `N` runs of each flow, but for what is let in")
	f.StringArrayVar(&flags.only, "check", nil, "run only the flow of this `NAME`; may be given more than once")
	f.BoolVar(&flags.asJSON, "json", false, "print the result as one JSON object")
	f.StringVar(&flags.junit, "junit", "", "write the result to this `FILE` too, as JUnit has it")
	return cmd
}

func (a *app) gate(ctx context.Context, paths []string, flags *gateFlags) (err error) {
	params, err := flags.params()
	if err != nil {
		return misconfigured(err)
	}
	s, config, closeState, err := a.loadToRun(paths, func(o *checks.Options) { o.AnyPace, o.KeepBudget = true, true })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeState()) }()
	a.printWarnings(config)
	a.warnOfAccounts(config.Accounts)
	chosen, err := choose(config.Checks, config.Elsewhere, flags.only)
	if err != nil {
		return misconfigured(err)
	}
	// One bad flow is enough, so each has its part of the false alarms.
	params.FalseAlarm /= float64(len(chosen))
	if err := params.Validate(); err != nil {
		return misconfigured(err)
	}
	var junit *os.File
	if flags.junit != "" { // before anything is run, so that a slip does not cost the result
		if junit, err = os.Create(flags.junit); err != nil {
			return misconfigured(fmt.Errorf("--junit: %w", err))
		}
		defer func() { err = errors.Join(err, junit.Close()) }()
	}
	o, closeControl, err := a.proberOptions(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeControl()) }()
	g, err := newDelivery(chosen, params, config.Supply, o)
	if err != nil {
		return err
	}
	progress := a.watchGate(g)
	g.run(ctx, flags.limit)
	progress()
	result := g.result()
	print := printGate(a.stdout, a.paintFor(a.stdout))
	if flags.asJSON {
		print = printGateJSON(a.stdout)
	}
	if err := print(result); err != nil {
		return err
	}
	if junit != nil {
		if err := writeJUnit(junit, result); err != nil {
			return err
		}
	}
	if code := result.exitCode(); code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// params returns what the flags ask for, for a single flow.
func (f *gateFlags) params() (detect.GateParams, error) {
	if f.maxFailures == "" {
		return detect.GateParams{}, errors.New("--max-failures is missing: want the failure rate that is bad, such as 1%")
	}
	number, percent := strings.CutSuffix(f.maxFailures, "%")
	rate, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		rate /= 100
	}
	switch {
	case err != nil || math.IsNaN(rate) || rate <= 0 || rate >= 1:
		return detect.GateParams{}, fmt.Errorf("--max-failures is %q, want a rate above 0%% and below 100%%, such as 1%%", f.maxFailures)
	case f.limit <= 0:
		return detect.GateParams{}, fmt.Errorf("--for is %v, want more than 0s", f.limit)
	case f.minRuns < 0:
		return detect.GateParams{}, fmt.Errorf("--min-runs is %d, want 0 or more", f.minRuns)
	}
	params := detect.GateFor(rate)
	params.MinRuns = f.minRuns
	return params, nil
}
