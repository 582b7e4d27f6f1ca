package detect

import "math"

// A recovery is the statistic that ends a page: Tolerate against Detect and
// more, see the package comment.
type recovery struct {
	up, down float64 // likelihood ratios of a passed and of a failed run
	r        float64
}

func newRecovery(tolerate, detect float64) recovery {
	return recovery{up: (1 - tolerate) / (1 - detect), down: tolerate / detect}
}

func (v *recovery) observe(failed bool) {
	if failed {
		v.r = (1 + v.r) * v.down
	} else {
		v.r = (1 + v.r) * v.up
	}
}

// passes returns how many runs passed in a row lead from nothing to r, which
// solves r = up + up^2 + ... + up^n for a real n.
func (v *recovery) passes(r float64) float64 {
	return math.Log1p(r*(v.up-1)/v.up) / math.Log(v.up)
}
