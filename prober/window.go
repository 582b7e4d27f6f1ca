package prober

import "time"

// A window counts the runs of a length of time that ends now. It is a ring of
// buckets, so its size does not depend on the number of runs, and its length is
// exact to one bucket: between 59/60 of what it says and the whole of it.
type window struct {
	width   time.Duration // of one bucket
	head    int64         // number of the newest bucket, since the epoch
	buckets [windowBuckets]tally
}

const windowBuckets = 60

// A tally counts runs.
type tally struct{ failed, runs uint32 }

func newWindow(length time.Duration) window {
	return window{width: length / windowBuckets}
}

// add counts a run that ended at the given time since the epoch. One that ended
// before the window begins, or before the epoch, is not counted.
func (w *window) add(at time.Duration, failed bool) {
	t := tally{runs: 1}
	if failed {
		t.failed = 1
	}
	w.addAll(at, t)
}

// addAll is add for runs that ended together.
func (w *window) addAll(at time.Duration, t tally) {
	n := int64(at / w.width)
	if at < 0 || n <= w.head-windowBuckets {
		return
	}
	if n > w.head {
		for i := max(w.head+1, n-windowBuckets+1); i <= n; i++ {
			w.buckets[i%windowBuckets] = tally{}
		}
		w.head = n
	}
	b := &w.buckets[n%windowBuckets]
	b.runs += t.runs
	b.failed += t.failed
}

// sum counts the runs of the window that ends at now. A now before the newest
// run is taken to be that run's.
func (w *window) sum(now time.Duration) (failed, runs int) {
	end := max(w.head, int64(now/w.width))
	for i := max(0, end-windowBuckets+1); i <= w.head; i++ {
		b := w.buckets[i%windowBuckets]
		failed += int(b.failed)
		runs += int(b.runs)
	}
	return failed, runs
}
