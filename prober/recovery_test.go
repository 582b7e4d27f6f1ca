package prober

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// While a check is firing its evidence rests, and what moves is on /metrics too: the
// recovery, which a failed run sets back, and which is zero before and after.
func TestRecoveryInMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testCheck("a", passing(0))
		c.Objective.Blip = 0
		judge, metrics := judgeAndMetrics(t, []*Check{c})
		observe := func(outcome Outcome) {
			time.Sleep(10 * time.Second)
			r := &Run{Check: c, Start: time.Now(), Outcome: outcome}
			if outcome == Failed {
				r.Report = failure1(ReasonStatus5xx)
			}
			judge.ObserveRun(r)
		}
		exported := func() (recovery, evidence float64) {
			text := exposition(t, metrics)
			for name, v := range map[string]*float64{"recovery_evidence": &recovery, "evidence": &evidence} {
				_, rest, ok := strings.Cut(text, fmt.Sprintf("\nauthprober_%s{check=\"a\"} ", name))
				if _, err := fmt.Sscan(rest, v); !ok || err != nil {
					t.Fatalf("authprober_%s: %v", name, err)
				}
			}
			return recovery, evidence
		}
		if r, _ := exported(); r != 0 {
			t.Errorf("healthy: got %v", r)
		}
		for judge.Status(c, time.Now()).State != detect.Firing {
			observe(Failed)
		}
		begin, rests := exported()
		if begin != 0 || rests < 1 {
			t.Errorf("just firing: got %v, evidence %v", begin, rests)
		}
		last := begin
		for range 50 {
			observe(Passed)
			r, evidence := exported()
			if r <= last || r >= 1 || evidence != rests {
				t.Fatalf("got %v after %v, evidence %v, was %v", r, last, evidence, rests)
			}
			last = r
		}
		observe(Failed)
		if r, _ := exported(); r >= last {
			t.Errorf("a failed run: got %v, was %v", r, last)
		}
		for n := 0; judge.Status(c, time.Now()).State == detect.Firing && n < 10_000; n++ {
			observe(Passed)
		}
		if r, _ := exported(); r != 0 || judge.Status(c, time.Now()).State != detect.Healthy {
			t.Errorf("healthy again: got %v", r)
		}
	})
}
