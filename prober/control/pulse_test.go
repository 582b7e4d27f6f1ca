package control

import (
	"runtime"
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
				p.note(readingOf(at(b[0])), readingOf(at(b[1])))
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

// readingOf is of clocks that agree.
func readingOf(t time.Time) reading { return reading{at: t, wall: t.Round(0)} }

func TestPulseIsBounded(t *testing.T) {
	var p pulse
	now := time.Now()
	for i := range 10_000 {
		at := now.Add(time.Duration(i) * time.Second)
		p.note(readingOf(at), readingOf(at.Add(time.Second)))
	}
	if len(p.gaps) > keptGaps {
		t.Errorf("%d gaps are kept", len(p.gaps))
	}
}

// What tells of sleep: the system, or else a wall clock that is far ahead of the monotonic
// one; and what does not, a time service that sets the wall clock.
func TestSlept(t *testing.T) {
	const never, s, h = time.Duration(-1), time.Second, time.Hour // the system does not tell
	for _, c := range []struct {
		mono, wall, slept time.Duration // between the readings
		want              string
	}{
		{h, h, 0, ""}, {beat, beat, 0, ""}, {beat, beat + 2*s, 0, ""}, {beat, beat + aheadFrom - 1, 0, ""}, {beat, beat - h, 0, ""},
		{beat, beat + 2*s, never, ""}, {beat, beat + aheadFrom - 1, never, ""}, {beat, beat - h, never, ""},
		{beat, beat + 8*h, 8 * h, "our machine was suspended for 8h0m0s"},
		{beat, beat + 2*s, 2 * s, "our machine was suspended for 2s"},
		{beat, beat, 3 * s, "our machine was suspended for 3s"}, // and its clock was set back
		{beat, beat + s, s, ""},
		{beat, beat + 8*h, never, "our clock went forward by 8h0m0s at once, as that of a machine does which stood still"},
		{beat, beat + aheadFrom, 0, "our clock went forward by 10s at once, as that of a machine does which stood still"},
	} {
		start := time.Now()
		before := reading{start, start.Round(0), 5 * h, c.slept != never}
		now := reading{start.Add(c.mono), before.wall.Add(c.wall), before.slept + max(c.slept, 0), before.known}
		if got := asleep(before, now); got != c.want {
			t.Errorf("%v by the monotonic clock, %v by the wall clock, slept %v: got %q, want %q", c.mono, c.wall, c.slept, got, c.want)
		}
		var p pulse
		p.note(before, now)
		cause, err := p.excuse(before.at.Add(-h), before.at.Add(beat/2))
		if (cause == prober.ExcuseSuspended) != (c.want != "") || err != nil && c.want != "" && err.Error() != c.want {
			t.Errorf("%+v: a run is excused with %q, %v", c, cause, err)
		}
	}
	if now := read(); now.known && runtime.GOOS != "linux" {
		t.Errorf("on %s it is said to be known", runtime.GOOS)
	}
	if first, second := read(), read(); first.known && (second.slept-first.slept).Abs() > asleepFrom {
		t.Errorf("it slept from %v to %v", first.slept, second.slept)
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
