package prober

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	dto "github.com/prometheus/client_model/go"
)

const metricsDoc = "../docs/metrics.md"

// TestMetricsDoc keeps docs/metrics.md, made from what is gathered after runs
// of every sort.
func TestMetricsDoc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := goldenChecks()
		checks[1].Schedule.Confirm, checks[1].Schedule.ConfirmBudget = time.Second, detect.DefaultBudget
		checks[1].Group = "identity"
		judge, m := judgeAndMetrics(t, checks)
		for _, r := range goldenRuns(checks[0], time.Now()) {
			judge.ObserveRun(r)
			m.ObserveRun(r)
		}
		for i := range 10 { // somebody is to blame
			time.Sleep(time.Minute)
			r := &Run{Check: checks[1], Start: time.Now(), Outcome: Passed, Report: Report{Tags: map[string]string{"release": "1"}}}
			if i%2 == 0 {
				r.Outcome, r.Report = Failed, failure1(ReasonStatus5xx)
				r.Tags = map[string]string{"release": "2"}
			}
			judge.ObserveRun(r)
		}
		families, err := m.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString("# Metrics\n\nMade by `go test ./prober -run TestMetricsDoc -update` from what `/metrics` serves. Beside these there are the\n" +
			"Go runtime's and the process's own. Labels come from the configuration or from closed lists, but for the values\n" +
			"of `authprober_blame`, of which there are three a check at most; a trace id is an exemplar. Every series that is\n" +
			"known in advance exists at zero.\n\n" +
			"On every scrape, for each check, `runs_due = runs + runs_inconclusive + runs_missed`, and `runs_failed` is the sum\n" +
			"of `run_failures`. A confirming run that began is a due time of its own, and is in `confirm_runs` too; one that\n" +
			"could not begin is in `confirm_runs_missed` alone. So `runs_due - confirm_runs` are the due times of the schedule.\n\n" +
			"A group of flows, `check=\"group:NAME\"`, has the gauges of a check: state, evidence, recovery, ratios, `window_runs`, the\n" +
			"objective, blame, and a `check_info` with the labels that all its flows have. It has no counters: whoever adds\n" +
			"counters up over `check` counts each run once. So it is with `check=\"all:NAME\"` and\n" +
			"`check=\"all:group:NAME\"` of an [aggregator](aggregate.md), which has metrics of its own besides. Adding up gauges, leave them out with `check!~\"(group|all):.*\"`.\n\n" +
			"| metric | type | labels | what it is |\n|---|---|---|---|\n")
		for _, f := range families {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), labelsOf(f), f.GetHelp())
		}
		fmt.Fprintf(&b, "\n## Reasons for which a run fails\n\n%s\n\n## Reasons for which a due time is missed\n\n%s\n",
			listOf(Reasons), listOf(MissReasons))
		b.WriteString("\n`late` is a due time that the prober itself found more than 5 s after it, as it was stopped, paused or starved: it is\n" +
			"not made up for, so that checks do not all run at once afterwards ([reliability](reliability.md#after-a-standstill)).\n")
		if *update {
			if err := os.WriteFile(metricsDoc, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(metricsDoc)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != b.String() {
			t.Errorf("%s is out of date; run the test with -update", metricsDoc)
		}
	})
}

// labelsOf lists the names of a family's labels; those that an operator chose
// are told by what they are.
func labelsOf(f *dto.MetricFamily) string {
	names := map[string]bool{}
	for _, m := range f.Metric {
		for _, l := range m.Label {
			names[l.GetName()] = true
		}
	}
	if f.GetName() == "authprober_check_info" {
		return "check, group, and the labels of the flows"
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

func listOf[R ~string](reasons []R) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = "`" + string(r) + "`"
	}
	return strings.Join(texts, " · ")
}
