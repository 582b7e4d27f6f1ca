package main

import "strings"

const runbooks = "https://github.com/authprober/authprober/blob/main/docs/runbooks/"

// tag is what the dashboards find each other by.
const tag = "authprober"

func newDashboard(uid, title, description string, vars ...variable) *dashboard {
	return &dashboard{
		UID: uid, Title: title, Description: description,
		Tags: []string{tag}, SchemaVersion: schemaVersion, Version: 1, Editable: true, GraphTooltip: 1,
		Refresh: "30s", Timezone: "browser", Time: timeRange{"now-3h", "now"},
		Templating: variables{append([]variable{datasourceVariable()}, vars...)},
		Links: []link{
			{Title: "authprober", Type: "dashboards", Tags: []string{tag}, IncludeVars: true, KeepTime: true},
			{Title: "Runbooks", Type: "link", URL: runbooks + "README.md", Icon: "doc", TargetBlank: true},
		},
	}
}

// row adds a titled row of panels, set one beside the other from the left, and
// below where there is no more room.
func (d *dashboard) row(title string, panels ...panel) {
	y := 0
	for _, p := range d.Panels {
		y = max(y, p.GridPos.Y+p.GridPos.H)
	}
	open := false
	d.place(panel{Type: "row", Title: title, Collapsed: &open, GridPos: gridPos{H: 1, W: 24, Y: y}})
	x, height := 0, 0
	y++
	for _, p := range panels {
		if x+p.GridPos.W > 24 {
			x, y, height = 0, y+height, 0
		}
		p.GridPos.X, p.GridPos.Y = x, y
		x, height = x+p.GridPos.W, max(height, p.GridPos.H)
		d.place(p)
	}
}

func (d *dashboard) place(p panel) {
	p.ID = len(d.Panels) + 1
	d.Panels = append(d.Panels, p)
}

func (d *dashboard) annotate(all ...annotation) {
	d.Annotations.List = append(d.Annotations.List, all...)
}

// event is an annotation for as long as expr is above zero.
func event(name, color, expr, title, text, tags string) annotation {
	expr = chosen(expr)
	return annotation{
		Name: name, Datasource: metrics, Enable: true, Expr: expr, IconColor: color, Step: "15s",
		TitleFormat: title, TextFormat: text, TagKeys: tags,
		Target: annQuery{Expr: expr, Interval: "15s", RefID: name},
	}
}

// events are the annotations of the checks that are chosen: what changed, and when.
func events() []annotation {
	return []annotation{
		event("Firing", "red", `max by (check) (authprober_check_state{@,state="firing"}) == 1`,
			"{{check}} is firing", "It fails more often than its objective tolerates.", "check"),
		event("Suspect", "orange", `max by (check) (authprober_check_state{@,state="suspect"}) == 1`,
			"{{check}} is suspect", "There is evidence that it fails more often than its objective tolerates.", "check"),
		event("Let in", "purple", `sum by (check, step) (increase(authprober_fail_open_total{@}[1m])) > 0`,
			"{{check}} was let in", "The target accepted what the step {{step}} expects it to refuse.", "check,step"),
	}
}

// chosen puts the variables of a dashboard in place of @ in the braces of a query.
func chosen(expr string) string {
	return strings.ReplaceAll(expr, "{@", `{check=~"$check",instance=~"$instance"`)
}

func datasourceVariable() variable {
	return variable{
		Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1,
		Description: "The Prometheus, or what speaks like one, that scrapes the probers.",
		Current:     map[string]any{}, Options: []any{},
	}
}

// labelVariable offers the values of a label.
func labelVariable(name, label, description, series, of string, many bool) variable {
	definition := "label_values(" + series + ", " + of + ")"
	v := variable{
		Name: name, Label: label, Description: description, Type: "query", Datasource: &metrics,
		Query: map[string]any{"query": definition, "refId": name}, Definition: definition,
		Refresh: 2, Sort: 1, Multi: many, IncludeAll: many, Current: map[string]any{}, Options: []any{},
	}
	if many {
		v.Current = map[string]any{"text": []string{"All"}, "value": []string{"$__all"}, "selected": true}
	}
	return v
}

func teamVariable() variable {
	v := labelVariable("team", "Team", "Whose checks: the label team of their flows.", "authprober_check_info", "team", true)
	v.AllValue = ".*" // those too that have none
	return v
}

func checkVariable(many bool) variable {
	return labelVariable("check", "Check", "A flow, or a group of flows as group:NAME.", `authprober_check_info{team=~"$team"}`, "check", many)
}

func instanceVariable() variable {
	return labelVariable("instance", "Prober", "Which prober saw it: one in each location.", "authprober_build_info", "instance", true)
}
