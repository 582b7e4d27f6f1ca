package detect

import "math"

// GateOdds is what to expect of a gate at some failure rate.
type GateOdds struct {
	Good, Bad float64 // probabilities of either decision
	// Undecided is the probability of neither within the runs that were given.
	Undecided float64
	// Runs is the mean number of runs, to the decision or to the end.
	Runs float64
}

// Odds returns what to expect of a gate where runs fail at the given rate, in
// [0, 1], and where it makes no more than limit runs. It is computed, not
// simulated, from the probability of every number of failed runs that leaves the
// gate undecided; in a time that grows with limit, and less than a second for a
// million of runs unless Good and Bad are very near each other.
func (p GateParams) Odds(rate float64, limit int) GateOdds {
	g := NewGate(p)
	var o GateOdds
	// open[i] is the probability that first+i runs have failed and that nothing is
	// decided.
	open, first := []float64{1}, 0
	left := 1.0
	for n := 1; n <= limit && left > 1e-12; n++ {
		o.Runs += left
		open = append(open, 0)
		for i := len(open) - 1; i > 0; i-- {
			open[i] = open[i]*(1-rate) + open[i-1]*rate
		}
		open[0] *= 1 - rate
		if n < p.MinRuns {
			continue
		}
		open, first, left = g.close(&o, open, first, n)
	}
	o.Undecided = math.Max(0, left)
	return o
}

// close moves to the odds what is decided after n runs, and returns what is not.
func (g *Gate) close(o *GateOdds, open []float64, first, n int) (rest []float64, from int, left float64) {
	for len(open) > 0 && g.decide(first, n) == Good {
		o.Good += open[0]
		open, first = open[1:], first+1
	}
	for len(open) > 0 && g.decide(first+len(open)-1, n) == Bad {
		o.Bad += open[len(open)-1]
		open = open[:len(open)-1]
	}
	for _, q := range open {
		left += q
	}
	return open, first, left
}
