package aggregate

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// TestDoubts: whoever names a gauge, or runs for failures, is told; whose service restarts or fails is not.
func TestDoubts(t *testing.T) {
	for _, test := range []struct {
		name           string
		runs, failures func(i int) float64
		want           []string
	}{
		{"healthy", func(i int) float64 { return 50 * float64(i) }, func(int) float64 { return 3 }, nil},
		{"restarts each half hour", func(i int) float64 { return 50 * float64(i%120) }, func(i int) float64 { return float64(i % 120) }, nil},
		{"down", func(i int) float64 { return 50 * float64(i) }, func(i int) float64 { return 50 * float64(i) }, nil},
		{"a gauge", func(i int) float64 { return float64(50 - 40*(i%4)/3) }, func(int) float64 { return 0 },
			[]string{"what is read began anew 360 times in 958 samples: it looks like a gauge, and not like a counter"}},
		{"exchanged", func(i int) float64 { return float64(i) }, func(i int) float64 { return 50 * float64(i) },
			[]string{"there are 23471 failures more than runs, of which there are 479: they are exchanged, or runs leave failures out"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			core, logged := observer.New(zapcore.WarnLevel)
			f := newFake()
			a := aggregatorOf(f, zap.New(core))
			a.o.Subject = func([]string) (Subject, bool) {
				return Subject{Check: &prober.Check{Name: "all:logins", Objective: objective}, Measured: true, Params: func(l Load) detect.Params {
					return Measured(objective, 15*time.Second)(l)
				}}, true
			}
			for i := range 480 {
				f.scrape("a", test.runs(i), test.failures(i))
				time.Sleep(15 * time.Second)
			}
			a.begin(time.Now())
			if err := a.Poll(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := a.Standings(time.Now())[0].Doubts; !slices.Equal(got, test.want) || logged.Len() != len(test.want) {
				t.Errorf("%s: got %q, and %d lines, want %q", test.name, got, logged.Len(), test.want)
			}
		})
	}
}
