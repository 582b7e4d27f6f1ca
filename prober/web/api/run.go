package api

import (
	"strconv"
	"time"

	"github.com/authprober/authprober/prober"
)

// Runs are some runs, the latest first. Next is the cursor of those that come
// after them; missing where there are none.
type Runs struct {
	Runs []Summary `json:"runs"`
	Next string    `json:"next,omitempty"`
}

// A Summary is a run without its steps.
type Summary struct {
	ID      string            `json:"id,omitempty"` // missing where only the last run is known
	Check   string            `json:"check"`
	Outcome string            `json:"outcome"`
	Due     time.Time         `json:"due"`
	Start   time.Time         `json:"start"`
	Took    float64           `json:"took_seconds"`
	Confirm bool              `json:"confirm,omitempty"`
	Step    string            `json:"step,omitempty"` // the one that failed
	Reason  string            `json:"reason,omitempty"`
	Detail  string            `json:"detail,omitempty"`
	Account string            `json:"account,omitempty"`
	TraceID string            `json:"trace_id,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	Error   string            `json:"error,omitempty"` // why it says nothing about the target
	// Evidence is that of the check after the run; missing where only the run is known.
	Evidence *float64 `json:"evidence,omitempty"`
}

// A Run is a run with its steps. Of passed runs they are kept for a sample only:
// StepsKept says whether they are here.
type Run struct {
	Summary
	StepsKept   bool     `json:"steps_kept"`
	Steps       []Step   `json:"steps"`
	Cleanup     []Step   `json:"cleanup"`
	NotBegun    []string `json:"not_begun"` // steps of the check that come after a failed one
	Certificate string   `json:"certificate,omitempty"`
	ClockSkew   *float64 `json:"clock_skew_seconds,omitempty"`
}

// A Step is what came of one step of a run.
type Step struct {
	Step     string             `json:"step"`
	Start    float64            `json:"start_seconds"` // since the run began
	Took     float64            `json:"took_seconds"`
	Phases   map[string]float64 `json:"phases_seconds,omitempty"`
	Skipped  bool               `json:"skipped,omitempty"`
	Reason   string             `json:"reason,omitempty"`
	Detail   string             `json:"detail,omitempty"` // what was expected and what was got
	Request  string             `json:"request,omitempty"`
	Status   int                `json:"status,omitempty"`
	Remote   string             `json:"remote,omitempty"`
	Attempts int                `json:"attempts,omitempty"`
	Polls    int                `json:"polls,omitempty"`
	Delivery float64            `json:"delivery_seconds,omitempty"`
	// Repeat is what came of the one confirming repeat of a must-be-refused step that was
	// accepted, and Propagation how long a revocation took to be seen.
	Repeat      string  `json:"repeat,omitempty"`
	Propagation float64 `json:"propagation_seconds,omitempty"`
	// Exchange is what was sent and got, redacted; missing where it was not kept.
	Exchange *Exchange `json:"exchange,omitempty"`
}

// An Exchange is what a step sent and what it got. Secrets are masked, and of bodies
// what says something of the target is shown.
type Exchange struct {
	Request      string  `json:"request,omitempty"`
	Header       []Field `json:"header,omitempty"`
	Body         string  `json:"body,omitempty"`
	Proto        string  `json:"proto,omitempty"`
	Status       int     `json:"status,omitempty"`
	AnswerHeader []Field `json:"answer_header,omitempty"`
	Answer       string  `json:"answer,omitempty"`
	AnswerBytes  int64   `json:"answer_bytes,omitempty"`
	AnswerCut    bool    `json:"answer_cut,omitempty"`
	// Curl is the request as a command, its secrets as $VARIABLES; missing for what
	// curl cannot do.
	Curl string `json:"curl,omitempty"`
}

// A Field is a header field.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// RunID writes the number that tells a run from all others, such as one of
// prober/history: larger is later.
func RunID(id int64) string { return strconv.FormatInt(id, 10) }

// ParseRunID reads what RunID writes, and nothing else.
func ParseRunID(text string) (id int64, ok bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0 && RunID(id) == text
}

// NewSummary puts a run into the API's words. The id is the caller's; zero is none.
func NewSummary(id int64, r *prober.Run) Summary {
	s := Summary{
		Check: r.Check.Name, Outcome: string(r.Outcome), Due: r.Due.Round(0).UTC(), Start: r.Start.Round(0).UTC(),
		Took: r.Took.Seconds(), Confirm: r.Confirm, Account: r.Account, TraceID: r.TraceID, Tags: r.Tags,
	}
	if step := r.FailedStep(); step != nil {
		s.Step, s.Reason, s.Detail = step.Name, string(step.Reason), step.Detail
	}
	if r.Err != nil {
		s.Error = r.Err.Error()
	}
	if id > 0 {
		s.ID = RunID(id)
	}
	return s
}

func summaryOf(r *prober.Run) *Summary {
	if r == nil {
		return nil
	}
	s := NewSummary(0, r)
	return &s
}

// NewRun puts a run with all its steps into the API's words.
func NewRun(id int64, r *prober.Run) Run {
	out := Run{Summary: NewSummary(id, r), StepsKept: true, Steps: NewSteps(r.Steps), Cleanup: NewSteps(r.Cleanup), NotBegun: []string{},
		Certificate: r.Certificate}
	if r.HasClockSkew {
		skew := r.ClockSkew.Seconds()
		out.ClockSkew = &skew
	}
	if names := r.Check.Steps; len(r.Steps) < len(names) {
		out.NotBegun = append(out.NotBegun, names[len(r.Steps):]...)
	}
	return out
}

// NewSteps puts what came of steps into the API's words.
func NewSteps(steps []prober.StepResult) []Step {
	out := make([]Step, 0, len(steps))
	for i := range steps {
		s := &steps[i]
		one := Step{
			Step: s.Name, Start: s.Start.Seconds(), Took: s.Took.Seconds(), Skipped: s.Skipped, Reason: string(s.Reason), Detail: s.Detail,
			Request: s.Request, Status: s.Status, Remote: s.Remote, Attempts: s.Attempts, Polls: s.Polls, Delivery: s.Delivery.Seconds(),
			Repeat: string(s.Repeat), Propagation: s.Propagation.Seconds(),
		}
		if e := s.Exchange; e != nil {
			one.Exchange = &Exchange{e.Request, newFields(e.Header), e.Body, e.Proto, e.Status, newFields(e.AnswerHeader), e.Answer, e.AnswerBytes, e.AnswerCut, e.Curl}
		}
		s.Phases.Each(func(name string, d time.Duration) {
			if one.Phases == nil {
				one.Phases = map[string]float64{}
			}
			one.Phases[name] = d.Seconds()
		})
		out = append(out, one)
	}
	return out
}

func newFields(fields []prober.Field) (out []Field) {
	for _, f := range fields {
		out = append(out, Field(f))
	}
	return out
}
