package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
)

// A fleet is what became of all teams.
type fleet struct {
	w       *world
	Teams   int // that were simulated to the end
	Counts  counts
	promise map[subject]*promise
	delays  map[incident]*delays
	blame   blame
	told    []told     // for each of routings
	starts  [][]uint32 // for each location and slice of a time
}

// simulate simulates all teams, so many at once, and says on progress how far it has come. When
// ctx ends it is the teams that have come to their end.
func simulate(ctx context.Context, w *world, workers int, progress io.Writer) (*fleet, error) {
	var mu sync.Mutex
	teams, errs := make([]*scored, w.teams()), make([]error, w.teams())
	starts := make([][]uint32, w.Locations)
	for i := range starts {
		starts[i] = make([]uint32, w.long/slice+2)
	}
	began, done, runs := time.Now(), 0, uint64(0)
	numbers := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n := range numbers {
				t, err := simulateTeam(ctx, w, n)
				if err != nil {
					errs[n] = err
					continue
				}
				teams[n] = score(t)
				mu.Lock()
				for location := range starts {
					for i, more := range t.starts[location] {
						starts[location][i] += uint32(more)
					}
				}
				done++
				runs += t.counts.runs()
				left := time.Duration(float64(time.Since(began)) / float64(done) * float64(w.teams()-done))
				fmt.Fprintf(progress, "%d of %d teams, %.1f million runs, %v left\n", done, w.teams(), float64(runs)/1e6, left.Round(time.Second))
				mu.Unlock()
			}
		})
	}
	for n := range w.teams() {
		select {
		case numbers <- n:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(numbers)
	all.Wait()
	f := &fleet{w: w, starts: starts, promise: map[subject]*promise{}, delays: map[incident]*delays{}, told: make([]told, len(routings))}
	f.Counts.Missed = map[prober.MissReason]uint64{}
	for n, t := range teams { // in order, so that it comes to the same whoever was first
		switch {
		case t != nil:
			f.add(t)
		case errs[n] != nil && ctx.Err() == nil:
			return nil, errs[n]
		}
	}
	if f.Teams == 0 {
		return nil, ctx.Err()
	}
	return f, nil
}

func (f *fleet) add(t *scored) {
	f.Teams++
	f.Counts.plus(t.counts)
	for who, p := range t.promise {
		if f.promise[who] == nil {
			f.promise[who] = &promise{}
		}
		f.promise[who].plus(p)
	}
	for what, d := range t.delays {
		if f.delays[what] == nil {
			f.delays[what] = &delays{}
		}
		f.delays[what].plus(d)
	}
	f.blame.plus(t.blame)
	for i := range f.told {
		f.told[i].plus(t.told[i])
	}
}
