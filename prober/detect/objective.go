package detect

import "time"

// An Objective is what the owner of a check writes: how much failure is
// nobody's problem, how much is worth a page, and how often a page may be
// wrong. Windows, counts and thresholds follow from it.
type Objective struct {
	// Tolerate is the background failure rate that is nobody's problem, p0; in
	// (0, Detect).
	Tolerate float64
	// Detect is the smallest failure rate that is worth a page, p1; in
	// (Tolerate, 1).
	Detect float64
	// FalsePageEvery is the mean time between the pages of a healthy check that
	// its owner has agreed to; above zero. "1 per 30d" is 720 hours.
	FalsePageEvery time.Duration
	// Blip is the length of a burst of failures that counts once; zero counts
	// every failure.
	Blip time.Duration
}

// DefaultObjective is what a flow that names no objective has.
var DefaultObjective = Objective{
	Tolerate:       0.001,
	Detect:         0.02,
	FalsePageEvery: 30 * 24 * time.Hour,
	Blip:           30 * time.Second,
}
