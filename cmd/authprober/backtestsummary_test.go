package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// summaryOf puts lines through a backtest of a check that runs every 10 s.
func summaryOf(t *testing.T, lines string) string {
	t.Helper()
	b := newBacktest(backtested(), backtested().Objective.Params(10*time.Second), func(*stateChange) error { return nil })
	bad := &badLines{w: &strings.Builder{}}
	if err := b.read(t.Context(), strings.NewReader(lines), bad); err != nil || bad.n > 0 {
		t.Fatalf("%v, %d bad lines", err, bad.n)
	}
	return b.summary()
}

// every writes n lines of an outcome, so many seconds apart.
func every(n, seconds int, outcome string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,%s\n", 1763600000+i*seconds, outcome)
	}
	return b.String()
}

// Only runs that count tell the pace, since the promise counts those, and only
// twenty of them or more.
func TestBacktestPace(t *testing.T) {
	const text = "false_pages is promised at that pace"
	tests := []struct {
		name, lines, want string
	}{
		{"as the flow", every(100, 10, "passed"), ""},
		{"seldom", every(20, 60, "passed"), "  a counted run each 1m in the mean, and the flow has one each 10s: " + text},
		{"often", every(21, 1, "failed"), "  a counted run each 1s in the mean, and the flow has one each 10s: " + text},
		{"too few to tell", every(19, 60, "passed"), ""},
		{"errored ones beside", every(100, 10, "passed") + "1763600991,errored\n1763999999,aborted\n", ""},
		{"most of them errored", every(20, 60, "passed") + every(300, 4, "errored"), "  a counted run each 1m in the mean, and the flow has one each 10s: " + text},
		{"one moment", every(30, 0, "passed"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := summaryOf(t, tt.lines)
			if tt.want == "" && strings.Contains(got, text) || !strings.Contains(got, tt.want) {
				t.Errorf("got:\n%s\nwant in it: %q", got, tt.want)
			}
		})
	}
}

// The time that the runs took does not depend on their order.
func TestBacktestReversed(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(every(61, 10, "passed")), "\n")
	var b strings.Builder
	for i := range lines {
		fmt.Fprintln(&b, lines[len(lines)-1-i])
	}
	got := summaryOf(t, b.String())
	const want = "a: failed 0.0% (0.0%-5.9%) of 61 runs in 10m; 0 pages, 0 suspicions, firing for 0s\n  60 lines older than the line before\n"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
