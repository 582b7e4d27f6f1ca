package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// summary says what all the lines came to.
func (b *backtest) summary() string {
	failed, counted := b.counts[prober.Failed], b.counted()
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	if counted == 0 {
		line("%s: no run that passed or failed", b.check.Name)
	} else {
		line("%s: failed %s in %s; %d %s, %d %s, firing %s", b.check.Name, ratioOf(failed, counted), span(b.took()),
			b.pages, plural(b.pages, "page"), b.suspicions, plural(b.suspicions, "suspicion"), b.firingFor())
	}
	if b.skipped > 0 {
		line("  %d %s within %s of a failure, not counted: the blip", b.skipped, plural(b.skipped, "run"), span(b.check.Objective.Blip))
	}
	if errored, aborted := b.counts[prober.Errored], b.counts[prober.Aborted]; errored+aborted > 0 {
		line("  %d errored and %d aborted, not counted", errored, aborted)
	}
	if b.backwards > 0 {
		line("  %d %s older than the line before", b.backwards, plural(b.backwards, "line"))
	}
	if every := b.check.Schedule.Every; b.offPace() {
		line("  a counted run each %s in the mean, and the flow has one each %s: false_pages is promised at that pace",
			span(b.pace()), span(every))
	}
	return out.String()
}

// took is the time from the earliest run that counts to the latest.
func (b *backtest) took() time.Duration { return b.last.Sub(b.first) }

// runs is how many there were of any outcome, and counted how many of them count.
func (b *backtest) runs() (n int) {
	for _, c := range b.counts {
		n += c
	}
	return n
}

func (b *backtest) counted() int { return b.counts[prober.Passed] + b.counts[prober.Failed] }

// pace is the mean time from one run that counts to the next.
func (b *backtest) pace() time.Duration {
	return b.took() / time.Duration(max(1, b.counted()-1))
}

// enoughForPace is how many runs tell a pace: of fewer, the mean is of a few pauses.
const enoughForPace = 20

// offPace reports whether the runs that count were made at a pace that is not that
// of the flow: the promise on false pages counts them.
func (b *backtest) offPace() bool {
	pace, every := b.pace(), b.check.Schedule.Every
	return b.counted() >= enoughForPace && pace > 0 && (pace > 2*every || pace < every/2)
}

func (b *backtest) firingFor() string {
	if b.detector.State() != detect.Firing {
		return "for " + span(b.firing)
	}
	now := max(0, b.last.Sub(b.detector.Since()))
	return "for " + span(b.firing+now) + " and still is"
}

// mostlyBackwards complains of a file that is not in the order of its times.
func (b *backtest) mostlyBackwards() error {
	if b.backwards == 0 || 2*b.backwards < b.runs() {
		return nil
	}
	return misconfigured(fmt.Errorf("%d of %d lines are older than the line before: sort them, oldest first", b.backwards, b.runs()))
}
