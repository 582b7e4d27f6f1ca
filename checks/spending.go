package checks

import (
	"slices"
	"sync"
	"time"
)

// A spending holds runs to a budget as they begin, for those who do not keep the
// schedule that was held to it at load. It is safe for concurrent use, and nil has no
// budget.
type spending struct {
	limits []spendingLimit

	mu    sync.Mutex
	begun []time.Time // runs, within the longest of the limits
}

// A spendingLimit is so many runs in any time of this length.
type spendingLimit struct {
	most int
	per  time.Duration
}

// newSpending returns what a flow may spend whose runs send so many requests at the
// most.
func newSpending(b *BudgetSettings, requests int, logsIn bool) *spending {
	s := &spending{}
	if b.Requests.Count > 0 && requests > 0 {
		s.limits = append(s.limits, spendingLimit{b.Requests.Count / requests, b.Requests.Per})
	}
	if b.Logins.Count > 0 && logsIn {
		s.limits = append(s.limits, spendingLimit{b.Logins.Count, b.Logins.Per})
	}
	if len(s.limits) == 0 {
		return nil
	}
	return s
}

// take takes a run out of the budget, if one is left.
func (s *spending) take(now time.Time) bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = slices.DeleteFunc(s.begun, func(at time.Time) bool {
		return !slices.ContainsFunc(s.limits, func(l spendingLimit) bool { return now.Sub(at) < l.per })
	})
	for _, l := range s.limits {
		n := 0
		for _, at := range s.begun {
			if now.Sub(at) < l.per {
				n++
			}
		}
		if n >= l.most {
			return false
		}
	}
	s.begun = append(s.begun, now)
	return true
}

// giveBack puts a run back that could not begin.
func (s *spending) giveBack() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = s.begun[:max(len(s.begun)-1, 0)]
}
