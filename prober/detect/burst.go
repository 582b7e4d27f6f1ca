package detect

import "time"

// Bursts describe the bursts of failures that a detector has seen: failed runs
// with no passed one between them. Only bursts that have ended count, and only those
// that the check was not firing in: an outage is no burst. Where bursts outlast the
// blip, each counts more than once, and pages come more often than agreed.
type Bursts struct {
	// Longest is the time from the first failed run to the last of the longest
	// burst; zero for a single run. Runs is the number of its runs, and Ended
	// the time of the last.
	Longest time.Duration `json:"longest"`
	Runs    int           `json:"runs"`
	Ended   time.Time     `json:"ended"`
	// Outgrown is the number of bursts that were longer than the blip, so that
	// more than one of their runs counted.
	Outgrown int `json:"outgrown"`
}

// add takes account of a burst that has ended.
func (b *Bursts) add(burst *burst, blip time.Duration) {
	if burst.paged {
		return
	}
	length := max(0, burst.last.Sub(burst.first))
	if length > b.Longest || b.Runs == 0 || length == b.Longest && burst.runs > b.Runs {
		b.Longest, b.Runs, b.Ended = length, burst.runs, burst.last
	}
	if length >= blip && burst.runs > 1 {
		b.Outgrown++
	}
}

// A burst is one that is under way.
type burst struct {
	first, last time.Time
	runs        int
	paged       bool // the check was firing during it
}

func (b *burst) extend(at time.Time, firing bool) {
	if b.runs == 0 {
		b.first = at
	}
	b.last = at
	b.runs++
	b.paged = b.paged || firing
}
