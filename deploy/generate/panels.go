package main

// A query is one of a panel: what to ask, and how a series of the answer is called.
type query struct{ expr, legend string }

// A look is how a panel shows values; its zero value is Grafana's.
type look struct {
	unit       string
	max        float64 // 0 is none
	noValue    string  // what is shown where there is nothing
	thresholds []step
	mappings   []any
	custom     map[string]any
	options    map[string]any
	links      []link
	exemplars  bool
}

func at(v float64, color string) step { return step{color, &v} }
func from(color string) step          { return step{Color: color} }

func (l look) fields() *fieldConfig {
	f := field{Unit: l.unit, NoValue: l.noValue, Mappings: l.mappings, Custom: l.custom}
	if f.Mappings == nil {
		f.Mappings = []any{}
	}
	if l.max != 0 {
		zero := 0.0
		f.Min, f.Max = &zero, &l.max
	}
	if l.thresholds != nil {
		f.Thresholds = &thresholds{"absolute", l.thresholds}
	}
	return &fieldConfig{f, []override{}}
}

func newPanel(kind, title, description string, w, h int, l look, queries []query) panel {
	p := panel{
		Type: kind, Title: title, Description: description, GridPos: gridPos{W: w, H: h}, Datasource: &metrics,
		FieldConfig: l.fields(), Options: l.options, Links: l.links,
	}
	for i, q := range queries {
		p.Targets = append(p.Targets, target{
			RefID: string(rune('A' + i)), Datasource: metrics, Expr: chosen(q.expr), LegendFormat: q.legend,
			Format: "time_series", Range: true, Exemplar: l.exemplars, EditorMode: "code",
		})
	}
	return p
}

// instantly asks for the values of now, or of the end of the time that is shown.
func instantly(p panel, format string) panel {
	for i := range p.Targets {
		p.Targets[i].Instant, p.Targets[i].Range, p.Targets[i].Format = true, false, format
	}
	return p
}

// stat is a large number, or several.
func stat(title, description string, w int, l look, queries ...query) panel {
	l.options = map[string]any{
		"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	return instantly(newPanel("stat", title, description, w, 4, l, queries), "time_series")
}

// graph is values over time.
func graph(title, description string, w int, l look, queries ...query) panel {
	custom := map[string]any{"lineWidth": 1, "fillOpacity": 0, "showPoints": "never", "spanNulls": false}
	for k, v := range l.custom {
		custom[k] = v
	}
	l.custom = custom
	l.options = map[string]any{
		"legend":  map[string]any{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull", "max"}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return newPanel("timeseries", title, description, w, 9, l, queries)
}

// stacked lets a graph show what things add up to.
func stacked(l look) look {
	l.custom = map[string]any{"fillOpacity": 60, "lineWidth": 0, "stacking": map[string]any{"mode": "normal", "group": "A"}}
	return l
}

// limited draws the thresholds of a graph as lines.
func limited(l look) look {
	l.custom = map[string]any{"thresholdsStyle": map[string]any{"mode": "line"}}
	return l
}

// timeline is which state held when.
func timeline(title, description string, w, h int, l look, queries ...query) panel {
	l.custom = map[string]any{"lineWidth": 0, "fillOpacity": 80}
	l.options = map[string]any{
		"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.8,
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": map[string]any{"mode": "single"},
	}
	return newPanel("state-timeline", title, description, w, h, l, queries)
}

// heatmap is how times are spread. Native histograms are shown as they are; where
// the data source has none, the classic buckets are.
func heatmap(title, description string, w int, histogram, selector string) panel {
	p := newPanel("heatmap", title, description, w, 8, look{unit: "s", options: map[string]any{
		"calculate":    false,
		"cellGap":      1,
		"cellValues":   map[string]any{"unit": "ops"},
		"color":        map[string]any{"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "steps": 64, "fill": "dark-orange"},
		"filterValues": map[string]any{"le": 1e-9},
		"legend":       map[string]any{"show": true},
		"rowsFrame":    map[string]any{"layout": "auto"},
		"tooltip":      map[string]any{"mode": "single", "showColorScale": false, "yHistogram": true},
		"yAxis":        map[string]any{"axisPlacement": "left", "unit": "s"},
	}, exemplars: true}, []query{{
		"sum(rate(" + histogram + selector + "[$__rate_interval]))\n  or on ()\nsum by (le) (rate(" + histogram + "_bucket" + selector + "[$__rate_interval]))",
		"{{le}}",
	}})
	p.Targets[0].Format = "heatmap"
	return p
}

// quantile is a quantile of a histogram by some labels, native where there is one.
func quantile(q, histogram, selector, by string) string {
	classic := by
	if classic != "" {
		classic += ", "
	}
	return "histogram_quantile(" + q + ", sum by (" + by + ") (rate(" + histogram + selector + "[$__rate_interval])))\n  or\n" +
		"histogram_quantile(" + q + ", sum by (" + classic + "le) (rate(" + histogram + "_bucket" + selector + "[$__rate_interval])))"
}

// A column of a table: the field that the query of its place makes, and how it is shown.
type column struct {
	query
	name, unit string
	properties []property
}

// table is the answers to its columns' queries, one row for each set of labels.
// The labels are columns too, under the names of labels; other fields are dropped.
func table(title, description string, w, h int, l look, labels []property, columns ...column) panel {
	queries := make([]query, len(columns))
	renamed, order := map[string]string{}, map[string]int{}
	for i, label := range labels {
		renamed[label.ID], order[label.ID] = label.Value.(string), i
	}
	var overrides []override
	for i, c := range columns {
		queries[i] = c.query
		field := "Value #" + string(rune('A'+i))
		if len(columns) == 1 {
			field = "Value"
		}
		renamed[field], order[field] = c.name, len(labels)+i
		if c.unit != "" {
			c.properties = append([]property{{"unit", c.unit}}, c.properties...)
		}
		overrides = append(overrides, override{matcher{"byName", c.name}, c.properties})
	}
	l.custom = map[string]any{"align": "auto", "filterable": true, "cellOptions": map[string]any{"type": "auto"}}
	l.options = map[string]any{"showHeader": true, "cellHeight": "sm", "footer": map[string]any{"show": false}}
	p := instantly(newPanel("table", title, description, w, h, l, queries), "table")
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, overrides...)
	p.Transformations = []transformation{
		{"merge", map[string]any{}},
		{"organize", map[string]any{"excludeByName": map[string]bool{"Time": true}, "indexByName": order, "renameByName": renamed}},
	}
	return p
}

// labels names columns of labels: pairs of the label and what it is called.
func labels(pairs ...string) (all []property) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, property{pairs[i], pairs[i+1]})
	}
	return all
}

// columnLink leads from a column somewhere.
func (p panel) columnLink(column, title, url string) panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
		matcher{"byName", column}, []property{{"links", []link{{Title: title, URL: url}}}},
	})
	return p
}

// runbook is a link of a panel to what to do.
func runbook(alert string) []link {
	return []link{{Title: "Runbook: " + alert, URL: runbooks + alert + ".md", TargetBlank: true}}
}

// The states of a check as numbers, so that the worst is the largest.
const worstState = `max by (check%s) (2 * authprober_check_state{@,state="firing"} or authprober_check_state{@,state="suspect"})`

func stateMappings() []any { return names("healthy", "green", "suspect", "orange", "firing", "red") }

// names shows the numbers 0, 1, … as words in colours.
func names(pairs ...string) []any {
	options := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		options[string(rune('0'+i/2))] = map[string]any{"text": pairs[i], "color": pairs[i+1], "index": i / 2}
	}
	return []any{map[string]any{"type": "value", "options": options}}
}
