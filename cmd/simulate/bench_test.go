package main

import (
	"testing"
	"time"
)

// BenchmarkTeam is what a run costs, with the world and all that is judged.
func BenchmarkTeam(b *testing.B) {
	w := newWorld(settings{Locations: 10, Checks: 40, Days: 30, Every: 5 * time.Minute, Confirm: 10 * time.Second, Seed: 1})
	b.ReportAllocs()
	var runs uint64
	for i := 0; b.Loop(); i++ {
		t, err := simulateTeam(b.Context(), w, i%w.teams())
		if err != nil {
			b.Fatal(err)
		}
		score(t)
		runs += t.counts.runs()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(runs), "ns/run")
}
