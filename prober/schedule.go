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

// Next says which due time to meet, for a loop whose next due time is due and
// that looks at the clock at now.
//
// Usually that is due itself, to be waited for, or just reached. A loop that is
// late by whole intervals, as after its machine was suspended, gets the last
// due time that is not after now, and the number of those before it, which are
// missed: so a gap is counted exactly, and followed by one run and no burst.
//
// No due time is ever more than Every ahead of a clock that only goes forward.
// Where it was put back, Next chooses the first due time of the same phase that
// is after now: the wait is never longer than Every.
//
// A gap beyond the range of a Duration, 292 years, counts as that long.
func (s Schedule) Next(due, now time.Time) (at time.Time, missed int) {
	late := now.Sub(due)
	if late < 0 {
		late++ // a due time that was met on time is followed by a wait of Every
	}
	n := late / s.Every // toward zero: negative only where the clock was put back
	return due.Add(n * s.Every), int(max(n, 0))
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
