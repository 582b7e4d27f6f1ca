package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/authprober/authprober/prober"
)

// judge says whether the answer at hand is what the step wants: nil, or the
// failure.
func (s *Session) judge(st *step) error {
	if len(st.Refuse) > 0 {
		if err := s.judgeRefusal(st); err != nil {
			return err
		}
	} else if v, ok := st.Step.(Verifier); ok {
		if err := s.verify(st, v); err != nil {
			return err
		}
	}
	for _, e := range st.judged {
		if err := s.judgeOne(st, e); err != nil {
			return err
		}
	}
	if st.SameAs != nil {
		return s.judgeSame(st)
	}
	return nil
}

// verify lets the step judge its answer. An error status that the flow expects by
// name is for the expectations alone.
func (s *Session) verify(st *step, v Verifier) error {
	expected := s.answer.status >= 400 && slices.ContainsFunc(st.judged, func(e *Expr) bool {
		return e.mentions("status") && s.holds(e)
	})
	if expected {
		return nil
	}
	return v.Verify(s)
}

// isAccepted reports whether an answer of another class than 2xx is an acceptance, by
// the kind of the step.
func (st *step) isAccepted(s *Session) bool {
	a, ok := st.Step.(interface{ accepted(*Session) bool })
	return ok && a.accepted(s)
}

func (s *Session) judgeOne(st *step, e *Expr) error {
	v, err := s.evalAnswer(e.program)
	if err == nil && v == true {
		return nil
	}
	want := "want " + strings.Join(strings.Fields(e.Source), " ")
	reason := s.reasonOf(st, e)
	if err != nil {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			return err
		}
		if reason == prober.ReasonAssertion || reason == prober.ReasonWrongRefusal {
			reason = f.reason
		}
		return Failf(reason, "%s: %v%s", want, err, s.statusBeside(e))
	}
	if s.answer.private {
		return Failf(reason, "%s, and it is false", want)
	}
	return Failf(reason, "%s, got %s%s", want, s.got(e, v), s.statusBeside(e))
}

// reasonOf is the reason for a false expectation. The status speaks first:
// where the expectation reads it, or where none does and the status is itself
// an error.
func (s *Session) reasonOf(st *step, e *Expr) prober.Reason {
	onStatus := func(e *Expr) bool { return e.mentions("status") }
	if onStatus(e) || s.answer.status >= 400 && len(st.Refuse) == 0 && !slices.ContainsFunc(st.judged, onStatus) {
		return reasonOfStatus(s.answer.status)
	}
	if e.mentions("took") {
		return prober.ReasonTooSlow
	}
	if len(st.Refuse) > 0 { // refused it was
		return prober.ReasonWrongRefusal
	}
	return prober.ReasonAssertion
}

func reasonOfStatus(status int) prober.Reason {
	switch {
	case status == http.StatusTooManyRequests:
		return prober.ReasonRateLimited
	case status >= 500:
		return prober.ReasonStatus5xx
	case status >= 400:
		return prober.ReasonStatus4xx
	case status >= 300 && status != http.StatusNotModified:
		return prober.ReasonRedirect
	}
	return prober.ReasonAssertion
}

// got describes what a false expectation found.
func (s *Session) got(e *Expr, v any) string {
	if e.left != nil {
		if left, err := s.evalAnswer(e.left); err == nil {
			return describe(left)
		}
	}
	if v == false {
		return "false"
	}
	return describe(v)
}

// statusBeside adds the status to what an expectation on something else says.
func (s *Session) statusBeside(e *Expr) string {
	if e.mentions("status") || s.answer.private {
		return ""
	}
	return fmt.Sprintf(" (status %d)", s.answer.status)
}

// errTooLong is the error of a body beyond the step's limit.
type errTooLong int64

func (e errTooLong) Error() string { return fmt.Sprintf("the body is longer than %d bytes", int64(e)) }

// readAll reads a body of at most limit bytes.
func readAll(r io.Reader, announced, limit int64) ([]byte, error) {
	if announced > limit {
		return nil, errTooLong(limit)
	}
	body := make([]byte, 0, max(announced, 512)+1)
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, errTooLong(limit)
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body)) // append grows a long one by a quarter, and copies it again and again
		}
	}
}

// classifyBody turns the error of reading a body into a failure.
func classifyBody(ctx context.Context, err error) error {
	if long, ok := errors.AsType[errTooLong](err); ok {
		return Failf(prober.ReasonBadResponse, "want an answer within max_body, but %v", long)
	}
	return classify(ctx, err, reading)
}
