package prober

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// The statusCollector asks how all stand at each scrape, so that a window empties
// where no run comes any more.
type statusCollector struct {
	all                       func(now time.Time) []CheckStatus
	evidence, recovery, state *prometheus.Desc
	ratio, lower, upper, runs *prometheus.Desc
	exceeded, blame, drill    *prometheus.Desc
	failOpen, explained       *prometheus.Desc
}

func newStatusCollector(all func(now time.Time) []CheckStatus) *statusCollector {
	return &statusCollector{
		all:      all,
		evidence: desc("evidence", "How near the check is to a page: 1 or more is one. It rests while the check is firing.", "check"),
		recovery: desc("recovery_evidence",
			"How near a firing check is to being healthy again: at 1 it is. A failed run sets it back; 0 while it is not firing.", "check"),
		state: desc("check_state", "1 for the state that the check is in, 0 for the others.", "check", "state"),
		ratio: desc("failure_ratio",
			"Share of the runs of the window that failed, of those that passed or failed; NaN without any.", "check", "window"),
		lower: desc("failure_ratio_lower",
			"Lower end of the 95 % Wilson interval of authprober_failure_ratio; 0 without any run.", "check", "window"),
		upper: desc("failure_ratio_upper",
			"Upper end of the 95 % Wilson interval of authprober_failure_ratio; 1 without any run.", "check", "window"),
		runs: desc("window_runs",
			"Runs of the window that passed or failed: how much authprober_failure_ratio rests on.", "check", "window"),
		drill: desc("drill", "1 while the check pages on purpose, to test the way to the pager: its runs have nothing to do with it.", "check"),
		exceeded: desc("threshold_exceeded",
			"1 while the failure ratio is above the check's own plain limit, with its least number of runs.",
			"check", "window", "severity"),
		explained: desc("page_explained",
			"1 while a firing check of a group needs no page: that of its group has told of it, which is over, and no second run has failed since.", "check"),
		failOpen: desc("fail_open_standing",
			"1 while it stands that the target has accepted what it must refuse, until runs in a row have shown that it refuses again: a page.", "check", "step"),
		blame: desc("blame",
			"Failure ratio of the runs with a tag that is to blame, at most 3 a check, while it is suspect or firing.",
			"check", "tag", "value"),
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

func (c *statusCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.evidence, c.recovery, c.state, c.ratio, c.lower, c.upper, c.runs, c.exceeded, c.failOpen, c.blame, c.drill, c.explained} {
		ch <- d
	}
}

func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	pairs := labelPairs{}
	for _, s := range c.all(time.Now()) {
		c.collect(ch, &s, pairs)
	}
}

func (c *statusCollector) collect(ch chan<- prometheus.Metric, s *CheckStatus, pairs labelPairs) {
	name := "check"
	check := []*dto.LabelPair{{Name: &name, Value: &s.Check.Name}}
	labels := func(more ...*dto.LabelPair) []*dto.LabelPair { return append(check[:1:1], more...) }
	send := func(d *prometheus.Desc, v float64, labels []*dto.LabelPair) {
		ch <- &gaugeMetric{desc: d, value: v, labels: labels}
	}
	send(c.evidence, s.Evidence, check)
	send(c.recovery, s.Recovery, check)
	send(c.drill, one(!s.Drill.Until.IsZero()), check)
	if s.Check.member() {
		send(c.explained, one(s.Explained), check)
	}
	for _, state := range detect.States {
		send(c.state, one(s.State == state), labels(pairs.of("state", state.String())))
	}
	for _, r := range s.Ratios {
		window := labels(pairs.of("window", WindowName(r.Window)))
		value, ok := r.Value()
		if !ok {
			value = math.NaN()
		}
		send(c.ratio, value, window)
		send(c.lower, r.Lower, window)
		send(c.upper, r.Upper, window)
		send(c.runs, float64(r.Runs), window)
	}
	for _, t := range s.Thresholds {
		send(c.exceeded, one(t.Exceeded), labels(pairs.of("severity", t.Severity), pairs.of("window", WindowName(t.Window))))
	}
	for _, step := range s.Check.RefuseSteps {
		stands := slices.ContainsFunc(s.FailOpens, func(f FailOpen) bool { return f.Step == step })
		send(c.failOpen, one(stands), labels(pairs.of("step", step)))
	}
	for _, b := range blamedOf(s.Blame) {
		send(c.blame, b.ratio, labels(pairs.of("tag", b.tag.Key), pairs.of("value", b.tag.Value)))
	}
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// checkInfo is the labels of every check, and its group, by which a page of
// the group can keep those of its checks back. A label that one of them does not have is
// empty there, which to Prometheus is the same as not there. Which labels there are
// changes with the checks, so it describes nothing before it is asked.
type checkInfo struct {
	mu     sync.Mutex
	checks []*Check // never written to
}

func (i *checkInfo) replace(checks []*Check) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.checks = checks
}

func (i *checkInfo) all() []*Check {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.checks
}

// Describe implements [prometheus.Collector].
func (i *checkInfo) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (i *checkInfo) Collect(ch chan<- prometheus.Metric) {
	checks, keys := i.all(), map[string]bool{}
	for _, c := range checks {
		for k := range c.Labels {
			keys[k] = true
		}
		if c.Group != "" {
			keys[groupLabel] = true
		}
	}
	labels := slices.Sorted(maps.Keys(keys))
	info := desc("check_info", "1, with the labels that the check was given, and its group; join it to route a page.",
		append([]string{"check"}, labels...)...)
	for _, c := range checks {
		values := []string{c.Name}
		for _, k := range labels {
			if k == groupLabel {
				values = append(values, c.Group)
			} else {
				values = append(values, c.Labels[k])
			}
		}
		ch <- prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, values...)
	}
}

// The poolCollector asks how the accounts stand at each scrape.
type poolCollector struct {
	pools                      func() []PoolStatus
	accounts, logins, refusals *prometheus.Desc
	left                       *prometheus.Desc
}

func newPoolCollector(pools func() []PoolStatus) *poolCollector {
	if pools == nil {
		pools = func() []PoolStatus { return nil }
	}
	return &poolCollector{
		pools:    pools,
		accounts: desc("accounts", "Accounts of the pool by state; together, all of them.", "pool", "state"),
		logins:   desc("account_logins_total", "Runs that leased an account of the pool.", "pool"),
		refusals: desc("account_refusals_total",
			"Runs that leased an account of the pool and were refused without being meant to be.", "pool"),
		left: desc("account_budget_left",
			"What the pool may still use until midnight, UTC, of what has a daily cap: codes, mails, negative.", "pool", "budget"),
	}
}

func (c *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.accounts
	ch <- c.logins
	ch <- c.refusals
	ch <- c.left
}

func (c *poolCollector) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.pools() {
		for state, n := range map[string]int{
			"free": p.Free, "leased": p.Leased, "cooling": p.Cooling, "quarantined": p.Quarantined,
		} {
			ch <- prometheus.MustNewConstMetric(c.accounts, prometheus.GaugeValue, float64(n), p.Name, state)
		}
		ch <- prometheus.MustNewConstMetric(c.logins, prometheus.CounterValue, float64(p.Logins), p.Name)
		ch <- prometheus.MustNewConstMetric(c.refusals, prometheus.CounterValue, float64(p.Refusals), p.Name)
		for _, b := range p.Budgets {
			ch <- prometheus.MustNewConstMetric(c.left, prometheus.GaugeValue, float64(b.Left), p.Name, b.Name)
		}
	}
}
