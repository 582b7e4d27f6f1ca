package prober

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A failed run whose fault was ours is errored: neither ratio nor evidence knows of it,
// the account is told, and each due time is still accounted for. Nobody is asked about
// other runs.
func TestExcuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span = time.Hour
		n := 0
		c := testCheck("login", nil)
		var released []Outcome
		c.Begin = func(time.Time) (Attempt, MissReason) {
			return Attempt{
				Probe: func(ctx context.Context) Report {
					if n++; n%3 == 0 {
						return failure1(ReasonTimeout)
					}
					return passing(0)(ctx)
				},
				Release: func(o Outcome, _ Report) { released = append(released, o) },
			}, ""
		}
		asked := 0
		judge, metrics := judgeAndMetrics(t, []*Check{c})
		seen := &recorder{}
		err := runFor(t, span, Options{Checks: []*Check{c}, Observers: []Observer{seen, metrics, judge},
			Excuse: func(_ context.Context, r *Run) error {
				if asked++; r.FailedStep() == nil || r.Outcome != Failed {
					t.Errorf("asked about %+v", r)
				}
				switch asked % 3 {
				case 0:
					put(nil)
				case 1:
					return errors.New("our own network is sick")
				}
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		got := seen.counts(c)
		if due := dues(c, span); got.Due() != due || got.Failed != due/9 || got.Errored != due/3-due/9 || asked != int(due/3) {
			t.Errorf("got %+v of %d due times; asked %d times", got, due, asked)
		}
		if m := metricCounts(t, metrics, c); m != got {
			t.Errorf("the metrics show %+v, want %+v", m, got)
		}
		if s := judge.Status(c, time.Now()); s.Ratios[2].Failed != int(got.Failed) || s.Counts != got {
			t.Errorf("the judge has %+v", s)
		}
		if released[2] != Errored || released[5] != Failed || released[8] != Errored {
			t.Errorf("released as %v", released[:9])
		}
	})
}
