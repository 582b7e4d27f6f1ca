package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var batchEpoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// TestBatchOfOneRun is the run by itself, to a rounding error, through pages and their ends.
func TestBatchOfOneRun(t *testing.T) {
	for _, blip := range []time.Duration{0, 25 * time.Second} {
		o := Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: 24 * time.Hour, Blip: blip}
		one, batch := New(o.Params(10*time.Second)), New(o.Params(10*time.Second))
		random := rand.New(rand.NewPCG(1, 2))
		changes := 0
		for i := range 60_000 {
			failed := random.Float64() < []float64{0.001, 0.2}[i/1000%20/19] // at times for 1000 runs
			at := batchEpoch.Add(time.Duration(i) * 10 * time.Second)
			b := Batch{From: at, To: at, Passed: 1}
			if failed {
				b.Passed, b.Failed = 0, 1
			}
			want, got := one.Observe(at, failed), batch.ObserveBatch(b)
			if want != got || !near(one.Evidence(), batch.Evidence()) || !near(one.Recovery(), batch.Recovery()) ||
				!one.ChangePoint().Equal(batch.ChangePoint()) || !one.Since().Equal(batch.Since()) {
				t.Fatalf("blip %v, run %d: got %+v, %v, %v, want %+v, %v, %v", blip, i, got, batch.Evidence(), batch.ChangePoint(),
					want, one.Evidence(), one.ChangePoint())
			}
			if got.Changed() {
				changes++
			}
		}
		if changes < 6 {
			t.Errorf("blip %v: %d changes of the state, want several pages", blip, changes)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) }

// TestBatchesAgree holds batches to the bound of the doc comment: of what the runs one by
// one say, each batch may be off by n (p/p0)^failed, and by what it was off before.
func TestBatchesAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for trial := range 400 {
		tolerate := math.Pow(10, -1-3*random.Float64())
		detect := tolerate * (2 + 20*random.Float64())
		if detect >= 0.9 {
			continue
		}
		grid := rates(tolerate, detect)
		one, batched := newMixture(tolerate, detect), newMixture(tolerate, detect)
		var off [points]float64
		rate := tolerate * math.Pow(20, random.Float64())
		for range 60 {
			b := Batch{From: batchEpoch, To: batchEpoch}
			for range random.IntN(40) {
				if random.Float64() < rate {
					b.Failed++
					one.failed(batchEpoch)
				} else {
					b.Passed++
					one.passed()
				}
			}
			batched.batch(b, grid, tolerate, false)
			for j, p := range grid {
				off[j] = off[j]*b.ratio(p, tolerate, false) + weight*float64(b.Runs())*math.Pow(p/tolerate, float64(b.Failed))
				if got := math.Abs(one.r[j] - batched.r[j]); got > off[j]*(1+1e-9) {
					t.Fatalf("trial %d, rate %v: %v by runs and %v by batches, want them within %v", trial, p, one.r[j], batched.r[j], off[j])
				}
			}
		}
	}
}

// batchesToPage is how many runs a stream of the given failure rate makes in batches until
// a detector pages. Failures come in bursts of so many runs, each of which begins with the rate.
func batchesToPage(random *rand.Rand, d *Detector, size, burst int, rate float64) (runs float64) {
	every := 5 * time.Second
	at, left := batchEpoch, 0
	for d.State() != Firing {
		n := 1 + random.IntN(2*size-1) // as many as there happen to be
		b := Batch{From: at, To: at.Add(time.Duration(n) * every)}
		for range n {
			if left == 0 && random.Float64() < rate {
				left = burst
			}
			if left > 0 {
				left--
				b.Failed++
			} else {
				b.Passed++
			}
		}
		d.ObserveBatch(b)
		at = b.To
		runs += float64(n)
	}
	return runs
}

// TestBatchesKeepThePromise counts the runs from one false page to the next.
func TestBatchesKeepThePromise(t *testing.T) {
	const reps = 300
	for _, test := range []struct {
		name        string
		blip        time.Duration
		size, burst int
	}{
		{"single runs that fail", 0, 20, 1},
		{"small batches", 0, 2, 1},
		{"with a blip", 25 * time.Second, 6, 1},
		{"bursts no longer than the blip", 20 * time.Second, 6, 4},
	} {
		random := rand.New(rand.NewPCG(5, 6))
		o := Objective{Tolerate: 0.01, Detect: 0.1, FalsePageEvery: 5000 * 5 * time.Second, Blip: test.blip}
		p := o.ParamsBatched(5*time.Second, time.Duration(test.size)*5*time.Second)
		var sum, squares float64
		for range reps {
			n := batchesToPage(random, New(p), test.size, test.burst, o.Tolerate)
			sum += n
			squares += n * n
		}
		mean := sum / reps
		deviation := math.Sqrt((squares/reps - mean*mean) / reps)
		t.Logf("%s: %.0f ± %.0f runs to a false page, promised %.0f", test.name, mean, deviation, p.RunsToFalsePage)
		if mean+3*deviation < p.RunsToFalsePage {
			t.Errorf("%s: %.0f runs to a false page, want %.0f at least", test.name, mean, p.RunsToFalsePage)
		}
	}
}

// TestBatchesAreAsQuick compares the runs to a page with those that it takes one by one.
func TestBatchesAreAsQuick(t *testing.T) {
	const reps = 300
	o := Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: 777_600 * 5 * time.Second}
	for _, rate := range []float64{0.02, 0.1, 1} {
		random := rand.New(rand.NewPCG(7, 8))
		var one, batched float64
		for range reps {
			d := New(o.Params(5 * time.Second))
			for d.State() != Firing {
				d.Observe(batchEpoch, random.Float64() < rate)
				one++
			}
			batched += batchesToPage(random, New(o.Params(5*time.Second)), 5, 1, rate)
		}
		t.Logf("%v fail: %.1f runs to a page one by one, %.1f in batches of 5", rate, one/reps, batched/reps)
		if batched > 1.1*one+5*reps {
			t.Errorf("%v fail: %.1f runs in batches and %.1f one by one, want a tenth and a batch more at most", rate, batched/reps, one/reps)
		}
	}
}

// TestBatchFloors: passed runs alone do not make a check suspect, however they are batched,
// and one batch with failures is no page where there is a blip.
func TestBatchFloors(t *testing.T) {
	o := Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: time.Hour, Blip: 30 * time.Second}
	for _, size := range []int{1, 4, 50, 1000} {
		d := New(o.ParamsBatched(10*time.Second, time.Duration(size)*10*time.Second))
		at := batchEpoch
		for range 500 {
			d.ObserveBatch(Batch{From: at, To: at.Add(time.Minute), Passed: size})
			at = at.Add(time.Minute)
		}
		if e := d.Evidence(); e > mostAtRest {
			t.Errorf("batches of %d passed runs amount to evidence %v, want %v at most", size, e, mostAtRest)
		}
		d.ObserveBatch(Batch{From: at, To: at.Add(time.Minute), Failed: size})
		if e := d.Evidence(); e > mostOfABurst+1e-9 {
			t.Errorf("one batch of %d failed runs amounts to evidence %v, want %v at most", size, e, mostOfABurst)
		}
	}
}

// TestBatchBlip: a burst that the end of an interval cuts in two counts once, and one that
// comes a blip later counts again.
func TestBatchBlip(t *testing.T) {
	o := Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: 24 * time.Hour, Blip: 30 * time.Second}
	d := New(o.Params(5 * time.Second))
	at := func(from, to int) Batch {
		second := func(n int) time.Time { return batchEpoch.Add(time.Duration(n) * time.Second) }
		return Batch{From: second(from), To: second(to), Passed: 2, Failed: 1}
	}
	for _, test := range []struct {
		batch Batch
		want  bool
	}{
		{at(0, 15), true},
		{at(10, 30), false},
		{at(44, 60), false}, // a run of it may be 29 s after the failure
		{at(45, 60), true},
		{at(0, 200), false}, // late, and may hold that failure
		{at(0, 15), true},   // long before: a clock set back silences nothing
	} {
		if got := d.ObserveBatch(test.batch); got.Counted != test.want {
			t.Errorf("from %v to %v: counted is %v, want %v", test.batch.From, test.batch.To, got.Counted, test.want)
		}
	}
	if j := d.ObserveBatch(Batch{From: batchEpoch.Add(time.Hour), To: batchEpoch.Add(time.Hour)}); j.Counted {
		t.Error("a batch without a run counts")
	}
}

// TestBatchExtremes: every number stays finite.
func TestBatchExtremes(t *testing.T) {
	for _, blip := range []time.Duration{0, time.Second} {
		o := Objective{Tolerate: LeastTolerate, Detect: 0.5, FalsePageEvery: time.Hour, Blip: blip}
		d := New(o.ParamsBatched(time.Nanosecond, time.Minute))
		for i, b := range []Batch{{Failed: 1e9}, {Passed: 1e9}, {Passed: 1e9}, {Failed: 1}, {Passed: 1e12}, {Failed: 1e12, Passed: 1e12}, {Passed: 3}} {
			b.From = batchEpoch.Add(time.Duration(i) * time.Hour)
			b.To = b.From
			d.ObserveBatch(b)
			for _, x := range []float64{d.Evidence(), d.Recovery()} {
				if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
					t.Fatalf("blip %v, batch %d: evidence %v, recovery %v", blip, i, d.Evidence(), d.Recovery())
				}
			}
		}
	}
}

func TestCrowded(t *testing.T) {
	o := Objective{Tolerate: 0.001, Detect: 0.02, Blip: time.Second}
	if o.Crowded(200) || !o.Crowded(300) {
		t.Errorf("200 runs a batch: %v, 300: %v, want false and true", o.Crowded(200), o.Crowded(300))
	}
	if o.Blip = 0; o.Crowded(1e9) {
		t.Error("crowded without a blip")
	}
}

func TestRescale(t *testing.T) {
	o := Objective{Tolerate: 0.001, Detect: 0.02, FalsePageEvery: 30 * 24 * time.Hour}
	d := New(o.Params(10 * time.Second))
	d.Observe(batchEpoch, true)
	before := d.Evidence()
	if !d.Rescale(o.Params(5*time.Second)) || !near(d.Evidence(), before/2) {
		t.Errorf("evidence %v of twice as many runs, want half of %v", d.Evidence(), before)
	}
	other := o
	other.Detect = 0.03
	if d.Rescale(other.Params(5 * time.Second)) {
		t.Error("the evidence for another objective goes on")
	}
	for d.State() != Firing {
		d.Observe(batchEpoch, true)
	}
	if d.Rescale(o.Params(time.Second)) || d.Evidence() < 1 {
		t.Errorf("a detector that is firing was rescaled, to evidence %v", d.Evidence())
	}
}
