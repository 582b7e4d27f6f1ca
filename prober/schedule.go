package prober

import "time"

// A Schedule says when a check runs. Due times follow each other at Every,
// whatever the target does: the loop is open.
type Schedule struct {
	Every       time.Duration // between due times; above zero
	Timeout     time.Duration // for the steps of a run; above zero
	Cleanup     time.Duration // for the clean-up, after the run and beyond its timeout
	Concurrency int           // the most runs at once; at least 1
}
