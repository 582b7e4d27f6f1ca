package control

import (
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

func TestPulse(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	for _, c := range []struct {
		name     string
		beats    [][2]time.Duration // asked for, and came
		from, to time.Duration      // the run
		cause    prober.ExcuseCause
		total    time.Duration
	}{
		{"on time", [][2]time.Duration{{0, beat}, {beat, 2*beat + 50*time.Millisecond}}, 0, time.Second, "", 0},
		{"late, for a quarter of the run", [][2]time.Duration{{0, beat + 2*time.Second}}, 0, 8 * time.Second, prober.ExcuseStarved, 2 * time.Second},
		{"late, for less", [][2]time.Duration{{0, beat + time.Second}}, 0, 8 * time.Second, "", time.Second},
		{"late before the run", [][2]time.Duration{{0, 10 * time.Second}}, 10 * time.Second, 11 * time.Second, "", 10*time.Second - beat},
		{"late after the run", [][2]time.Duration{{5 * time.Second, 15 * time.Second}}, 0, 5 * time.Second, "", 10*time.Second - beat},
		{"late at both ends", [][2]time.Duration{{0, 2 * time.Second}, {3 * time.Second, 6 * time.Second}}, time.Second, 4 * time.Second, prober.ExcuseStarved,
			5*time.Second - 2*beat},
		{"a run of no time", [][2]time.Duration{{0, 10 * time.Second}}, 5 * time.Second, 5 * time.Second, "", 10*time.Second - beat},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pulse
			for _, b := range c.beats {
				p.note(at(b[0]), at(b[1]))
			}
			if cause, err := p.excuse(at(c.from), at(c.to)); cause != c.cause || (err == nil) != (cause == "") {
				t.Errorf("got %q, %v, want %q", cause, err, c.cause)
			}
			if got := p.total(); got != c.total {
				t.Errorf("starved for %v, want %v", got, c.total)
			}
		})
	}
}

func TestPulseIsBounded(t *testing.T) {
	var p pulse
	now := time.Now()
	for i := range 10_000 {
		at := now.Add(time.Duration(i) * time.Second)
		p.note(at, at.Add(time.Second))
	}
	if len(p.gaps) > keptGaps {
		t.Errorf("%d gaps are kept", len(p.gaps))
	}
}

// The arithmetic of a machine that slept: the wall clock is ahead by what it slept.
func TestSlept(t *testing.T) {
	for _, c := range []struct {
		mono, wall time.Duration
		want       bool
	}{
		{beat, beat, false}, {beat, beat + time.Second, false}, {beat, beat + 8*time.Hour, true}, {beat, beat - time.Hour, false},
	} {
		if got := asleep(c.mono, c.wall) > 0; got != c.want {
			t.Errorf("%v by the monotonic clock and %v by the wall clock: got %v", c.mono, c.wall, got)
		}
	}
}

func TestThrottled(t *testing.T) {
	if in, ok := groupOf("12:cpu:/old\n0::/kubepods/pod1\n"); in != "/kubepods/pod1" || !ok {
		t.Errorf("got %q, %v", in, ok)
	}
	for text, want := range map[string]float64{"usage_usec 5\nnr_throttled 3\nthrottled_usec 2500000\n": 2.5, "usage_usec 5\n": -1, "throttled_usec x\n": -1} {
		got, ok := throttledOf(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: got %v, %v", text, got, ok)
		}
	}
}
