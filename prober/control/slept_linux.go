package control

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleptSoFar is how long the machine has slept since it was started: what the clock that
// goes on in sleep is ahead of the one that does not. Setting the time moves neither. It is
// not known where they cannot be read within a tenth of a second: on a machine that is so busy
// one would be ahead of the other for having been read later.
func sleptSoFar() (slept time.Duration, known bool) {
	for range 3 {
		before, ok1 := nanos(unix.CLOCK_MONOTONIC)
		all, ok2 := nanos(unix.CLOCK_BOOTTIME)
		after, ok3 := nanos(unix.CLOCK_MONOTONIC)
		if !ok1 || !ok2 || !ok3 {
			return 0, false
		}
		if after-before < 100*time.Millisecond {
			return all - after, true
		}
	}
	return 0, false
}

func nanos(clock int32) (since time.Duration, ok bool) {
	var t unix.Timespec
	err := unix.ClockGettime(clock, &t)
	return time.Duration(t.Nano()), err == nil
}
