package prober

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"github.com/google/go-cmp/cmp"
)

// A drill is seen beside how the check stands, changes nothing of it, and ends by
// itself; each beginning and end is told once.
func TestDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		checks := goldenChecks()
		judge, m := judgeAndMetrics(t, checks)
		var told []string
		judge.OnDrill(func(c DrillChange) {
			told = append(told, fmt.Sprint(c.Check.Name, " ", c.On, " ", time.Since(begun), " until ", c.Drill.Until.Sub(begun)))
		})
		name := checks[0].Name
		run := func() {
			r := &Run{Check: checks[0], Start: time.Now(), Outcome: Passed}
			judge.ObserveRun(r)
			m.ObserveRun(r)
		}
		metric := func() string { return drillMetric(t, m, name) }
		run()
		if got := metric(); got != "0" {
			t.Errorf("before: got %s", got)
		}
		before := judge.Status(checks[0], time.Now())
		if _, err := judge.Drill(name, 2*time.Minute, time.Now()); err != nil {
			t.Fatal(err)
		}
		during := judge.Status(checks[0], time.Now())
		if got := metric(); got != "1" || !during.Drill.On(time.Now()) {
			t.Errorf("during: got %s and %+v", got, during.Drill)
		}
		if during.State != detect.Healthy || judge.Firing(checks[0]) || during.Evidence != before.Evidence || during.Counts != before.Counts {
			t.Errorf("the drill is in how the check stands: %+v", during)
		}
		time.Sleep(time.Minute)
		run()
		if _, err := judge.Drill(name, 2*time.Minute, time.Now()); err != nil { // for longer
			t.Fatal(err)
		}
		time.Sleep(2*time.Minute - 1)
		run()
		time.Sleep(time.Nanosecond)
		if got, s := metric(), judge.Status(checks[0], time.Now()); got != "0" || s.Drill != (Drill{}) {
			t.Errorf("after: got %s and %+v", got, s.Drill)
		}
		judge.ObserveMissed(Missed{Check: checks[0], Reason: MissPaused, N: 1, At: time.Now()})
		run()
		if _, err := judge.Drill(name, time.Hour, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for range 2 { // once is enough
			if err := judge.EndDrill(name, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		run()
		want := []string{
			name + " true 0s until 2m0s", name + " true 1m0s until 3m0s", name + " false 3m0s until 3m0s",
			name + " true 3m0s until 1h3m0s", name + " false 3m1s until 3m1s",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if got := judge.Status(checks[0], time.Now()).Counts; got != (Counts{Passed: 5, Missed: 1}) {
			t.Errorf("counts are %+v", got)
		}
	})
}

func TestDrillOfWhatIsNotThere(t *testing.T) {
	checks := goldenChecks()
	judge, _ := judgeAndMetrics(t, checks)
	if _, err := judge.Drill("logn", time.Minute, time.Now()); !errors.Is(err, ErrNoCheck) {
		t.Errorf("got %v", err)
	}
	if err := judge.EndDrill("logn", time.Now()); !errors.Is(err, ErrNoCheck) {
		t.Errorf("got %v", err)
	}
	for _, length := range []time.Duration{0, -time.Minute, time.Hour + 1} {
		if _, err := judge.Drill(checks[0].Name, length, time.Now()); err == nil || !strings.Contains(err.Error(), "want a time from 1s to 1h0m0s") {
			t.Errorf("%v: got %v", length, err)
		}
	}
	if s := judge.Status(checks[0], time.Now()); s.Drill != (Drill{}) {
		t.Errorf("there is a drill: %+v", s.Drill)
	}
}

// A new configuration goes on with a drill, whether the check is judged anew or not.
func TestDrillGoesOnAfterAReload(t *testing.T) {
	checks := goldenChecks()
	judge, _ := judgeAndMetrics(t, checks)
	for _, c := range checks {
		if _, err := judge.Drill(c.Name, time.Minute, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	next := goldenChecks()
	next[0].Objective.Detect = .5
	judge.ReplaceChecks(next)
	for _, c := range next {
		if s := judge.Status(c, time.Now()); !s.Drill.On(time.Now()) {
			t.Errorf("%s: the drill is over", c.Name)
		}
	}
}

// drillMetric is what a scrape says of a check's drill.
func drillMetric(t *testing.T, m *Metrics, check string) string {
	t.Helper()
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, x := range f.Metric {
			if f.GetName() == "authprober_drill" && x.Label[0].GetValue() == check {
				return fmt.Sprint(x.GetGauge().GetValue())
			}
		}
	}
	return "no series"
}
