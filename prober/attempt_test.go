package prober

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const hunter = "hunter2"

func TestPanics(t *testing.T) {
	probe := func(f func()) func(*Check) {
		return func(c *Check) {
			c.Begin = func(time.Time) (Attempt, MissReason) {
				return Attempt{Probe: func(context.Context) Report { f(); return Report{} }}, ""
			}
		}
	}
	for _, c := range []struct {
		name, want string
		set        func(*Check)
	}{
		{"text", "panic in probe: a value of type string", probe(func() { panic(hunter) })},
		{"error", "panic in probe: a value of type *errors.errorString", probe(func() { panic(errors.New(hunter)) })},
		{"runtime error", "panic in probe: assignment to entry in nil map", probe(func() { put(nil) })},
		{"nil", "panic in probe: panic called with nil argument", probe(func() { panic(nil) })},
		{"begin", "panic in begin: a value of type string", func(c *Check) {
			c.Begin = func(time.Time) (Attempt, MissReason) { panic(hunter) }
		}},
		{"no probe", `check "login" began a run without a probe`, func(c *Check) {
			c.Begin = func(time.Time) (Attempt, MissReason) { return Attempt{}, "" }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			core, lines := observer.New(zap.DebugLevel)
			check := testCheck("login", nil)
			c.set(check)
			p, err := New(Options{Log: zap.New(core)})
			if err != nil {
				t.Fatal(err)
			}
			r := p.Once(t.Context(), check)
			if r.Outcome != Errored || r.Err == nil || r.Err.Error() != c.want {
				t.Errorf("got %s: %v, want errored: %s", r.Outcome, r.Err, c.want)
			}
			if c.name == "no probe" {
				return
			}
			if lines.Len() != 1 {
				t.Fatalf("got %d lines, want 1", lines.Len())
			}
			fields := lines.All()[0].ContextMap()
			if stack, _ := fields["stack"].(string); !strings.Contains(stack, "attempt_test.go") {
				t.Errorf("the stack is not where it panicked: %s", stack)
			}
			for k, v := range fields {
				if s, _ := v.(string); strings.Contains(s, hunter) {
					t.Errorf("%s holds the secret", k)
				}
			}
		})
	}
}

func TestReleaseIsCalledOnce(t *testing.T) {
	for name, probe := range map[string]func(context.Context) Report{
		"passed":  passing(0),
		"failed":  func(context.Context) Report { return failure1(ReasonStatus5xx) },
		"errored": func(context.Context) Report { panic("x") },
	} {
		t.Run(name, func(t *testing.T) {
			c := testCheck("login", nil)
			var got []Outcome
			c.Begin = func(time.Time) (Attempt, MissReason) {
				return Attempt{Account: "anna", Probe: probe, Release: func(o Outcome, r Report) {
					got = append(got, o)
					panic("release")
				}}, ""
			}
			p, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			r := p.Once(t.Context(), c)
			if len(got) != 1 || string(got[0]) != name || string(r.Outcome) != name || r.Account != "anna" {
				t.Errorf("released %v, run %s of %q", got, r.Outcome, r.Account)
			}
		})
	}
}

func TestReportsThatCannotBe(t *testing.T) {
	for want, report := range map[string]Report{
		`check "login" reports the step "logout", want one of ["login" "replay"]`: {Steps: []StepResult{{Name: "logout"}}},
		`step "login" reports the reason "moon", which is not in the list`:        {Steps: []StepResult{{Name: "login", Reason: "moon"}}},
	} {
		c := testCheck("login", func(context.Context) Report { return report })
		p, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r := p.Once(t.Context(), c); r.Outcome != Errored || r.Err.Error() != want {
			t.Errorf("got %s: %v, want %s", r.Outcome, r.Err, want)
		}
	}
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testCheck("login", passing(3*time.Second))
		p, err := New(Options{Checks: []*Check{c}})
		if err != nil {
			t.Fatal(err)
		}
		if r := p.Once(t.Context(), c); r.Outcome != Passed || r.Took != 3*time.Second || r.Seq != 1 {
			t.Errorf("got %+v", r)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := p.Once(ctx, c); r.Outcome != Aborted || r.Took != time.Second || r.Seq != 2 {
			t.Errorf("got %+v", r)
		}
		c.Begin = func(time.Time) (Attempt, MissReason) { return Attempt{}, MissBudget }
		r := p.Once(t.Context(), c)
		var missed *MissedError
		if r.Outcome != Errored || !errors.As(r.Err, &missed) || missed.Reason != MissBudget {
			t.Errorf("got %+v", r)
		}
	})
}

// A bug of an observer is logged and the next one is told all the same.
func TestObserverPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, lines := observer.New(zap.DebugLevel)
		c := testCheck("login", passing(time.Second))
		seen := &recorder{}
		err := runFor(t, time.Hour, Options{Checks: []*Check{c}, Log: zap.New(core),
			Observers: []Observer{bug{}, seen}})
		if want := dues(c, time.Hour); err != nil || seen.counts(c).Due() != want || lines.Len() != int(want) {
			t.Errorf("got %v, %+v and %d lines, want %d", err, seen.counts(c), lines.Len(), want)
		}
	})
}

type bug struct{}

func (bug) ObserveRun(*Run)      { panic(hunter) }
func (bug) ObserveMissed(Missed) { panic(hunter) }

func TestValidate(t *testing.T) {
	good := testCheck("login", passing(0))
	bad := testCheck("Login page", nil)
	bad.Begin, bad.Reasons = nil, nil
	bad.Schedule = Schedule{Every: -1}
	bad.Objective.Blip = -1
	bad.Labels = map[string]string{"check": "x", "__name__": "x", "team-a": "x", "team": "\xff"}
	bad.Thresholds = []Threshold{
		{Ratio: 0.1, Window: time.Hour, MinRuns: 1, Severity: "page"},
		{Ratio: 0.2, Window: time.Hour, MinRuns: 1, Severity: "page"},
		{Ratio: 1, Window: time.Hour, MinRuns: 1, Severity: "a"},
		{Ratio: 0.5, Window: time.Minute, MinRuns: 1, Severity: "b"},
		{Ratio: 0.5, Window: time.Hour, Severity: "c"},
		{Ratio: 0.5, Window: time.Hour, MinRuns: 1, Severity: "\xff"},
	}
	err := Validate([]*Check{good, good, bad})
	if err == nil {
		t.Fatal("no error")
	}
	const want = `check "login" is there twice
check "Login page": begin is nil
check "Login page": blip: got -1ns, want zero or more
check "Login page": every is -1ns, want more than 0s
check "Login page": label "__name__" is not a valid Prometheus label name
check "Login page": label "check" is the check's own name
check "Login page": label "team-a" is not a valid Prometheus label name
check "Login page": min_runs of a threshold is 0, want 1 or more
check "Login page": name is "Login page", want lower-case letters, digits and dashes
check "Login page": reasons are for 0 steps, want 2
check "Login page": severity of a threshold is not UTF-8
check "Login page": threshold is 1, want a ratio between 0 and 1
check "Login page": two thresholds of severity "page" over 1h0m0s, want one
check "Login page": value of label "team" is not UTF-8
check "Login page": window of a threshold is 1m0s, want one of [5m0s 15m0s 1h0m0s 6h0m0s 24h0m0s]`
	if err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
}
