package e2e

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// A ruleTests is a file for `promtool test rules`, as far as ours go.
type ruleTests struct {
	RuleFiles          []string `yaml:"rule_files"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	GroupEvalOrder     []string `yaml:"group_eval_order"`
	Tests              []ruleTest
}

type ruleTest struct {
	Name        string
	Interval    string
	InputSeries []struct{ Series, Values string } `yaml:"input_series"`
	Alerts      []wantedAlerts                    `yaml:"alert_rule_test"`
	Exprs       []struct {
		Expr     string
		EvalTime string `yaml:"eval_time"`
		Samples  []struct {
			Labels string
			Value  float64
		} `yaml:"exp_samples"`
	} `yaml:"promql_expr_test"`
}

// WantedAlerts are those of one name that fire at one moment; none are as good as some.
type wantedAlerts struct {
	EvalTime string `yaml:"eval_time"`
	Name     string `yaml:"alertname"`
	Alerts   []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

// TestRulesOnPrometheus3 runs the rules' tests on the engine of Prometheus 3.
// Debian's promtool, which .ci/run gives the same files, is 2.42. The promtool of 3
// is a program of its own with twice as many packages, so its loop is written
// here, around the same engine, parser and templates.
func TestRulesOnPrometheus3(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(deployed("prometheus", "tests", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	told := map[string][2]int{} // by alert: how often it had to be silent, and to fire
	for _, file := range files {
		var f ruleTests
		readYAML(t, file, &f)
		for _, test := range f.Tests {
			t.Run(filepath.Base(file)+"/"+test.Name, func(t *testing.T) { f.run(t, file, &test, told) })
		}
	}
	for _, name := range alertNames(t) {
		if n := told[name]; n[0] == 0 || n[1] == 0 {
			t.Errorf("%s has %d tests in which it is silent and %d in which it fires, want both", name, n[0], n[1])
		}
	}
}

func (f *ruleTests) run(t *testing.T, file string, test *ruleTest, told map[string][2]int) {
	p := parser.NewParser(parser.Options{})
	loader, err := promqltest.NewLazyLoader(test.load(), promqltest.LazyLoaderOpts{Parser: p})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = loader.Close() }()
	groups := f.groups(t, file, test, p, loader)
	due := test.moments(t)
	every := duration(t, f.EvaluationInterval)
	for at := time.Duration(0); len(due) > 0; at += every {
		loader.WithSamplesTill(time.Unix(0, 0).Add(at), func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			evaluate(t, groups, time.Unix(0, 0).UTC().Add(at), loader.Context())
		})
		for len(due) > 0 && due[0] < at+every {
			test.look(t, due[0], groups, told)
			due = due[1:]
		}
	}
	for _, x := range test.Exprs {
		want := map[string]float64{}
		for _, s := range x.Samples {
			set, err := p.ParseMetric(s.Labels)
			if err != nil {
				t.Fatal(err)
			}
			want[set.String()] = s.Value
		}
		if got := samples(t, loader, x.Expr, duration(t, x.EvalTime)); !maps.Equal(got, want) {
			t.Errorf("%s at %s: got %v, want %v", x.Expr, x.EvalTime, got, want)
		}
	}
}

// load is the series in the language of promqltest.
func (test *ruleTest) load() string {
	var b strings.Builder
	b.WriteString("load " + test.Interval + "\n")
	for _, s := range test.InputSeries {
		b.WriteString("  " + s.Series + " " + s.Values + "\n")
	}
	return b.String()
}

// groups loads the rules, in the order in which they are to be evaluated.
func (f *ruleTests) groups(t *testing.T, file string, test *ruleTest, p parser.Parser, loader *promqltest.LazyLoader) []*rules.Group {
	m := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage()),
		AppendableV2: loader.Storage(),
		Context:      t.Context(),
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Logger:       promslog.NewNopLogger(),
		Parser:       p,
	})
	var paths []string
	for _, name := range f.RuleFiles {
		paths = append(paths, filepath.Join(filepath.Dir(file), name))
	}
	byFile, errs := m.LoadGroups(duration(t, test.Interval), labels.EmptyLabels(), "", nil, false, paths...)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	groups := slices.Collect(maps.Values(byFile))
	slices.SortFunc(groups, func(a, b *rules.Group) int {
		return cmp.Or(slices.Index(f.GroupEvalOrder, a.Name())-slices.Index(f.GroupEvalOrder, b.Name()), strings.Compare(a.Name(), b.Name()))
	})
	for _, g := range groups {
		for _, r := range g.Rules() {
			if alert, ok := r.(*rules.AlertingRule); ok {
				alert.SetRestored(true) // so that there is a series ALERTS
			}
		}
	}
	return groups
}

func evaluate(t *testing.T, groups []*rules.Group, at time.Time, ctx context.Context) {
	for _, g := range groups {
		g.Eval(ctx, at)
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				t.Fatalf("%s at %v: %v", r.Name(), at, err)
			}
		}
	}
}

// moments are when alerts or expressions are looked at, in order, each once.
func (test *ruleTest) moments(t *testing.T) []time.Duration {
	var all []time.Duration
	for _, a := range test.Alerts {
		all = append(all, duration(t, a.EvalTime))
	}
	for _, x := range test.Exprs {
		all = append(all, duration(t, x.EvalTime))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// look compares what fires with what has to.
func (test *ruleTest) look(t *testing.T, at time.Duration, groups []*rules.Group, told map[string][2]int) {
	for _, want := range test.Alerts {
		if duration(t, want.EvalTime) != at {
			continue
		}
		var wanted []string
		for _, a := range want.Alerts {
			wanted = append(wanted, labels.FromMap(a.Labels).String()+"\n"+labels.FromMap(a.Annotations).String())
		}
		slices.Sort(wanted)
		got := firing(groups, want.Name)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s at %s: got\n%s\nwant\n%s", want.Name, want.EvalTime, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
		}
		n := told[want.Name]
		n[min(1, len(wanted))]++
		told[want.Name] = n
	}
}

// firing lists the alerts of a name that fire, with labels and annotations.
func firing(groups []*rules.Group, name string) (all []string) {
	for _, g := range groups {
		for _, r := range g.Rules() {
			alert, ok := r.(*rules.AlertingRule)
			if !ok || alert.Name() != name {
				continue
			}
			for _, a := range alert.ActiveAlerts() {
				if a.State == rules.StateFiring {
					all = append(all, a.Labels.String()+"\n"+a.Annotations.String())
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// samples are what an expression comes to, by labels.
func samples(t *testing.T, loader *promqltest.LazyLoader, expr string, at time.Duration) map[string]float64 {
	q, err := loader.QueryEngine().NewInstantQuery(t.Context(), loader.Queryable(), nil, expr, time.Unix(0, 0).Add(at))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	vector, err := q.Exec(loader.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	got := map[string]float64{}
	for _, s := range vector {
		got[s.Metric.String()] = s.F
	}
	return got
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := model.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(d)
}

// alertNames are those of the shipped rules, each once.
func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range shippedRules(t) {
		if r.Alert != "" {
			names = append(names, r.Alert)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
