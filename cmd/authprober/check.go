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
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check PATH...",
		Short: "Look for mistakes in flows, without network",
		Long: `Read flows and accounts as run would, with the same environment, and print every
mistake to standard error, a line each: file:line:column: message. Warnings are
printed there too, and are no mistakes.

Without mistakes, print what each flow asks of its target. Ends with 0, or with 2
if there are mistakes.`,
		Example: "  authprober check flows/ accounts.yaml",
		Args:    somePaths,
		RunE: action(func(_ *cobra.Command, args []string) error {
			_, config, err := a.load(args)
			if err != nil {
				return err
			}
			a.printWarnings(config)
			return printPlan(a.stdout, config, time.Now())
		}),
	}
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
		runs := float64(time.Hour) / float64(c.Schedule.Every)
		fmt.Fprintf(table, "%s\t%s runs an hour\tup to %s steps an hour\t%s\n", c.Name,
			count(runs), count(runs*float64(len(c.Steps))), loginsOf(c, config, now))
	}
	return table.Flush()
}

// loginsOf says how often each account of the check's pool is going to log in.
func loginsOf(c *prober.Check, config *checks.Config, now time.Time) string {
	l := loadOf(c, config, now)
	if l.pool == "" {
		return "no accounts"
	}
	return fmt.Sprintf("%s logins an hour for each of %d %s of %s", count(l.perAccount()), l.accounts, plural(l.accounts, "account"), l.pool)
}

// count writes a number to as many digits as tell something: 3600, 12.5, 0.042.
func count(x float64) string {
	if x >= 100 || x == math.Trunc(x) {
		return fmt.Sprintf("%.0f", x)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.3g", x), ".0")
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
