package prober

import (
	"errors"
	"time"
)

// The causes with which the context of a run ends; see [Attempt.Probe].
var (
	ErrTimeout  = errors.New("the run has used up its time")
	ErrShutdown = errors.New("the prober is shutting down")
)

// An Outcome is the verdict on a run. Only passed and failed runs are counted
// in a failure ratio.
type Outcome string

const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"  // the target's fault
	Errored Outcome = "errored" // our own fault
	Aborted Outcome = "aborted" // the prober was shutting down
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{Passed, Failed, Errored, Aborted}

// Counted reports whether runs with this outcome are part of a failure ratio.
func (o Outcome) Counted() bool { return o == Passed || o == Failed }

// A Run is the record of one execution of a check. It is immutable once an
// [Observer] has seen it.
type Run struct {
	Check   *Check
	Seq     uint64        // 1 for the first run of the check in this process
	Due     time.Time     // when the schedule, or the evidence, wanted it
	Start   time.Time     // when it began; Start - Due is our own lateness
	Took    time.Duration // without the clean-up
	Outcome Outcome
	Account string // name of the account that was used; "" where none was
	// Confirm says that evidence asked for the run, beside those of the schedule.
	// Its due time counts as one, and its outcome like any other.
	Confirm bool
	Report
}

// End is when the run ended, without its clean-up. Due, Start and End carry a
// monotonic clock reading.
func (r *Run) End() time.Time { return r.Start.Add(r.Took) }

// FailedStep returns the first step that failed, or nil.
func (r *Run) FailedStep() *StepResult {
	for i := range r.Steps {
		if r.Steps[i].Reason != "" {
			return &r.Steps[i]
		}
	}
	return nil
}

// A Report is what a probe tells about the run it made. No secret is in it.
type Report struct {
	// Steps are the results of the steps that were begun, in order. A step
	// after the first failed one is never begun.
	Steps []StepResult
	// Cleanup are the results of the clean-up. They never change the outcome.
	Cleanup []StepResult
	// Tags are facts of the answers, and of the moment, with few values, to blame later.
	Tags map[string]string
	// TraceID is the W3C trace id that the run's requests carried, 32 hex digits.
	TraceID string
	// Took is how long the steps took, without the clean-up. Zero means that
	// the time the probe took as a whole is to be used.
	Took time.Duration
	// Err says why the run says nothing about the target: nil if it passed or
	// failed, an error that wraps ErrShutdown if it was aborted, and any other
	// error if the fault is ours.
	Err error
	// CertificateExpiry is the earliest end of validity of the TLS certificates
	// seen; zero where none was.
	CertificateExpiry time.Time
	// Certificate tells which TLS certificate the run was shown first: the first 12
	// hex digits of the SHA-256 of the server's own, whether it was taken or not; ""
	// without TLS, or where no handshake came so far.
	Certificate string
	// ClockSkew is the target's clock minus ours, by the Date of its last answer
	// (which has a resolution of one second), where HasClockSkew says so.
	ClockSkew    time.Duration
	HasClockSkew bool
	// Overloaded says that the step that failed did so because the target has more to
	// do than it can: it limits how often it is asked, or is not available. RetryAfter
	// is how long it asks to be left alone; zero where it does not say. See
	// [MostRetryAfter].
	Overloaded bool
	RetryAfter time.Duration
	// Pause is how long, from the end of the run on, the target wants no run of the
	// check at all, whatever became of this one; zero where it does not ask for that.
	// See [MostPause].
	Pause time.Duration
}

// Outcome is the verdict that the report amounts to.
func (r *Report) Outcome() Outcome {
	switch {
	case errors.Is(r.Err, ErrShutdown):
		return Aborted
	case r.Err != nil:
		return Errored
	}
	for i := range r.Steps {
		if r.Steps[i].Reason != "" {
			return Failed
		}
	}
	return Passed
}

// A StepResult is the record of one step of one run.
type StepResult struct {
	Name    string
	Start   time.Duration // since the run began
	Took    time.Duration
	Phases  Phases
	Skipped bool   // its `if` was false, or what a clean-up step needs was never captured
	Reason  Reason // "" when the step passed or was skipped
	// Detail says in one line, redacted, what was expected and what was got.
	// It is "" for a step that passed.
	Detail string
	// Request is the method and the redacted URL; Status the HTTP status of the
	// answer, 0 where there was none; Remote the address that was talked to.
	Request string
	Status  int
	Remote  string
	// Sent is what the last request of the step was; zero where it sent none.
	Sent Sent
	// Attempts counts the requests that were written to the network. It is 1
	// unless the step follows redirects, polls, was given a nonce to sign, or
	// never got that far.
	Attempts int
	// Polls counts how often a step that polls has asked; 0 for one that does not.
	Polls int
	// Delivery is how long it took until what the step waits for was there, such
	// as a one-time code in an inbox. Zero where it waits for no such thing, or
	// in vain.
	Delivery time.Duration
	// Repeat is what came of the one confirming repeat of a step that was accepted and
	// must be refused; "" where there was no call for one. The rest of the result is that
	// of the acceptance, but for Attempts and Took, which have the repeat in them.
	Repeat Repeat
	// Propagation is how long after a revocation the target was seen to refuse, for a
	// step that may be accepted for a while: zero where it does not measure that, or where
	// the target has not refused.
	Propagation time.Duration
	// Exchange is what was sent and what came back; nil for most runs that passed, and
	// for a step that sends nothing.
	Exchange *Exchange
}

// Sent is what a step's request was, for traces. No secret is in it.
type Sent struct {
	Method string
	Scheme string // http or https
	Host   string // redacted, with the port where the URL has one
	// SpanID is the parent id that each request of the step carried in its traceparent,
	// 16 hex digits: the span under which the target's own hang.
	SpanID string
}

// Phases are the parts of a step's time, named as blackbox_exporter names them.
// A phase that did not happen, such as the connect of a connection that an
// earlier step opened, is zero.
type Phases struct {
	Resolve    time.Duration // name resolution
	Connect    time.Duration // TCP handshake
	TLS        time.Duration // TLS handshake
	Processing time.Duration // from the request's having been written to the first byte of the answer
	Transfer   time.Duration // from the first byte of the answer to its last
}

// Each calls f for each phase that happened, in order, with its name.
func (p *Phases) Each(f func(name string, d time.Duration)) {
	for i, d := range [...]time.Duration{p.Resolve, p.Connect, p.TLS, p.Processing, p.Transfer} {
		if d > 0 {
			f(PhaseNames[i], d)
		}
	}
}

// PhaseNames lists the names of the phases in the order in which they happen.
var PhaseNames = []string{"resolve", "connect", "tls", "processing", "transfer"}
