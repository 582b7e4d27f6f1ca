package detect

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	excursions    = 6000 // failed runs that are simulated to find the opening level
	settling      = 300  // failed runs before those, in which the statistic settles
	levelStep     = 0.01 // of the logarithm of the level
	openingSeed   = 1954
	stretchGrowth = 1.05 // of the stretches of runs that are looked at as one
)

// opening returns the opening level, see [Objective.ParamsConfirming], and the share
// of extra runs that it comes to in the mean, were no day's budget to end. The
// parameters are those of a check that does not confirm, so that what is simulated
// is the same for every budget.
//
// Between two failed runs each statistic decays to where passed runs alone lead,
// r_n = rest + (r_0 - rest) down^n, so that all the runs from one failed run to
// the next are had at the price of a few: a tolerated rate of one in a billion
// takes no longer than one in ten.
func opening(p Params, every time.Duration, c Confirm) (level, extra float64) {
	above := healthyRuns(p)
	interval := float64(c.Interval) / float64(every) // all times are in units of every
	allowed := healthyShare * c.Budget
	// The run after a failed one is made when the blip is over: by the schedule,
	// if there is one.
	skipped := max(0, math.Ceil(float64(p.Blip)/float64(every))-1)
	due := above.total + above.failed*skipped
	confirmed := 0.0 // runs made while at the level or above
	level = above.level(len(above.runs))
	for bin := len(above.runs) - 1; bin >= 0; bin-- {
		confirmed += above.runs[bin]
		beside := confirmed * (1 - interval)
		if beside > allowed*(due-beside) {
			break
		}
		level, extra = above.level(bin), beside/(due-beside)
	}
	return level, extra
}

// An occupation says how many runs of a healthy check are made, or followed, at
// which level of the statistic.
type occupation struct {
	floor  float64   // the lowest level of interest
	runs   []float64 // those in [level(i), level(i+1)), or a little below
	total  float64   // all runs
	failed float64   // those of them that failed
}

func (o *occupation) level(bin int) float64 { return o.floor * math.Exp(levelStep*float64(bin)) }

func (o *occupation) add(level, runs float64) {
	bin := int(math.Log(level/o.floor) / levelStep)
	o.runs[min(max(bin, 0), len(o.runs)-1)] += runs
}

// healthyRuns simulates a check that fails at the rate Tolerate.
func healthyRuns(p Params) *occupation {
	m := newMixture(p.Tolerate, p.Detect)
	var rest [points]float64
	var floor float64
	for j, rate := range rates(p.Tolerate, p.Detect) {
		rest[j] = weight * (1 - rate) / (rate - p.Tolerate)
		floor += 2 * rest[j]
	}
	o := &occupation{floor: floor}
	o.runs = make([]float64, 1+int(math.Max(0, math.Log(p.RunsToFalsePage/floor))/levelStep))
	stretches := newStretches(p)
	rng := rand.New(rand.NewPCG(openingSeed, openingSeed))
	r := rest
	for n := range settling + excursions {
		var total float64
		for j := range r {
			r[j] = (weight + r[j]) * m.up[j]
			total += r[j]
		}
		if total >= p.RunsToFalsePage {
			r = rest // a page, and what follows it is no longer a healthy check
		}
		// Runs to the next failed one: geometric.
		gap := 1 + math.Floor(math.Log1p(-rng.Float64())/math.Log1p(-p.Tolerate))
		if n >= settling {
			o.failed++
			o.total += gap
			stretches.walk(o, &r, &rest, gap, p.Blip > 0)
		}
		for j, l := range stretches.log {
			r[j] = rest[j] + (r[j]-rest[j])*math.Exp(l*(gap-1))
		}
	}
	return o
}

// stretches are the numbers of passed runs at which the statistic is looked at,
// and what each is then multiplied by.
type stretches struct {
	log  [points]float64 // of the likelihood ratio of a passed run
	from []float64
	down [][points]float64
}

func newStretches(p Params) *stretches {
	s := &stretches{}
	slowest := 0.0
	for j, rate := range rates(p.Tolerate, p.Detect) {
		s.log[j] = math.Log1p(-rate) - math.Log1p(-p.Tolerate)
		slowest = max(slowest, -1/s.log[j])
	}
	for n := 0.0; n < 40*slowest; n = max(n+1, math.Floor(n*stretchGrowth)) {
		var down [points]float64
		for j, l := range s.log {
			down[j] = math.Exp(l * n)
		}
		s.from, s.down = append(s.from, n), append(s.down, down)
	}
	return s
}

// walk adds the runs from a failed one to the next to the occupation, each with
// the level that it left behind or a little more. The failed run itself is left out
// if a blip follows it.
func (s *stretches) walk(o *occupation, r, rest *[points]float64, gap float64, blip bool) {
	for i := range len(s.from) - 1 {
		from, to := s.from[i], min(s.from[i+1], gap)
		if from >= gap {
			return
		}
		var total float64
		for j := range r {
			total += rest[j] + (r[j]-rest[j])*s.down[i][j]
		}
		if total < o.floor {
			return
		}
		if i > 0 || !blip {
			o.add(total, to-from)
		}
	}
}
