package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

var epoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

func TestCounter(t *testing.T) {
	var c Counter
	for _, test := range []struct {
		name        string
		at, value   float64
		by, from    float64
		counted, re bool
	}{
		{"the first counts nothing", 0, 1000, 0, 0, false, false},
		{"the next by the difference", 15, 1003, 3, 0, true, false},
		{"the same again", 15, 1003, 0, 0, false, false},
		{"a late one is in the difference", 7, 1001, 0, 0, false, false},
		{"nothing happened", 30, 1003, 0, 15, true, false},
		{"a gap, and nothing is lost", 3600, 1363, 360, 30, true, false},
		{"a reset", 3615, 2, 2, 3600, true, true},
		{"to zero", 3630, 0, 0, 3615, true, true},
		{"no number", 3640, math.NaN(), 0, 0, false, false},
		{"less than nothing", 3641, -1, 0, 0, false, false},
		{"infinity", 3642, math.Inf(1), 0, 0, false, false},
		{"on from the last count", 3645, 4, 4, 3630, true, false},
		{"more", 3660, 1000, 996, 3645, true, false},
		{"a dip, as of another replica", 3661, 999, 0, 0, false, false},
		{"still below", 3675, 901, 0, 0, false, false},
		{"and above again, by what it is above", 3690, 1002, 2, 3660, true, false},
		{"too much for a dip", 3705, 901, 901, 3690, true, true},
		{"too late for a dip", 3705 + 301, 900, 900, 3705, true, true},
		{"away for longer than a day", 4006 + 86401, 4000, 0, 0, false, false},
		{"and back", 4006 + 86416, 4001, 1, 4006 + 86401, true, false},
	} {
		got, counted := c.Add(Sample{at(test.at), test.value})
		want := Increase{}
		if test.counted {
			want = Increase{at(test.from), at(test.at), test.by, test.re}
		}
		if counted != test.counted || got != want {
			t.Errorf("%s: got %+v, %v, want %+v, %v", test.name, got, counted, want, test.counted)
		}
	}
}

func TestStreamIntervals(t *testing.T) {
	s := NewStream(15 * time.Second)
	add := func(kind Kind, series string, samples ...float64) {
		for i := 0; i < len(samples); i += 2 {
			s.Add(kind, series, "", Sample{at(samples[i]), samples[i+1]})
		}
	}
	closes := func(by float64, want ...detect.Batch) {
		t.Helper()
		if got := s.Close(at(by)); !slices.Equal(got, want) {
			t.Errorf("closing by %v:\n got %v\nwant %v", by, got, want)
		}
	}
	batch := func(from, to float64, passed, failed int) detect.Batch {
		return detect.Batch{From: at(from), To: time.UnixMilli(at(to).UnixMilli()), Passed: passed, Failed: failed}
	}
	closes(0)
	add(Runs, "a", 5, 0, 20, 2)
	add(Failures, "a", 5, 0, 20, 1)
	add(Runs, "b", 10, 100, 25, 101)
	closes(29)
	closes(30, batch(5, 30, 2, 1))
	add(Runs, "a", 35, 4, 20, 2, 5, 0) // once more
	add(Runs, "b", 31, 102)
	add(Failures, "a", 35, 3) // one more than there are runs so far
	add(Runs, "c", 40, 1)
	closes(45, batch(20, 45, 1, 2))
	add(Failures, "b", 55, 0)
	add(Runs, "a", 50, 6)
	closes(75, batch(35, 60, 2, 0))
	add(Runs, "a", 51, 7) // late: its interval is closed
	closes(89)
	closes(90, batch(50, 90, 1, 0))
	add(Runs, "d", 95, 0, 100, 1.5)
	closes(105, batch(95, 105, 1, 0))
	add(Runs, "d", 120, 3) // at the end of its interval
	closes(120, batch(100, 120, 2, 0))
}

// A site is an instance with two counters that are scraped now and then.
type site struct {
	name         string
	samples      [2][]Sample
	runs, failed [2]float64 // what the counters show, and what there was since the first scrape
}

// history makes up what an instance has counted, with gaps, and with restarts just after a scrape.
func history(random *rand.Rand, name string, seconds float64) *site {
	s := &site{name: name}
	offset := 15 * random.Float64()
	for now := offset; now < seconds; now += 15 {
		if len(s.samples[Runs]) > 0 {
			n := random.IntN(6)
			for range n {
				s.runs[0]++
				s.runs[1]++
				if random.Float64() < 0.1 {
					s.failed[0]++
					s.failed[1]++
				}
			}
		} else {
			s.runs[0], s.failed[0] = float64(random.IntN(1e6)), float64(random.IntN(100))
		}
		if random.Float64() < 0.2 {
			continue // a scrape that failed
		}
		s.samples[Runs] = append(s.samples[Runs], Sample{at(now), s.runs[0]})
		s.samples[Failures] = append(s.samples[Failures], Sample{at(now), s.failed[0]})
		if random.Float64() < 0.02 {
			s.runs[0], s.failed[0] = 0, 0
		}
	}
	return s
}

// visible are the samples that are there at a time, when a sample is so late.
func visible(samples []Sample, from, to time.Time, late time.Duration) (seen []Sample) {
	for _, s := range samples {
		if s.At.After(from) && !s.At.Add(late).After(to) {
			seen = append(seen, s)
		}
	}
	return seen
}

// TestStreamLosesNothing reads made-up histories in overlapping pieces, with gaps, restarts,
// and instances whose samples come minutes late. What it counts is what there was.
func TestStreamLosesNothing(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := NewStream(15 * time.Second)
		var sites []*site
		late := map[string]time.Duration{}
		var want [2]float64
		for i := range 1 + random.IntN(5) {
			one := history(random, fmt.Sprint(i), 3600)
			sites = append(sites, one)
			if random.IntN(3) == 0 {
				late[one.name] = time.Duration(random.Float64() * float64(10*time.Minute))
			}
			for kind := range want { // what the last scrape has seen
				want[kind] += counted(one.samples[kind])
			}
		}
		var got [2]float64
		sum := func(batches []detect.Batch) {
			for _, b := range batches {
				got[Runs] += float64(b.Runs())
				got[Failures] += float64(b.Failed)
			}
			if got[Runs] > want[Runs] || got[Failures] > want[Failures] {
				t.Fatalf("seed %d: %v counted, and there were %v", seed, got, want)
			}
		}
		for now := 0.0; now < 3600+900; now += 10 + 50*random.Float64() {
			random.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
			for _, one := range sites {
				for _, kind := range []Kind{Failures, Runs} {
					for _, sample := range visible(one.samples[kind], at(now-1200), at(now), late[one.name]) {
						s.Add(kind, one.name, "", sample)
					}
				}
			}
			sum(s.Close(at(now - 15)))
		}
		sum(s.Close(at(6000)))
		if got != want {
			t.Errorf("seed %d: %v counted, want %v", seed, got, want)
		}
	}
}

// counted is what a counter has counted from its first sample to its last, by its resets.
func counted(samples []Sample) (n float64) {
	for i := 1; i < len(samples); i++ {
		if d := samples[i].Value - samples[i-1].Value; d >= 0 {
			n += d
		} else {
			n += samples[i].Value
		}
	}
	return n
}

// TestReplayIsTheSame: read as it came or at once, the batches are the same.
func TestReplayIsTheSame(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 2))
		sites := []*site{history(random, "a", 3600), history(random, "b", 3600), history(random, "c", 3600)}
		read := func(step float64) (all []detect.Batch) {
			s := NewStream(15 * time.Second)
			for now := step; now <= 3600+step; now += step {
				for _, one := range sites {
					for _, kind := range []Kind{Runs, Failures} {
						for _, sample := range visible(one.samples[kind], at(now-step-300), at(now), 0) {
							s.Add(kind, one.name, "", sample)
						}
					}
				}
				all = append(all, s.Close(at(now-15))...)
			}
			return append(all, s.Close(at(9000))...)
		}
		if once, often := read(3600), read(7); !slices.Equal(once, often) {
			t.Errorf("seed %d: read at once %d batches, as they came %d", seed, len(once), len(often))
		}
	}
}

func TestForget(t *testing.T) {
	s := NewStream(15 * time.Second)
	s.Add(Runs, "a", "", Sample{at(0), 1})
	s.forget(at(86400))
	if len(s.counters[Runs]) != 1 {
		t.Error("a series is forgotten within a day")
	}
	s.forget(at(86401))
	if len(s.counters[Runs]) != 0 {
		t.Error("a series is kept for ever")
	}
}

func TestScheduled(t *testing.T) {
	c := &prober.Check{Objective: objective, Schedule: prober.Schedule{Every: 10 * time.Second}}
	one, three := Scheduled(c, 15*time.Second)(Load{Instances: 1}), Scheduled(c, 15*time.Second)(Load{Instances: 3})
	if one.RunsToFalsePage != 259_200 || three.RunsToFalsePage != 777_600 {
		t.Errorf("%v runs of one instance and %v of three, want 259200 and 777600", one.RunsToFalsePage, three.RunsToFalsePage)
	}
	c.Schedule.Confirm, c.Schedule.ConfirmBudget = time.Second, detect.DefaultBudget
	confirming := Scheduled(c, 15*time.Second)(Load{Instances: 3})
	if most := 3 * 259_200 * (1 + 2*detect.DefaultBudget); confirming.RunsToFalsePage <= 777_600 || confirming.RunsToFalsePage > most {
		t.Errorf("%v with confirming runs, want more than without and %v at most", confirming.RunsToFalsePage, most)
	}
}
