package detect

import (
	"math"
	"time"
)

// points is the number of failure rates in the mixture, weight the weight of
// each, and topRate the highest of them unless Detect is higher.
const (
	points  = 8
	weight  = 1.0 / points
	topRate = 0.95
)

// rates returns the failure rates of the mixture, rising in geometric
// progression. All are above tolerate and below 1.
func rates(tolerate, detect float64) (grid [points]float64) {
	low := max(detect/2, math.Sqrt(tolerate*detect))
	high := max(topRate, detect)
	for j := range grid {
		grid[j] = low * math.Pow(high/low, float64(j)/(points-1))
	}
	grid[points-1] = high // not a rounding error above it
	return grid
}

// A mixture is the statistic that pages: see the package comment.
type mixture struct {
	up, down [points]float64 // likelihood ratios of a failed and of a passed run
	r        [points]float64 // the statistics, each times its weight
	total    float64         // the sum of r
	// peak is the largest single term of each statistic, and since the failed
	// run that this term begins with: the likeliest moment of a change to that
	// rate. Where peak is 1, the smallest it can be, nothing has changed.
	peak  [points]float64
	since [points]time.Time
}

func newMixture(tolerate, detect float64) mixture {
	var m mixture
	for j, p := range rates(tolerate, detect) {
		m.up[j] = p / tolerate
		m.down[j] = (1 - p) / (1 - tolerate)
	}
	m.reset()
	return m
}

// reset forgets every run.
func (m *mixture) reset() {
	m.total = 0
	for j := range points {
		m.r[j], m.peak[j], m.since[j] = 0, 1, time.Time{}
	}
}

// failed and passed round every product, by a conversion, before they add it:
// where the compiler fused the two, sum would come to another total.

func (m *mixture) failed(at time.Time) {
	var total float64
	for j := range points {
		r := float64((weight + m.r[j]) * m.up[j])
		m.r[j] = r
		total += r
		if m.peak[j] == 1 {
			m.since[j] = at
		}
		m.peak[j] *= m.up[j]
	}
	m.total = total
}

func (m *mixture) passed() {
	var total float64
	for j := range points {
		r := float64((weight + m.r[j]) * m.down[j])
		m.r[j] = r
		total += r
		peak := m.peak[j] * m.down[j]
		if peak < 1 {
			peak = 1
		}
		m.peak[j] = peak
	}
	m.total = total
}

// sum adds up r as failed and passed do, to the last bit.
func (m *mixture) sum() float64 {
	var total float64
	for _, r := range m.r {
		total += r
	}
	return total
}

// changePoint returns the failed run since which the rate has likeliest been
// the one that speaks loudest; the zero time where nothing speaks for a change.
func (m *mixture) changePoint() time.Time {
	lead := 0
	for j := range points {
		if m.r[j] > m.r[lead] {
			lead = j
		}
	}
	if m.peak[lead] == 1 {
		return time.Time{}
	}
	return m.since[lead]
}
