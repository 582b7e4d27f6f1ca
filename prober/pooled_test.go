package prober

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/authprober/authprober/prober/detect"
)

func pooledCheck() *Check {
	return &Check{Name: PooledPrefix + "login", Objective: detect.Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: 24 * time.Hour},
		Labels: map[string]string{"team": "identity"}}
}

func TestPooled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now()
		c := pooledCheck()
		p := NewPooled(c, c.Objective.Params(5*time.Second), epoch)
		batch := func(passed, failed int) (StateChange, bool) {
			from := time.Now()
			time.Sleep(15 * time.Second)
			return p.ObserveBatch(detect.Batch{From: from, To: time.Now(), Passed: passed, Failed: failed})
		}
		for range 20 {
			if change, changed := batch(3, 0); changed {
				t.Fatalf("three runs that passed: %+v", change)
			}
		}
		var change StateChange
		for change.To != detect.Firing {
			change, _ = batch(1, 2)
		}
		if change.Check != c || change.From != detect.Healthy && change.From != detect.Suspect || !change.At.Equal(time.Now()) || change.Cause != CauseRate {
			t.Errorf("the page: %+v", change)
		}
		s := p.Status(time.Now())
		failed := s.Counts.Failed
		if s.State != detect.Firing || s.Evidence < 1 || s.Counts.Passed != 60+failed/2 || !s.LastPass.Equal(time.Now()) ||
			s.Ratio(time.Hour).Failed != int(failed) || s.Ratio(time.Hour).Runs != int(failed+s.Counts.Passed) {
			t.Errorf("the status: %+v", s)
		}
		if p.Rescale(c.Objective.Params(time.Second)) {
			t.Error("rescaled while firing")
		}
		time.Sleep(time.Hour)
		s = p.Status(time.Now())
		if n := s.Ratio(5 * time.Minute).Runs; n != 0 {
			t.Errorf("%d runs in the last 5 minutes, want none", n)
		}
	})
}

func TestPooledMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pooledCheck()
		p := NewPooled(c, c.Objective.Params(5*time.Second), time.Now())
		p.ObserveBatch(detect.Batch{From: time.Now(), To: time.Now(), Passed: 99, Failed: 1})
		r, ready := prometheus.NewRegistry(), false
		m, err := NewPooledMetrics(r, func(now time.Time) []CheckStatus { return []CheckStatus{p.Status(now)} }, func() bool { return ready }, "1", "r", []string{"am:9093"})
		if err != nil {
			t.Fatal(err)
		}
		m.ObserveNotification("am:9093", NotifyTimeout)
		if n, err := testutil.GatherAndCount(r, "authprober_build_info"); n != 0 || err != nil {
			t.Errorf("it is there before it is ready: %d, %v", n, err)
		}
		ready = true
		if n, err := testutil.GatherAndCount(r, "authprober_build_info"); n != 1 || err != nil {
			t.Errorf("it is not there: %d, %v", n, err)
		}
		m.ObserveReload(false, time.Now())
		problems, err := testutil.GatherAndLint(r)
		if err != nil || len(problems) > 0 {
			t.Errorf("got %v, %v", problems, err)
		}
		err = testutil.GatherAndCompare(r, strings.NewReader(`
# HELP authprober_check_info 1, with the labels that the check was given, and its group; join it to route a page.
# TYPE authprober_check_info gauge
authprober_check_info{check="all:login",team="identity"} 1
# HELP authprober_check_state 1 for the state that the check is in, 0 for the others.
# TYPE authprober_check_state gauge
authprober_check_state{check="all:login",state="firing"} 0
authprober_check_state{check="all:login",state="healthy"} 1
authprober_check_state{check="all:login",state="suspect"} 0
# HELP authprober_config_last_reload_successful Whether the last attempt to load the configuration succeeded.
# TYPE authprober_config_last_reload_successful gauge
authprober_config_last_reload_successful 0
# HELP authprober_objective_detect_ratio The smallest failure ratio that is worth a page.
# TYPE authprober_objective_detect_ratio gauge
authprober_objective_detect_ratio{check="all:login"} 0.02
# HELP authprober_window_runs Runs of the window that passed or failed: how much authprober_failure_ratio rests on.
# TYPE authprober_window_runs gauge
authprober_window_runs{check="all:login",window="1h"} 100
authprober_window_runs{check="all:login",window="24h"} 100
authprober_window_runs{check="all:login",window="5m"} 100
`), "authprober_check_info", "authprober_check_state", "authprober_objective_detect_ratio", "authprober_window_runs", "authprober_runs_total", "authprober_config_last_reload_successful")
		if err != nil {
			t.Error(err)
		}
	})
}
