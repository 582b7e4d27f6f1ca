package prober

import (
	"testing"
	"time"
)

func TestTrickle(t *testing.T) {
	for every, want := range map[time.Duration]int{
		10 * time.Millisecond: 10, time.Second: 10, 6 * time.Second: 10, 7 * time.Second: 8, 10 * time.Second: 6,
		30 * time.Second: 2, 31 * time.Second: 1, time.Minute: 1, 24 * time.Hour: 1,
	} {
		if got := trickleOf(every); got != want {
			t.Errorf("every %v: one due time of %d, want %d", every, got, want)
		}
		if pace := time.Duration(trickleOf(every)) * every; pace > max(time.Minute, every) {
			t.Errorf("every %v: a run every %v, want one a minute at least, or each due time", every, pace)
		}
	}
}

// What begins the governing of a check, and what ends it. Runs are p passed, f failed,
// o overloaded, e errored, a aborted.
func TestGovernor(t *testing.T) {
	for _, c := range []struct {
		runs   string
		firing bool
		want   PaceReason
	}{
		{"", true, ""},
		{"o", true, PaceOverloaded},
		{"o", false, ""},
		{"oooooooooooooooooooo", false, ""},
		{"fffffffff", true, ""},
		{"ffffffffff", true, PaceFailing},
		{"ffffffffff", false, ""},
		{"pffffffffff", true, PaceFailing},
		{"pfffffffff", true, PaceFailing},
		{"ppffffffff", true, ""},
		{"ffffffffpp", true, ""},
		{"fffffffffp", true, PaceFailing},
		{"feaeaeaffffffff", true, ""},
		{"feaeaeafffffffff", true, PaceFailing},
		{"op", true, ""},
		{"oe", true, PaceOverloaded},
		{"oa", true, PaceOverloaded},
		{"of", true, ""},
		{"ppppppppppfffffffffffo", true, PaceOverloaded},
	} {
		g := newGovernor(10 * time.Second)
		for i, run := range c.runs {
			o := map[rune]Outcome{'p': Passed, 'f': Failed, 'o': Failed, 'e': Errored, 'a': Aborted}[run]
			g.observe(o, &Report{Overloaded: run == 'o'}, time.Unix(int64(i), 0))
		}
		if got := g.governed(c.firing); got != c.want {
			t.Errorf("%q, firing %t: got %q, want %q", c.runs, c.firing, got, c.want)
		}
		if c.want == "" {
			continue
		}
		if got := g.governed(false); got != c.want {
			t.Errorf("%q: no longer firing, got %q; only a run that passes ends it", c.runs, got)
		}
		g.observe(Failed, &Report{}, time.Unix(99, 0))
		g.observe(Errored, &Report{}, time.Unix(99, 0))
		if g.governed(true) != c.want {
			t.Errorf("%q: a run that did not pass has ended it", c.runs)
		}
		if !g.observe(Passed, &Report{}, time.Unix(100, 0)) || g.governed(true) != "" {
			t.Errorf("%q: a run that passed has not ended it", c.runs)
		}
		for range governWindow - 1 {
			g.observe(Failed, &Report{}, time.Unix(101, 0))
		}
		if g.governed(true) != PaceFailing {
			t.Errorf("%q: what came before the run that passed is still counted", c.runs)
		}
	}
}

// What a target asked for before it passed a run is no longer asked for.
func TestRetryAfterEndsWithAPassedRun(t *testing.T) {
	g := newGovernor(10 * time.Second)
	g.observe(Failed, &Report{Overloaded: true, RetryAfter: time.Hour}, time.Unix(0, 0))
	g.observe(Passed, &Report{}, time.Unix(1, 0))
	g.observe(Failed, &Report{Overloaded: true}, time.Unix(2, 0))
	g.governed(true)
	for i := range g.trickle {
		if skip := g.skip(time.Unix(10, 0)); skip != (i < g.trickle-1) {
			t.Errorf("due time %d: left out %t", i+1, skip)
		}
	}
}

// Retry-After is honoured, but for no longer than MostRetryAfter, and only where it
// comes with a run that found the target overloaded.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		report Report
		want   int // due times left out
	}{
		{Report{Overloaded: true}, 5},
		{Report{Overloaded: true, RetryAfter: 30 * time.Second}, 5},
		{Report{Overloaded: true, RetryAfter: 90 * time.Second}, 9},
		{Report{Overloaded: true, RetryAfter: -time.Hour}, 5},
		{Report{Overloaded: true, RetryAfter: 100 * time.Hour}, 60},
		{Report{RetryAfter: time.Hour}, 5},
	} {
		g := newGovernor(10 * time.Second)
		g.observe(Failed, &Report{Overloaded: true}, time.Unix(0, 0))
		g.governed(true)
		g.begun()
		g.observe(Failed, &c.report, time.Unix(0, 1))
		for i := 1; ; i++ {
			if g.skip(time.Unix(10*int64(i), 0)) {
				continue
			}
			if i-1 != c.want {
				t.Errorf("%+v: %d due times left out, want %d", c.report, i-1, c.want)
			}
			if g.skip(time.Unix(10*int64(i+1), 0)) {
				t.Errorf("%+v: no run could begin, and the due time after is left out too", c.report)
			}
			break
		}
	}
}
