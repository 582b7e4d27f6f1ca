package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/authprober/authprober/prober"
)

// A jsonRun is a run as `once --json` prints it. The names are documented in the
// command's help and do not change.
type jsonRun struct {
	Check   string            `json:"check"`
	Outcome prober.Outcome    `json:"outcome"`
	Start   time.Time         `json:"start"`
	Took    float64           `json:"took_seconds"`
	Account string            `json:"account,omitempty"`
	TraceID string            `json:"trace_id,omitempty"`
	Steps   []jsonStep        `json:"steps"`
	Cleanup []jsonStep        `json:"cleanup,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	// Certificate is what tells the one of TLS that the run was shown first.
	Certificate string `json:"certificate,omitempty"`
	Error       string `json:"error,omitempty"`
}

type jsonStep struct {
	Name     string        `json:"name"`
	Request  string        `json:"request,omitempty"`
	Skipped  bool          `json:"skipped,omitempty"`
	Reason   prober.Reason `json:"reason,omitempty"`
	Detail   string        `json:"detail,omitempty"`
	Status   int           `json:"status,omitempty"`
	Remote   string        `json:"remote,omitempty"`
	Attempts int           `json:"attempts,omitempty"`
	Polls    int           `json:"polls,omitempty"`
	Delivery float64       `json:"delivery_seconds,omitempty"`
	// Repeat is what came of asking again for what was accepted and must be refused.
	Repeat      prober.Repeat      `json:"repeat,omitempty"`
	Propagation float64            `json:"propagation_seconds,omitempty"`
	Took        float64            `json:"took_seconds"`
	Phases      map[string]float64 `json:"phases_seconds,omitempty"`
}

// printRunJSON returns a function that prints a run in a line of JSON.
func printRunJSON(w io.Writer) func(*prober.Run) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(r *prober.Run) error {
		out := jsonRun{
			Check: r.Check.Name, Outcome: r.Outcome, Start: r.Start.UTC(), Took: r.Took.Seconds(),
			Account: r.Account, TraceID: r.TraceID,
			Steps: jsonSteps(r.Steps), Cleanup: jsonSteps(r.Cleanup), Tags: r.Tags, Certificate: r.Certificate,
		}
		if r.Err != nil {
			out.Error = r.Err.Error()
		}
		return e.Encode(out)
	}
}

func jsonSteps(steps []prober.StepResult) []jsonStep {
	out := make([]jsonStep, 0, len(steps))
	for i := range steps {
		s := &steps[i]
		one := jsonStep{
			Name: s.Name, Request: s.Request, Skipped: s.Skipped, Reason: s.Reason, Detail: s.Detail,
			Status: s.Status, Remote: s.Remote, Attempts: s.Attempts,
			Polls: s.Polls, Delivery: s.Delivery.Seconds(), Repeat: s.Repeat, Propagation: s.Propagation.Seconds(), Took: s.Took.Seconds(),
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
