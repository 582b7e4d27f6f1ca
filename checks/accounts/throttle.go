package accounts

import (
	"sync"
	"time"
)

// A throttle limits the logins of several pools together. It is safe for concurrent
// use; nil limits nothing.
type throttle struct {
	limit Limit

	mu     sync.Mutex
	origin time.Time // the first time that was seen; the logins count from it
	logins ring
}

func newThrottle(l Limit) *throttle {
	if l.Logins == 0 {
		return nil
	}
	t := &throttle{limit: l}
	t.logins.grow(l.Logins)
	return t
}

// take counts a login, if it may be made at now.
func (t *throttle) take(now time.Time) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.origin.IsZero() {
		t.origin = now
	}
	at := now.Sub(t.origin)
	t.logins.notAfter(at)
	if last, ok := t.logins.nth(t.limit.Logins); ok && at-last < t.limit.window() {
		return false
	}
	t.logins.add(at)
	return true
}

// inherit takes over the logins that another throttle has counted.
func (t *throttle) inherit(old *throttle) {
	if t == nil || old == nil || t == old {
		return
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.origin = old.origin
	for i := old.logins.n; i > 0; i-- {
		at, _ := old.logins.nth(i)
		t.logins.add(at)
	}
}
