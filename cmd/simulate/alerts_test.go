package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// minute is so many minutes after the beginning.
func minute(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }

func spansOf(pairs ...int) (all []span) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, span{minute(pairs[i]), minute(pairs[i+1])})
	}
	return all
}

func written(all []span) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%v-%v ", s.from.Sub(begin).Minutes(), s.to.Sub(begin).Minutes())
	}
	return b.String()
}

func TestUnion(t *testing.T) {
	got := written(union(spansOf(20, 30, 0, 10, 5, 7, 9, 12, 33, 40, 46, 50), 5*time.Minute))
	if want := "0-12 20-40 46-50 "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A page waits for group_wait, a quarter of a minute, wherever its time is not held.
func TestWithout(t *testing.T) {
	for _, tt := range []struct {
		held []span
		want string
	}{
		{nil, "10.25-60 "},
		{spansOf(0, 20), "20-60 "},
		{spansOf(0, 70), ""},
		{spansOf(10, 70), ""},
		{spansOf(11, 70), "10.25-11 "},
		{spansOf(40, 50, 20, 30), "10.25-20 30-40 50-60 "},
		{spansOf(0, 5, 60, 70), "10.25-60 "},
		{spansOf(0, 30, 20, 25), "30-60 "},
	} {
		if got := written(without(spansOf(10, 60)[0], tt.held)); got != tt.want {
			t.Errorf("held %s: got %s, want %s", written(tt.held), got, tt.want)
		}
	}
}

func TestExplained(t *testing.T) {
	for _, tt := range []struct {
		groups []span // in trouble since they fire
		failed []int
		want   string
	}{
		{nil, nil, ""},
		{spansOf(0, 20), nil, "0-60 "},
		{spansOf(0, 20), []int{15, 19, 30}, "0-60 "},           // one failure after it
		{spansOf(0, 20), []int{15, 30, 40, 50}, "0-40 "},       // told from the second on
		{spansOf(0, 10), nil, ""},                              // it was over
		{spansOf(60, 70), nil, ""},                             // it comes later
		{spansOf(0, 20, 30, 35), []int{21, 22}, "0-22 30-35 "}, // the second trouble began when it fired already
	} {
		p := &page{at: minute(10), end: minute(60)}
		for _, f := range tt.failed {
			p.failed = append(p.failed, minute(f))
		}
		var groups []hold
		for _, s := range tt.groups {
			groups = append(groups, hold{s, s.from})
		}
		if got := written(explained(p, groups, true)); got != tt.want {
			t.Errorf("groups %s, failed %v: got %s, want %s", written(tt.groups), tt.failed, got, tt.want)
		}
	}
}

// Two flows fail in two locations; the group of one location is first and is over first.
func TestRoutings(t *testing.T) {
	pages := []page{
		{flow: 0, location: 0, at: minute(10), end: minute(60)},
		{flow: 0, location: 1, at: minute(12), end: minute(62)},
		{flow: 1, location: 0, at: minute(11), end: minute(61)},
		{flow: -1, location: 0, at: minute(5), end: minute(40)},
		{flow: -1, location: 1, at: minute(6), end: minute(40)},
		{flow: 0, location: -1, at: minute(7), end: minute(50), told: spansOf(30, 45)},
		{flow: -1, location: -1, at: minute(4), end: minute(30), spread: spansOf(5, 30)},
	}
	// The last: the group in all locations, its flow there from 45 on, and the group in each after 30, once.
	want := []int{3, 2, 3, 1, 2, 2, 2, 1, 2, 3}
	for i, r := range routings {
		if got := len(r.notify(pages, 2)); got != want[i] {
			t.Errorf("%s: %d, want %d", r.name, got, want[i])
		}
	}
}

// The exact interval (Garwood) is known from tables.
func TestPoisson(t *testing.T) {
	for n, want := range map[int][2]float64{0: {0, 3.689}, 1: {0.0253, 5.572}, 10: {4.795, 18.39}, 100: {81.36, 121.63}} {
		lower, upper := poisson(n)
		if math.Abs(lower-want[0]) > 0.01*want[1] || math.Abs(upper-want[1]) > 0.01*want[1] {
			t.Errorf("%d: got %.3f to %.3f, want %v", n, lower, upper, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	took := []time.Duration{30, 10, 20}
	for _, tt := range []struct {
		longer int
		share  float64
		want   time.Duration
		ok     bool
	}{{0, 0.5, 20, true}, {0, 1, 30, true}, {3, 0.5, 30, true}, {3, 0.95, 0, false}, {0, 0, 0, false}} {
		if got, ok := quantile(took, tt.longer, tt.share); got != tt.want || ok != tt.ok {
			t.Errorf("%+v: got %v, %v", tt, got, ok)
		}
	}
}

// A sky is looked at by time alone, whatever overlaps.
func TestSky(t *testing.T) {
	faults := []spell{
		{kind: release, from: minute(10), to: minute(40), rate: 0.2, ramp: 10 * time.Minute, flow: -1, location: -1},
		{kind: single, from: minute(20), to: minute(30), rate: 0.5, flow: 3, location: -1},
		{kind: regional, from: minute(0), to: minute(99), rate: 0.6, flow: -1, location: 7},
	}
	s := skyOf(faults, []spell{{kind: burst, from: minute(25), to: minute(26), rate: 1, flow: -1, location: 2}}, 3, 2)
	got := ""
	for _, at := range []int{0, 9, 10, 19, 20, 25, 26, 30, 39, 40, 41} {
		got += fmt.Sprintf("%d:", at)
		for _, one := range s.look(minute(at)) {
			got += fmt.Sprintf(" %d at %.2g", one.kind, one.at(minute(at)))
		}
		got += "\n"
	}
	const want = "0:\n9:\n10: 0 at 0\n19: 0 at 0.18\n20: 0 at 0.2 3 at 0.5\n25: 0 at 0.2 3 at 0.5 4 at 1\n26: 0 at 0.2 3 at 0.5\n30: 0 at 0.2\n39: 0 at 0.2\n40:\n41:\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
