package prober

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/authprober/authprober/prober/detect"
)

// TestReplaceLetsGo holds that nothing of a configuration is held on to once there is
// another one and its runs are over, whatever they came to: not by the last run, nor the
// last that failed, nor one in which something was let in, nor by the pace that a check has.
func TestReplaceLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flows []weak.Pointer[[1 << 16]byte]
		checks := func() []*Check {
			flow := new([1 << 16]byte) // what a check is made of
			flows = append(flows, weak.Make(flow))
			failing := func(context.Context) Report { runtime.KeepAlive(flow); return failure1(ReasonStatus5xx) }
			open := func(context.Context) Report {
				runtime.KeepAlive(flow)
				return Report{Steps: []StepResult{{Name: "login"}, {Name: "replay", Reason: ReasonNotRefused}}}
			}
			all := []*Check{testCheck("failing", failing), testCheck("passing", func(context.Context) Report { runtime.KeepAlive(flow); return Report{} }), testCheck("open", open)}
			all[0].Group, all[1].Group = "identity", "identity"
			return all
		}
		judge, metrics := judgeAndMetrics(t, checks())
		p, err := New(Options{Checks: checks(), Observers: []Observer{metrics, judge}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		for range 5 {
			time.Sleep(10 * time.Minute) // enough to fire, and to be governed
			synctest.Wait()
			replace(t, p, checks()...)
			synctest.Wait()
		}
		runtime.GC()
		for i, flow := range flows[:len(flows)-1] {
			if flow.Value() != nil {
				t.Errorf("the flows of configuration %d of %d are still there", i+1, len(flows))
			}
		}
		for _, s := range judge.All(time.Now()) {
			if s.LastRun == nil || s.LastRun.Check.Begin == nil || s.State == detect.Firing && s.LastFailed == nil {
				t.Errorf("%s has forgotten its last runs", s.Check.Name)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
