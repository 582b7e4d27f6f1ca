package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

func (a *app) checkCommand() *cobra.Command {
	var expand bool
	cmd := &cobra.Command{
		Use:   "check PATH...",
		Short: "Look for mistakes in flows, without network",
		Long: `Read flows and accounts as run would, with the same environment, and print every
mistake to standard error, a line each: file:line:column: message. Warnings are
printed there too, and are no mistakes.

Without mistakes, print what each flow asks of its target. Ends with 0, or with 2
if there are mistakes.

With --expand, print instead the steps that stand in the place of each use: of a
ready check, as a list in YAML that could stand in the flow itself.`,
		Example: "  authprober check flows/ accounts.yaml\n  authprober check --expand flows/refused.yaml accounts.yaml",
		Args:    somePaths,
		RunE: action(func(_ *cobra.Command, args []string) error {
			_, config, err := a.load(args)
			if err != nil {
				return err
			}
			a.printWarnings(config)
			if expand {
				return printExpansions(a.stdout, config)
			}
			if n := len(config.Elsewhere); n > 0 {
				fmt.Fprintf(a.stderr, "flows of other shards: %d\n", n)
			}
			return printPlan(a.stdout, config, time.Now())
		}),
	}
	cmd.Flags().BoolVar(&expand, "expand", false, "print the steps that ready checks become")
	return cmd
}

// printExpansions prints what the flows include, with its place.
func printExpansions(w io.Writer, config *checks.Config) error {
	for i, e := range config.Expansions {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if _, err := fmt.Fprintf(w, "# %s:%d: %s\n%s", e.File, e.Line, e.Check, e.Steps); err != nil {
			return err
		}
	}
	return nil
}

// printWarnings prints what is not as it should be, to standard error.
func (a *app) printWarnings(config *checks.Config) {
	for _, w := range config.Warnings {
		fmt.Fprintln(a.stderr, "warning:", w)
	}
	for _, w := range a.unknownVariables() {
		fmt.Fprintln(a.stderr, "warning:", w)
	}
}

// printPlan says what the flows ask of their targets.
func printPlan(w io.Writer, config *checks.Config, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range config.Checks {
		l := loadOf(c, config, now)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s", c.Name, paced(l.runs, "run"), l.mostText(), l.perAccountText())
		if said := consentText(c); said != "" {
			fmt.Fprintf(table, "\t%s", said)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// mostText is the most that is asked of the target in an hour, with the logins where
// they are more than the schedule has.
func (l load) mostText() string {
	text := "up to " + counted(l.most.Requests, "request")
	if l.most.Logins > math.Ceil(l.logins) {
		text += " and " + counted(l.most.Logins, "login")
	}
	return text + " an hour"
}

// consentText says what a check is run against and who agreed to it; "" if its flow
// does not say.
func consentText(c *prober.Check) string {
	text := c.Labels["environment"]
	if c.AuthorisedBy == "" {
		return text
	}
	return strings.TrimPrefix(text+", authorised by "+c.AuthorisedBy, ", ")
}

// perAccountText says how often each account of the pool is going to log in.
func (l load) perAccountText() string {
	if l.pool == "" {
		return "no accounts"
	}
	return fmt.Sprintf("%s for each of %d %s of %s", paced(l.perAccount(), "login"), l.accounts, plural(l.accounts, "account"), l.pool)
}

// count writes a number to as many digits as tell something: 3600, 12.5, 0.042.
func count(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return detect.Figures(x, 3)
}

// counted is a number of things: 1 run, 2.5 runs.
func counted(x float64, word string) string {
	text := count(x)
	if text != "1" {
		word += "s"
	}
	return text + " " + word
}

// paced is how often something happens: 360 runs an hour, 1 run a day.
func paced(anHour float64, word string) string {
	n, unit := paceUnit(anHour)
	return counted(anHour*n, word) + unit
}

// paceUnit returns the smallest unit of time in which it happens once or more, as
// hours and as text.
func paceUnit(anHour float64) (hours float64, text string) {
	switch {
	case anHour >= 1-1e-9:
		return 1, " an hour"
	case anHour*24 >= 1-1e-9:
		return 24, " a day"
	}
	return 7 * 24, " a week"
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
