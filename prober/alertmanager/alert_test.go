package alertmanager

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

var update = flag.Bool("update", false, "write the golden files")

// TestAlerts compares everything that is sent, of every kind of alert.
func TestAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		n, err := New(Options{
			URLs:         []*url.URL{{Scheme: "http", Host: "am:9093"}},
			Labels:       map[string]string{"job": "authprober", "instance": "probe-1:9870", "location": "vienna", "cluster": ""},
			GeneratorURL: "http://probe-1:9870/",
		})
		if err != nil {
			t.Fatal(err)
		}
		n.o.Status = func() []prober.CheckStatus { return kinds(now) }
		login := n.o.Status()[4].Check
		for i, reason := range []prober.Reason{prober.ReasonTimeout, prober.ReasonStatus5xx, prober.ReasonStatus5xx, prober.ReasonNotRefused} {
			n.ObserveRun(&prober.Run{Check: login, Start: now.Add(time.Duration(i) * time.Second), Outcome: prober.Failed,
				Report: prober.Report{Steps: []prober.StepResult{{Name: "login", Reason: reason}}}})
		}
		n.decide(endHold)
		time.Sleep(suspectHold)
		n.decide(endHold)
		alerts, _ := n.board.read(now, n.o.GeneratorURL)
		var got bytes.Buffer
		enc := json.NewEncoder(&got)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(alerts); err != nil {
			t.Fatal(err)
		}
		const path = "testdata/alerts.json"
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("got\n%s\nwant\n%s", &got, want)
		}
	})
}

// kinds are a check for each kind of alert, and some that have none.
func kinds(now time.Time) []prober.CheckStatus {
	objective := detect.Objective{Tolerate: 0.001, Detect: 0.02}
	check := func(name, group string, labels map[string]string) *prober.Check {
		return &prober.Check{Name: name, Group: group, Labels: labels, Objective: objective}
	}
	ratios := []prober.Ratio{{Window: time.Hour, Failed: 11, Runs: 360, Interval: detect.Wilson(11, 360)}}
	limit := func(severity string, exceeded bool) prober.ThresholdStatus {
		return prober.ThresholdStatus{
			Threshold: prober.Threshold{Ratio: 0.02, Window: time.Hour, MinRuns: 1, Severity: severity},
			Ratio:     ratios[0], Exceeded: exceeded,
		}
	}
	blame := detect.Finding{Runs: 360, Failed: 11, Culprits: []detect.Culprit{{
		Tags: []detect.Tag{{Key: "release", Value: "2026.11.3"}}, Failed: 11, Runs: 90, RunsElsewhere: 270, P: 2e-5}}}
	place := func(name string, failed, runs int, failing bool) prober.PlaceStatus {
		return prober.PlaceStatus{Name: name, Failing: failing, Ratio: prober.Ratio{Window: time.Hour, Failed: failed, Runs: runs, Interval: detect.Wilson(failed, runs)}}
	}
	return []prober.CheckStatus{
		{Check: check("all:wire", "", map[string]string{"team": "risk", "severity": "page"}), State: detect.Firing, Evidence: 2, Since: now, Ratios: ratios,
			Places: []prober.PlaceStatus{place("graz", 0, 0, false), place("linz", 4, 120, true), place("vienna", 7, 120, true)}},
		{Check: check("all:loan", "", nil), State: detect.Firing, Evidence: 2, Since: now, Ratios: ratios,
			Places: []prober.PlaceStatus{place("graz", 40, 120, true), place("linz", 0, 120, false)}},
		{Check: check("all:group:money", "money", map[string]string{"team": "risk"}), State: detect.Firing, Evidence: 2, Since: now, Ratios: ratios,
			Flows:  []prober.PlaceStatus{place("fx", 1, 200, false), place("wire", 10, 160, true)},
			Places: []prober.PlaceStatus{place("linz", 4, 180, true), place("vienna", 7, 180, true)}},
		{Check: check("all:told", "money", map[string]string{"team": "risk"}), State: detect.Firing, Evidence: 2, Since: now, Ratios: ratios, Explained: true,
			Places: []prober.PlaceStatus{place("linz", 4, 120, true), place("vienna", 7, 120, true)}},
		{Check: check("retail-login", "identity", map[string]string{"team": "identity", "severity": "ticket", "country": "at"}),
			State: detect.Firing, Evidence: 1.3, Since: now.Add(-time.Minute), Ratios: ratios, Blame: blame,
			FailOpens: []prober.FailOpen{{Step: "login", Since: now.Add(3 * time.Second), Last: now.Add(3 * time.Second)}}},
		{Check: check("group:identity", "identity", map[string]string{"team": "identity"}), State: detect.Firing, Since: now},
		{Check: check("well-soon", "identity", map[string]string{"team": "identity"}), State: detect.Firing, Evidence: 1.2, Since: now, Ratios: ratios, Explained: true},
		{Check: check("transfer", "", nil), State: detect.Suspect, Evidence: 0.1, Ratios: ratios, Blame: detect.Finding{Runs: 9}},
		{Check: check("cards", "", map[string]string{"team": "payments\xff"}),
			Thresholds: []prober.ThresholdStatus{limit("page", true), limit("", true), limit("warning", false)}},
		{Check: check("hardly", "", nil), State: detect.Suspect, Evidence: 0.09, Ratios: ratios},
		{Check: check("open", "", nil), State: detect.Firing, Ratios: ratios, FailOpens: []prober.FailOpen{{Step: "no token", Since: now, Last: now}}},
		{Check: check("fine", "", nil), Ratios: ratios},
		{Check: check("drilled", "", map[string]string{"team": "payments"}), Ratios: ratios, Drill: prober.Drill{Since: now, Until: now.Add(5 * time.Minute)}},
	}
}

// The names are those of rules, which have a runbook each; and what the rules say
// beside their expressions is said here.
func TestNamesAreThoseOfTheRules(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/authprober.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names {
		if !strings.Contains(string(rules), "- alert: "+name+"\n") {
			t.Errorf("no rule %s", name)
		}
		if _, err := os.Stat("../../docs/runbooks/" + name + ".md"); err != nil {
			t.Error(err)
		}
	}
}

// That a check fails everywhere is said of the job whose pages it holds back.
func TestEverywhereIsOfTheProbersJob(t *testing.T) {
	for job, want := range map[string]string{"authprober-aggregate": "authprober", "staging-aggregate": "staging", "authprober": "authprober", "": ""} {
		n, err := New(Options{URLs: []*url.URL{{Scheme: "http", Host: "am:9093"}}, Labels: map[string]string{"job": job}})
		if err != nil {
			t.Fatal(err)
		}
		if got := n.everywhere(&prober.Check{Name: "all:login"}).labels; got["job"] != want || got["check"] != "login" || got["team"] != "" {
			t.Errorf("%s: got %v, want the job %s", job, got, want)
		}
	}
}
