package prober

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestTooMuchIsCounted asks for more than can be done: of a target that needs longer than
// the interval, of a pool that has fewer accounts than there are checks, of both. Every
// due time is a run or missed for its reason, in every scrape, exactly; what the metrics
// count is what was told.
func TestTooMuchIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const length = time.Hour
		var leased atomic.Int32 // of 5 accounts
		crowded := func(d time.Duration) func(time.Time) (Attempt, MissReason) {
			return func(time.Time) (Attempt, MissReason) {
				if leased.Add(1) > 5 {
					leased.Add(-1)
					return Attempt{}, MissNoAccount
				}
				return Attempt{Probe: passing(d), Release: func(Outcome, Report) { leased.Add(-1) }}, ""
			}
		}
		var all []*Check
		for i := range 60 {
			c := testCheck(fmt.Sprintf("check-%d", i), passing(time.Duration(i)*time.Second)) // up to 6 intervals
			c.Schedule.Timeout, c.Schedule.Concurrency = 40*time.Second, 1+i%3
			if i%2 == 0 {
				c.Begin = crowded(time.Duration(i) * time.Second)
			}
			all = append(all, c)
		}
		seen := &recorder{}
		metrics, err := NewMetrics(MetricsOptions{Checks: all, Registry: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		var scraping sync.WaitGroup
		scraping.Go(func() {
			for ctx.Err() == nil {
				metricCounts(t, metrics, all[59]) // an error where it does not add up
				select {
				case <-time.After(97 * time.Second):
				case <-ctx.Done():
				}
			}
		})
		if err := runFor(t, length, Options{Checks: all, Observers: []Observer{seen, metrics}}); err != nil {
			t.Fatal(err)
		}
		cancel()
		scraping.Wait()
		total := map[MissReason]int{}
		for _, c := range all {
			got := metricCounts(t, metrics, c)
			if want := seen.counts(c); got != want || got.Due() != dues(c, length) {
				t.Errorf("%s: the metrics have %+v, told were %+v, of %d due times", c.Name, got, want, dues(c, length))
			}
			for reason, n := range seen.misses(c) {
				total[reason] += n
				if got := testutil.ToFloat64(metrics.checks[c.Name].missed[reason]); got != float64(n) {
					t.Errorf("%s: %v missed for %s, want %d", c.Name, got, reason, n)
				}
			}
		}
		if fewest := min(total[MissOverlap], total[MissNoAccount]); fewest < 1000 || len(total) != 2 {
			t.Errorf("missed were %v, want overlaps and no accounts, each more than a thousand times", total)
		}
	})
}
