package aggregate

import (
	"slices"
	"strings"
	"testing"
)

func TestParseSource(t *testing.T) {
	for _, test := range []struct {
		runs, failures string
		want           Source
		err            string
	}{
		{"logins_total", " logins_failed_total ", Source{Runs: "logins_total", Failures: "logins_failed_total"}, ""},
		{`sum by (app) (logins_total{env="prod"})`, `sum(logins_total{env="prod",outcome=~"fail|err}or\""})by(app)`,
			Source{Runs: `logins_total{env="prod"}`, Failures: `logins_total{env="prod",outcome=~"fail|err}or\""}`, By: []string{"app"}}, ""},
		{"sum by (region, app,) (a:b)", "sum by(app , region)(c{})", Source{Runs: "a:b", Failures: "c{}", By: []string{"app", "region"}}, ""},
		{"sum(a)", "b", Source{Runs: "a", Failures: "b"}, ""},
		{"sum by (app) (a)", "b", Source{}, "runs are summed by (app) and failures by (), want the same labels"},
		{"rate(a[5m])", "b", Source{}, `runs: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{"a", "a - b", Source{}, `failures: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{"a", "sum(a) / sum(b)", Source{}, `failures: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{"a[5m]", "a", Source{}, `runs: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{`a{b="c"`, "a", Source{}, `runs: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{`a{b=c}`, "a", Source{}, `runs: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{"a{(}", "a", Source{}, `runs: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{"a{b!~`c\\d`, d='e',}", "a", Source{Runs: "a{b!~`c\\d`, d='e',}", Failures: "a"}, ""},
		{"", "a", Source{}, `runs: want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`},
		{"sum by (a-b) (c)", "c", Source{}, `runs: "a-b" is no label to sum by`},
	} {
		got, err := ParseSource(test.runs, test.failures)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != test.err || got.Runs != test.want.Runs || got.Failures != test.want.Failures || !slices.Equal(got.By, test.want.By) {
			t.Errorf("%q, %q: got %+v, %v, want %+v, %q", test.runs, test.failures, got, err, test.want, test.err)
		}
	}
}

// TestLabelsAreCut: what whoever answers may write has an end, and one that is text.
func TestLabelsAreCut(t *testing.T) {
	s := Source{By: []string{"app"}, Place: []string{"location", "instance"}}
	long := strings.Repeat("x", mostName-1) + "ß" + "y"
	for _, test := range []struct {
		labels        map[string]string
		value, placed string
	}{
		{map[string]string{"app": "retail", "location": "graz", "instance": "a:9870"}, "retail", "graz"},
		{map[string]string{"instance": "a:9870"}, "", "a:9870"},
		{map[string]string{"app": long, "location": long}, long[:mostName-1], long[:mostName-1]},
		{map[string]string{"app": long[:mostName-1]}, long[:mostName-1], ""},
	} {
		if got := s.values(test.labels)[0]; got != test.value || s.place(test.labels) != test.placed {
			t.Errorf("%v: got %q at %q", test.labels, got, s.place(test.labels))
		}
	}
}
