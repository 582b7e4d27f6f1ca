package checks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
)

// probe performs the flow once.
func (f *compiled) probe(ctx context.Context, lease *accounts.Lease) prober.Report {
	s := f.newSession(lease)
	defer s.close()
	s.report.TraceID = s.traceID
	if s.report.Err != nil {
		return s.report // what the run needs of ours is not to be had
	}
	s.report.Steps = make([]prober.StepResult, 0, len(f.steps))
	for i := range f.steps {
		if !s.step(ctx, &f.steps[i], &s.report.Steps) {
			break
		}
	}
	if s.report.Err == nil && !slices.ContainsFunc(s.report.Steps, func(st prober.StepResult) bool { return !st.Skipped }) {
		s.report.Err = errors.New("every step was skipped: the run has measured nothing")
	}
	s.report.Took = time.Since(s.start)
	s.report.Tags = s.shownTags()
	s.cleanUp(ctx)
	s.redactExchanges()
	return s.report
}

// cleanUp runs the clean-up steps that can be run, whatever became of the run.
// They have a deadline of their own.
func (s *Session) cleanUp(ctx context.Context) {
	if len(s.flow.cleanup) == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.flow.check.Schedule.Cleanup, prober.ErrTimeout)
	defer cancel()
	err := s.report.Err
	s.tags = nil // the report has its own
	for i := range s.flow.cleanup {
		s.step(ctx, &s.flow.cleanup[i], &s.report.Cleanup)
	}
	s.report.Err = err // a clean-up never changes the outcome
}

// step runs one step and adds its result. It reports whether the run goes on.
func (s *Session) step(ctx context.Context, st *step, results *[]prober.StepResult) bool {
	if err := stopped(ctx); err != nil && results == &s.report.Steps {
		s.end(err, st, results)
		return false
	}
	*results = append(*results, prober.StepResult{Name: st.Name, Start: time.Since(s.start)})
	s.result = &(*results)[len(*results)-1]
	begun := time.Now()
	err := s.perform(ctx, st, results == &s.report.Cleanup)
	if results == &s.report.Steps && isAccepted(err) {
		err = s.confirm(ctx, st, err)
	}
	s.noteEnd(st)
	s.result.Took = time.Since(begun)
	s.fill(st)
	goesOn := s.settle(err)
	s.noteExchange()
	s.noteHalt(st, !goesOn)
	if !goesOn && results == &s.report.Steps && !st.isAside() {
		s.noteOverload(time.Now())
	}
	return goesOn
}

// stopped is why no further step may begin: nil where one may.
func stopped(ctx context.Context) error {
	switch {
	case ctx.Err() == nil:
		return nil
	case errors.Is(context.Cause(ctx), prober.ErrShutdown):
		return prober.ErrShutdown
	}
	return Failf(prober.ReasonTimeout, "the run's time was used up before the step began")
}

// end records that the run's end came before a step began.
func (s *Session) end(err error, st *step, results *[]prober.StepResult) {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		s.report.Err = err
		return
	}
	*results = append(*results, prober.StepResult{
		Name: st.Name, Start: time.Since(s.start), Reason: f.reason, Detail: f.detail,
	})
}

// perform runs the step's action and judges its answer. A panic is an error of
// ours; the clean-up still takes place.
func (s *Session) perform(ctx context.Context, st *step, cleanup bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a panic in step %q (%T) at %s", st.Name, r, firstFrame(debug.Stack()))
		}
	}()
	if s.answer.status != 0 {
		s.previous = s.answer
	}
	s.answer, s.timing, s.sent, s.acting, s.limit.ctx = answer{}, &timing{}, sent{}, st, ctx
	s.vars["step"] = st.Name
	if st.If.isSet() {
		if missing, err := s.missing(st, st.ifNeeds, cleanup); missing {
			return err
		}
		if yes, err := s.eval(st.If.program); err != nil || yes != true {
			s.result.Skipped = err == nil
			return err
		}
	}
	if missing, err := s.missing(st, st.needs, cleanup); missing {
		return err
	}
	if st.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(st.Timeout), prober.ErrTimeout)
		defer cancel()
		s.limit.ctx = ctx
	}
	if len(st.Refuse) > 0 {
		s.noteBefore()
	}
	if err := s.prepare(st); err != nil {
		return err
	}
	if st.usesTOTP {
		s.noteEdge(time.Now())
	}
	if err := s.compute(st); err != nil {
		return err
	}
	if st.usesTOTP && s.lease != nil {
		if err := s.noteCode(time.Now()); err != nil {
			return err
		}
	}
	err = s.act(ctx, st)
	if !st.isAside() {
		s.tag()
	}
	if err != nil {
		return err
	}
	s.show()
	if err := s.authorizationResponse(st); err != nil {
		return err
	}
	if err := s.judge(st); err != nil {
		s.hideCaptures(st)
		return s.rememberLate(st, err)
	}
	s.noteRefusal(st)
	if err := s.captureAll(st); err != nil {
		return err
	}
	return s.rememberAll(st)
}

// missing reports whether one of the names was never captured: then a step of the
// clean-up is skipped, and any other is a mistake in the flow.
func (s *Session) missing(st *step, names []string, cleanup bool) (bool, error) {
	for _, name := range names {
		if s.captured[name] {
			continue
		}
		if s.result.Skipped = cleanup; cleanup {
			return true, nil
		}
		return true, fmt.Errorf("step %q reads %s, which was not captured: the step that captures it was skipped", st.Name, name)
	}
	return false, nil
}

// firstFrame names the place of a panic: the frame after the runtime's own.
func firstFrame(stack []byte) string {
	_, after, _ := strings.Cut(string(stack), "panic(")
	lines := strings.Split(after, "\n")
	if len(lines) < 4 {
		return "an unknown place"
	}
	place := strings.TrimSpace(lines[3])
	place, _, _ = strings.Cut(place, " +")
	return place[strings.LastIndexAny(place, `/\`)+1:]
}

// show brings the answer into reach of expressions, once.
func (s *Session) show() {
	if s.answer.shown {
		return
	}
	s.answer.shown = true
	s.vars["status"], s.vars["header"], s.vars["took"] = s.answer.status, s.answer.header, s.answer.took
	s.vars["body"], s.vars["text"], s.vars["location"] = s.answer.json, nil, nil // it may be read already
	if s.flow.usesLocation {
		s.vars["location"] = s.answer.location()
	}
	if s.flow.usesText {
		s.vars["text"] = string(s.answer.body)
	}
}

// fill copies what was measured into the step's result.
func (s *Session) fill(st *step) {
	t := s.timing
	t.do(func() {
		s.result.Phases, s.result.Attempts, s.result.Remote = t.phases, t.before+t.attempts, t.remote
	})
	s.result.Status = s.answer.status
	if !s.result.Skipped {
		s.result.Request = st.Shown()
	}
}

// settle turns the step's error into its result. It reports whether the run
// goes on.
func (s *Session) settle(err error) bool {
	if err == nil {
		return true
	}
	if f, ok := errors.AsType[*failure](err); ok {
		s.result.Reason, s.result.Detail = f.reason, s.redact(f.detail)
		return false
	}
	if errors.Is(err, prober.ErrShutdown) {
		s.report.Err = prober.ErrShutdown
		return false
	}
	s.report.Err = errors.New(s.redact(err.Error()))
	return false
}

// shownTags are the tags as they may be seen. It is called at the end of the run,
// when all that is secret is known.
func (s *Session) shownTags() map[string]string {
	for i := range s.flow.tags {
		t := &s.flow.tags[i]
		if value, ok := s.tags[t.name]; ok {
			s.tags[t.name] = t.admit(s.redact(value))
		}
	}
	if s.edge != "" {
		if s.tags == nil {
			s.tags = map[string]string{}
		}
		s.tags[tagEdge] = s.edge
	}
	return s.tags
}

// tag evaluates the flow's tags over the answer at hand. Where a step got none
// over a connection of its own, nothing is known about who was to answer; where it
// asked nobody, what is wrong is with the answers before.
func (s *Session) tag() {
	if s.answer.status == 0 {
		if !s.timing.reused && s.stage() > preparing {
			s.tags = nil
		}
		return
	}
	s.show()
	for i := range s.flow.tags {
		t := &s.flow.tags[i]
		v, err := s.evalAnswer(t.expr.program)
		if err != nil {
			continue // the answer does not say
		}
		if text, err := textOf(v); err == nil && text != "" {
			if s.tags == nil {
				s.tags = make(map[string]string, len(s.flow.tags))
			}
			s.tags[t.name] = text
		}
	}
}
