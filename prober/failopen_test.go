package prober

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/authprober/authprober/prober/detect"
)

// openCheck is a check with two must-be-refused steps, and a group.
func openCheck() *Check {
	c := testCheck("login", passing(0))
	c.Steps = append(c.Steps, "no token")
	c.Reasons = append(c.Reasons, []Reason{ReasonNotRefused, ReasonWrongRefusal})
	c.RefuseSteps = append(c.RefuseSteps, "no token")
	c.Group = "bank"
	return c
}

// A doorkeeper tells a judge of runs, each ten seconds after the one before.
type doorkeeper struct {
	judge   *Judge
	metrics *Metrics
	check   *Check
	told    []string
}

func newDoorkeeper(t *testing.T, c *Check) *doorkeeper {
	t.Helper()
	d := &doorkeeper{check: c}
	judge, err := NewJudge([]*Check{c}, func(s StateChange) {
		d.told = append(d.told, strings.TrimSpace(fmt.Sprintf("%s: %s to %s by %s %s", s.Check.Name, s.From, s.To, s.Cause, s.Step)))
	})
	if err != nil {
		t.Fatal(err)
	}
	d.judge = judge
	_, d.metrics = judgeAndMetrics(t, []*Check{c})
	return d
}

// run tells of a run: "" for one that passed, or the step that failed and why.
func (d *doorkeeper) run(step string, reason Reason) {
	time.Sleep(10 * time.Second)
	r := &Run{Check: d.check, Start: time.Now(), Outcome: Passed}
	for _, name := range d.check.Steps {
		s := StepResult{Name: name}
		if name == step {
			r.Outcome, s.Reason = Failed, reason
		}
		r.Steps = append(r.Steps, s)
		if s.Reason != "" {
			break
		}
	}
	d.judge.ObserveRun(r)
	d.metrics.ObserveRun(r)
}

func (d *doorkeeper) passed(n int) {
	for range n {
		d.run("", "")
	}
}

// The first run that is let in fires, whatever the rate; another one that is let in is the
// same fail-open, another step is one more. It ends when the step was refused in a row
// of runs and for an hour, and does not flap where the door opens now and then.
func TestFailOpenFiresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorkeeper(t, openCheck())
		status := func() CheckStatus { return d.judge.Status(d.check, time.Now()) }
		d.passed(1000)
		d.run("replay", ReasonNotRefused)
		s := status()
		if s.State != detect.Firing || s.Evidence >= 1 || !s.Since.Equal(time.Now()) || len(s.FailOpens) != 1 || !d.judge.Firing(d.check) {
			t.Fatalf("after one run that was let in: %s, evidence %v, %+v", s.State, s.Evidence, s.FailOpens)
		}
		if want := `step "replay" was accepted in 1 run; no single culprit`; s.BlameText() != want {
			t.Errorf("got %q, want %q", s.BlameText(), want)
		}
		d.run("no token", ReasonNotRefused)
		d.passed(100)
		d.run("replay", ReasonNotRefused) // again, within the hour
		d.passed(10)
		if s = status(); s.FailOpens[0].Runs != 2 || s.FailOpens[0].Refused != 10 || s.FailOpens[0].Needed != 149 || s.FailOpens[1].Refused != 110 {
			t.Errorf("got %+v", s.FailOpens)
		}
		if got, want := s.FailOpens[0].String(), `step "replay" was accepted in 2 runs, and refused in 10 in a row since; 149 of them, and an hour, end it`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		d.passed(300) // 149 in a row long since, but no hour
		if status().State != detect.Firing {
			t.Error("it has ended within the hour")
		}
		d.passed(60)
		if s = status(); s.State != detect.Healthy || len(s.FailOpens) != 0 || s.BlameText() != "" {
			t.Errorf("an hour and 149 runs later: %s, %+v, %q", s.State, s.FailOpens, s.BlameText())
		}
		want := []string{
			"login: healthy to firing by fail_open replay",
			"login: firing to firing by fail_open no token",
			"login: firing to healthy by fail_open",
		}
		d.told = withoutSuspicion(d.told)
		if diff := cmp.Diff(want, d.told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if n := sums(t, d.metrics, "login")["fail_open_total"]; n != 3 {
			t.Errorf("authprober_fail_open_total is %v, want 3", n)
		}
	})
}

// withoutSuspicion leaves out what a group tells, which goes by the rate alone.
func withoutSuspicion(told []string) (rest []string) {
	for _, line := range told {
		if !strings.HasPrefix(line, "group:") || strings.Contains(line, "fail_open") {
			rest = append(rest, line)
		}
	}
	return rest
}

// A refusal that has not the right form is one, an error of the server is none, and
// neither is a step that was skipped or never begun. An open door is not forgotten while
// nothing is measured.
func TestWhatEndsAFailOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := openCheck()
		c.Schedule.Every = 6 * time.Hour // 4 a day
		d := newDoorkeeper(t, c)
		d.run("no token", ReasonNotRefused)
		time.Sleep(100 * time.Hour)
		d.run("no token", ReasonStatus5xx)
		d.run("no token", ReasonTimeout)
		d.run("no token", ReasonRateLimited)
		d.run("login", ReasonStatus5xx) // never begun
		d.judge.ObserveRun(&Run{Check: c, Start: time.Now(), Outcome: Passed, Report: Report{Steps: []StepResult{{Name: "no token", Skipped: true}}}})
		d.judge.ObserveRun(&Run{Check: c, Start: time.Now(), Outcome: Errored, Report: Report{Err: ErrTimeout, Steps: []StepResult{{Name: "no token"}}}})
		if open := d.judge.Status(c, time.Now()).FailOpens; len(open) != 1 || open[0].Refused != 0 || open[0].Needed != 4 {
			t.Fatalf("got %+v, want one that was never refused since", open)
		}
		d.run("no token", ReasonWrongRefusal)
		d.passed(2)
		if open := d.judge.Status(c, time.Now()).FailOpens; len(open) != 1 || open[0].Refused != 3 {
			t.Fatalf("got %+v, want one that was refused three times", open)
		}
		d.passed(1)
		if open := d.judge.Status(c, time.Now()).FailOpens; len(open) != 0 {
			t.Errorf("got %+v, want none", open)
		}
	})
}

// The detector goes its own way: its statistic is the one that it has without the
// judge's knowing of the fail-open, a rate that rises meanwhile is told, and the page of
// the one does not end with the other's.
func TestFailOpenAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorkeeper(t, openCheck())
		alone := detect.New(d.check.Objective.Params(d.check.Schedule.Every))
		both := func(step string, reason Reason) {
			d.run(step, reason)
			alone.Observe(time.Now(), step != "")
			s := d.judge.Status(d.check, time.Now())
			if s.Evidence != alone.Evidence() || s.Recovery != alone.Recovery() {
				t.Fatalf("evidence %v and recovery %v, want %v and %v", s.Evidence, s.Recovery, alone.Evidence(), alone.Recovery())
			}
		}
		both("replay", ReasonNotRefused)
		for i := 0; alone.State() != detect.Firing; i++ {
			both([]string{"login", "", ""}[i%3], ReasonStatus5xx)
		}
		for range 3 { // let in again while it fires by both
			both("replay", ReasonNotRefused)
		}
		for alone.State() == detect.Firing { // the rate recovers first
			both("", "")
		}
		if s := d.judge.Status(d.check, time.Now()); s.State != detect.Firing || len(s.FailOpens) != 1 {
			t.Errorf("the rate is back and the door open: %s", s.State)
		}
		for len(d.judge.Status(d.check, time.Now()).FailOpens) > 0 {
			both("", "")
		}
		want := []string{"login: healthy to firing by fail_open replay", "login: firing to firing by rate", "login: firing to healthy by fail_open"}
		if diff := cmp.Diff(want, withoutSuspicion(d.told)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// A run within a blip, which the detector does not count, is let in all the same; and
// where the rate pages first, the fail-open has its own word.
func TestFailOpenWithinABlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorkeeper(t, openCheck())
		d.run("login", ReasonStatus5xx)
		d.run("no token", ReasonNotRefused) // ten seconds later, and the blip is thirty
		if s := d.judge.Status(d.check, time.Now()); s.State != detect.Firing {
			t.Errorf("got %s", s.State)
		}
		for i := range 300 {
			d.run([]string{"login", ""}[i%2], ReasonStatus5xx)
		}
		d.run("replay", ReasonNotRefused)
		if last := withoutSuspicion(d.told); last[len(last)-1] != "login: firing to firing by fail_open replay" {
			t.Errorf("told %q", last)
		}
	})
}

// A group goes by the rates of its flows, so that its page never holds back that of a
// fail-open; the gauge of one is there for each step, at zero from the start.
func TestFailOpenOfAGroupAndInMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorkeeper(t, openCheck())
		judge, metrics := judgeAndMetrics(t, []*Check{d.check})
		d.judge, d.metrics = judge, metrics
		gauges := func(want ...string) {
			t.Helper()
			text := exposition(t, metrics)
			for _, line := range want {
				if !strings.Contains(text, "\nauthprober_"+line+"\n") {
					t.Errorf("no %s", line)
				}
			}
		}
		gauges(`fail_open_standing{check="login",step="replay"} 0`, `fail_open_standing{check="login",step="no token"} 0`, `fail_open_total{check="login",step="no token"} 0`)
		d.run("no token", ReasonNotRefused)
		gauges(`fail_open_standing{check="login",step="replay"} 0`, `fail_open_standing{check="login",step="no token"} 1`, `fail_open_total{check="login",step="no token"} 1`,
			`check_state{check="login",state="firing"} 1`, `check_state{check="group:bank",state="firing"} 0`)
	})
}

// A target that lets somebody in has not fallen over: it is not governed for that, and
// what an outage has begun ends with it.
func TestFailOpenIsNoOutage(t *testing.T) {
	g := newGovernor(10 * time.Second)
	open := &Report{Steps: []StepResult{{Name: "replay", Reason: ReasonNotRefused}}}
	for range 3 * governWindow {
		g.observe(Failed, open, time.Unix(0, 0))
	}
	if why := g.governed(true); why != "" {
		t.Errorf("governed for being let in: %s", why)
	}
	g.observe(Failed, &Report{Overloaded: true}, time.Unix(1, 0))
	if g.governed(true) != PaceOverloaded || !g.observe(Failed, open, time.Unix(2, 0)) || g.governed(true) != "" {
		t.Error("a run that was let in has not ended the governing")
	}
}

// What is woken reads of a fail-open in the log: the step, what came of the repeat, and why.
func TestFailOpenInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		config := zap.NewProductionEncoderConfig()
		config.TimeKey = ""
		log := LogObserver{zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.AddSync(&out), zap.InfoLevel))}
		c := openCheck()
		judge, err := NewJudge([]*Check{c}, log.ObserveStateChange)
		if err != nil {
			t.Fatal(err)
		}
		judge.ObserveRun(&Run{Check: c, Start: time.Now(), Outcome: Failed, Report: Report{Steps: []StepResult{
			{Name: "replay", Reason: ReasonNotRefused, Status: 200, Attempts: 2, Repeat: RepeatRefused, Detail: "accepted once"}}}})
		line, _, _ := strings.Cut(out.String(), "\n")
		for _, want := range []string{`"level":"warn","msg":"state","check":"login","from":"healthy","to":"firing","cause":"fail_open"`,
			`"blame":"step \"replay\" was accepted in 1 run`, `"fail_open":"replay","step":"replay","reason":"not_refused","detail":"accepted once","status":200,"repeat":"refused"`} {
			if !strings.Contains(line, want) {
				t.Errorf("no %s in\n%s", want, line)
			}
		}
	})
}

func TestRefusalsNeeded(t *testing.T) {
	for _, tc := range []struct {
		detect float64
		every  time.Duration
		want   int
	}{
		{0.02, 10 * time.Second, 149}, {0.5, 10 * time.Second, 5}, {0.95, time.Second, 3}, {0.02, time.Hour, 24}, {0.02, 24 * time.Hour, 3}, {0.0001, time.Millisecond, 29956},
	} {
		c := openCheck()
		c.Objective.Detect, c.Schedule.Every = tc.detect, tc.every
		if got := c.refusalsNeeded(); got != tc.want {
			t.Errorf("detect %v every %s: got %d, want %d", tc.detect, tc.every, got, tc.want)
		}
	}
}

// An open door outlives the process, and a reading of the configuration, even one with
// another objective; what is no longer to be refused is forgotten.
func TestFailOpenOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorkeeper(t, openCheck())
		d.passed(10)
		d.run("replay", ReasonNotRefused)
		d.run("no token", ReasonNotRefused)
		d.passed(5)
		was := d.judge.Status(d.check, time.Now())
		var s Snapshot
		if !d.judge.Snapshot("login", &s) {
			t.Fatal("no snapshot")
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		restored := func(c *Check) CheckStatus {
			judge, err := NewJudge([]*Check{c})
			if err != nil {
				t.Fatal(err)
			}
			var back Snapshot
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatal(err)
			}
			if err := judge.Restore(c, back, time.Now()); (err != nil) != (c.Objective != d.check.Objective) {
				t.Fatal(err)
			}
			return judge.Status(c, time.Now())
		}
		same := cmpopts.EquateApproxTime(0)
		is := restored(openCheck())
		for i := range was.FailOpens {
			was.FailOpens[i].LastRun = nil
		}
		if diff := cmp.Diff(was.FailOpens, is.FailOpens, same); diff != "" || is.State != detect.Firing || !is.Since.Equal(was.Since) {
			t.Errorf("%s since %s (-was +is):\n%s", is.State, is.Since, diff)
		}
		other, fewer := openCheck(), openCheck()
		other.Objective.Detect = 0.5
		fewer.RefuseSteps = fewer.RefuseSteps[:1] // no longer "no token"
		if is := restored(other); is.State != detect.Firing || len(is.FailOpens) != 2 || is.FailOpens[0].Needed != 5 {
			t.Errorf("with another objective: %s, %+v", is.State, is.FailOpens)
		}
		for _, tc := range []struct {
			check *Check
			open  string
		}{{other, "replay, no token"}, {fewer, "replay"}} {
			d.judge.ReplaceChecks([]*Check{tc.check})
			var steps []string
			is := d.judge.Status(tc.check, time.Now())
			for _, f := range is.FailOpens {
				steps = append(steps, f.Step)
			}
			if got := strings.Join(steps, ", "); got != tc.open || is.State != detect.Firing || !is.Since.Equal(was.Since) {
				t.Errorf("read again: %s open, want %s; %s since %s", got, tc.open, is.State, is.Since)
			}
		}
	})
}
