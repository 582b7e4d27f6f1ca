package main

import "testing"

func TestGCPercent(t *testing.T) {
	const mb = 1 << 20
	for _, tc := range []struct {
		live        uint64
		least, want int
	}{
		{0, 25, 25}, {6 * mb, 25, 25}, {16 * mb, 25, 25}, {32 * mb, 25, 50}, {64 * mb, 25, 100}, {640 * mb, 25, 100},
		{0, 10, 10}, {4 * mb, 10, 10}, {8 * mb, 10, 12}, {16 * mb, 10, 25}, {640 * mb, 10, 100},
	} {
		if got := gcPercent(tc.live, tc.least); got != tc.want {
			t.Errorf("%d MiB, at least %d: got %d, want %d", tc.live/mb, tc.least, got, tc.want)
		}
	}
}
