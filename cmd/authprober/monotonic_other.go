//go:build !linux

package main

// monotonicMicros is of no use where there is no systemd.
func monotonicMicros() (micros int64, ok bool) { return 0, false }
