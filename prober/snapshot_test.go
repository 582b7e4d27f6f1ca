package prober

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// snapshotChecks are two checks of a group, one of which confirms.
func snapshotChecks() []*Check {
	a, b := testCheck("a", nil), testCheck("b", nil)
	a.Group, b.Group = "both", "both"
	a.Schedule.Confirm, a.Schedule.ConfirmBudget = time.Second, detect.DefaultBudget
	return []*Check{a, b}
}

// aRun is a random run of a check that has just ended, of which so many fail.
func aRun(rng *rand.Rand, c *Check, rate float64) *Run {
	r := &Run{Check: c, Due: time.Now().Add(-time.Second), Start: time.Now().Add(-time.Second), Took: time.Second, Outcome: Passed,
		Account: "retail-1", Confirm: rng.IntN(9) == 0}
	if rng.Float64() < rate {
		r.Outcome, r.Report = Failed, failure1(ReasonStatus5xx)
	}
	r.Tags = map[string]string{"backend": []string{"b1", "b2"}[rng.IntN(2)]}
	return r
}

// carry takes what a judge knows to another, as a restart does.
func carry(t *testing.T, from, to *Judge, checks []*Check) {
	t.Helper()
	for _, c := range checks {
		var s, back Snapshot
		if !from.Snapshot(c.Name, &s) {
			t.Fatalf("the judge does not know %s", c.Name)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if err := to.Restore(c, back, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func mustJudge(t *testing.T, checks []*Check, changed ...func(StateChange)) *Judge {
	t.Helper()
	j, err := NewJudge(checks, changed...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A judge that is restored, at any moment, goes on as the one that it was taken from:
// with the same states, evidence, ratios, budgets, blame and changes.
func TestRestoredJudgeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := snapshotChecks()
		rng := rand.New(rand.NewPCG(1, 2))
		var changes, again []StateChange
		judge := mustJudge(t, checks, func(c StateChange) { changes = append(changes, c) })
		var other *Judge
		since := map[string][]*Run{}
		for i := range 3000 {
			time.Sleep(5 * time.Second)
			if i%500 == 250 { // a restart: another process, whose clock began anew
				changes, again = nil, nil
				other = mustJudge(t, checks, func(c StateChange) { again = append(again, c) })
				carry(t, judge, other, append(judge.Groups(), checks...))
				recallAll(judge, other, append(judge.Groups(), checks...), since)
				time.Sleep(30 * time.Second)
			}
			rate := 0.0
			if i > 1000 && i < 2000 {
				rate = 0.3
			}
			r := aRun(rng, checks[i%2], rate)
			for _, j := range []*Judge{judge, other} {
				if j != nil {
					j.ObserveRun(r)
				}
			}
			for _, c := range []*Check{r.Check, judge.Groups()[0]} {
				var s Snapshot
				if judge.Snapshot(c.Name, &s); s.Counted {
					since[c.Name] = append(since[c.Name], r)
				}
			}
			if other != nil {
				compareJudges(t, i, judge, other, append(judge.Groups(), checks...))
			}
		}
		if len(changes) != len(again) {
			t.Errorf("got %d changes, want %d", len(again), len(changes))
		}
	})
}

// recallAll tells a restored judge again of what counted since the change point.
func recallAll(from, to *Judge, checks []*Check, counted map[string][]*Run) {
	for _, c := range checks {
		point := from.Status(c, time.Now()).ChangePoint
		for _, r := range counted[c.Name] {
			if point.IsZero() || r.End().Before(point) {
				continue
			}
			tags := map[string]string{}
			BlameTags(r, tags)
			if r.Check.Name != c.Name {
				tags["check"] = r.Check.Name
			}
			to.Recall(c, r.End(), r.Outcome == Failed, tags)
		}
	}
}

func compareJudges(t *testing.T, i int, a, b *Judge, checks []*Check) {
	t.Helper()
	for _, c := range checks {
		want, got := a.Status(c, time.Now()), b.Status(c, time.Now())
		// Counts are of the process, a burst under way is not in a snapshot, and a finding
		// is of the time at which it was asked for.
		for _, s := range []*CheckStatus{&want, &got} {
			s.Counts, s.Confirmed, s.Bursts, s.LastRun, s.LastFailed, s.Blame = Counts{}, 0, detect.Bursts{}, nil, nil, detect.Finding{}
			s.Since, s.ChangePoint, s.LastPass = s.Since.Round(0).UTC(), s.ChangePoint.Round(0).UTC(), s.LastPass.Round(0).UTC()
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("run %d, %s:\ngot  %+v\nwant %+v", i, c.Name, got, want)
		}
		if want, got := a.findAnew(c), b.findAnew(c); !reflect.DeepEqual(got, want) {
			t.Fatalf("run %d, %s: blames %+v, want %+v", i, c.Name, got, want)
		}
	}
}

func (j *Judge) findAnew(c *Check) detect.Finding {
	g := j.of(c)
	if g.blame == nil {
		return detect.Finding{}
	}
	return g.blame.Find(g.detector.ChangePoint())
}

// Another objective has no evidence, but a page goes on, and so do the ratios, which have
// nothing to do with it.
func TestRestoreUnderAnotherObjective(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := snapshotChecks()
		judge := firing(t, checks)
		var s Snapshot
		judge.Snapshot("a", &s)
		was := judge.Status(checks[0], time.Now())
		checks[0].Objective.Detect, checks[1].Objective.Detect = 0.05, 0.05
		next := mustJudge(t, checks)
		err := next.Restore(checks[0], s, time.Now())
		if err == nil || !strings.Contains(err.Error(), "snapshot of another objective") {
			t.Errorf("got the error %v", err)
		}
		is := next.Status(checks[0], time.Now())
		if is.State != detect.Firing || is.Evidence < 1 || !is.Since.Equal(was.Since) {
			t.Errorf("it is %v since %v with evidence %v", is.State, is.Since, is.Evidence)
		}
		s.Detector = detect.New(s.Detector.Params).Snapshot()
		next = mustJudge(t, checks)
		if err := next.Restore(checks[0], s, time.Now()); err == nil || next.Status(checks[0], time.Now()).State != detect.Healthy {
			t.Errorf("where none fired it is %v, and the error %v", next.Status(checks[0], time.Now()).State, err)
		}
		if !reflect.DeepEqual(is.Ratios, was.Ratios) || is.Ratios[2].Failed == 0 {
			t.Errorf("got the ratios %v, want %v", is.Ratios, was.Ratios)
		}
	})
}

// firing is a judge for which all its checks are firing.
func firing(t *testing.T, checks []*Check) *Judge {
	t.Helper()
	judge := mustJudge(t, checks)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 1000 {
		time.Sleep(5 * time.Second)
		judge.ObserveRun(aRun(rng, checks[i%2], float64(i/900)))
	}
	for _, c := range checks {
		if s := judge.Status(c, time.Now()); s.State != detect.Firing {
			t.Fatalf("%s is %v", c.Name, s.State)
		}
	}
	return judge
}

// However long the process was away, a page is neither forgotten nor resolved, and
// windows are empty; where the clock was put back, no time has passed, and nothing lies
// in the future.
func TestRestoreAtOtherTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := snapshotChecks()
		judge := firing(t, checks)
		taken := time.Now()
		was := judge.Status(checks[0], taken)
		var s Snapshot
		judge.Snapshot("a", &s)
		for _, away := range []time.Duration{time.Minute, 1000 * time.Hour, -time.Hour, -1000 * time.Hour} {
			text, _ := json.Marshal(s)
			var back Snapshot
			_ = json.Unmarshal(text, &back)
			next := mustJudge(t, checks)
			now := taken.Add(away)
			if err := next.Restore(checks[0], back, now); err != nil {
				t.Fatal(err)
			}
			is := next.Status(checks[0], now)
			if is.State != detect.Firing || is.Evidence != was.Evidence || is.Recovery != was.Recovery {
				t.Errorf("after %v: it is %v with evidence %v, want %v", away, is.State, is.Evidence, was.Evidence)
			}
			if is.Since.After(now) || is.ChangePoint.After(now) || is.LastPass.After(now) {
				t.Errorf("after %v: it knows the future: %+v", away, is)
			}
			day := is.Ratio(24 * time.Hour)
			if want := was.Ratio(24 * time.Hour); away > 24*time.Hour && day.Runs != 0 || away <= time.Minute && day != want {
				t.Errorf("after %v: the day has %v, was %v", away, day, want)
			}
			next.ObserveRun(&Run{Check: checks[0], Start: now, Outcome: Passed})
			more := next.Status(checks[0], now)
			if got := more.Ratio(24 * time.Hour).Runs; got != day.Runs+1 {
				t.Errorf("after %v: a run more makes %d of %d", away, got, day.Runs)
			}
		}
	})
}

// What no judge has made is refused, and changes nothing.
func TestRestoreRefuses(t *testing.T) {
	checks := snapshotChecks()
	judge := mustJudge(t, checks)
	var good Snapshot
	judge.Snapshot("a", &good)
	for name, spoil := range map[string]func(*Snapshot){
		"version":   func(s *Snapshot) { s.Version++ },
		"state":     func(s *Snapshot) { s.Detector.State = detect.Firing },
		"statistic": func(s *Snapshot) { s.Detector.Recovery = -1 },
		"nothing":   func(s *Snapshot) { *s = Snapshot{} },
	} {
		text, _ := json.Marshal(good)
		var s Snapshot
		_ = json.Unmarshal(text, &s)
		spoil(&s)
		if err := judge.Restore(checks[0], s, time.Now()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if is := judge.Status(checks[0], time.Now()); is.State != detect.Healthy || is.Evidence != 0 {
			t.Errorf("%s: it is %v", name, is.State)
		}
	}
	if judge.Snapshot("nobody", &good) {
		t.Error("it knows a check that is none")
	}
	if err := judge.Restore(testCheck("nobody", nil), good, time.Now()); err == nil {
		t.Error("it restores a check that is none")
	}
}
