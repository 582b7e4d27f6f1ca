package main

import (
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A monitor is a rule that pages, on the same runs as the others.
type monitor struct {
	name    string
	observe func(at time.Time, failed bool) bool
	page    *page // the first one; nil if there was none
}

// A page is the moment at which a monitor would have woken somebody.
type page struct {
	at           time.Duration // since the demo began
	runs, failed int           // since the release was deployed
}

// budget is the error budget of the service level that burn rates are of here.
const budget = 0.001

// usualMonitors are what else could watch a check that runs at every. A burn rate
// whose windows have just begun pages at a few failures, since there are hardly
// any runs to divide them by. So there are two: one that began with the demo, and
// one that has watched a healthy check for as long as its windows are.
func usualMonitors(every time.Duration) []*monitor {
	inARow := &detect.ConsecutiveFailures{N: 3}
	down := &detect.ConsecutiveFailures{N: int(5 * time.Minute / every)}
	fresh := detect.NewBurnRate(budget, every)
	settled := detect.NewBurnRate(budget, every)
	for range int(6 * time.Hour / every) {
		settled.Observe(time.Time{}, false)
	}
	return []*monitor{
		{name: "3 failures in a row", observe: inARow.Observe},
		{name: "every run failed for 5 minutes", observe: down.Observe},
		{name: "burn rate 99.9 %, settled for 6 h", observe: settled.Observe},
		{name: "burn rate 99.9 %, begun just now", observe: fresh.Observe},
	}
}
