package aggregate

import "fmt"

const (
	leastDoubt = 10 // resets, or failures without a run, below which there is no doubt
	mostResets = 10 // samples that a counter has between two resets, at the least
)

// doubts says why what was read can hardly be what was meant: a gauge, or two counters exchanged, are
// judged all the same, and page for nothing. What probers count is not doubted.
func (p *pool) doubts() (doubts []string) {
	if !p.subject.Measured {
		return nil
	}
	if s := p.stream; s.resets >= leastDoubt && s.resets*mostResets >= s.samples {
		doubts = append(doubts, fmt.Sprintf("what is read began anew %d times in %d samples: it looks like a gauge, and not like a counter", s.resets, s.samples))
	}
	if left, runs := p.stream.left[Failures], p.pace.total; left >= leastDoubt && left > runs {
		doubts = append(doubts, fmt.Sprintf("there are %.0f failures more than runs, of which there are %.0f: they are exchanged, or runs leave failures out", left, runs))
	}
	return doubts
}
