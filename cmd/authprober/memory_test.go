package main

import "testing"

func TestGCPercent(t *testing.T) {
	const mb = 1 << 20
	for live, want := range map[uint64]int{0: 25, 6 * mb: 25, 16 * mb: 25, 32 * mb: 50, 64 * mb: 100, 640 * mb: 100} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d MiB: got %d, want %d", live/mb, got, want)
		}
	}
}
