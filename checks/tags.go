package checks

import (
	"regexp"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Limits on tags: they become labels, and labels come from closed lists.
const (
	maxTagValues = 20
	maxTagLength = 64
)

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
