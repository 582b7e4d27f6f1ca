package banktest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// maxTiming is by how much the answer to an unknown user is off at the most.
const maxTiming = time.Minute

// flaws are what a bank may do wrong at a login, or after the end of a session.
type flaws struct {
	lockout   bool          // the account is locked, whatever is sent
	enumerate bool          // an unknown user is told to be one
	timing    time.Duration // an unknown user is answered so much later, or earlier
	stale     time.Duration // an access token is accepted for so long after a logout
}

// add reports whether the fault is one of them.
func (w *flaws) add(f Fault) bool {
	switch f.Kind {
	case KindLockout:
		w.lockout = true
	case KindEnumeration:
		w.enumerate = true
	case KindTiming:
		w.timing += f.By
	case KindStaleToken:
		w.stale = max(w.stale, f.For)
	default:
		return false
	}
	return true
}

// refuseUnknown is what a user is told whom the bank does not have.
func (c *call) refuseUnknown() *refusal {
	if !c.flaws.enumerate {
		return refuseCredentials
	}
	c.caught = KindEnumeration
	return refuseUnknown
}

// stall makes the time of an answer tell whether there is such a user: those that are
// to be answered later wait, the unknown ones or all others.
func (b *Bank) stall(c *call, username string) {
	by := c.flaws.timing
	_, known := b.vault.byName[username] // which never changes
	if by == 0 || known == (by > 0) {
		return
	}
	c.caught = KindTiming
	if !wait(c.request.Context(), by.Abs()) {
		panic(http.ErrAbortHandler)
	}
}

func (f Fault) withLimit() Fault {
	if f.Limit == 0 {
		f.Limit = 60
		if f.Kind == KindAccountLimit {
			f.Limit = 5
		}
	}
	if f.Per == 0 {
		f.Per = time.Minute
	}
	return f
}

func (f Fault) checkLimit() error {
	if f.Limit < 1 || f.Limit > 1000 {
		return fmt.Errorf("limit is %d, want 1 to 1000", f.Limit)
	}
	if f.Per < time.Second || f.Per > 24*time.Hour {
		return fmt.Errorf("per is %v, want 1s to 24h", f.Per)
	}
	if f.Kind == KindAccountLimit {
		return f.onlyAt("which names no account", StepLogin, StepDeviceLogin)
	}
	return nil
}

// A limiter knows when each account, or each address, has asked of late.
type limiter map[string][]time.Time

// maxLimited is how many of them a limiter knows; one more makes it forget the others.
const maxLimited = 100_000

// take counts a request of key, or says how long it has to wait. What is refused does
// not count.
func (l limiter) take(key string, now time.Time, limit int, per time.Duration) (left time.Duration) {
	seen := slices.DeleteFunc(l[key], func(at time.Time) bool { return now.Sub(at) >= per })
	if len(seen) >= limit {
		l[key] = seen
		return seen[0].Add(per).Sub(now)
	}
	if len(l) >= maxLimited {
		clear(l)
	}
	l[key] = append(seen, now)
	return 0
}

// limited returns the first of the faults by which the request comes too soon, and how
// long it is to wait; 0 if none does.
func (b *Bank) limited(c *call, limits []Fault) (Fault, time.Duration) {
	for _, f := range limits {
		if key := c.limitedBy(f.Kind); key != "" {
			if left := b.take(f, key, c.now); left > 0 {
				return f, left
			}
		}
	}
	return Fault{}, 0
}

// limitedBy is who is counted: the account that the body names, or the address.
func (c *call) limitedBy(kind Kind) string {
	if kind == KindIPLimit {
		host, _, err := net.SplitHostPort(c.request.RemoteAddr)
		if err != nil {
			return c.request.RemoteAddr
		}
		return host
	}
	var in struct{ Username, Device string }
	if json.Unmarshal(c.body, &in) != nil {
		return ""
	}
	return in.Username + in.Device
}

// take counts a request by the books of a fault, which may be gone by now.
func (s *faultSet) take(f Fault, key string, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, active := range s.active {
		if active.ID == f.ID {
			if active.limiter == nil {
				active.limiter = limiter{}
			}
			return active.limiter.take(key, now, f.Limit, f.Per)
		}
	}
	return 0
}
