package prober

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Schedule says when a check runs. Due times follow each other at Every,
// whatever the target does: the loop is open.
type Schedule struct {
	Every       time.Duration // between due times; above zero
	Timeout     time.Duration // for the steps of a run; above zero
	Cleanup     time.Duration // for the clean-up, after the run and beyond its timeout
	Concurrency int           // the most runs at once; at least 1
	// Confirm is the time from one run to the next while there is evidence to
	// confirm, beside the due times; shorter than Every. Zero never confirms.
	Confirm time.Duration
	// ConfirmBudget is the most confirming runs in any 24 hours, as a share of the
	// due times in them; in (0, detect.MostBudget]; zero where Confirm is.
	ConfirmBudget float64
}

// Confirming is Confirm and ConfirmBudget as a detector wants them.
func (s Schedule) Confirming() detect.Confirm {
	return detect.Confirm{Interval: s.Confirm, Budget: s.ConfirmBudget}
}

// MostLate is how late a run of the schedule begins at the most; a due time that is
// found later than that is missed, as [MissLate], and the check waits for its next.
//
// It is what keeps the schedules apart: after a time in which the process stood still,
// each check would otherwise be due in the same instant, a burst that its target never
// sees in service. So what begins at once is what was due in the last five seconds, and
// the rest comes when it is due. It is far more than a machine takes that is merely busy,
// or throttled: what it delays is run, and by how much is measured. And it is little
// against a phone's patience or an interval: the run still is of its own time. A check
// with an interval of MostLate or less is never that late for one due time without the
// next being there, so that it makes one run at once, of the last.
//
// A run that waits for a confirming run to give its slot up was begun in time, and may
// start later.
const MostLate = 5 * time.Second

// Next says which due time to meet, for a loop whose next due time is due and
// that looks at the clock at now.
//
// Usually that is due itself, to be waited for, or just reached. A loop that is
// late by whole intervals, as after its machine was suspended, gets the last
// due time that is not after now, and the number of those before it, which are
// missed; where that one is more than [MostLate] ago it is missed as well, and the
// loop gets the one after it. So a gap is counted exactly, followed by one run at
// the most, and leaves the check its phase.
//
// No due time is ever more than Every ahead of a clock that only goes forward.
// Where it was put back, Next chooses the first due time of the same phase that
// is after now: the wait is never longer than Every. A Prober's times carry the
// monotonic clock, which never is.
//
// A gap beyond the range of a Duration, 292 years, counts as that long.
func (s Schedule) Next(due, now time.Time) (at time.Time, missed int) {
	late := now.Sub(due)
	if late < 0 {
		late++ // a due time that was met on time is followed by a wait of Every
	}
	n := late / s.Every // toward zero: negative only where the clock was put back
	at, missed = due.Add(n*s.Every), int(max(n, 0))
	if late%s.Every > MostLate {
		return at.Add(s.Every), missed + 1
	}
	return at, missed
}

// Offset is how long after the start a check of this name is first due, so that
// checks of one rhythm do not all run at once: in [0, Every), and the same on
// every platform and in every version. It is the name's 64-bit FNV-1a hash,
// mixed once more since FNV alone leaves names that differ in their last letter
// near each other.
func (s Schedule) Offset(name string) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // the finalizer of splitmix64
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return time.Duration(x % uint64(s.Every))
}

func (s Schedule) validate() error {
	switch {
	case s.Every <= 0:
		return fmt.Errorf("every is %v, want more than 0s", s.Every)
	case s.Timeout <= 0:
		return fmt.Errorf("timeout is %v, want more than 0s", s.Timeout)
	case s.Cleanup < 0:
		return fmt.Errorf("cleanup is %v, want 0s or more", s.Cleanup)
	case s.Concurrency < 1:
		return fmt.Errorf("concurrency is %d, want 1 or more", s.Concurrency)
	}
	return s.Confirming().Validate(s.Every)
}
