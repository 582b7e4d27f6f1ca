package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/prober/detect"
)

func (a *app) planCommand() *cobra.Command {
	var only []string
	var asJSON bool
	var tryConfirm time.Duration
	cmd := &cobra.Command{
		Use:   "plan PATH...",
		Short: "Say what each flow's schedule and objective amount to, without network",
		Long: `Say for each flow how many runs, requests and logins it makes, what its objective
promises of false pages, and how soon it pages: the median and the 95th percentile of
the time from the moment on at which so many of its runs fail, simulated with a fixed
seed, beside what other rules take. Below, how often each rule paged in a simulated time
in which the check failed at the rate it tolerates: rough, and what a rule's haste costs.
How long a run takes, and what accounts can give, is left out of account. The requests and
logins that it is up to are the worst case that a flow's budget is held to.

After the flows there is a plan for each objective.group, named group:NAME, which pages too:
for all the runs of its flows. Their confirming runs are in its promise and not in its
times; it asks for none of its own. Where there are several, the last lines say what
the promises come to together: each of them, in each location, may page falsely.

--confirm shows what confirming at that interval, which must be shorter than the time
between runs, would be worth to flows that do not. One that cannot confirm so has a warning
in place of it; where none of those chosen can, it is a mistake and ends with 2.

With --json, print one object for each flow and group, in one line:

  check, every_seconds          the flow and its schedule; group:NAME and its mean pace
  flows                         those of a group, and absent for a flow
  runs_an_hour                  that the schedule has due
  requests_an_hour              the most it makes in any hour: with all its redirects, polls,
                                nonces, clean-up and confirming runs
  environment, authorised_by    as the flow says; absent where it does not
  logins_an_hour                0 where the flow uses no accounts; then the next three are absent
  most_logins_an_hour           the most of them in any hour, confirming runs included
  pool, accounts                the pool it leases from, and how many accounts are in it;
                                absent where a group has several
  logins_an_hour_per_account    of this flow alone
  pool_logins_an_hour_per_account
                                of all the flows of the pool
  extra_runs_a_day              the most that confirming adds
  healthy_extra                 what it adds in the mean to a healthy check, as a share; 0
                                for a group
  confirm_seconds               the time between runs while confirming; 0 without
  objective                     tolerate, detect, false_page_every_seconds, blip_seconds
  runs_to_false_page, promise   what is promised, in runs and as a sentence
  rows                          for each failure rate, rate and rules:
                                detector, confirming, three_in_a_row, burn_rate, each with
      median_seconds, p95_seconds    of the time to a page
      median_beyond, p95_beyond      true where it is longer than that
  false_pages                   for each of the rules, pages and in_seconds
  warnings                      what the objective cannot do on this schedule

A rule that does not apply is null. Ends with 0; a warning does not change that.`,
		Example: `  authprober plan flows/
  authprober plan flows/ --check retail-login --confirm 50ms
  authprober plan flows/ --check group:identity
  authprober plan flows/ --json | jq -r '.warnings[]'`,
		Args: somePaths,
		RunE: action(func(cmd *cobra.Command, args []string) error {
			_, config, err := a.load(args)
			if err != nil {
				return err
			}
			a.printWarnings(config)
			print := printPlanTable(a.stdout, a.paintFor(a.stdout))
			if asJSON {
				print = printPlanJSON(a.stdout)
			}
			plans, err := planAll(cmd.Context(), config, only, tryConfirm, print)
			if err != nil || asJSON || len(plans) < 2 {
				return err
			}
			_, err = io.WriteString(a.stdout, "\n"+wrap(togetherText(plans), "", planWidth))
			return err
		}),
	}
	cmd.Flags().StringArrayVar(&only, "check", nil, "plan only the flow or group:NAME of this `NAME`; may be given more than once")
	cmd.Flags().DurationVar(&tryConfirm, "confirm", 0, "try confirming at this `INTERVAL` where a flow does not confirm")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a flow")
	return cmd
}

// A jsonPlan is a plan as --json prints it. The names are documented in the
// command's help and do not change.
type jsonPlan struct {
	Check           string                     `json:"check"`
	Flows           []string                   `json:"flows,omitempty"`
	Every           float64                    `json:"every_seconds"`
	Runs            float64                    `json:"runs_an_hour"`
	Requests        float64                    `json:"requests_an_hour"`
	Environment     string                     `json:"environment,omitempty"`
	AuthorisedBy    string                     `json:"authorised_by,omitempty"`
	Logins          float64                    `json:"logins_an_hour"`
	MostLogins      float64                    `json:"most_logins_an_hour,omitempty"`
	Pool            string                     `json:"pool,omitempty"`
	Accounts        int                        `json:"accounts,omitempty"`
	PerAccount      float64                    `json:"logins_an_hour_per_account,omitempty"`
	InAll           float64                    `json:"pool_logins_an_hour_per_account,omitempty"`
	Extra           int                        `json:"extra_runs_a_day"`
	HealthyExtra    float64                    `json:"healthy_extra"`
	Confirm         float64                    `json:"confirm_seconds"`
	Objective       jsonObjective              `json:"objective"`
	RunsToFalsePage float64                    `json:"runs_to_false_page"`
	Promise         string                     `json:"promise"`
	Rows            []jsonPlanRow              `json:"rows"`
	FalsePages      map[string]*jsonFalsePages `json:"false_pages"`
	Warnings        []string                   `json:"warnings"`
}

type jsonObjective struct {
	Tolerate       float64 `json:"tolerate"`
	Detect         float64 `json:"detect"`
	FalsePageEvery float64 `json:"false_page_every_seconds"`
	Blip           float64 `json:"blip_seconds"`
}

type jsonPlanRow struct {
	Rate  float64               `json:"rate"`
	Rules map[string]*jsonDelay `json:"rules"`
}

type jsonDelay struct {
	Median       float64 `json:"median_seconds"`
	MedianBeyond bool    `json:"median_beyond"`
	P95          float64 `json:"p95_seconds"`
	P95Beyond    bool    `json:"p95_beyond"`
}

type jsonFalsePages struct {
	Pages int     `json:"pages"`
	In    float64 `json:"in_seconds"`
}

// planRules are the names of the rules in JSON.
var planRules = [...]string{
	detect.RuleDetector: "detector", detect.RuleConfirming: "confirming",
	detect.RuleInARow: "three_in_a_row", detect.RuleBurnRate: "burn_rate",
}

func printPlanJSON(w io.Writer) func(*planned) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(p *planned) error {
		o := p.check.Objective
		out := jsonPlan{
			Check: p.check.Name, Flows: p.flows, Every: p.check.Schedule.Every.Seconds(),
			Runs: p.load.runs, Requests: p.load.most.Requests, Logins: p.load.logins,
			MostLogins: p.load.most.Logins, Environment: p.check.Labels["environment"], AuthorisedBy: p.check.AuthorisedBy,
			Pool: p.load.pool, Accounts: p.load.accounts, PerAccount: p.load.perAccount(), InAll: p.load.perAccountInAll(),
			Extra: p.ExtraRunsADay, HealthyExtra: p.HealthyExtra, Confirm: p.confirm.Interval.Seconds(),
			Objective:       jsonObjective{o.Tolerate, o.Detect, o.FalsePageEvery.Seconds(), o.Blip.Seconds()},
			RunsToFalsePage: p.Params.RunsToFalsePage, Promise: p.Promise,
			FalsePages: map[string]*jsonFalsePages{}, Warnings: append([]string{}, p.Warnings...),
		}
		for rule, f := range p.FalsePages {
			out.FalsePages[planRules[rule]] = nil
			if f.In > 0 {
				out.FalsePages[planRules[rule]] = &jsonFalsePages{f.Pages, f.In.Seconds()}
			}
		}
		for _, r := range p.Rows {
			row := jsonPlanRow{r.Rate, map[string]*jsonDelay{}}
			for rule, d := range r.Delays {
				row.Rules[planRules[rule]] = nil
				if d.Reps > 0 {
					row.Rules[planRules[rule]] = &jsonDelay{d.Median.Time.Seconds(), d.Median.Beyond, d.P95.Time.Seconds(), d.P95.Beyond}
				}
			}
			out.Rows = append(out.Rows, row)
		}
		return e.Encode(out)
	}
}
