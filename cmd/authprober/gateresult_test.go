package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// scarce is a check for which there is an account every so often only.
func scarce(name string, every time.Duration, probe func(int64) prober.Report) *prober.Check {
	c := fakeCheck(name, 1, probe)
	begin, next := c.Begin, time.Now()
	c.Begin = func(now time.Time) (prober.Attempt, prober.MissReason) {
		if now.Before(next) {
			return prober.Attempt{}, prober.MissBudget
		}
		next = now.Add(every)
		return begin(now)
	}
	return c
}

// What a pipeline is told of flows that ended in every way there is.
func TestGateSaysWhy(t *testing.T) {
	letIn := func(int64) prober.Report { return loginReport(prober.ReasonNotRefused) }
	never := func(int64) prober.Report { return loginReport(prober.ReasonTimeout) }
	tests := []struct {
		name   string
		checks func() []*prober.Check
		want   []string // JUnit messages of the flows, "" for a good one
		errors int
	}{
		{"bad beside one that is stopped", func() []*prober.Check {
			return []*prober.Check{fakeCheck("a", 1, passes), fakeCheck("b", 1, never)}
		}, []string{"undecided: a was stopped when another flow had ended it", "bad: b failed 100% (44%-100%) of 3 runs; 10% and more are bad"}, 0},
		{"let in", func() []*prober.Check { return []*prober.Check{fakeCheck("a", 1, letIn)} },
			[]string{"bad: a let in what must be refused"}, 0},
		{"good beside one without accounts", func() []*prober.Check {
			return []*prober.Check{fakeCheck("a", 1, passes), scarce("b", time.Hour, passes), scarce("c", 0, passes)}
		}, []string{"", "undecided: b is undecided after 5s, having failed 0.0% (0.0%-79%) of 1 run", ""}, 0},
		{"no account at all", func() []*prober.Check {
			c := fakeCheck("a", 1, passes)
			c.Begin = func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissNoAccount }
			return []*prober.Check{c}
		}, []string{"undecided: a found no account: each was in use (no_account)"}, 1},
		{"no run has ended", func() []*prober.Check {
			c := fakeCheck("a", 1, passes)
			c.Schedule.Timeout = time.Hour
			c.Begin = func(time.Time) (prober.Attempt, prober.MissReason) {
				return prober.Attempt{Probe: func(ctx context.Context) prober.Report { <-ctx.Done(); return prober.Report{Err: context.Cause(ctx)} }}, ""
			}
			return []*prober.Check{c}
		}, []string{"undecided: a: no run passed or failed in 5s"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := deliver(t, 5*time.Second, tt.checks()...)
				var out strings.Builder
				if err := writeJUnit(&out, r); err != nil {
					t.Fatal(err)
				}
				var file junitSuites
				if err := xml.Unmarshal([]byte(out.String()), &file); err != nil {
					t.Fatal(err)
				}
				for i, c := range file.Suite.Cases {
					got := ""
					for _, f := range []*junitFault{c.Failure, c.Error} {
						if f != nil {
							got = f.Message
						}
					}
					if got != tt.want[i] {
						t.Errorf("%s: got %q, want %q", c.Name, got, tt.want[i])
					}
				}
				if file.Errors != tt.errors {
					t.Errorf("%d errors, want %d", file.Errors, tt.errors)
				}
			})
		})
	}
}

// What held a gate up is in its JSON, whatever came of it.
func TestGateJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := deliver(t, time.Minute, scarce("a", 200*time.Millisecond, passes), scarce("b", 5*time.Second, passes))
		var out strings.Builder
		if err := printGateJSON(&out)(r); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Because string
			Checks  []struct {
				Because   string
				GoodAfter int      `json:"good_after"`
				HeldUpBy  []string `json:"held_up_by"`
			}
		}
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Checks) != 2 || got.Because != "nothing is decided after 1m" {
			t.Fatalf("got %s", out.String())
		}
		a, b := got.Checks[0], got.Checks[1]
		if a.GoodAfter != 0 || strings.Join(a.HeldUpBy, " ") != "budget" || !strings.HasPrefix(a.Because, "a failed 0.0% (") {
			t.Errorf("got %+v", a)
		}
		if b.GoodAfter < 20 || b.GoodAfter > 30 || strings.Join(b.HeldUpBy, " ") != "budget" || !strings.HasPrefix(b.Because, "b is undecided after 1m, having failed 0.0% (") {
			t.Errorf("got %+v", b)
		}
	})
}

// A person is told what held a gate up where that matters, and not of one that was good
// in no time.
func TestGateHeldUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every time.Duration // there is an account
		limit time.Duration
		want  bool
	}{
		{"good in seconds", 150 * time.Millisecond, time.Minute, false},
		{"good in a while", 500 * time.Millisecond, time.Minute, true},
		{"undecided", 500 * time.Millisecond, time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := deliver(t, tt.limit, scarce("a", tt.every, passes))
			var text strings.Builder
			if err := printGate(&text, paint{})(r); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(text.String(), "held up by its accounts: "); got != tt.want {
				t.Errorf("%s: got %t, want %t:\n%s", tt.name, got, tt.want, text.String())
			}
			if len(r.Checks[0].HeldUpBy) != 1 {
				t.Errorf("%s: JSON is not told: %+v", tt.name, r.Checks[0])
			}
		})
	}
}

// Progress tells of a check that --min-runs keeps from being bad, and goes by what
// accounts can give from the first run on: ten at once, and then two a minute each.
func TestGateProgress(t *testing.T) {
	params := detect.GateFor(0.01)
	params.MinRuns = 60
	limited := func(*prober.Check) (string, float64) { return "retail", 20.0 / 60 }
	run := func(c *prober.Check, failed bool) *prober.Run {
		r := &prober.Run{Check: c, Outcome: prober.Passed, Report: loginReport("")}
		if failed {
			r.Outcome, r.Report = prober.Failed, loginReport(prober.ReasonTimeout)
		}
		return r
	}
	tests := []struct {
		name         string
		checks       int
		failed, runs int // of the first
		took         time.Duration
		supply       supply
		want         string
	}{
		{"no run yet", 1, 0, 0, time.Second, unlimited, "00:01  a 0 of 0 failed, good after 397 more that pass"},
		{"no run yet, with accounts", 1, 0, 0, time.Second, limited, "00:01  a 0 of 0 failed, good after 397 more that pass: 19m51s, as its accounts allow"},
		{"fresh accounts", 1, 0, 10, time.Second, limited, "00:01  a 0 of 10 failed, good after 387 more that pass: 19m21s, as its accounts allow"},
		{"the same while they cool down", 1, 0, 10, 29 * time.Second, limited, "00:29  a 0 of 10 failed, good after 387 more that pass: 19m21s, as its accounts allow"},
		{"two that share", 2, 0, 10, time.Second, limited, "00:01  a 0 of 10 failed, good after 387 more that pass: 39m12s, as its accounts allow  " +
			"b 0 of 0 failed, good after 397 more that pass: 39m12s, as its accounts allow"},
		{"a slow target", 1, 0, 10, time.Minute, unlimited, "01:00  a 0 of 10 failed, good after 387 more that pass: 38m42s"},
		{"slower than its accounts", 1, 0, 10, time.Minute, limited, "01:00  a 0 of 10 failed, good after 387 more that pass: 38m42s"},
		{"bad but for --min-runs", 1, 3, 10, time.Minute, unlimited, "01:00  a 3 of 10 failed, bad so far, decided after 50 more: 5m"},
		{"bad", 1, 30, 60, time.Minute, unlimited, "01:00  a 30 of 60 failed, bad  cleaning up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var all []*prober.Check
			for _, name := range []string{"a", "b"}[:tt.checks] {
				all = append(all, fakeCheck(name, 1, passes))
			}
			d, err := newDelivery(all, params, tt.supply, prober.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range tt.runs {
				d.observe(d.checks[0], run(all[0], i < tt.failed))
			}
			if got := d.progress(d.begun.Add(tt.took)); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

// One that --min-runs keeps from being bad is not said to be good soon.
func TestGateBadSoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		params := detect.GateFor(0.1)
		params.MinRuns = 100
		d, err := newDelivery([]*prober.Check{fakeCheck("a", 1, func(int64) prober.Report { return loginReport(prober.ReasonTimeout) })}, params, unlimited, prober.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d.run(t.Context(), 2*time.Second)
		var out strings.Builder
		if err := printGate(&out, paint{})(d.result()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "  bad so far, to be decided after 8") || strings.Contains(out.String(), "good after") {
			t.Errorf("got:\n%s", out.String())
		}
	})
}
