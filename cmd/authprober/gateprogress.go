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
		case n > 0:
			left := g.gate.PassesToGood()
			text += fmt.Sprintf(", good after %d more that pass: %s", left, span(took/time.Duration(n)*time.Duration(left)))
		}
		parts = append(parts, text)
	}
	if d.decision() != detect.Undecided {
		parts = append(parts, "cleaning up")
	}
	return strings.Join(parts, "  ")
}
