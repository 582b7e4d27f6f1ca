package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// judgeRefusal is for must-be-refused steps. Only an answer of class 2xx is an
// acceptance, or what the kind knows for one; a server error or a rate limit is no refusal either, but a
// failure. A refusal with another status than those listed is a wrong one.
func (s *Session) judgeRefusal(st *step) error {
	status := s.answer.status
	want := "want a refusal with " + list(st.Refuse)
	if st.Within != nil {
		want += " within " + short(time.Duration(st.Within.Time))
	}
	switch {
	case slices.Contains(st.Refuse, status):
		return nil
	case s.letIn(st):
		return Failf(prober.ReasonNotRefused, "%s, got %d: it was accepted", want, status)
	case refuses(status):
		return Failf(prober.ReasonWrongRefusal, "%s, got %d", want, status)
	}
	return Failf(reasonOfStatus(status), "%s, got %d", want, status)
}

// ask performs the step's action once. What must be refused is accepted by the head of an
// answer: that its body broke off, was too long or never came takes nothing back.
func (s *Session) ask(ctx context.Context, st *step) error {
	err := st.Run(ctx, s)
	if _, ok := errors.AsType[*failure](err); ok && len(st.Refuse) > 0 && s.answer.status >= 200 && s.answer.status < 300 {
		return nil
	}
	return err
}

// letIn reports whether the answer at hand accepts what was sent.
func (s *Session) letIn(st *step) bool {
	return s.answer.status >= 200 && s.answer.status < 300 || st.isAccepted(s)
}

// refuses reports whether a status says, of a request that must be refused, that it
// was. What says that the server was asked too early, too slowly or too often does not:
// it has not looked. A redirect may be either.
func refuses(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

func list(statuses []int) string {
	texts := make([]string, len(statuses))
	for i, status := range statuses {
		texts[i] = fmt.Sprint(status)
	}
	return strings.Join(texts, " or ")
}
