package checks

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/prober"
)

// vet finds what is wrong with a step and compiles it.
func (st *step) vet(s *Scope, runTimeout time.Duration) {
	before := s
	s.totpSeen, s.missSeen, s.spoils = false, false, false
	s.choosy = false
	st.If.compileBool(before)
	s.choosy = st.If.mentions("account")
	s.totpSeen, s.codeSeen, s.credential = false, false, false
	st.ifNeeds = exprNeeds(&st.If, s.captured)
	letNeeds := st.vetLet(s)
	st.Vet(before)
	st.vetSpoils(s)
	st.usesTOTP, st.usesCode, st.credential = s.totpSeen, s.codeSeen, s.credential
	after := s.withAnswer(st.isAside())
	st.vetPoll(after, runTimeout)
	for i := range st.Expect {
		st.Expect[i].compileBool(after)
		st.usesBody = st.usesBody || st.Expect[i].mentions("body")
	}
	st.misses = after.missSeen // which knows what s has seen
	for _, e := range st.conditions() {
		st.usesBody = st.usesBody || e.mentions("body")
	}
	st.sortExpectations()
	st.vetVerdict(s, runTimeout)
	st.needs = unique(slices.Concat(st.Needs(s.captured), letNeeds, st.vetCounter(before)))
	st.needs = slices.DeleteFunc(st.needs, func(name string) bool { return st.lets(name) })
	st.vetCaptures(s, after)
	st.vetMemory(s, s.withAnswer(st.isAside()))
}

// vetSpoils allows what is made to be refused in a step that must be refused, and in no
// other.
func (st *step) vetSpoils(s *Scope) {
	if s.spoils && len(st.Refuse) == 0 {
		s.doc.Errorf(st.node, "the step %q sends what is made to be refused, and has no refuse", st.Name)
	}
}

// conditions are those that the kind has of its own.
func (st *step) conditions() []*Expr {
	if c, ok := st.Step.(conditional); ok {
		return c.conditions()
	}
	return nil
}

func exprNeeds(e *Expr, captured map[string]string) []string {
	if e.program == nil {
		return nil
	}
	return e.program.needs(captured)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (st *step) sortExpectations() {
	for i := range st.Expect {
		st.judged = append(st.judged, &st.Expect[i])
	}
	slices.SortStableFunc(st.judged, func(a, b *Expr) int {
		switch onStatus, than := a.mentions("status"), b.mentions("status"); {
		case onStatus == than:
			return 0
		case onStatus:
			return -1
		}
		return 1
	})
}

func (st *step) vetVerdict(s *Scope, runTimeout time.Duration) {
	_, judges := st.Step.(Verifier)
	if !judges && !hasKey(st.node, "expect", "refuse") || st.Expect != nil && len(st.Expect) == 0 && len(st.Refuse) == 0 {
		s.doc.Errorf(st.node, "the step %q has no expect and no refuse: whatever the answer, it would pass", st.Name)
	}
	if st.Refuse != nil && len(st.Refuse) == 0 {
		s.doc.Errorf(st.at("refuse"), "the step %q lists no status as a refusal, so that it would not have to be refused", st.Name)
	}
	readsAnswer := func(e Expr) bool {
		return e.program == nil || slices.ContainsFunc(fieldNames(answerNames), e.mentions)
	}
	if !judges && len(st.Expect) > 0 && len(st.Refuse) == 0 && !slices.ContainsFunc(st.Expect, readsAnswer) {
		s.doc.Errorf(st.node, "no expectation of the step %q reads the answer: whatever it is, it would pass", st.Name)
	}
	for _, status := range st.Refuse {
		if status != 0 && (status < 300 || status > 499) {
			s.doc.Errorf(st.node, "the step %q lists %d as a refusal; a refusal has a status from 300 to 499", st.Name, status)
		}
	}
	if t := time.Duration(st.Timeout); t > runTimeout {
		s.doc.Errorf(st.node, "the step %q has a timeout of %s, which is longer than the run's, %s", st.Name, t, runTimeout)
	}
	if len(st.Name) > 100 || !printable(st.Name) {
		s.doc.Errorf(st.node, "the step name %q is not at most 100 printable characters", st.Name)
	}
}

// hasKey reports whether a mapping has one of the keys.
func hasKey(n *yaml.Node, keys ...string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, n.Content[i].Value) {
			return true
		}
	}
	return false
}

// reasons lists why the step can fail, so that the series exist.
func (st *step) reasons() []prober.Reason {
	rs := append(st.Reasons(), prober.ReasonTimeout)
	if len(st.Expect) > 0 || len(st.Refuse) > 0 {
		rs = append(rs, prober.ReasonAssertion)
	}
	if !st.isAside() && (len(st.Expect) > 0 || len(st.Refuse) > 0) {
		rs = append(rs, prober.ReasonStatus4xx, prober.ReasonStatus5xx, prober.ReasonRateLimited, prober.ReasonRedirect)
	}
	if st.misses {
		rs = append(rs, prober.ReasonMissingValue)
	}
	if len(st.Capture)+len(st.Remember) > 0 || st.usesBody {
		rs = append(rs, prober.ReasonMissingValue, prober.ReasonBadResponse)
	}
	if st.Poll != nil {
		rs = append(rs, prober.ReasonAssertion, prober.ReasonStatus4xx, prober.ReasonStatus5xx, prober.ReasonRateLimited, prober.ReasonRedirect)
		if st.Poll.Delivery {
			rs = append(rs, prober.ReasonUndelivered)
		}
	}
	if len(st.Refuse) > 0 {
		rs = append(rs, prober.ReasonNotRefused, prober.ReasonWrongRefusal)
	}
	if slices.ContainsFunc(st.Expect, func(e Expr) bool { return e.mentions("took") }) {
		rs = append(rs, prober.ReasonTooSlow)
	}
	slices.Sort(rs)
	return slices.Compact(rs)
}
