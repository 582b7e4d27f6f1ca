package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/authprober/authprober/prober/detect"
)

// How often a gate tells how far it is: a line that is rewritten on a terminal,
// and one after the other elsewhere.
const (
	liveEvery  = 200 * time.Millisecond
	linesEvery = 10 * time.Second
)

// watchGate tells on standard error how far the delivery is, until the function
// that it returns is called, which waits for the last word.
func (a *app) watchGate(d *delivery) (stop func()) {
	fd, live := terminal(a.stderr)
	every, begin, end := linesEvery, "", "\n"
	if live {
		every, begin, end = liveEvery, "\r\x1b[K", ""
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				line := d.progress(time.Now())
				if columns, _, err := term.GetSize(fd); live && err == nil {
					line = clip(line, columns)
				}
				io.WriteString(a.stderr, begin+line+end)
			case <-done:
				io.WriteString(a.stderr, begin)
				return
			}
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

// progress says in a line how far the checks are.
func (d *delivery) progress(now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	took := now.Sub(d.begun)
	parts := []string{clock(took)}
	for _, g := range d.checks {
		failed, n := g.gate.Counts()
		text := fmt.Sprintf("%s %d of %d failed", g.check.Name, failed, n)
		switch {
		case g.done():
			text += ", " + g.decision().String()
		case g.waits() > 0:
			text += fmt.Sprintf(", bad so far, decided after %d more%s", g.waits(), d.timeFor(g, took))
		default:
			text += fmt.Sprintf(", good after %d more that pass%s", g.left(), d.timeFor(g, took))
		}
		parts = append(parts, text)
	}
	if d.decision() != detect.Undecided {
		parts = append(parts, "cleaning up")
	}
	return strings.Join(parts, "  ")
}

// waits returns how many more runs --min-runs wants of a check that would be bad
// without it; 0 for any other.
func (g *gated) waits() int {
	if g.done() || g.gate.Progress() < 1 {
		return 0
	}
	_, n := g.gate.Counts()
	return max(0, g.gate.MinRuns()-n)
}

// left is how many more runs it takes until the check is decided, if those pass
// that have to; 0 if it is.
func (g *gated) left() int {
	if n := g.waits(); n > 0 || g.done() {
		return n
	}
	return g.gate.PassesToGood()
}

// timeFor says how long the runs that are left take the check: at the pace of those
// that it has made, and no less than its accounts need for them and for those of the
// other checks that share them. At the beginning, when all accounts are fresh, that
// is what tells.
func (d *delivery) timeFor(g *gated, took time.Duration) string {
	_, n := g.gate.Counts()
	var seconds float64
	if n > 0 {
		seconds = took.Seconds() / float64(n) * float64(g.left())
	}
	held := ""
	if byAccounts := d.supplyTime(g); byAccounts > seconds {
		seconds, held = byAccounts, ", as its accounts allow"
	}
	if seconds == 0 {
		return ""
	}
	return ": " + span(time.Duration(min(seconds, longestSpan.Seconds())*float64(time.Second))) + held
}

// longestSpan is the longest time that is told.
const longestSpan = 100 * 365 * 24 * time.Hour

// supplyTime is how many seconds the pool of the check needs for the logins of all
// checks that use it and are not decided.
func (d *delivery) supplyTime(g *gated) (seconds float64) {
	pool, _ := d.supply(g.check)
	if pool == "" {
		return 0
	}
	for _, other := range d.checks {
		if of, perSecond := d.supply(other.check); of == pool && perSecond > 0 {
			seconds += float64(other.left()) / perSecond
		}
	}
	return seconds
}
