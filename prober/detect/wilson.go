package detect

import "math"

// An Interval is a range of ratios, with 0 <= Lower <= Upper <= 1.
type Interval struct{ Lower, Upper float64 }

// z is the 97.5 % quantile of the normal distribution.
const z = 1.959963984540054

// Wilson returns the 95 % score interval (Wilson 1927) for the failure rate of
// which failed out of n runs failed. It contains failed/n; Lower is exactly 0
// where none failed and Upper exactly 1 where all did. Without a run nothing is
// known: the interval is [0, 1]. A negative n is taken as 0, and failed is
// brought into [0, n].
func Wilson(failed, n int) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	failed = min(max(failed, 0), n)
	k, m := float64(failed), float64(n)
	ratio := k / m
	centre := k + z*z/2
	half := z * math.Sqrt(k*(1-ratio)+z*z/4)
	i := Interval{
		// Rounding is not to leave the ratio outside.
		Lower: max(0, min(ratio, (centre-half)/(m+z*z))),
		Upper: min(1, max(ratio, (centre+half)/(m+z*z))),
	}
	if failed == 0 {
		i.Lower = 0
	}
	if failed == n {
		i.Upper = 1
	}
	return i
}
