package checks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// WithinSettings say for how long something that was revoked may still be accepted.
type WithinSettings struct {
	// Time is for how long, from the end of the step that revoked. It is shorter than the run's timeout.
	Time Duration `yaml:"time,required"`
	// Of is the step that revoked. The default is the step before.
	Of string `yaml:"of"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: `within: TIME` is short for {time: TIME}.
func (w *WithinSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &w.Time)
	} else {
		type plain WithinSettings
		var set plain
		d.Decode(n, &set)
		*w = WithinSettings(set)
	}
	w.node = n
}

const (
	// askSoonest and askLatest are the least and the most time between two requests of
	// a step that waits for its refusal, and askPart is the part of the time since the
	// revocation that is between them otherwise: the time that is measured is right to
	// that part. Servers close a connection that rests for 5 s and more.
	askSoonest, askLatest = leastPoll, 2 * time.Second
	askPart               = 4
)

// askNext is how long to wait, from so long after the revocation on, until it is asked
// again. The last time is at the limit.
func askNext(since, limit time.Duration) time.Duration {
	next := min(max(askSoonest, since/askPart), askLatest)
	if rest := limit - since; rest < next+askSoonest { // never twice within the least time
		return rest
	}
	return next
}

// asksWithin is how often a step asks at the most that may be accepted for so long.
func asksWithin(limit time.Duration) (n int) {
	since := time.Duration(0)
	for n = 1; since < limit; n++ {
		since += askNext(since, limit)
	}
	return n
}

// awaitRefusal asks until the target refuses, or has accepted at the end of the time
// for which it may. It asks over a connection of its own, as the run's leads to the
// backend that has just been told; and always over that one, since a backend that
// never learns is not to be hidden by another one that has. It is no retry: the first
// answer that does not accept is the step's.
func (s *Session) awaitRefusal(ctx context.Context, st *step) error {
	from, err := s.revokedAt(st)
	if err != nil {
		return err
	}
	limit := time.Duration(st.Within.Time)
	s.client.Transport = s.wire.renew()
	for {
		s.result.Polls++
		since := time.Since(from)
		if err := s.ask(ctx, st); err != nil {
			return err
		}
		s.show()
		if slices.Contains(st.Refuse, s.answer.status) {
			s.result.Propagation = max(since, 1) // at once counts too
		}
		if !s.letIn(st) || since >= limit {
			return nil
		}
		if since = time.Since(from); since < limit { // an answer may have taken until after it
			if err := wait(ctx, askNext(since, limit)); err != nil {
				return err
			}
		}
		s.again()
	}
}

// revokedAt is when the time began for which the step may be accepted.
func (s *Session) revokedAt(st *step) (time.Time, error) {
	if st.Within.Of == "" {
		if s.ended.IsZero() {
			return s.ended, fmt.Errorf("step %q counts from the end of the step before, and each of those was skipped", st.Name)
		}
		return s.ended, nil
	}
	at, ok := s.ends[st.Within.Of]
	if !ok {
		return at, fmt.Errorf("step %q counts from the end of %q, which was skipped", st.Name, st.Within.Of)
	}
	return at, nil
}

// noteEnd notes when a step has ended, for those that count from there.
func (s *Session) noteEnd(st *step) {
	if s.result.Skipped || !s.flow.waits {
		return
	}
	s.ended = time.Now()
	if s.ends == nil {
		s.ends = map[string]time.Time{}
	}
	s.ends[st.Name] = s.ended
}
