package web

import (
	"fmt"
	"math"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// An ago is a moment beside what it is to who reads: "12s ago", "in 3s", "for 4m".
type ago struct{ Text, Way, Words string }

func newAgo(at, now time.Time, way string) *ago {
	a := &ago{Text: at.UTC().Format(time.RFC3339), Way: way}
	switch way {
	case "for":
		a.Words = "for " + length(now.Sub(at))
	case "in":
		a.Words = "in " + length(at.Sub(now))
	default:
		a.Words = agoText(now.Sub(at))
	}
	return a
}

// agoText writes how long ago something was, as exactly as people care.
func agoText(d time.Duration) string { return length(d) + " ago" }

// length writes a time in at most two units: 59s, 4m10s, 2h5m, 3 days.
func length(d time.Duration) string {
	switch d = max(0, d).Truncate(time.Second); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// paceWords say why a check does not keep its schedule.
var paceWords = map[prober.PaceReason]string{
	prober.PaceOverloaded: "the target has more to do than it can",
	prober.PaceFailing:    "nearly every run fails",
	prober.PaceSwitch:     "somebody has paused all checks",
	prober.PaceTarget:     "the target has asked for it",
}

// paceText says how a check keeps its schedule that does not.
func paceText(p prober.PaceChange, now time.Time) string {
	text := fmt.Sprintf("%s %s: %s", p.To, agoText(now.Sub(p.At)), paceWords[p.Why])
	if p.Until.After(now) {
		text += fmt.Sprintf("; for another %s", length(p.Until.Sub(now)))
	}
	return text
}

// evidenceText writes a number that ranges from a millionth to thousands.
func evidenceText(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < 0.01:
		return "< 0.01"
	case x < 10:
		return fmt.Sprintf("%.2g", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// leastEvidence is where the bar of evidence begins, and the axis of its chart. Both
// are of the logarithm, as evidence grows by factors.
const leastEvidence = 1e-3

// evidenceShare is how much of the bar is full: all of it at a page.
func evidenceShare(x float64) int {
	if x <= leastEvidence {
		return 0
	}
	return int(100 * min(1, 1-math.Log(x)/math.Log(leastEvidence)))
}

// took writes how long something took: 812 µs, 5.3 ms, 1.24 s.
func took(seconds float64) string {
	switch {
	case seconds >= 1:
		return fmt.Sprintf("%.2f s", seconds)
	case seconds >= 0.1:
		return fmt.Sprintf("%.0f ms", 1e3*seconds)
	case seconds >= 1e-3:
		return fmt.Sprintf("%.1f ms", 1e3*seconds)
	}
	return fmt.Sprintf("%.0f µs", 1e6*seconds)
}

// share writes a rate as flows do: 0.001 is 0.1%.
func share(rate float64) string { return detect.Figures(100*rate, 4) + "%" }

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func countedAre(n int, word string) string {
	if n == 1 {
		return "1 " + word + " is"
	}
	return fmt.Sprintf("%d %ss are", n, word)
}

// span writes seconds as flows do: 10s, 1m30s, 30d.
func span(seconds float64) string {
	return detect.Quantile{Time: time.Duration(seconds * float64(time.Second))}.String()
}

// percentOf writes a ratio for people, as [prober.Ratio] does.
func percentOf(ratio float64) string { return prober.Percent(ratio) }
