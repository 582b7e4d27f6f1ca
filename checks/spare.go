package checks

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
)

// A spare is what a pool has left of its logins once all schedules are served, in
// windows of time, for confirming runs. So these never use up what a run of a
// schedule is going to need. It is safe for concurrent use.
type spare struct {
	windows []spareWindow
	flows   int // that use the pool

	mu    sync.Mutex  // held while a confirming run takes its account
	taken []time.Time // within the longest of the windows
}

// A spareWindow allows so many logins in any window of this length.
type spareWindow struct {
	length time.Duration
	most   int
}

// newSpare returns what is left of the pool, whose schedules ask for so many logins a
// second.
func newSpare(p *accounts.Pool, need accounts.Need, scheduled float64, flows int) *spare {
	s := &spare{flows: flows}
	add := func(length time.Duration, can float64) {
		if length > 0 && !math.IsInf(can, 1) {
			s.windows = append(s.windows, spareWindow{length, int(max(0, (can-scheduled)*length.Seconds()+1e-9))})
		}
	}
	add(p.Limit().Per, p.Capacity(accounts.Need{}))
	add(p.Rules().PoolLogins.Per, p.Capacity(accounts.Need{}))
	add(need.OncePerStep, p.Capacity(need))
	return s
}

// room says why no confirming run may have an account now; "" if one may. It must
// leave an account to each other flow of the pool. It holds s.mu.
func (s *spare) room(p *accounts.Pool, now time.Time) prober.MissReason {
	switch has := p.Status(now); {
	case has.Free >= s.flows:
	case has.Cooling > 0:
		return prober.MissBudget
	case has.Quarantined > 0:
		return prober.MissQuarantine
	default:
		return prober.MissNoAccount
	}
	for _, w := range s.windows {
		n := 0
		for _, at := range s.taken {
			if now.Sub(at) < w.length {
				n++
			}
		}
		if n >= w.most {
			return prober.MissBudget
		}
	}
	return ""
}

// take notes that a confirming run has an account. It holds s.mu.
func (s *spare) take(now time.Time) {
	if len(s.windows) == 0 {
		return
	}
	s.taken = append(slices.DeleteFunc(s.taken, func(at time.Time) bool {
		return !slices.ContainsFunc(s.windows, func(w spareWindow) bool { return now.Sub(at) < w.length })
	}), now)
}

// spareOf returns what is left of the flow's pool; nil if it has none.
func (l *loader) spareOf(f *compiled) *spare {
	for _, p := range l.pools {
		if p.Pool == f.pool && f.pool != nil {
			if p.spare == nil {
				p.spare = newSpare(p.Pool, p.need, p.due, len(p.users))
			}
			return p.spare
		}
	}
	return nil
}

// beginConfirm is begin for a confirming run.
func (f *compiled) beginConfirm(now time.Time) (prober.Attempt, prober.MissReason) {
	if f.pool == nil || f.spare == nil {
		return f.begin(now)
	}
	f.spare.mu.Lock()
	defer f.spare.mu.Unlock()
	if miss := f.spare.room(f.pool, now); miss != "" {
		return prober.Attempt{}, miss
	}
	a, miss := f.begin(now)
	if miss == "" {
		f.spare.take(now)
	}
	return a, miss
}
