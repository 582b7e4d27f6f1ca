package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDashboards holds every dashboard to Grafana's rules, and to ours: each panel says
// what it shows, in which unit, what its lines are, and what it means when it is empty.
func TestDashboards(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range dashboards() {
		for _, problem := range lint(d) {
			t.Errorf("%s: %s", d.UID, problem)
		}
		if uids[d.UID] {
			t.Errorf("two dashboards are called %s", d.UID)
		}
		uids[d.UID] = true
	}
	for _, d := range dashboards() {
		for _, url := range urls(d) {
			if m := regexp.MustCompile(`^/d/([a-z-]+)`).FindStringSubmatch(url); m != nil && !uids[m[1]] {
				t.Errorf("%s: %s leads to no dashboard", d.UID, url)
			}
		}
	}
}

var uid = regexp.MustCompile(`^[a-z0-9-]{1,40}$`) // Grafana's limit

func lint(d *dashboard) (problems []string) {
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !uid.MatchString(d.UID) || d.Title == "" || d.Description == "" || d.SchemaVersion < 36 || d.SchemaVersion > 41 {
		note("uid %q, title %q, description %q, schemaVersion %d", d.UID, d.Title, d.Description, d.SchemaVersion)
	}
	if len(d.Annotations.List) == 0 {
		note("it has no annotations")
	}
	if !slices.ContainsFunc(d.Links, func(l link) bool { return l.Type == "dashboards" && slices.Contains(d.Tags, l.Tags[0]) }) {
		note("no link leads to the other dashboards")
	}
	for _, v := range d.Templating.List {
		if v.Name == "" || v.Label == "" || v.Description == "" {
			note("the variable %q has label %q, description %q", v.Name, v.Label, v.Description)
		}
	}
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID <= 0 || titles[p.Title] || p.Title == "" {
			note("the panel %d %q is not the only one of its number and title", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if p.Type != "row" {
			for _, problem := range lintPanel(p) {
				note("%s: %s", p.Title, problem)
			}
		}
	}
	return append(problems, overlaps(d.Panels)...)
}

func lintPanel(p panel) (problems []string) {
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !strings.HasSuffix(p.Description, ".") {
		note("its description is %q, want sentences", p.Description)
	}
	if p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == "" {
		note("it has no unit")
	} else if p.FieldConfig.Defaults.NoValue == "" && p.Type != "heatmap" {
		note("it does not say what it means to be empty")
	}
	if p.Datasource == nil || *p.Datasource != metrics {
		note("its data source is %v, want %v", p.Datasource, metrics)
	}
	if len(p.Targets) == 0 {
		note("it asks nothing")
	}
	refs := map[string]bool{}
	for _, q := range p.Targets {
		if refs[q.RefID] || q.Expr == "" || q.Datasource != metrics || q.Instant == q.Range {
			note("the query %+v is not whole, or not the only one of its name", q)
		}
		refs[q.RefID] = true
		if q.LegendFormat == "" {
			note("%s: its lines have no names", q.RefID)
		}
	}
	return problems
}

// overlaps names panels that lie on each other or beside the grid.
func overlaps(panels []panel) (problems []string) {
	for i, p := range panels {
		a := p.GridPos
		if a.X < 0 || a.Y < 0 || a.W <= 0 || a.H <= 0 || a.X+a.W > 24 {
			problems = append(problems, fmt.Sprintf("%q is not on the grid: %+v", p.Title, a))
		}
		for _, q := range panels[:i] {
			if b := q.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				problems = append(problems, fmt.Sprintf("%q lies on %q", p.Title, q.Title))
			}
		}
	}
	return problems
}

// TestLintFinds shows that the lint is no formality.
func TestLintFinds(t *testing.T) {
	good := func() *dashboard {
		d := newDashboard("one", "One", "One.")
		d.annotate(events()...)
		d.row("Row", stat("A", "A.", 4, look{unit: "s", noValue: "-"}, query{"up", "{{job}}"}),
			stat("B", "B.", 4, look{unit: "s", noValue: "-"}, query{"up", "{{job}}"}))
		return d
	}
	if problems := lint(good()); problems != nil {
		t.Fatalf("a good dashboard has problems: %q", problems)
	}
	for name, spoil := range map[string]func(*dashboard){
		"uid":         func(d *dashboard) { d.UID = "One " },
		"old":         func(d *dashboard) { d.SchemaVersion = 20 },
		"id":          func(d *dashboard) { d.Panels[2].ID = d.Panels[1].ID },
		"title":       func(d *dashboard) { d.Panels[2].Title = "A" },
		"description": func(d *dashboard) { d.Panels[1].Description = "" },
		"unit":        func(d *dashboard) { d.Panels[1].FieldConfig.Defaults.Unit = "" },
		"empty":       func(d *dashboard) { d.Panels[1].FieldConfig.Defaults.NoValue = "" },
		"legend":      func(d *dashboard) { d.Panels[1].Targets[0].LegendFormat = "" },
		"query":       func(d *dashboard) { d.Panels[1].Targets[0].Expr = "" },
		"no query":    func(d *dashboard) { d.Panels[1].Targets = nil },
		"source":      func(d *dashboard) { d.Panels[1].Datasource = nil },
		"overlap":     func(d *dashboard) { d.Panels[2].GridPos.X-- },
		"off":         func(d *dashboard) { d.Panels[2].GridPos.X = 21 },
		"annotations": func(d *dashboard) { d.Annotations.List = nil },
		"links":       func(d *dashboard) { d.Links = nil },
		"variable":    func(d *dashboard) { d.Templating.List[0].Description = "" },
	} {
		d := good()
		if spoil(d); len(lint(d)) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

// foreign are the metrics that are not ours, and that any Prometheus with our rules has.
var foreign = regexp.MustCompile(`^(up|ALERTS|scrape_(duration_seconds|samples_scraped)|go_[a-z_]+|process_[a-z_]+)$`)

var (
	braces     = regexp.MustCompile(`\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\b(?:by|on|group_left|group_right|ignoring|without) \([^)]*\)`)
	identifier = regexp.MustCompile(`\b[a-zA-Z_:][a-zA-Z0-9_:]*\b( *\()?`)
	operators  = []string{"or", "and", "unless"}
	variableOf = regexp.MustCompile(`\$([a-z]+)\b`)
)

// TestQueries holds the queries to docs/metrics.md, which a test holds to what
// /metrics serves, and to the variables of their dashboard.
func TestQueries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(authprober_[a-z_]+)` \\| ([a-z]+) ").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
		if m[2] == "histogram" {
			documented[m[1]+"_bucket"], documented[m[1]+"_sum"], documented[m[1]+"_count"] = true, true, true
		}
	}
	for _, d := range dashboards() {
		declared := map[string]bool{}
		for _, v := range d.Templating.List {
			declared["$"+v.Name] = true
		}
		for _, expr := range queries(d) {
			for _, v := range variableOf.FindAllString(expr, -1) {
				if !declared[v] {
					t.Errorf("%s: %s has no variable %s", d.UID, expr, v)
				}
			}
			for _, name := range metricsIn(expr) {
				if !documented[name] && !foreign.MatchString(name) {
					t.Errorf("%s: %s asks for %s, which docs/metrics.md does not have", d.UID, expr, name)
				}
			}
		}
	}
}

func metricsIn(expr string) (names []string) {
	expr = braces.ReplaceAllString(expr, " ")
	for _, m := range identifier.FindAllStringSubmatch(expr, -1) {
		if m[1] == "" && !slices.Contains(operators, m[0]) && !strings.Contains("0123456789", m[0][:1]) {
			names = append(names, m[0])
		}
	}
	return names
}

// queries are those of the panels, the annotations and the variables.
func queries(d *dashboard) (all []string) {
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all = append(all, q.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, a.Expr)
	}
	for _, v := range d.Templating.List {
		if series, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			all = append(all, series[:strings.LastIndex(series, ",")])
		}
	}
	return all
}

// TestRunbooksAreThere holds the links into the repository.
func TestRunbooksAreThere(t *testing.T) {
	seen := 0
	for _, d := range dashboards() {
		for _, url := range urls(d) {
			file, ok := strings.CutPrefix(url, runbooks)
			if !ok || strings.Contains(file, "$") {
				continue
			}
			seen++
			if _, err := os.Stat(filepath.Join(root, "docs", "runbooks", file)); err != nil {
				t.Errorf("%s: %v", d.UID, err)
			}
		}
	}
	if seen == 0 {
		t.Error("no link leads to a runbook")
	}
}

// urls are where the links of a dashboard lead.
func urls(d *dashboard) (all []string) {
	links := slices.Clone(d.Links)
	for _, p := range d.Panels {
		links = append(links, p.Links...)
		if p.FieldConfig == nil {
			continue
		}
		for _, o := range p.FieldConfig.Overrides {
			for _, property := range o.Properties {
				if more, ok := property.Value.([]link); ok {
					links = append(links, more...)
				}
			}
		}
	}
	for _, l := range links {
		if l.URL != "" {
			all = append(all, l.URL)
		}
	}
	return all
}
