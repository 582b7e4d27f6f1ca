package main

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/aggregate"
	"github.com/authprober/authprober/prober/alertmanager"
	"github.com/authprober/authprober/prober/detect"
)

// aggregateFlags are what the command line says of what to aggregate.
type aggregateFlags struct {
	url, httpConfig              string
	match                        string
	runs, failures               string
	name                         string
	labels                       []string
	tolerate, detect, falsePages string
	blip                         time.Duration
	every, settle, replay        time.Duration
	once, asJSON                 bool
	set                          func(flag string) bool
}

func (f *aggregateFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "`URL` of the API, such as http://prometheus:9090; required")
	flags.StringVar(&f.httpConfig, "http-config", "", "a `FILE` that says how to speak to it, as Prometheus' HTTP clients are told: basic_auth, authorization, tls_config, http_headers; secrets are files of their own")
	flags.StringVar(&f.match, "match", "", "read only series of flows with these `LABELS`, such as 'job=\"authprober\",env=\"prod\"'")
	flags.StringVar(&f.runs, "runs", "", "watch this `COUNTER` of whatever passed or failed, in place of flows")
	flags.StringVar(&f.failures, "failures", "", "the `COUNTER` of what failed of --runs")
	flags.StringVar(&f.name, "name", "logins", "what --runs are of, where they are summed by no label: all:`NAME`")
	flags.StringArrayVar(&f.labels, "label", nil, "a label of what --runs are of, such as team=identity; may be given more than once")
	flags.StringVar(&f.tolerate, "tolerate", "0.1%", "the failure `RATE` of --runs that is nobody's problem")
	flags.StringVar(&f.detect, "detect", "2%", "the smallest failure `RATE` of --runs that is worth a page")
	flags.StringVar(&f.falsePages, "false-pages", "1 per 30d", "how `OFTEN` --runs may page by chance")
	flags.DurationVar(&f.blip, "blip", 0, "a burst of failures of --runs no longer than this `TIME` counts once")
	flags.DurationVar(&f.every, "every", 15*time.Second, "read at this `INTERVAL`, and judge what was counted in it at once")
	flags.DurationVar(&f.settle, "settle", 15*time.Second, "wait this `TIME` for the samples of an interval; later ones count in the next")
	flags.DurationVar(&f.replay, "replay", 0, "read this `TIME` of the past at the beginning (default a day; for flows that run seldom as long as 3000 runs take, a week at the most)")
	flags.BoolVar(&f.once, "once", false, "judge the past, print it and end")
	flags.BoolVar(&f.asJSON, "json", false, "with --once, print one JSON object for each")
}

// aggregated are the options that the command line and the flows come to.
func (a *app) aggregated(paths []string, f *aggregateFlags) (o aggregate.Options, err error) {
	if err := f.validate(len(paths) > 0); err != nil {
		return o, misconfigured(err)
	}
	o.Every, o.Settle, o.Replay, o.Patience = f.every, f.settle, day, aggregate.DefaultPatience
	if f.once {
		o.Patience = 0
	}
	if o.API, err = f.api(); err != nil {
		return o, misconfigured(err)
	}
	if f.runs != "" {
		err = f.counters(&o)
	} else {
		var all []*prober.Check
		all, err = checks.Outline(paths)
		f.flows(&o, all)
	}
	if f.replay > 0 {
		o.Replay = f.replay
	}
	return o, misconfiguredUnlessNil(err)
}

const (
	day = 24 * time.Hour
	// enoughRuns is how many runs evidence rests on at the most, but for rates that are hardly more than
	// tolerated: a restart that reads fewer of them again forgets some.
	enoughRuns = 3000
)

// past is how much of it a restart has to read again.
func past(all []*prober.Check) time.Duration {
	slowest := time.Duration(0)
	for _, c := range all {
		slowest = max(slowest, c.Schedule.Every)
	}
	return min(max(day, (enoughRuns*slowest).Round(time.Hour)), 7*day)
}

func misconfiguredUnlessNil(err error) error {
	if err == nil {
		return nil
	}
	return misconfigured(err)
}

// ofCounters are the flags that mean nothing beside flows, and ofFlows those that mean nothing
// without.
var (
	ofCounters = []string{"name", "label", "tolerate", "detect", "false-pages", "blip"}
	ofFlows    = []string{"match"}
)

func (f *aggregateFlags) validate(flows bool) error {
	counters := f.runs != "" || f.failures != ""
	wrong := ofCounters
	if counters {
		wrong = ofFlows
	}
	for _, name := range wrong {
		if f.set(name) {
			return fmt.Errorf("--%s says nothing here: %s", name, map[bool]string{
				true: "there are no flows beside --runs", false: "it is for --runs, and flows have an objective of their own"}[counters])
		}
	}
	switch {
	case f.url == "":
		return errors.New("--url is missing: want that of Prometheus' API, such as http://prometheus:9090")
	case flows && counters:
		return errors.New("want flows, or --runs and --failures, not both")
	case !flows && !counters:
		return errors.New("want flows, or --runs and --failures")
	case counters && (f.runs == "" || f.failures == ""):
		return errors.New("want both --runs and --failures")
	case f.every < time.Second || f.every > 5*time.Minute || f.every%time.Second != 0:
		return fmt.Errorf("--every is %v, want whole seconds from 1s to 5m", f.every)
	case f.settle < 0 || f.settle > time.Hour:
		return fmt.Errorf("--settle is %v, want 0s to 1h", f.settle)
	case f.set("replay") && (f.replay < time.Minute || f.replay > 31*day):
		return fmt.Errorf("--replay is %v, want 1m to 744h", f.replay)
	case !matchers.MatchString(f.match):
		return fmt.Errorf("--match is %q, want labels such as job=\"authprober\",env=\"prod\"", f.match)
	case strings.TrimSpace(f.name) == "" || !utf8.ValidString(f.name):
		return errors.New("--name is empty, want one such as logins")
	case f.asJSON && !f.once:
		return errors.New("--json is for --once")
	}
	return nil
}

func (f *aggregateFlags) api() (*aggregate.API, error) {
	to, err := url.Parse(f.url)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.RawQuery != "" || to.Fragment != "" {
		return nil, errors.New("--url: want a URL such as http://prometheus:9090 or https://mimir.bank.example/prometheus")
	}
	if to.User != nil {
		return nil, errors.New("--url: want no user and no password in it; name a file of them with --http-config")
	}
	if strings.Contains(to.Path, "/api/v1") {
		return nil, errors.New("--url: want it without /api/v1/query")
	}
	client, err := alertmanager.Client(f.httpConfig, "authprober/"+version().Version)
	if err != nil {
		return nil, fmt.Errorf("--http-config: %w", err)
	}
	return &aggregate.API{URL: to, Client: client}, nil
}

var matchers = regexp.MustCompile(`^(?:[^"{}]|"(?:[^"\\\n]|\\.)*")*$`)

// flows are judged by their own objectives.
func (f *aggregateFlags) flows(o *aggregate.Options, all []*prober.Check) {
	byName := map[string]*prober.Check{}
	var names []string
	for _, c := range all {
		byName[c.Name] = c
		names = append(names, c.Name)
		o.Known = append(o.Known, []string{c.Name})
	}
	slices.Sort(names)
	o.Source = aggregate.Source{By: []string{"check"}, Place: []string{"location", "instance"}}
	for some := range slices.Chunk(names, checksAtOnce) {
		o.Source.Queries = append(o.Source.Queries, f.queryFor(some))
	}
	o.Replay = past(all)
	o.Subject = func(values []string) (aggregate.Subject, bool) {
		c := byName[values[0]]
		if c == nil {
			return aggregate.Subject{}, false
		}
		return aggregate.Subject{Params: aggregate.Scheduled(c, f.every), Check: &prober.Check{
			Name:  prober.PooledPrefix + c.Name,
			About: "The runs of " + c.Name + " by all instances", AuthorisedBy: c.AuthorisedBy, Group: c.Group,
			Schedule: prober.Schedule{Every: c.Schedule.Every}, Objective: c.Objective, Labels: c.Labels,
		}}, true
	}
	o.Group = f.groups(all)
}

// groups returns what judges the flows of each group together, by the objective that they share. Its runs
// are those that the counters of its flows count, as a group has none of its own.
func (f *aggregateFlags) groups(all []*prober.Check) func(*prober.Check) (aggregate.Subject, bool) {
	subjects := map[string]aggregate.Subject{}
	for _, g := range prober.Groups(all) {
		c := *g.Check
		c.Name = prober.PooledPrefix + c.Name
		c.About += " by all instances"
		s := aggregate.Subject{Check: &c, Params: aggregate.ScheduledGroup(c.Objective, g.Members, f.every)}
		for _, m := range g.Members {
			s.Flows = append(s.Flows, m.Name)
		}
		subjects[c.Name] = s
	}
	return func(c *prober.Check) (aggregate.Subject, bool) {
		s, ok := subjects[c.GroupCheck()]
		return s, ok
	}
}

// checksAtOnce are read by one query: of 50 locations an hour of them is some 20 MB, and a day is soon read.
const checksAtOnce = 50

// queryFor selects what all instances count of the checks, whose names have nothing that a pattern would take for more.
func (f *aggregateFlags) queryFor(names []string) aggregate.Query {
	series := fmt.Sprintf(`{check=~"%s"`, strings.Join(names, "|"))
	if match := strings.Trim(strings.TrimSpace(f.match), ","); match != "" {
		series += "," + match
	}
	return aggregate.Query{Runs: "authprober_runs_total" + series + "}", Failures: "authprober_runs_failed_total" + series + "}"}
}

// counters are judged by the objective of the flags.
func (f *aggregateFlags) counters(o *aggregate.Options) error {
	source, err := aggregate.ParseSource(f.runs, f.failures)
	if err != nil {
		return fmt.Errorf("--runs and --failures: %w", err)
	}
	objective, err := f.objective()
	if err != nil {
		return err
	}
	labels, err := f.routing()
	if err != nil {
		return err
	}
	o.Source = source
	if len(source.By) == 0 {
		o.Known = [][]string{{}}
	}
	o.Subject = func(values []string) (aggregate.Subject, bool) {
		name := nameOf(values, f.name)
		return aggregate.Subject{Params: aggregate.Measured(objective, f.every), Measured: true, Check: &prober.Check{
			Name:     prober.PooledPrefix + name,
			About:    "What " + source.Runs + " and " + source.Failures + " count",
			Schedule: prober.Schedule{Every: f.every}, Objective: objective, Labels: labels,
		}}, true
	}
	return nil
}

// nameOf is what the values of labels make, each of which is a part of it; and the other name where there
// is no value.
func nameOf(values []string, otherwise string) string {
	if strings.Join(values, "") == "" {
		return otherwise
	}
	if len(values) == 1 {
		return values[0]
	}
	parts := make([]string, 0, len(values))
	for _, v := range values {
		parts = append(parts, strings.NewReplacer("%", "%25", "/", "%2F").Replace(v))
	}
	return strings.Join(parts, "/")
}

func (f *aggregateFlags) objective() (o detect.Objective, err error) {
	var errs [3]error
	o.Tolerate, errs[0] = rateOf("tolerate", f.tolerate)
	o.Detect, errs[1] = rateOf("detect", f.detect)
	often, err := checks.ParseFrequency(f.falsePages)
	if err != nil {
		errs[2] = fmt.Errorf("--false-pages: %w", err)
	} else {
		o.FalsePageEvery = often.Per / time.Duration(often.Count)
	}
	o.Blip = f.blip
	if err := errors.Join(errs[:]...); err != nil {
		return o, err
	}
	if err := o.Validate(); err != nil {
		return o, fmt.Errorf("the objective: %w", err)
	}
	return o, nil
}

// rateOf reads a rate as flows have it, such as 0.1% or 0.001.
func rateOf(flag, text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	rate, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		rate /= 100
	}
	if err != nil || math.IsNaN(rate) || rate <= 0 || rate >= 1 {
		return 0, fmt.Errorf("--%s is %q, want a rate above 0%% and below 100%%, such as 0.1%%", flag, text)
	}
	return rate, nil
}

var routingLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// routing are the labels that pages of --runs are routed by.
func (f *aggregateFlags) routing() (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range f.labels {
		name, value, ok := strings.Cut(text, "=")
		if !ok || !routingLabel.MatchString(name) || slices.Contains([]string{"check", "group"}, name) || strings.HasPrefix(name, "__") {
			return nil, fmt.Errorf("--label is %q, want one such as team=identity", text)
		}
		labels[name] = value
	}
	return labels, nil
}
