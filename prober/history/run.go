package history

import (
	"errors"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// ErrNotFound is the error of a run that is not kept.
var ErrNotFound = errors.New("no such run is kept")

// A RunID tells runs apart, and says when each ended: in microseconds since 1970, or a
// little later where two ended at once; where the clock was put back ids go on from the
// last one. A larger one is of a later run. It is below 2^53, which JSON numbers are
// exact to.
type RunID int64

// Time is when the run ended.
func (id RunID) Time() time.Time { return time.UnixMicro(int64(id)) }

// A Mark is a run in a strip of the last ones.
type Mark struct {
	ID      RunID          `json:"id"`
	Outcome prober.Outcome `json:"outcome"`
}

// A Run is a run as it was recorded.
type Run struct {
	ID         RunID
	Check      string
	Seq        uint64 // within the process that made it
	Due, Start time.Time
	Took       time.Duration
	Outcome    prober.Outcome
	// Step is the first that failed, Reason why, and Detail what was expected and
	// got; of an errored run Detail is the error.
	Step    string
	Reason  prober.Reason
	Detail  string
	Account string
	TraceID string
	// Tags are what blame sees, but for account and check: those of the flow and of
	// the moment, and remote and certificate.
	Tags    map[string]string
	Confirm bool
	// Counted says that the run has moved the evidence of its check, which was Evidence
	// after it: passed and failed runs do, unless they are part of a blip.
	Counted  bool
	Evidence float64
	Kept     bool // its steps are kept
}

// A RunDetail is a run with its steps; without any unless it is Kept.
type RunDetail struct {
	Run
	Steps, Cleanup []prober.StepResult
}

// A Filter chooses runs. Of the zero value are the last 50 of all.
type Filter struct {
	Check   string // "" is any, as in every field; "group:NAME" those of a group
	Outcome prober.Outcome
	Step    string
	Reason  prober.Reason
	Account string
	// Tags are those that a run must have, all of them.
	Tags map[string]string
	// Since and Until bound the end of the run; it is not before Since, and before Until.
	Since, Until time.Time
	// Before is the cursor: only older runs than this one; 0 begins with the newest.
	Before RunID
	// Limit is how many there are on a page, 1 to MostOnPage; 0 is 50.
	Limit int
}

// MostOnPage is the most runs that one page, or one strip, has.
const MostOnPage = 1000

// A Page is runs, the newest first. Next is the Before of the page of older ones, 0
// where there are none.
type Page struct {
	Runs []Run
	Next RunID
}

// A Change is one of a state.
type Change struct {
	Check    string // may be a group's, "group:NAME"
	From, To detect.State
	At       time.Time
	Evidence float64
	// Failed of Runs failed in the hour before.
	Failed, Runs int
	Blame        string // a sentence; "" where there is none
	Cause        prober.Cause
	// Step and Reason are those of what was let in, where that is new, and else of the last
	// failed run; "" where there was none.
	Step   string
	Reason prober.Reason
	Run    RunID // the run that changed it; it may be kept no more
}

// A Series is what became of the runs of a check, or of a group, over time.
type Series struct {
	Check    string
	From, To time.Time     // whole buckets
	Width    time.Duration // of a bucket: a minute, or an hour where it is more than two days
	Buckets  []Bucket      // those that have something, in order
	Steps    []StepSeries  // by the name of the step; none of a group
}

// A Bucket is some of a Series. Evidence is the highest in it, EvidenceLast the last.
type Bucket struct {
	At                                       time.Time
	Passed, Failed, Errored, Aborted, Missed int
	Evidence, EvidenceLast                   float64
	Took                                     Quantiles // of runs that passed or failed
}

// Quantiles of N lengths of time, right to 5 %; Max is exact.
type Quantiles struct {
	N                  int
	P50, P95, P99, Max time.Duration
}

// A StepSeries is how long a step has taken.
type StepSeries struct {
	Step    string
	Buckets []StepBucket
}

// A StepBucket is some of a StepSeries.
type StepBucket struct {
	At     time.Time
	Failed int
	Quantiles
}

// Causes are why runs of a check failed, and what they have in common.
type Causes struct {
	Runs, Failed int
	Reasons      []ReasonCount // the most frequent first
	Tags         []TagCount    // the highest ratio first
}

// A ReasonCount is how many runs failed in a step for a reason.
type ReasonCount struct {
	Step   string
	Reason prober.Reason
	N      int
}

// A TagCount is how many of the runs with a tag failed, with the 95 % interval of the
// ratio.
type TagCount struct {
	Tag          detect.Tag
	Failed, Runs int
	detect.Interval
}

// A MissedCount is how many due times were missed in a minute for a reason.
type MissedCount struct {
	At     time.Time
	Reason prober.MissReason
	N      int
}
