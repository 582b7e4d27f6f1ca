package prober

import (
	"fmt"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A CheckStatus is how a check stands at one moment: a copy that belongs to
// whoever asked for it. The runs it points to are immutable.
type CheckStatus struct {
	Check *Check
	State detect.State
	// Since is when the state last changed; zero if it never has.
	Since time.Time
	// Drill is the drill that is on; zero where none is. State is that of the runs.
	Drill Drill
	// Evidence is how near the check is to a page; 1 or more exactly while it is
	// firing by its rate. Recovery is how near such a check is to being healthy, in [0, 1).
	Evidence, Recovery float64
	// FailOpens are the steps that the target has let in and must refuse, while that
	// stands. The check is firing as long as there is one, whatever the evidence.
	FailOpens []FailOpen
	// ChangePoint is since when, by the likeliest account, the failure rate is
	// what it is now; zero if nothing speaks for a change.
	ChangePoint time.Time
	// Bursts are the bursts of failures seen while the check was not firing.
	Bursts detect.Bursts
	// Blame is what the runs since ChangePoint have in common that failed, while
	// the check is suspect or firing; it may be some seconds old. It is zero while
	// the check is healthy.
	Blame detect.Finding
	// Explained says that the check is firing, was when the page of its group ended, which
	// has told of it, and has had one failed run since then at the most: it needs no page.
	Explained bool
	// Confirmed is how many confirming runs were made, and ConfirmLeft how many
	// more may be; both are 0 for a check that does not confirm.
	Confirmed   uint64
	ConfirmLeft int
	// Pace says how the check keeps its schedule, and since when; At is zero if it has
	// always kept it.
	Pace PaceChange
	// Ratios are those over RatioWindows, in that order.
	Ratios []Ratio
	// Thresholds are how the check's Thresholds stand, in that order.
	Thresholds []ThresholdStatus
	// Counts are of everything since the judge was made.
	Counts Counts
	// LastRun is the last run to end, of any outcome, and LastFailed the last that
	// failed; nil if there was none. LastPass is when the last passed run ended;
	// zero if there was none.
	LastRun, LastFailed *Run
	LastPass            time.Time
	// Places are where the runs of a pooled check are made, by name; nil for any other.
	Places []PlaceStatus
	// Flows are the checks of a pooled group, by name, as places are; nil for any other.
	Flows []PlaceStatus
	// Pooled is what a pooled check rests on; nil for any other.
	Pooled *PooledStatus
}

// Ratio returns the failure ratio over one of RatioWindows.
func (s *CheckStatus) Ratio(window time.Duration) Ratio {
	for _, r := range s.Ratios {
		if r.Window == window {
			return r
		}
	}
	return newRatio(window, 0, 0)
}

// BlameText says in a sentence what was let in that must be refused, and whom to
// blame, or that there is no single culprit; "" while the check is healthy.
func (s *CheckStatus) BlameText() string {
	said := openings(s.FailOpens).text()
	switch {
	case s.State != detect.Healthy && len(s.Places)+len(s.Flows) > 1:
		return partsText(s)
	case s.State == detect.Healthy || s.Blame.Runs == 0:
		return said
	case said == "":
		return s.Blame.String()
	}
	return said + "; " + s.Blame.String()
}

// Counts count due times by what they came to. A confirming run that began is one
// more.
type Counts struct {
	Passed, Failed, Errored, Aborted, Missed uint64
}

// Due is the number of due times that are settled: the sum of the others.
func (c Counts) Due() uint64 { return c.Passed + c.Failed + c.Errored + c.Aborted + c.Missed }

func (c *Counts) add(o Outcome) {
	switch o {
	case Passed:
		c.Passed++
	case Failed:
		c.Failed++
	case Errored:
		c.Errored++
	case Aborted:
		c.Aborted++
	}
}

// A Ratio is the failure ratio over a window, with what is needed to trust it.
type Ratio struct {
	Window       time.Duration
	Failed, Runs int // runs that failed; runs that passed or failed
	detect.Interval
}

func newRatio(window time.Duration, failed, runs int) Ratio {
	return Ratio{Window: window, Failed: failed, Runs: runs, Interval: detect.Wilson(failed, runs)}
}

// Value is the ratio; ok is false, and it is 0, where there was no run.
func (r Ratio) Value() (value float64, ok bool) {
	if r.Runs == 0 {
		return 0, false
	}
	return float64(r.Failed) / float64(r.Runs), true
}

// String shows the ratio as it must be shown, with its 95 % interval and its n:
// "3.1% (2.2%-4.4%) of 1000 runs in 1h"; without a run, "no runs in 1h".
func (r Ratio) String() string {
	if r.Runs == 0 {
		return "no runs in " + WindowName(r.Window)
	}
	return fmt.Sprintf("%s (%s) of %d %s in %s", r.Percent(), r.PercentInterval(),
		r.Runs, plural(r.Runs, "run"), WindowName(r.Window))
}

// Percent is the ratio for people, such as "3.1%". It is never shown without n
// and the interval.
func (r Ratio) Percent() string {
	value, _ := r.Value()
	return percent(value)
}

// PercentInterval is the 95 % interval for people, such as "2.2%-4.4%".
func (r Ratio) PercentInterval() string { return percent(r.Lower) + "-" + percent(r.Upper) }

// Percent writes a ratio for people, such as "3.1%". It is never shown without n.
func Percent(ratio float64) string { return percent(ratio) }

// percent writes ratios to three digits, as far as that tells anything.
func percent(ratio float64) string {
	p := 100 * ratio
	switch {
	case p >= 9.95:
		return fmt.Sprintf("%.0f%%", p)
	case p >= 0.095 || p == 0:
		return fmt.Sprintf("%.1f%%", p)
	}
	return detect.Figures(p, 2) + "%"
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// WindowName is the window as labels and flows write it: 5m, 1h, 24h.
func WindowName(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// A ThresholdStatus is how one threshold stands.
type ThresholdStatus struct {
	Threshold
	Ratio    Ratio
	Exceeded bool
}

func (t Threshold) status(failed, runs int) ThresholdStatus {
	r := newRatio(t.Window, failed, runs)
	value, _ := r.Value()
	return ThresholdStatus{Threshold: t, Ratio: r, Exceeded: runs >= t.MinRuns && value > t.Ratio}
}

// A StateChange is the moment at which a judge changed its mind about a check. From
// and To are the same, Firing, where a check that fires has one more reason to: a step
// was let in that must be refused, or its rate has now risen too.
type StateChange struct {
	Check    *Check
	From, To detect.State
	Cause    Cause
	Step     string      // what was let in, of a change to Firing with CauseFailOpen; else ""
	At       time.Time   // end of the run that changed it
	Status   CheckStatus // as it is from then on
}

// A Cause says why a state has changed. The list is closed.
type Cause string

const (
	CauseRate Cause = "rate" // the sequential test of the failure rate
	// CauseFailOpen is that a step was let in that must be refused, at the first event;
	// or, of a change from Firing, that it has been refused again for long enough.
	CauseFailOpen Cause = "fail_open"
)
