package main

import (
	"slices"
	"testing"
	"time"
)

// Two locations of three fail in a tenth of their runs for half an hour: six failed
// of the 600 of an hour are beyond doubt, by the 95 % interval 0.46 % at the least. One that fails alone is nothing.
func TestSpread(t *testing.T) {
	team := &team{fared: make([][]tally, 3)}
	for location := range team.fared {
		team.fared[location] = make([]tally, 180)
		for minute := range team.fared[location] {
			for run := range 10 {
				bad := location > 0 && minute >= 60 && minute < 90 || minute == 20 && location == 0
				team.fared[location][minute].add(bad && run == 0)
			}
		}
	}
	var got []int // when it changes
	was := false
	for minute := range 181 {
		if is := team.spread(minute); is != was {
			got, was = append(got, minute), is
		}
	}
	if want := []int{66, 145}; !slices.Equal(got, want) {
		t.Errorf("from and to %v, want %v", got, want)
	}
}

// TestTogether: a team's flows that fail in all locations have one page of the group, which is spread, and explains
// those of the flows that are over later, as the aggregator has it.
func TestTogether(t *testing.T) {
	w := newWorld(settings{Locations: 3, Checks: teamSize, Days: 2, Every: time.Minute, Confirm: 10 * time.Second, Seed: 2})
	one := &team{w: w, flows: w.flows, fared: make([][]tally, w.Locations)}
	n := int(w.long/width) + 3
	for i := range one.counted {
		one.counted[i] = make([]tally, n)
	}
	for location := range one.fared {
		one.fared[location] = make([]tally, n/aMinute+1)
	}
	for i := range n {
		for flow := range one.counted {
			for location := range w.Locations {
				bad := i > 1000 && i < 1240 && (i+flow+location)%10 == 0
				one.counted[flow][i].add(bad)
				one.fared[location][i/aMinute].add(bad)
			}
		}
	}
	one.pool()
	groups, told, over := 0, 0, time.Time{}
	for _, p := range one.pages {
		if p.flow < 0 {
			groups, over = groups+1, p.end
			if len(p.spread) == 0 || p.spread[0].from.Before(p.at.Add(-settle)) {
				t.Errorf("it is spread %v", p.spread)
			}
		}
	}
	for _, p := range one.pages {
		if p.flow >= 0 && len(p.told) > 0 {
			told++
			if s := p.told[0]; s.from.Before(over.Add(-settle)) || s.to != p.end {
				t.Errorf("flow %d is explained from %v to %v, the page of the group is over at %v, its own at %v", p.flow, s.from, s.to, over, p.end)
			}
		}
	}
	if groups != 1 || told == 0 {
		t.Errorf("%d pages of the group, %d flows explained", groups, told)
	}
}
