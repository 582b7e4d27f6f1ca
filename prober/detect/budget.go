package detect

import "time"

// A Budget keeps the extra runs of a check to no more than Limit in any 24 hours.
// It keeps account by the hour, so that a run is forgotten after 24 to 25 hours. The
// zero value has no budget. It is plain data, which encoding/json writes and reads
// without loss, so that a restart brings no new budget; and not safe for
// concurrent use.
type Budget struct {
	Limit int `json:"limit"` // see [Confirm.Limit]
	// Newest is the last hour in which a run was taken, in hours since the Unix
	// epoch; hour h is kept in Taken[h%25].
	Newest int64      `json:"newest"`
	Taken  [hours]int `json:"taken"`
}

// hours covers 24 hours that end at any time within an hour.
const hours = 25

// Left returns how many extra runs may be made at the given time; zero or more.
func (b *Budget) Left(at time.Time) int {
	c := *b
	c.forward(at)
	left := c.Limit
	for _, n := range c.Taken {
		left -= n
	}
	return max(0, left)
}

// Take reports whether an extra run may be made at the given time, and takes
// account of it if so. Where the clock has been put back a little, the run is
// charged to the newest hour; where by more than a day, the account begins anew.
func (b *Budget) Take(at time.Time) bool {
	if b.Left(at) == 0 {
		return false
	}
	b.forward(at)
	b.Taken[b.Newest%hours]++
	return true
}

// forward forgets the hours that are too long ago.
func (b *Budget) forward(at time.Time) {
	hour := max(0, at.Unix()/3600) // nothing here is from before 1970
	switch ahead := hour - b.Newest; {
	case ahead >= hours || ahead <= -hours || b.Newest < 0:
		b.Taken, b.Newest = [hours]int{}, hour
	case ahead > 0:
		for b.Newest < hour {
			b.Newest++
			b.Taken[b.Newest%hours] = 0
		}
	}
}
