package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

func (a *app) backtestCommand() *cobra.Command {
	var name, past string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backtest PATH... < outcomes.csv | --from-history[=FILE]",
		Short: "Show what the detector would have made of recorded outcomes",
		Long: `Read recorded outcomes of a flow from standard input, oldest first, put them through
the detector that the flow's objective and schedule ask for, and print each change of
its state. A line is

  time,outcome                  as 2026-11-20T10:04:10Z,passed
  time,outcome,tag=value,...    as 1763633050,failed,release=2026.11.3,backend=b3

with a time as in RFC 3339 or in Unix seconds, and passed, failed, errored or aborted.
Fields are not quoted, and a value has no comma in it.
Those errored or aborted are counted and otherwise left aside, as the daemon does.
A tag without a value is none. Empty lines and a header that begins with time,outcome, in
letters of any size, are passed over. A line older than the one before is taken as it is, a
clock that was set back; the summary says how many there were.

For each change it prints the time as given, the state, the evidence (a page at 1), the
failure ratio with its 95 % interval, and, where runs have tags, who is to blame. The ratio is that of the
counted runs since the failures began, as the detector estimates it, up to 4096 of them;
of a check that has become healthy again, since it became suspect or firing.
With --check group:NAME they are the outcomes of all the flows of that objective.group, for
its detector; a tag check=FLOW lets a flow be blamed, as the daemon does.

With --from-history the outcomes are those that a daemon has recorded, with their tags,
and standard input is not read: history.db in AUTHPROBER_STATE_DIR, or the FILE, while
the daemon runs or not. It begins where everything is still there; of earlier times the
daemon keeps only failures.

What is refused and let in anyway, which pages at once, is no outcome and not seen.

With --json, print one object for each change, in one line, and the summary to standard
error. The members are time, check, state, evidence, ratio, lower, upper, n and blame.

Ends with 0, or with 2 if a line is bad: bad lines are reported with their number and
left out.`,
		Example: `  authprober backtest flows/retail-login.yaml accounts.yaml < outcomes.csv
  authprober backtest flows/ --check retail-login --json < outcomes.csv
  authprober backtest flows/ --check retail-login --from-history=/var/lib/authprober/history.db`,
		Args: somePaths,
		RunE: action(func(cmd *cobra.Command, args []string) error {
			s, config, err := a.load(args)
			if err != nil {
				return err
			}
			a.printWarnings(config)
			check, params, err := chooseTested(config.Checks, config.Elsewhere, name)
			if err != nil {
				return misconfigured(err)
			}
			b := newBacktest(check, params, printChange(a.stdout, a.paintFor(a.stdout)))
			summary := a.stdout
			if asJSON {
				b.print, summary = printChangeJSON(a.stdout), a.stderr
			}
			bad := badLines{w: a.stderr}
			if cmd.Flags().Changed("from-history") {
				err = b.replay(cmd.Context(), s, past, a.stderr)
			} else {
				err = b.read(cmd.Context(), cmd.InOrStdin(), &bad)
			}
			if err != nil {
				return err
			}
			if _, err := io.WriteString(summary, b.summary()); err != nil {
				return err
			}
			return errors.Join(bad.err(), b.mostlyBackwards())
		}),
	}
	cmd.Flags().StringVar(&name, "check", "", "the flow or group:NAME of this `NAME`; needed where PATH has several")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a change of state")
	cmd.Flags().StringVar(&past, "from-history", "", "read what a daemon has recorded, in this `FILE`")
	cmd.Flags().Lookup("from-history").NoOptDefVal = ofTheSettings
	return cmd
}

// chooseTested returns the check or the group of the given name, or the only check,
// and the parameters of its detector.
func chooseTested(flows []*prober.Check, elsewhere []string, name string) (*prober.Check, detect.Params, error) {
	groups := prober.Groups(flows)
	all := withGroups(flows, groups)
	var c *prober.Check
	switch {
	case name != "":
		chosen, err := choose(all, elsewhere, []string{name})
		if err != nil {
			return nil, detect.Params{}, err
		}
		c = chosen[0]
	case len(flows) == 0:
		return nil, detect.Params{}, errEmptyShard
	case len(flows) > 1:
		return nil, detect.Params{}, fmt.Errorf("there are several flows; choose one with --check: %s", strings.Join(checkNames(all), ", "))
	default:
		c = flows[0]
	}
	if g := groupOf(c, groups); g != nil {
		return c, g.Params(), nil
	}
	return c, c.Objective.ParamsConfirming(c.Schedule.Every, c.Schedule.Confirming()), nil
}

// A badLines reports lines that say nothing, the first of them each by itself.
type badLines struct {
	w io.Writer
	n int
}

const mostBadLines = 20

func (b *badLines) report(err *badLine) {
	if b.n++; b.n <= mostBadLines {
		fmt.Fprintln(b.w, err)
	}
}

// err is what the command ends with, if there was a bad line.
func (b *badLines) err() error {
	if b.n == 0 {
		return nil
	}
	return misconfigured(fmt.Errorf("%d bad %s left out", b.n, plural(b.n, "line")))
}

// A backtest puts recorded runs of one check through a detector.
type backtest struct {
	check    *prober.Check
	detector *detect.Detector
	blame    *detect.Blame
	print    func(*stateChange) error

	counts      map[prober.Outcome]int
	skipped     int  // as part of a blip
	tagged      bool // some of them
	backwards   int  // older than the run before
	before      time.Time
	first, last time.Time // the earliest and the latest of the runs that count
	pages       int
	suspicions  int
	firing      time.Duration // in all, of the pages that have ended
}

// A stateChange is one that a backtest has found, as --json prints it. The names
// are documented in the command's help and do not change.
type stateChange struct {
	Time     string       `json:"time"`
	Check    string       `json:"check"`
	State    detect.State `json:"state"`
	Evidence float64      `json:"evidence"`
	Ratio    float64      `json:"ratio"`
	Lower    float64      `json:"lower"`
	Upper    float64      `json:"upper"`
	N        int          `json:"n"`
	Blame    string       `json:"blame"`

	failed int
}

func newBacktest(c *prober.Check, params detect.Params, print func(*stateChange) error) *backtest {
	return &backtest{
		check:    c,
		detector: detect.New(params),
		blame:    detect.NewBlame(),
		print:    print,
		counts:   map[prober.Outcome]int{},
	}
}

// read puts all lines through the detector. It ends early, with an error, when
// ctx is done.
func (b *backtest) read(ctx context.Context, r io.Reader, bad *badLines) error {
	lines := newOutcomeReader(r)
	var run recorded
	for {
		switch err := lines.next(&run).(type) {
		case nil:
			if err := b.observe(&run); err != nil {
				return err
			}
		case *badLine:
			bad.report(err)
		default:
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("reading outcomes: %w", err)
		}
		if lines.line%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("interrupted after line %d", lines.line)
		}
	}
}

func (b *backtest) observe(run *recorded) error {
	b.counts[run.outcome]++
	if run.at.Before(b.before) {
		b.backwards++
	}
	b.before = run.at
	if !run.outcome.Counted() {
		return nil
	}
	if b.first.IsZero() || run.at.Before(b.first) {
		b.first = run.at
	}
	if run.at.After(b.last) || b.last.IsZero() {
		b.last = run.at
	}
	failed, since := run.outcome == prober.Failed, b.detector.Since()
	j := b.detector.Observe(run.at, failed)
	if !j.Counted {
		b.skipped++
		return nil
	}
	b.blame.Observe(run.at, failed, run.tags)
	b.tagged = b.tagged || run.tags != nil
	if !j.Changed() {
		return nil
	}
	return b.changed(j, run, since)
}

// changed tells of a change of the state, from one that had held since then.
func (b *backtest) changed(j detect.Judgement, run *recorded, since time.Time) error {
	switch j.After {
	case detect.Firing:
		b.pages++
	case detect.Suspect:
		b.suspicions++
	}
	if j.After != detect.Healthy {
		since = b.detector.ChangePoint()
	}
	if j.Before == detect.Firing {
		b.firing += max(0, run.at.Sub(since))
	}
	found := b.blame.Find(since)
	c := stateChange{
		Time: string(run.text), Check: b.check.Name, State: j.After, Evidence: b.detector.Evidence(), N: found.Runs, failed: found.Failed,
	}
	if found.Runs > 0 {
		c.Ratio = float64(found.Failed) / float64(found.Runs)
	}
	interval := detect.Wilson(found.Failed, found.Runs)
	c.Lower, c.Upper = interval.Lower, interval.Upper
	if j.After != detect.Healthy && b.tagged {
		c.Blame = found.String()
	}
	return b.print(&c)
}

// printChange returns a function that prints a change for people:
//
//	2026-11-20T10:04:10Z  firing   evidence 1.3   3.8% (1.9%-7.6%) of 184 runs
//	    backend=b3: 7 of 46 runs failed, 0 of 138 elsewhere (p < 1e-4)
func printChange(w io.Writer, p paint) func(*stateChange) error {
	return func(c *stateChange) error {
		state := strings.Replace(fill(c.State.String(), 7), c.State.String(), p.state(c.State), 1)
		var b strings.Builder
		fmt.Fprintf(&b, "%s  %s  evidence %-5s  %s\n", oneLine(c.Time), state, evidence(c.Evidence), ratioOf(c.failed, c.N))
		if c.Blame != "" {
			fmt.Fprintf(&b, "    %s\n", oneLine(c.Blame))
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
}

// printChangeJSON returns a function that prints a change in a line of JSON.
func printChangeJSON(w io.Writer) func(*stateChange) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(c *stateChange) error { return e.Encode(c) }
}

// ratioOf shows a failure ratio with its 95 % interval and its n.
func ratioOf(failed, runs int) string {
	if runs == 0 {
		return "no runs"
	}
	r := prober.Ratio{Failed: failed, Runs: runs, Interval: detect.Wilson(failed, runs)}
	return fmt.Sprintf("%s (%s) of %d %s", r.Percent(), r.PercentInterval(), runs, plural(runs, "run"))
}
