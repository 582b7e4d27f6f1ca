package detect

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// GateParams are what a [Gate] decides between, and how often it may be wrong.
type GateParams struct {
	// Good is a failure rate that is to be let through, and Bad one that is not;
	// 0 < Good < Bad < 1. Rates between them may go either way.
	Good, Bad float64
	// FalseAlarm is how often a failure rate of Good or less may be called bad, and
	// FalsePass how often one of Bad or more may be called good; each in (0, 0.5).
	FalseAlarm, FalsePass float64
	// MinRuns is the number of runs before which nothing is decided; zero or more.
	MinRuns int
}

const (
	// DefaultGateError is how often a gate may be wrong, in either direction.
	DefaultGateError = 0.05
	// GoodShare is the part of what is allowed that is certainly good.
	GoodShare = 0.25
)

// GateFor returns the parameters for the largest failure rate that is allowed: a
// rate of maxFailures or more is bad, a quarter of it or less is good, and both
// errors are DefaultGateError. Three failed runs in a row are then bad; how many
// must pass to be good depends on the rate, and is 397 of 1 %.
func GateFor(maxFailures float64) GateParams {
	return GateParams{maxFailures * GoodShare, maxFailures, DefaultGateError, DefaultGateError, 0}
}

// Validate returns every mistake, joined by [errors.Join]; nil if there is none.
func (p GateParams) Validate() error {
	var errs []error
	if !(p.Good >= LeastTolerate && p.Good < p.Bad && p.Bad < 1) {
		errs = append(errs, fmt.Errorf("failure rates: got good %v and bad %v, want %v <= good < bad < 1", p.Good, p.Bad, LeastTolerate))
	} else if p.Bad < LeastRatio*p.Good {
		errs = append(errs, fmt.Errorf("failure rates: got good %v and bad %v, want bad at least %v times good", p.Good, p.Bad, LeastRatio))
	}
	for _, e := range []struct {
		name string
		rate float64
	}{{"false alarms", p.FalseAlarm}, {"false passes", p.FalsePass}} {
		if !(e.rate >= LeastTolerate && e.rate < 0.5) {
			errs = append(errs, fmt.Errorf("%s: got %v, want at least %v and below 0.5", e.name, e.rate, LeastTolerate))
		}
	}
	if p.MinRuns < 0 {
		errs = append(errs, fmt.Errorf("least number of runs: got %d, want 0 or more", p.MinRuns))
	}
	return errors.Join(errs...)
}

// A Decision is what a gate has come to.
type Decision uint8

const (
	Undecided Decision = iota // more runs are needed
	Good                      // let it through
	Bad                       // stop it
)

// String returns undecided, good or bad.
func (d Decision) String() string {
	if d > Bad {
		return "Decision(" + strconv.Itoa(int(d)) + ")"
	}
	return [...]string{"undecided", "good", "bad"}[d]
}

// A Gate decides whether something fails too often to be delivered, with as few
// runs as it takes: the sequential probability ratio test (Wald 1945). It is made
// by [NewGate] and not safe for concurrent use.
//
// Let L be how much likelier the runs so far are at the rate Bad than at the rate
// Good. The gate says bad when L >= 1/FalseAlarm, and good when L <= FalsePass.
// At the rate Good, L is a martingale that begins at 1, and so it ever reaches
// 1/FalseAlarm with a probability of FalseAlarm at most (Ville 1939): exactly,
// whenever one looks, and at lower rates all the more so. The same holds for 1/L
// at the rate Bad and above. Nothing is approximate, and it stays true
// where the gate waits for MinRuns or is stopped at a deadline.
type Gate struct {
	params          GateParams
	failure, pass   float64 // what a failed run adds to ln L, and a passed one takes away
	failed, runs    int
	decision        Decision
	atLeast, atMost float64 // thresholds for ln L
}

// NewGate returns a gate that has seen nothing. The parameters must be valid.
func NewGate(p GateParams) *Gate {
	return &Gate{
		params:  p,
		failure: math.Log(p.Bad / p.Good),
		pass:    math.Log1p(-p.Good) - math.Log1p(-p.Bad),
		atLeast: -math.Log(p.FalseAlarm),
		atMost:  math.Log(p.FalsePass),
	}
}

// Observe takes account of a run that passed or failed, and returns what has been
// decided. What is decided stays so, and later runs do not count.
func (g *Gate) Observe(failed bool) Decision {
	if g.decision != Undecided {
		return g.decision
	}
	g.runs++
	if failed {
		g.failed++
	}
	if g.runs >= g.params.MinRuns {
		g.decision = g.decide(g.failed, g.runs)
	}
	return g.decision
}

// decide returns what so many failed runs of so many amount to.
func (g *Gate) decide(failed, runs int) Decision {
	switch l := float64(failed)*g.failure - float64(runs-failed)*g.pass; {
	case l >= g.atLeast:
		return Bad
	case l <= g.atMost:
		return Good
	}
	return Undecided
}

// Decision returns what has been decided.
func (g *Gate) Decision() Decision { return g.decision }

// MinRuns returns how many runs the gate waits for before it decides.
func (g *Gate) MinRuns() int { return g.params.MinRuns }

// Counts returns how many of the runs that count have failed, and how many
// there were.
func (g *Gate) Counts() (failed, runs int) { return g.failed, g.runs }

// Progress returns how far the evidence has come: from -1, good, over 0, nothing
// known, to 1, bad. It may be at an end before MinRuns is.
func (g *Gate) Progress() float64 {
	l := float64(g.failed)*g.failure - float64(g.runs-g.failed)*g.pass
	if l > 0 {
		return min(l/g.atLeast, 1)
	}
	return max(-l/g.atMost, -1)
}

// PassesToGood returns how many more runs, all of which pass, the gate needs to say
// good; zero if it has decided.
func (g *Gate) PassesToGood() int {
	if g.decision != Undecided {
		return 0
	}
	l := float64(g.failed)*g.failure - float64(g.runs-g.failed)*g.pass
	n := int(max(0, math.Ceil((l-g.atMost)/g.pass)))
	for n > 0 && g.decide(g.failed, g.runs+n-1) == Good { // a rounding error
		n--
	}
	for g.decide(g.failed, g.runs+n) != Good {
		n++
	}
	return max(n, g.params.MinRuns-g.runs, 1)
}
