package prober

import (
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A PooledStatus is what a pooled check rests on, whose runs are counted elsewhere.
type PooledStatus struct {
	// Instances is the most counters of runs that there were at once; one at the least.
	Instances int
	// RunsToFalsePage is the threshold of the statistic: the least mean number of runs to a
	// false page.
	RunsToFalsePage float64
	// Measured says that the threshold rests on the pace of the busiest hour, as of real
	// logins. Held are the runs that wait for that to be known, and are in no count yet.
	Measured bool
	Held     int
	// Last is the last interval in which anything was counted; its times are zero before any.
	Last detect.Batch
	// Through is until when what was counted is judged, Read is when everything that there was
	// had been read last, and Every how often that is. The times are zero where it never was.
	Through, Read time.Time
	Every         time.Duration
	// Partial says that the last answers came with warnings: something is missing from them.
	Partial bool
}

// slackOfReading is how late a reading may be that was refused once or twice.
const slackOfReading = 2 * time.Minute

// Stale reports whether what is known is old: nothing was read for longer than a reading
// that is tried again takes.
func (p *PooledStatus) Stale(now time.Time) bool { return now.Sub(p.Read) > p.Every+slackOfReading }
