package main

// The types are as much of Grafana's model of a dashboard as is used here: what
// Grafana 10.4 and later export and import, schemaVersion 39.

// schemaVersion is that of Grafana 10.4. Later ones migrate it when they load it.
const schemaVersion = 39

type dashboard struct {
	UID           string      `json:"uid"`
	Title         string      `json:"title"`
	Description   string      `json:"description"`
	Tags          []string    `json:"tags"`
	SchemaVersion int         `json:"schemaVersion"`
	Version       int         `json:"version"`
	Editable      bool        `json:"editable"`
	GraphTooltip  int         `json:"graphTooltip"` // 1: one crosshair for all panels
	Refresh       string      `json:"refresh"`
	Timezone      string      `json:"timezone"`
	Time          timeRange   `json:"time"`
	Templating    variables   `json:"templating"`
	Annotations   annotations `json:"annotations"`
	Links         []link      `json:"links"`
	Panels        []panel     `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type variables struct {
	List []variable `json:"list"`
}

type annotations struct {
	List []annotation `json:"list"`
}

// A ref names a data source.
type ref struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// metrics is the data source that the reader has chosen.
var metrics = ref{"prometheus", "${datasource}"}

type variable struct {
	Name        string         `json:"name"`
	Label       string         `json:"label"`
	Description string         `json:"description"`
	Type        string         `json:"type"` // datasource or query
	Datasource  *ref           `json:"datasource,omitempty"`
	Query       any            `json:"query"`
	Definition  string         `json:"definition,omitempty"`
	Refresh     int            `json:"refresh"` // 1 when the dashboard is loaded, 2 when its time changes
	Sort        int            `json:"sort"`    // 1: by the alphabet
	Multi       bool           `json:"multi"`
	IncludeAll  bool           `json:"includeAll"`
	AllValue    string         `json:"allValue,omitempty"`
	Current     map[string]any `json:"current"`
	Options     []any          `json:"options"`
	Hide        int            `json:"hide"`
}

type annotation struct {
	Name        string   `json:"name"`
	Datasource  ref      `json:"datasource"`
	Enable      bool     `json:"enable"`
	Expr        string   `json:"expr"`
	IconColor   string   `json:"iconColor"`
	Step        string   `json:"step"`
	TitleFormat string   `json:"titleFormat"`
	TextFormat  string   `json:"textFormat"`
	TagKeys     string   `json:"tagKeys"`
	Target      annQuery `json:"target"`
}

// An annQuery is what Grafana's own form of an annotation reads.
type annQuery struct {
	Expr     string `json:"expr"`
	Interval string `json:"interval"`
	RefID    string `json:"refId"`
}

// A link is one of a dashboard or a panel; its URL may hold variables.
type link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type,omitempty"` // dashboards or link, of a dashboard's
	Tags        []string `json:"tags,omitempty"`
	URL         string   `json:"url,omitempty"`
	Icon        string   `json:"icon,omitempty"`
	AsDropdown  bool     `json:"asDropdown,omitempty"`
	IncludeVars bool     `json:"includeVars,omitempty"`
	KeepTime    bool     `json:"keepTime,omitempty"`
	TargetBlank bool     `json:"targetBlank"`
}

type panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	Collapsed       *bool            `json:"collapsed,omitempty"` // of a row
	GridPos         gridPos          `json:"gridPos"`
	Datasource      *ref             `json:"datasource,omitempty"`
	Targets         []target         `json:"targets,omitempty"`
	FieldConfig     *fieldConfig     `json:"fieldConfig,omitempty"`
	Options         map[string]any   `json:"options,omitempty"`
	Transformations []transformation `json:"transformations,omitempty"`
	Links           []link           `json:"links,omitempty"`
	Panels          []panel          `json:"panels,omitempty"`
}

// A gridPos is a place on a grid that is 24 wide.
type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	RefID        string `json:"refId"`
	Datasource   ref    `json:"datasource"`
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Format       string `json:"format"` // time_series, table or heatmap
	Instant      bool   `json:"instant"`
	Range        bool   `json:"range"`
	Exemplar     bool   `json:"exemplar"`
	EditorMode   string `json:"editorMode"`
}

type fieldConfig struct {
	Defaults  field      `json:"defaults"`
	Overrides []override `json:"overrides"`
}

type field struct {
	Unit       string         `json:"unit"`
	Decimals   *int           `json:"decimals,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	NoValue    string         `json:"noValue,omitempty"`
	Color      map[string]any `json:"color,omitempty"`
	Thresholds *thresholds    `json:"thresholds,omitempty"`
	Mappings   []any          `json:"mappings"`
	Custom     map[string]any `json:"custom,omitempty"`
	Links      []link         `json:"links,omitempty"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

// A step of thresholds; without a value it is the first.
type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

type override struct {
	Matcher    matcher    `json:"matcher"`
	Properties []property `json:"properties"`
}

type matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

type property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

type transformation struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}
