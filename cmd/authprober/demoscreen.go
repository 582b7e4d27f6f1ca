package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A screen is the live view, on the terminal's other screen, so that what was on it
// comes back. Each frame is drawn over the last one, in one write.
type screen struct {
	w    io.Writer
	fd   int
	p    paint
	from *show
}

const (
	screenOpen  = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J" // other screen, no cursor, no wrapping
	screenClose = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

func newScreen(w io.Writer, fd int, p paint, from *show) *screen {
	io.WriteString(w, screenOpen)
	return &screen{w, fd, p, from}
}

func (s *screen) every() time.Duration { return 200 * time.Millisecond }

func (s *screen) close() { io.WriteString(s.w, screenClose) }

func (s *screen) show(sc scene) {
	columns, rows, err := term.GetSize(s.fd)
	if err != nil || columns < 1 || rows < 1 {
		columns, rows = 80, 24
	}
	lines := s.lines(sc, columns, rows)
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(clip(line, columns))
		if visible(line) < columns {
			b.WriteString("\x1b[K") // behind a full line it would erase the last column
		}
	}
	b.WriteString("\x1b[J")
	io.WriteString(s.w, b.String())
}

// lines are a frame of at most rows lines. Where there is no room, the oldest
// events go first.
func (s *screen) lines(sc scene, columns, rows int) []string {
	p := s.p
	head := []string{
		p.bold("authprober demo  "+clock(sc.since)+"  see it at "+s.from.metrics+"/") + p.dim("  Ctrl-C ends it"), "",
	}
	head = append(head, s.table(sc, columns)...)
	head = append(head, "")
	head = append(head, s.lastFailure(sc)...)
	foot := []string{"", p.bold("who pages?") + p.dim("  all of them see the same runs of retail-login")}
	for _, line := range verdicts(sc, p) {
		foot = append(foot, "  "+line)
	}
	if hint := s.hint(sc); hint != "" {
		foot = append(foot, "", hint)
	}
	events := sc.events
	if room := max(0, rows-len(head)-len(foot)-1); len(events) > room {
		events = events[len(events)-room:]
	}
	lines := append(head, p.bold("story"))
	for _, e := range events {
		text := "  " + clock(e.at) + "  " + e.text
		if e.loud {
			text = p.bold(text)
		}
		lines = append(lines, text)
	}
	lines = append(lines, foot...)
	return lines[:min(len(lines), rows)]
}

// table has a row for each check. Where it is narrow, n is not shown: before five
// minutes are over it is the number of runs.
func (s *screen) table(sc scene, columns int) []string {
	row := func(name, runs, failed, ratio, n, bar, number, state string) string {
		if columns < 90 {
			n = ""
		} else {
			n = fmt.Sprintf("%7s", n)
		}
		return fmt.Sprintf("%-14s%7s%7s  %-18s%s  %s  %-7s%s", name, runs, failed, ratio, n, bar, number, state)
	}
	const others = 14 + 7 + 7 + 2 + 18 + 7 + 2 + 2 + 7 + 7
	bar := min(40, max(10, columns-others))
	lines := []string{s.p.dim(row("check", "runs", "failed", "ratio, 95 %", "n", fill("evidence", bar), "", "state"))}
	for i := range sc.checks {
		c := &sc.checks[i]
		ratio := c.Ratio(prober.RatioWindows[0])
		text, _, _ := strings.Cut(ratio.String(), " of ")
		if ratio.Runs == 0 {
			text = "no runs yet"
		}
		lines = append(lines, row(c.Check.Name, fmt.Sprint(c.Counts.Passed+c.Counts.Failed), fmt.Sprint(c.Counts.Failed),
			text, fmt.Sprint(ratio.Runs), s.evidenceBar(c, bar), evidence(c.Evidence), s.p.state(c.State)))
	}
	return lines
}

func (p paint) state(s detect.State) string {
	switch s {
	case detect.Firing:
		return p.red(s.String())
	case detect.Suspect:
		return p.yellow(s.String())
	}
	return p.green(s.String())
}

// evidenceBar is full at a page. It is of the logarithm, as evidence grows by
// factors: from empty at a millionth.
func (s *screen) evidenceBar(c *prober.CheckStatus, columns int) string {
	const least = 1e-6
	share := 0.0
	if c.Evidence > least {
		share = min(1, 1-math.Log10(c.Evidence)/math.Log10(least))
	}
	eighths := int(share * float64(columns) * 8)
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	empty := s.p.dim(strings.Repeat("·", columns-width(bar)))
	switch c.State {
	case detect.Firing:
		return s.p.red(bar) + empty
	case detect.Suspect:
		return s.p.yellow(bar) + empty
	}
	return s.p.green(bar) + empty
}

func (s *screen) lastFailure(sc scene) []string {
	r := sc.lastFailed
	if r == nil {
		return []string{s.p.dim("no failure yet"), "", ""}
	}
	step := r.FailedStep()
	ago := (sc.since - r.End().Sub(s.from.story.begin)).Seconds()
	return []string{
		fmt.Sprintf("%s  %s, step %s: %s%s", s.p.bold("last failure"), r.Check.Name, step.Name, s.p.red(string(step.Reason)),
			s.p.dim(fmt.Sprintf(" %.0f s ago%s", ago, onBackend(r)))),
		"  " + oneLine(step.Detail),
		"",
	}
}

// onBackend says which backend answered a run, by its tags.
func onBackend(r *prober.Run) string {
	if r.Tags["backend"] == "" {
		return "" // none did
	}
	return oneLine(" on " + r.Tags["backend"] + ", release " + r.Tags["release"])
}

func (s *screen) hint(sc scene) string {
	switch {
	case !s.from.forever || !sc.firing:
		return ""
	case !sc.repaired:
		return s.p.bold("repair the bank: ") + s.from.repair()
	}
	return s.p.bold("repaired") + fmt.Sprintf(": recovery %.0f %%, the page resolves at 100 %%", 100*sc.recovery)
}
