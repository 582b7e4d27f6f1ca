package checks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
)

// A before is what a must-be-refused step found when it began, so that it can be asked
// once more for the very same.
type before struct {
	cookies int // see jar.moment
	grants  map[*Client]grant
}

// noteBefore is called before each must-be-refused step.
func (s *Session) noteBefore() {
	s.before = before{cookies: s.jar.moment(), grants: map[*Client]grant{}}
	for c, g := range s.grants {
		s.before.grants[c] = *g
	}
}

// isAccepted reports whether a step's error says that it was let in.
func isAccepted(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.reason == prober.ReasonNotRefused
}

// confirm asks once more, over another connection, for what was let in and must be
// refused, and says with the failure what came of it. It is no retry: the run has
// failed with the first answer, and stays so whatever the second one is. A backend of
// several that lets in what the others refuse is an open door, and a code or a token
// that was used up by being let in is refused from then on.
//
// So a second refusal never takes the first acceptance back, nor does an error. The
// answer, the tags and the time of the step stay those of the acceptance.
func (s *Session) confirm(ctx context.Context, st *step, accepted error) error {
	what, said := s.askAgain(ctx, st)
	s.result.Repeat = what
	return Failf(prober.ReasonNotRefused, "%v %s", accepted, said)
}

// askAgain makes the repeat, unless it must not be made, and says what came of it in
// words that follow "it was accepted".
func (s *Session) askAgain(ctx context.Context, st *step) (prober.Repeat, string) {
	if why := s.mayNotRepeat(ctx, st); why != "" {
		return prober.RepeatNotMade, "once, and was not asked for again: " + why
	}
	answer, timing, sent := s.answer, s.timing, s.sent
	err := s.repeat(ctx, st)
	s.noteHalt(st, true)
	status, attempts := s.answer.status, 0
	s.timing.do(func() { attempts = s.timing.before + s.timing.attempts })
	s.answer, s.timing, s.sent, s.client.Jar = answer, timing, sent, s.jar
	s.timing.do(func() { s.timing.before += attempts })
	s.answer.shown = false
	f, isFailure := errors.AsType[*failure](err)
	switch {
	case isAccepted(err):
		return prober.RepeatAccepted, "twice, on two connections"
	case err == nil || isFailure && f.reason == prober.ReasonWrongRefusal:
		return prober.RepeatRefused, fmt.Sprintf("once, and refused with %d when asked again on another connection", status)
	case isFailure && status > 0:
		return prober.RepeatUnclear, fmt.Sprintf("once; asked again on another connection it was neither: status %d, %s", status, f.reason)
	case isFailure:
		return prober.RepeatUnclear, fmt.Sprintf("once; asked again on another connection there was no answer: %s", f.reason)
	case errors.Is(err, prober.ErrShutdown):
		return prober.RepeatUnclear, "once; the prober was stopped before it had an answer on another connection"
	}
	return prober.RepeatUnclear, "once; asking again failed for a reason of our own"
}

// mayNotRepeat is why a repeat is not made; "" where it is. What it uses up of an
// account is counted, and stored, by then.
//
// A wrong credential goes out only between two logins that were accepted. One that was
// let in was, to the target, such a login; the other one is the first login of whatever
// run has the account next, as no flow of a negative pool sends a wrong credential
// without one before.
func (s *Session) mayNotRepeat(ctx context.Context, st *step) string {
	if st.Repeat != nil && !*st.Repeat {
		return "the flow wants no repeat"
	}
	if err := stopped(ctx); err != nil {
		if errors.Is(err, prober.ErrShutdown) {
			return "the prober was stopped"
		}
		return "the run's time was used up"
	}
	if s.lease == nil {
		return ""
	}
	switch ok, err := s.lease.Charge(time.Now(), st.useOfRepeat()); {
	case err != nil:
		return "it could not be counted"
	case !ok:
		return "the account has no more wrong credentials or codes today"
	}
	if st.usesTOTP {
		if err := s.noteCode(time.Now()); err != nil {
			return "it could not be counted"
		}
	}
	return ""
}

// useOfRepeat is what the repeat of a step uses up of the account.
func (st *step) useOfRepeat() (u accounts.Use) {
	if st.isNegative() {
		u.Negative = 1
	}
	if st.usesCode {
		u.Codes = 1
	}
	return u
}

// repeat performs the step's action once more, as if it had not been performed, and
// returns what is wrong with the answer; nil where it is the refusal that is wanted.
// Signatures, proofs and the like are made anew; what the step has computed with let, and
// its counter, are the same.
func (s *Session) repeat(ctx context.Context, st *step) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a panic in step %q (%T) at %s", st.Name, r, firstFrame(debug.Stack()))
		}
	}()
	if st.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(st.Timeout), prober.ErrTimeout)
		defer cancel()
	}
	for c, g := range s.before.grants {
		*s.grant(c) = g
	}
	s.client.Jar, s.client.Transport = s.jar.at(s.before.cookies), s.wire.renew()
	s.answer, s.timing = answer{}, &timing{}
	if err := s.ask(ctx, st); err != nil {
		return err
	}
	s.show()
	if err := s.authorizationResponse(st); err != nil {
		return err
	}
	return s.judgeRefusal(st)
}
