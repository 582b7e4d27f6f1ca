package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// The least time between two polls, and what it is where a flow says nothing.
const (
	leastPoll   = 100 * time.Millisecond
	defaultPoll = time.Second
)

// PollSettings say how an action is repeated until its answer is the one waited
// for, as with an approval in an app or a code in an inbox. It is no retry: only an
// answer that says "not yet" is asked for again, and each is counted as a poll.
type PollSettings struct {
	// Every is the time from an answer to the next request, at least 100ms. The default is 1s.
	Every Duration `yaml:"every"`
	// For is how long the step asks, from its beginning. An answer that has not come by then fails the step.
	For Duration `yaml:"for,required"`
	// Until is a condition on the answer: the one waited for. Where the kind has one of its own, such as a grant that is pending, it may be left out.
	Until Expr `yaml:"until"`
	// Pending is a condition on the answer that says "not yet". An answer that is neither this nor until fails the step. The default is every answer but 429, those of class 5xx and, where the step sends a field of the account, 400, 401, 403 and 423: asking on would lock it.
	Pending Expr `yaml:"pending"`
	// Delivery says that what is waited for is delivered, such as a one-time code by mail: the time it takes is a metric of its own, and where it does not come the reason is undelivered.
	Delivery bool `yaml:"delivery"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: it keeps the place for later mistakes.
func (p *PollSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	type plain PollSettings
	set := plain{Every: Duration(defaultPoll)}
	d.Decode(n, &set)
	*p = PollSettings(set)
	p.node = n
}

// A poller is a Step whose protocol says by itself that an answer means "not yet".
type poller interface {
	Step
	// pending reports whether the answer at hand means "not yet", and how much
	// longer than before to wait from now on.
	pending(s *Session) (slower time.Duration, yes bool)
}

func (st *step) vetPoll(after *Scope, runTimeout time.Duration) {
	p := st.Poll
	if p == nil {
		return
	}
	p.Until.compileBool(after)
	p.Pending.compileBool(after)
	st.usesBody = st.usesBody || p.Until.mentions("body") || p.Pending.mentions("body")
	every, most := time.Duration(p.Every), time.Duration(p.For)
	_, knows := st.Step.(poller)
	switch {
	case every < leastPoll:
		after.doc.Errorf(p.node, "the step %q polls every %s; at least %s are between two polls", st.Name, every, leastPoll)
	case most <= every && most > 0:
		after.doc.Errorf(p.node, "the step %q polls for %s, and every %s: that is one request, no poll", st.Name, most, every)
	case most > runTimeout:
		after.doc.Errorf(p.node, "the step %q polls for %s, which is longer than the run's timeout, %s", st.Name, most, runTimeout)
	}
	if !p.Until.isSet() && !knows && p.node.Kind == yaml.MappingNode {
		after.doc.Errorf(p.node, "the poll of the step %q has no until: whatever the answer, it would be the one", st.Name)
	}
}

// act performs the step's action, again and again where it polls.
func (s *Session) act(ctx context.Context, st *step) error {
	switch {
	case st.Within != nil:
		return s.awaitRefusal(ctx, st)
	case st.Poll == nil:
		return s.ask(ctx, st)
	}
	begun, every, most := time.Now(), time.Duration(st.Poll.Every), st.Poll.most(ctx)
	if st.Poll.For > 0 { // the last request, too, has to be answered by then
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, most, prober.ErrTimeout)
		defer cancel()
	}
	for {
		s.result.Polls++
		left := timeLeft(ctx)
		if err := s.ask(ctx, st); err != nil {
			if st.Poll.Delivery && s.result.Polls > 1 && left < every && errors.Is(context.Cause(ctx), prober.ErrTimeout) {
				return s.late(st, time.Since(begun).Round(leastPoll)) // the last look was cut short: what it looks for is late
			}
			return err
		}
		s.show()
		slower, yes, err := s.pending(st)
		if !yes || err != nil {
			if err == nil && st.Poll.Delivery {
				s.result.Delivery = max(time.Since(begun), 1) // at once counts too
			}
			return err
		}
		every += slower
		if rest := most - time.Since(begun) - every; rest < 0 || rest == 0 && st.Poll.For > 0 { // no time for an answer
			return s.late(st, most)
		}
		if err := wait(ctx, every); err != nil {
			if _, ok := errors.AsType[*failure](err); ok && st.Poll.Delivery { // the step's time was shorter
				return s.late(st, time.Since(begun).Round(leastPoll))
			}
			return err
		}
		s.again()
	}
}

// timeLeft is how long ctx has until its deadline; every run's has one.
func timeLeft(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline)
}

// pending reports whether the answer at hand means "not yet".
func (s *Session) pending(st *step) (slower time.Duration, yes bool, err error) {
	if p, ok := st.Step.(poller); ok {
		if slower, yes = p.pending(s); yes {
			return slower, true, nil
		}
		if !st.Poll.Until.isSet() || !st.Poll.Pending.isSet() && s.answer.status >= 400 {
			return 0, false, nil // an error that the protocol does not call pending is the end
		}
	}
	if s.holds(&st.Poll.Until) {
		return 0, false, nil
	}
	status := s.answer.status
	if p := &st.Poll.Pending; p.isSet() && !s.holds(p) || !p.isSet() && (status >= 500 || status == http.StatusTooManyRequests || st.turnsAway(status)) {
		return 0, false, Failf(reasonOfStatus(status), "want %s, or an answer that says \"not yet\", got neither (status %d)", st.Poll.Until.Source, status)
	}
	return 0, true, nil
}

// holds reports whether a condition on the answer at hand is true. One that cannot
// be evaluated is not.
func (s *Session) holds(e *Expr) bool {
	v, err := s.evalAnswer(e.program)
	return err == nil && v == true
}

// most is how long the step asks: For, or where that is not set, what is left of
// its time but for one Every, so that the last answer has time to come.
func (p *PollSettings) most(ctx context.Context) time.Duration {
	if p.For > 0 {
		return time.Duration(p.For)
	}
	return max(timeLeft(ctx)-time.Duration(p.Every), 0)
}

// late is the failure of a step whose answer did not come in time.
func (s *Session) late(st *step, took time.Duration) error {
	reason := prober.ReasonTimeout
	if st.Poll.Delivery {
		reason = prober.ReasonUndelivered
	}
	last := ""
	if s.answer.status > 0 { // a mail has none, and neither has an answer that was cut short
		last = fmt.Sprintf(", the last with status %d", s.answer.status)
	}
	return Failf(reason, "polled %d times in %s, and the answer was always \"not yet\"%s%s", s.result.Polls, short(took.Round(time.Millisecond)), last, s.answer.beside)
}

// wait waits, or returns early with the reason why ctx has ended.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return classify(ctx, ctx.Err(), polling)
	}
}

// again makes the session ready for another exchange of the same step.
func (s *Session) again() {
	s.timing.do(func() {
		s.timing = &timing{phases: s.timing.phases, before: s.timing.before + s.timing.attempts}
	})
	s.answer = answer{}
}
