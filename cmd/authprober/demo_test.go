package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// demoCheck is the check that the release breaks, as the demo loads it.
func demoCheck(t *testing.T) *prober.Check {
	t.Helper()
	bank, err := startDemoBank()
	if err != nil {
		t.Fatal(err)
	}
	defer bank.Close()
	config, err := loadDemo(bank)
	if err != nil {
		t.Fatal(err)
	}
	return watched(config)
}

// TestDemoPagesInTime estimates how likely the demo is not to have paged by
// 02:30, as if every draw were by chance. It is too unlikely to be seen in
// simulations of it, so failures are drawn at a lower rate, and what does not page
// is weighed by how much likelier that was made (importance sampling).
func TestDemoPagesInTime(t *testing.T) {
	const (
		simulations = 4000
		drawn       = 0.01
	)
	rate := demoFailureRate()
	if math.Abs(rate-0.03) > 1e-4 {
		t.Errorf("%v of all logins fail, want 3 %%", rate)
	}
	check := demoCheck(t)
	every := check.Schedule.Every
	random := rand.New(rand.NewPCG(1, 2))
	sum := 0.0
	for range simulations {
		d := detect.New(check.Objective.Params(every))
		at := time.Unix(0, 0)
		for range int(demoHealthy / every) {
			at = at.Add(every)
			d.Observe(at, false)
		}
		weight := 0.0 // logarithm
		for range int((150*time.Second - demoHealthy) / every) {
			at = at.Add(every)
			failed := random.Float64() < drawn
			if failed {
				weight += math.Log(rate / drawn)
			} else {
				weight += math.Log((1 - rate) / (1 - drawn))
			}
			if d.Observe(at, failed); d.State() == detect.Firing {
				weight = math.Inf(-1)
				break
			}
		}
		sum += math.Exp(weight)
	}
	if p := sum / simulations; p > 1e-6 {
		t.Errorf("the demo has not paged by 02:30 with probability %.1e, want at most 1e-6", p)
	} else {
		t.Logf("the demo has not paged by 02:30 with probability %.1e", p)
	}
}

// demoScene is a demo with a page: every 30th login fails after the release.
func demoScene(t *testing.T, length time.Duration) (scene, *show) {
	t.Helper()
	check := demoCheck(t)
	begin := time.Unix(1_800_000_000, 0)
	s := newStory(begin, check)
	judge, err := prober.NewJudge([]*prober.Check{check}, s.changed)
	if err != nil {
		t.Fatal(err)
	}
	s.begun()
	var standing []prober.CheckStatus
	runs := int(length / check.Schedule.Every)
	for i := range runs {
		start := begin.Add(time.Duration(i) * check.Schedule.Every)
		if start.Sub(begin) == demoHealthy {
			s.deploy(start)
		}
		r := &prober.Run{Check: check, Seq: uint64(i + 1), Due: start, Start: start, Took: 4 * time.Millisecond, Outcome: prober.Passed}
		if start.Sub(begin) > demoHealthy && i%30 == 0 {
			r.Outcome = prober.Failed
			r.Steps = []prober.StepResult{{Name: "login", Reason: prober.ReasonStatus5xx, Status: 503, Detail: "want status == 200, got 503"}}
			r.Tags = map[string]string{"backend": "b3", "release": demoNewRelease}
		}
		s.ObserveRun(r)
		judge.ObserveRun(r)
	}
	standing = judge.All(begin.Add(length))
	// The judge's windows begin at the time of the test, and these runs do not.
	failed := int(standing[0].Counts.Failed)
	standing[0].Ratios[0] = prober.Ratio{Window: prober.RatioWindows[0], Failed: failed, Runs: runs, Interval: detect.Wilson(failed, runs)}
	bank := &banktest.Server{URL: "http://127.0.0.1:40123"}
	return s.scene(begin.Add(length), standing), &show{story: s, bank: bank, metrics: "http://127.0.0.1:9870", forever: true}
}

func TestDemoScreen(t *testing.T) {
	for _, size := range []struct{ columns, rows, seconds int }{{80, 24, 10}, {80, 24, 60}, {120, 40, 60}, {40, 10, 60}} {
		sc, from := demoScene(t, time.Duration(size.seconds)*time.Second)
		s := &screen{from: from}
		var b strings.Builder
		for _, line := range s.lines(sc, size.columns, size.rows) {
			b.WriteString(strings.TrimRight(clip(line, size.columns), " ") + "\n")
		}
		golden(t, fmt.Sprintf("testdata/demo/%dx%d-%ds.txt", size.columns, size.rows, size.seconds), b.String())
	}
}

func TestDemoScreenFits(t *testing.T) {
	sc, from := demoScene(t, time.Minute)
	s := &screen{from: from, p: paint{on: true}}
	for columns := 1; columns < 200; columns += 7 {
		for rows := 1; rows < 60; rows += 5 {
			lines := s.lines(sc, columns, rows)
			if len(lines) > rows {
				t.Fatalf("%d lines in %d rows", len(lines), rows)
			}
			for _, line := range lines {
				if got := visible(clip(line, columns)); got > columns {
					t.Fatalf("%d of %d columns: %q", got, columns, line)
				}
			}
		}
	}
}

func TestDemoSummary(t *testing.T) {
	sc, _ := demoScene(t, time.Minute)
	var b strings.Builder
	writeSummary(&b, paint{}, sc)
	golden(t, "testdata/demo/summary.txt", b.String())
}

func TestDemoPlain(t *testing.T) {
	var b strings.Builder
	v := &plainView{w: &b}
	for _, length := range []time.Duration{0, 4 * time.Second, 5 * time.Second, 20 * time.Second, 21 * time.Second, time.Minute} {
		sc, from := demoScene(t, length)
		v.from = from
		v.show(sc)
	}
	golden(t, "testdata/demo/plain.txt", b.String())
}

func TestClip(t *testing.T) {
	p := paint{on: true}
	tests := []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöüß", 3, "äö…"}, {"abc", 1, "…"},
		{p.red("abc"), 3, "\x1b[31mabc\x1b[0m"},
		{p.red("abcd"), 3, "\x1b[31mab…\x1b[0m"},
		{"ab" + p.red("cd"), 3, "ab\x1b[31m…\x1b[0m"},
	}
	for _, test := range tests {
		if got := clip(test.text, test.n); got != test.want {
			t.Errorf("clip(%q, %d) is %q, want %q", test.text, test.n, got, test.want)
		}
	}
}

// golden compares a text with a file; -update rewrites it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s:\n%s", path, diff)
	}
}
