package checks

import (
	"regexp"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits on tags: they become labels, and labels come from closed lists.
const (
	maxTagValues = 20
	maxTagLength = 64
)

// tagEdge is the tag of every run that has computed a one-time code by the clock:
// "yes" where that was near a change of the code, so that clocks which disagree, or
// a network that is slow, make the difference. Such runs are labelled and not
// avoided: to wait would shift the schedule and hide a server whose clock is off.
const (
	tagEdge  = "totp_edge"
	totpStep = 30 * time.Second // RFC 6238 section 5.2
	edgeOf   = 2 * time.Second
)

// noteEdge notes that a one-time code is computed. A run of which one is near an
// edge is a run near an edge.
func (s *Session) noteEdge(now time.Time) {
	into := time.Duration(now.UnixNano() % int64(totpStep))
	switch {
	case into < edgeOf || into >= totpStep-edgeOf:
		s.edge = "yes"
	case s.edge == "":
		s.edge = "no"
	}
}

// otherValue stands for every value of a tag beyond the limits.
const otherValue = "other"

var (
	labelName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	flowName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// tagValues are the values of one tag that have been seen. They are safe for
// concurrent use.
type tagValues struct {
	mu   sync.Mutex
	seen map[string]struct{}
}

// admit returns the value where it is one of the first maxTagValues, and
// otherValue for every one after them.
func (t *tagValues) admit(value string) string {
	if len(value) > maxTagLength || !printable(value) {
		return otherValue
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.seen[value]; ok {
		return value
	}
	if len(t.seen) >= maxTagValues {
		return otherValue
	}
	if t.seen == nil {
		t.seen = make(map[string]struct{}, maxTagValues)
	}
	t.seen[value] = struct{}{}
	return value
}

// printable reports whether every character can be shown in one line.
func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}
