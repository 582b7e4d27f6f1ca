package main

import "golang.org/x/sys/unix"

// monotonicMicros is the time by CLOCK_MONOTONIC, as systemd has it too, in microseconds.
func monotonicMicros() (micros int64, ok bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0, false
	}
	return t.Nano() / 1000, true
}
