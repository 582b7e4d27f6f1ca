package prober

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// grouped are four checks of one group, of which the first has a label more, and one
// that is in none.
func grouped(names ...string) (checks []*Check) {
	for _, name := range names {
		c := testCheck(name, passing(0))
		c.Group = "identity"
		c.Labels = map[string]string{"team": "identity", "country": name}
		checks = append(checks, c)
	}
	return checks
}

// A backend that fails in 4 % of the runs of four checks pages sooner as the group
// than as any of them; what is counted of each is its own.
func TestGroupPagesSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 3))
		checks := append(grouped("a", "b", "c", "d"), testCheck("other", passing(0)))
		for _, c := range checks {
			c.Objective.Blip = 0
		}
		fired := map[string]time.Time{}
		judge, err := NewJudge(checks, func(s StateChange) {
			if _, known := fired[s.Check.Name]; s.To == detect.Firing && !known {
				fired[s.Check.Name] = s.At
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			time.Sleep(10 * time.Second)
			for _, c := range checks {
				r := &Run{Check: c, Due: time.Now(), Start: time.Now(), Outcome: Passed}
				if c.Group != "" && random.Float64() < 0.04 {
					r.Outcome, r.Report = Failed, failure1(ReasonStatus5xx)
				}
				judge.ObserveRun(r)
			}
		}
		group, ok := fired["group:identity"]
		if !ok || len(fired) != 5 {
			t.Fatalf("got pages of %v, want those of four checks and the group", fired)
		}
		for name, at := range fired {
			if name != "group:identity" && !group.Before(at) {
				t.Errorf("%s at %v, the group at %v", name, at, group)
			}
		}
		all := judge.All(time.Now())
		last := all[len(all)-1]
		if len(all) != 6 || last.Check.Name != "group:identity" || last.Counts.Passed+last.Counts.Failed != 8000 {
			t.Errorf("got %d, the last of them %s with %+v", len(all), last.Check.Name, last.Counts)
		}
		if r := last.Ratio(time.Hour); r.Runs < 4*350 || r.Runs > 4*361 {
			t.Errorf("%d runs in an hour, want those of four checks", r.Runs)
		}
	})
}

// A group has gauges, and no counter: whoever adds up over check counts each run once.
// Its labels are those that its checks have in common.
func TestGroupInMetrics(t *testing.T) {
	checks := grouped("a", "b")
	judge, metrics := judgeAndMetrics(t, checks)
	for _, o := range []Observer{judge, metrics} {
		o.ObserveRun(goldenRuns(checks[0], time.Now())[1])
		o.ObserveMissed(Missed{Check: checks[1], Reason: MissOverlap, N: 2})
	}
	if got := sums(t, metrics, "group:identity"); len(got) != 0 {
		t.Errorf("counters of a group: %v", got)
	}
	text := exposition(t, metrics)
	for _, want := range []string{
		`authprober_check_info{check="group:identity",country="",group="identity",team="identity"} 1`,
		`authprober_check_info{check="a",country="a",group="identity",team="identity"} 1`,
		`authprober_check_state{check="group:identity",state="healthy"} 1`,
		`authprober_evidence{check="group:identity"}`,
		`authprober_failure_ratio{check="group:identity",window="1h"} 1`,
		`authprober_objective_detect_ratio{check="group:identity"} 0.02`,
		`authprober_objective_tolerate_ratio{check="group:identity"} 0.001`,
		`authprober_window_runs{check="group:identity",window="24h"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if got := judge.Status(judge.Groups()[0], time.Now()).Counts; got != (Counts{Failed: 1, Missed: 2}) {
		t.Errorf("got %+v", got)
	}
}

// A failure of one flow alone is blamed on it.
func TestGroupBlamesACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := grouped("a", "b", "c", "d")
		for _, c := range checks {
			c.Objective.Blip = 0
		}
		judge, err := NewJudge(checks)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(10 * time.Second)
			for _, c := range checks {
				r := &Run{Check: c, Start: time.Now(), Outcome: Passed}
				if c.Name == "c" {
					r.Outcome, r.Report = Failed, failure1(ReasonStatus5xx)
				}
				judge.ObserveRun(r)
			}
		}
		got := judge.Status(judge.Groups()[0], time.Now())
		if got.State != detect.Firing || !strings.HasPrefix(got.BlameText(), "check=c: 10 of 10 runs failed") {
			t.Errorf("got %v: %s", got.State, got.BlameText())
		}
	})
}

// The threshold of a group is that of all the runs its checks may make.
func TestGroupParams(t *testing.T) {
	checks := grouped("a", "b")
	checks[1].Schedule.Every = 30 * time.Second
	const month = 30 * 24 * 3600
	p := Groups(checks)[0].Params()
	if got, want := p.RunsToFalsePage, month/10.0+month/30.0; got < want || got > want+1 {
		t.Errorf("got %v runs to a false page, want %v", got, want)
	}
	checks[0].Schedule.Confirm, checks[0].Schedule.ConfirmBudget = time.Second, 0.1
	q := Groups(checks)[0].Params()
	if got, want := q.RunsToFalsePage-p.RunsToFalsePage, month/100.0+864; got < want-1 || got > want+1 {
		t.Errorf("got %v runs more, want %v", got, want)
	}
	if got := Groups(checks)[0].ExtraRunsADay(); got != 864 {
		t.Errorf("got %d extra runs a day, want 864", got)
	}
	if q.Opening != 0 {
		t.Error("a group asks for confirming runs")
	}
}

func TestGroupsHaveOneObjective(t *testing.T) {
	checks := grouped("a", "b")
	checks[1].Objective.Detect = 0.03
	const want = `check "b": objective is not that of "a", want the same in all of group "identity"`
	if err := Validate(checks); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
