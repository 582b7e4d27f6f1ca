package history

import (
	"encoding/binary"
	"math"
	"time"
)

// growth is by how much each bucket of a histogram is wider than the one before: what
// is read from it is right to 5 %.
const growth = 1.1

// buckets are how many there are: the last is of everything longer than ten hours.
const buckets = 256

// A histogram counts lengths of time in buckets of rising width. The zero value is
// ready for use.
type histogram struct {
	counts  [buckets]uint32
	longest time.Duration
}

var perBucket = math.Log(growth)

// bucketOf is the bucket of a length of time: 0 is a microsecond and less, and n what
// is no longer than growth^n microseconds.
func bucketOf(d time.Duration) int {
	us := float64(d) / float64(time.Microsecond)
	if us <= 1 {
		return 0
	}
	return min(buckets-1, int(math.Ceil(math.Log(us)/perBucket-1e-9)))
}

// middleOf is what a bucket stands for.
func middleOf(bucket int) time.Duration {
	if bucket == 0 {
		return time.Microsecond
	}
	return time.Duration(math.Pow(growth, float64(bucket)-0.5) * float64(time.Microsecond))
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.longest = max(h.longest, d)
}

// encode writes the buckets that have something in rising order, each as its distance
// from the one before and its count, as varints.
func (h *histogram) encode() []byte {
	b, before := []byte{}, 0
	for bucket, n := range h.counts {
		if n > 0 {
			b = binary.AppendUvarint(b, uint64(bucket-before))
			b = binary.AppendUvarint(b, uint64(n))
			before = bucket
		}
	}
	return b
}

// decode adds what encode has written. What cannot be read is left out.
func (h *histogram) decode(b []byte) {
	bucket := uint64(0)
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return
		}
		count, m := binary.Uvarint(b[n:])
		if m <= 0 || bucket+step >= buckets {
			return
		}
		b, bucket = b[n+m:], bucket+step
		h.counts[bucket] += uint32(count)
	}
}

// quantiles are read from the histogram.
func (h *histogram) quantiles() (q Quantiles) {
	for _, n := range h.counts {
		q.N += int(n)
	}
	q.Max = h.longest
	sum, next := 0, 0
	of, to := [...]float64{0.5, 0.95, 0.99}, [...]*time.Duration{&q.P50, &q.P95, &q.P99}
	for bucket, n := range h.counts {
		sum += int(n)
		for n > 0 && next < len(of) && float64(sum) >= of[next]*float64(q.N) {
			*to[next] = min(middleOf(bucket), h.longest)
			next++
		}
	}
	return q
}
