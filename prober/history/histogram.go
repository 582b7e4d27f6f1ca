package history

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"
)

// growth is by how much each bucket of a histogram is wider than the one before: what
// is read from it is right to 5 %.
const growth = 1.1

// A histogram counts lengths of time in buckets of rising width. The zero value is
// ready for use.
type histogram struct {
	counts  map[uint64]uint64 // by bucket
	longest time.Duration
}

// bucketOf is the bucket of a length of time: 0 is a microsecond and less, and n what
// is no longer than growth^n microseconds.
func bucketOf(d time.Duration) uint64 {
	us := float64(d) / float64(time.Microsecond)
	if us <= 1 {
		return 0
	}
	return uint64(math.Ceil(math.Log(us)/math.Log(growth) - 1e-9))
}

// middleOf is what a bucket stands for.
func middleOf(bucket uint64) time.Duration {
	if bucket == 0 {
		return time.Microsecond
	}
	return time.Duration(math.Pow(growth, float64(bucket)-0.5) * float64(time.Microsecond))
}

func (h *histogram) add(d time.Duration) {
	h.addN(bucketOf(d), 1)
	h.longest = max(h.longest, d)
}

func (h *histogram) addN(bucket, n uint64) {
	if h.counts == nil {
		h.counts = map[uint64]uint64{}
	}
	h.counts[bucket] += n
}

// encode writes the buckets in rising order, each as its distance from the one before
// and its count, as varints.
func (h *histogram) encode() []byte {
	b, before := []byte{}, uint64(0)
	for _, bucket := range slices.Sorted(maps.Keys(h.counts)) {
		b = binary.AppendUvarint(b, bucket-before)
		b = binary.AppendUvarint(b, h.counts[bucket])
		before = bucket
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
		if m <= 0 {
			return
		}
		b, bucket = b[n+m:], bucket+step
		h.addN(bucket, count)
	}
}

// quantiles are read from the histogram.
func (h *histogram) quantiles() (q Quantiles) {
	for _, n := range h.counts {
		q.N += int(n)
	}
	q.Max = h.longest
	var sum int
	wants := []struct {
		of float64
		to *time.Duration
	}{{0.5, &q.P50}, {0.95, &q.P95}, {0.99, &q.P99}}
	for _, bucket := range slices.Sorted(maps.Keys(h.counts)) {
		sum += int(h.counts[bucket])
		for len(wants) > 0 && float64(sum) >= wants[0].of*float64(q.N) {
			*wants[0].to = min(middleOf(bucket), h.longest)
			wants = wants[1:]
		}
	}
	return q
}
