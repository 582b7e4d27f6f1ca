package detect

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestObjectiveValidate(t *testing.T) {
	month := 720 * time.Hour
	tests := []struct {
		name string
		o    Objective
		want string
	}{
		{"default", DefaultObjective, ""},
		{"extremes", Objective{LeastTolerate, math.Nextafter(1, 0), 1, 0}, ""},
		{"zero value", Objective{}, "tolerate: got 0, want a failure rate above 0 and below 1\n" +
			"detect: got 0, want a failure rate above 0 and below 1\n" +
			"false_pages: got one per 0s, want one per a time above zero"},
		{"everything at once", Objective{math.NaN(), math.Inf(1), -time.Hour, -1},
			"tolerate: got NaN, want a failure rate above 0 and below 1\n" +
				"detect: got +Inf, want a failure rate above 0 and below 1\n" +
				"false_pages: got one per -1h0m0s, want one per a time above zero\n" +
				"blip: got -1ns, want zero or more"},
		{"equal", Objective{0.02, 0.02, month, 0}, "detect: got 0.02, want above what is tolerated, 0.02"},
		{"swapped", Objective{0.02, 0.001, month, 0}, "detect: got 0.001, want above what is tolerated, 0.02"},
		{"too near", Objective{0.02, 0.0201, month, 0}, "detect: got 0.0201, want at least 1.01 times what is tolerated, 0.02"},
		{"tiny", Objective{1e-12, 0.02, month, 0}, "tolerate: got 1e-12, want at least 1e-09: no check runs often enough to tell"},
		{"a percentage taken for a rate", Objective{0.1, 2, month, 0}, "detect: got 2, want a failure rate above 0 and below 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.o.Validate()
			if tt.want == "" {
				if err != nil {
					t.Fatalf("got %v, want no error", err)
				}
				return
			}
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got:\n%v\nwant:\n%v", err, tt.want)
			}
			var mistake *ObjectiveError
			if !errors.As(err, &mistake) || mistake.Field == "" {
				t.Errorf("got %#v, want an *ObjectiveError", err)
			}
		})
	}
}

func TestObjectiveParams(t *testing.T) {
	tests := []struct {
		name        string
		o           Objective
		every       time.Duration
		page, clear float64 // page 0: only that a floor applies
	}{
		{"default every 10 s", DefaultObjective, 10 * time.Second, 259200, 8640},
		{"default every minute", DefaultObjective, time.Minute, 43200, 1440},
		{"default every 7 s", DefaultObjective, 7 * time.Second, 2592000. / 7, 86400. / 7},
		{"no false page in a lifetime", Objective{0.001, 0.02, math.MaxInt64, 0}, time.Nanosecond, math.MaxInt64, 86400e9},
		{"more often than it runs", Objective{0.001, 0.02, time.Second, 0}, time.Hour, 0, 24},
		{"once a day", DefaultObjective, 24 * time.Hour, 0, 24},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.o.Params(tt.every)
			want := tt.page
			if want == 0 {
				want = tt.o.leastThreshold()
			}
			if p.RunsToFalsePage != want || p.RunsToFalseClear != tt.clear {
				t.Errorf("got %v and %v, want %v and %v", p.RunsToFalsePage, p.RunsToFalseClear, want, tt.clear)
			}
			if p.Tolerate != tt.o.Tolerate || p.Detect != tt.o.Detect || p.Blip != tt.o.Blip {
				t.Errorf("got %+v of %+v", p, tt.o)
			}
		})
	}
}

func TestObjectiveParamsPanics(t *testing.T) {
	for _, every := range []time.Duration{0, -time.Second} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("every %v: got no panic", every)
				}
			}()
			DefaultObjective.Params(every)
		}()
	}
}

// TestFloors holds the three floors of the package comment against many
// objectives, most of which ask for far more false pages than is sensible.
func TestFloors(t *testing.T) {
	for o := range objectives(t, 300) {
		d := New(o.Params(time.Second))
		rng := rand.New(rand.NewPCG(5, 6))
		at := start
		for i := range 3000 {
			at = at.Add(time.Second)
			if j := d.Observe(at, false); j.Changed() || d.Evidence() > mostAtRest*(1+1e-9) {
				t.Fatalf("%+v: run %d passed like all before: %+v, evidence %v", o, i, j, d.Evidence())
			}
		}
		// What the evidence tends to, however long that takes.
		for j, p := range rates(o.Tolerate, o.Detect) {
			d.page.r[j] = weight * (1 - p) / (p - o.Tolerate)
		}
		d.page.total = d.page.sum()
		if e := d.Evidence(); e > mostAtRest*(1+1e-9) {
			t.Fatalf("%+v: evidence %v at rest, want at most %v", o, e, mostAtRest)
		}
		j := d.Observe(at.Add(time.Second), true)
		if o.Blip > 0 && (j.After == Firing || d.Evidence() > mostOfABurst*(1+1e-9)) {
			t.Fatalf("%+v: one failure: %+v, evidence %v", o, j, d.Evidence())
		}
		for range 3000 {
			at = at.Add(o.Blip + time.Second)
			failed := rng.Float64() < o.Detect
			before := d.Evidence()
			j := d.Observe(at, failed)
			if failed || j.Before == Firing {
				continue
			}
			if j.After > j.Before {
				t.Fatalf("%+v: a passed run led to %+v", o, j)
			}
			if before >= suspectFrom && d.Evidence() >= before {
				t.Fatalf("%+v: a passed run raised the evidence from %v to %v", o, before, d.Evidence())
			}
		}
	}
}

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// objectives yields n valid objectives from all over the place.
func objectives(t *testing.T, n int) func(yield func(Objective) bool) {
	return func(yield func(Objective) bool) {
		rng := rand.New(rand.NewPCG(1, 2))
		for range n {
			tolerate := math.Pow(10, -6*rng.Float64()) * 0.9
			detect := tolerate + (1-tolerate)*math.Pow(rng.Float64(), 3)
			o := Objective{
				Tolerate:       tolerate,
				Detect:         min(max(detect, 1.02*tolerate), 0.999),
				FalsePageEvery: time.Duration(math.Pow(10, 6*rng.Float64()) * float64(time.Second)),
				Blip:           time.Duration(rng.IntN(2)*rng.IntN(60)) * time.Second,
			}
			if err := o.Validate(); err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
			if !yield(o) {
				return
			}
		}
	}
}

func TestBound(t *testing.T) {
	p := Objective{0.001, 0.02, 720 * time.Hour, 0}.Params(10 * time.Second)
	tests := []struct{ rate, want, within float64 }{
		{0.005, 3074, 2}, {0.01, 886, 2}, {0.02, 303, 1}, {0.05, 84, 1}, {0.1, 34, 1},
		{0.2, 14, 1}, {0.5, 4.5, 0.1}, {1, 1.8, 0.05},
	}
	for _, tt := range tests {
		if got := p.Bound(tt.rate); math.Abs(got-tt.want) > tt.within {
			t.Errorf("rate %v: got %v, want %v", tt.rate, got, tt.want)
		}
	}
	for _, rate := range []float64{0, 0.0005, 0.001, math.NaN()} {
		if got := p.Bound(rate); !math.IsInf(got, 1) {
			t.Errorf("rate %v: got %v, want +Inf", rate, got)
		}
	}
}
