package main

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const fields = " S 1 2 3 4 -1 4194560 5 6 7 8 150 25 3 4 20 0 8 0 99 1 2"
	for _, c := range []struct {
		text string
		want time.Duration
		bad  bool
	}{
		{"12 (gatus)" + fields, 1820 * time.Millisecond, false},
		{"12 (a name) of (many" + fields[:0] + ")" + fields, 1820 * time.Millisecond, false},
		{"12 (gatus) S 1 2 3", 0, true},
		{"", 0, true},
		{"12 (gatus) S 1 2 3 4 -1 4194560 5 6 7 8 x 25 3 4 20", 0, true},
	} {
		got, err := parseStat(c.text)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("parseStat(%q) = %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	got, err := parseStatus("Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nRssAnon:\t    5120 kB\nRssFile:\t    1 kB\n")
	if want := (memory{20, 10, 5}); got != want || err != nil {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := parseStatus("VmRSS:\t   10240 kB\n"); err == nil {
		t.Error("a status without the other lines is taken")
	}
}

func TestSeries(t *testing.T) {
	const exposition = `# HELP flows_total of } it {
flows_total{a="b",success="true"} 7 1795834057000
flows_total{a="c",success="false"} 2
flows_total{a="with } in it",success="false"} 1e1
flows_total_more 100
flows 50
other{name="flows_total"} 1
`
	for _, c := range []struct {
		of   series
		want float64
	}{
		{series{name: "flows_total"}, 19},
		{series{"flows_total", `success="false"`}, 12},
		{series{name: "flows"}, 50},
		{series{name: "none"}, 0},
	} {
		if got := c.of.sum(exposition); got != c.want {
			t.Errorf("%v is %v, want %v", c.of, got, c.want)
		}
	}
}

func TestPlainCustomer(t *testing.T) {
	name, password, err := plainCustomer("pools:\n  retail:\n    accounts:\n" +
		"      - name: retail-1\n        username: 'anna'\n        password: 'it''s'\n        totp_secret: 'X'\n" +
		"      - name: retail-2\n        username: 'bert.2@x'\n        password: 'p-2_'\n        totp_secret: 'Y'\n")
	if name != "bert.2@x" || password != "p-2_" || err != nil {
		t.Errorf("got %q, %q, %v", name, password, err)
	}
	if _, _, err := plainCustomer("username: 'a b'\n password: 'x'\n"); err == nil {
		t.Error("a name with a space is plain")
	}
}

func TestReceiver(t *testing.T) {
	r := &receiver{came: make(chan struct{}, 1), first: map[rule]time.Time{}}
	server := httptest.NewServer(r)
	defer server.Close()
	const fires, resolved = `"endsAt": "2999-01-01T00:00:00Z"`, `"endsAt": "2020-01-01T00:00:00Z"`
	for _, c := range []struct {
		path, body string
		want       rule // the new one; the zero value is none
		bad        bool
	}{
		{"/gatus", "", rule{"gatus", "3 in a row"}, false},
		{"/gatus", "", rule{}, false},
		{"/cloudprober/6-of-360", `{}`, rule{"cloudprober", "6 of 360"}, false},
		{"/api/v2/alerts", `[{"labels": {"monitor": "gatus", "rule": "r"}, ` + resolved + `}]`, rule{}, false},
		{"/api/v2/alerts", `[{"labels": {"monitor": "gatus", "rule": "r"}, ` + fires + `}]`, rule{"gatus", "r"}, false},
		{"/authprober/api/v2/alerts", `[{"labels": {"severity": "ticket", "check": "retail-login"}, ` + fires + `}]`, rule{}, false},
		{"/authprober/api/v2/alerts", `[{"labels": {"severity": "page", "check": "retail-login"}, ` + fires + `}]`, rule{"authprober", "its own"}, false},
		{"/api/v2/alerts", `nonsense`, rule{}, true},
		{"/elsewhere", "", rule{}, true},
	} {
		before := r.pages()
		_, err := call(t.Context(), "POST", server.URL+c.path, c.body)
		if (err != nil) != c.bad {
			t.Errorf("%s: %v", c.path, err)
		}
		var got rule
		for rule := range r.pages() {
			if _, ok := before[rule]; !ok {
				got = rule
			}
		}
		if got != c.want {
			t.Errorf("%s %s: %v paged, want %v", c.path, c.body, got, c.want)
		}
	}
}

// TestRulesAreConfigured holds the rules that are waited for against those in the
// configuration.
func TestRulesAreConfigured(t *testing.T) {
	text, err := configs.ReadFile("config/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := func(word string) bool {
		return slices.ContainsFunc(tools, func(t tool) bool { return t.job == word })
	}
	for _, r := range rules {
		if !known(r.Job) {
			t.Errorf("no tool has the job of %v", r)
		}
		if r.prometheus && (!strings.Contains(string(text), "rule: "+r.Name) || !strings.Contains(string(text), "monitor: "+r.Job)) {
			t.Errorf("rules.yaml has nothing for %v", r)
		}
	}
}

func TestAtMost(t *testing.T) {
	var done atomic.Int64
	f := func() error {
		if done.Add(1) == 3 {
			return errors.New("third")
		}
		return nil
	}
	if err := atMost(1, []func() error{f, f, f, f, f}); err == nil || done.Load() != 3 {
		t.Errorf("%d calls were made, and %v; want no more after the third", done.Load(), err)
	}
	meeting := make(chan struct{}) // one after the other they would wait for ever
	err := atMost(2, []func() error{
		func() error { meeting <- struct{}{}; return nil },
		func() error { <-meeting; return nil },
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-tools bare,nagios", `invalid value "bare,nagios" for flag -tools: "nagios" is none of bare, authprober, gatus, gatus-close, cloudprober, blackbox_exporter, k6`},
		{"-part speed", `invalid value "speed" for flag -part: "speed" is none of cost, ratio, page`},
		{"-rates 2,0", `invalid value "2,0" for flag -rates: "0", want above 0 and at most 100`},
		{"-rates NaN", `invalid value "NaN" for flag -rates: "NaN", want above 0 and at most 100`},
		{"-repetitions 0", "0 repetitions, 1 at once; want at least 1 of each"},
		{"-limit 1m", "-for 30s, -settle 5s, -limit 1m0s; want at least 1s, 0s and 1m40s"},
		{"more", `argument "more", want flags alone`},
	} {
		if _, err := parseOptions(strings.Fields(c.args), io.Discard); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.args, err, c.want)
		}
	}
	o, err := parseOptions(strings.Fields("-rates 2,20 -part page -tools gatus,k6"), io.Discard)
	if err != nil || !slices.Equal(o.rates, []float64{2, 20}) || !slices.Equal(o.parts, []string{"page"}) || !slices.Equal(o.tools, []string{"gatus", "k6"}) ||
		o.command != "go run ./deploy/compare -rates 2,20 -part page -tools gatus,k6" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestRequire(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	h := &harness{options: options{authprober: "x", tools: []string{"gatus", "k6"}, parts: parts, require: true}, notes: io.Discard}
	if err := h.find(context.Background()); err == nil || err.Error() != "not installed: gatus, k6, prometheus" {
		t.Errorf("got %v", err)
	}
	var said strings.Builder
	h = &harness{options: options{authprober: "x", tools: []string{"gatus"}, parts: []string{"cost"}}, notes: &said}
	if err := h.find(context.Background()); err != nil || said.String() != "gatus: not installed\n" {
		t.Errorf("got %v, and said %q", err, said.String())
	}
}
