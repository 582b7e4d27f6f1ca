package detect

import (
	"errors"
	"fmt"
	"time"
)

// An Objective is what the owner of a check writes: how much failure is
// nobody's problem, how much is worth a page, and how often a page may be
// wrong. Windows, counts and thresholds follow from it.
type Objective struct {
	// Tolerate is the background failure rate that is nobody's problem, p0; in
	// (0, Detect), and at least [LeastTolerate].
	Tolerate float64
	// Detect is the smallest failure rate that is worth a page, p1; in
	// (Tolerate, 1), and at least [LeastRatio] times Tolerate.
	Detect float64
	// FalsePageEvery is the mean time between the pages of a healthy check that
	// its owner has agreed to; above zero. "1 per 30d" is 720 hours.
	FalsePageEvery time.Duration
	// Blip is the length of a burst of failures that counts once; zero counts
	// every failure.
	Blip time.Duration
}

// DefaultObjective is what a flow that names no objective has.
var DefaultObjective = Objective{
	Tolerate:       0.001,
	Detect:         0.02,
	FalsePageEvery: 30 * 24 * time.Hour,
	Blip:           30 * time.Second,
}

// What an objective may ask for at the least. Beyond, the likelihood ratios are
// no longer told from 1 in a float64, and no check runs often enough.
const (
	LeastTolerate = 1e-9 // of Objective.Tolerate
	LeastRatio    = 1.01 // of Objective.Detect to Objective.Tolerate
)

// An ObjectiveError is one mistake in an [Objective] or a [Confirm].
type ObjectiveError struct {
	// Field is the field as flows spell it: tolerate, detect, false_pages, blip;
	// confirm, confirm_budget.
	Field string
	// Text says what was got and what is wanted.
	Text string
}

func (e *ObjectiveError) Error() string { return e.Field + ": " + e.Text }

// Validate returns every mistake in the objective, joined by [errors.Join],
// each an [*ObjectiveError]; nil if there is none.
func (o Objective) Validate() error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, &ObjectiveError{field, fmt.Sprintf(format, args...)})
	}
	tolerate, detect := isRate(o.Tolerate), isRate(o.Detect)
	switch {
	case !tolerate:
		wrong("tolerate", "got %v, want a failure rate above 0 and below 1", o.Tolerate)
	case o.Tolerate < LeastTolerate:
		wrong("tolerate", "got %v, want at least %v: no check runs often enough to tell", o.Tolerate, LeastTolerate)
	}
	switch {
	case !detect:
		wrong("detect", "got %v, want a failure rate above 0 and below 1", o.Detect)
	case tolerate && o.Detect <= o.Tolerate:
		wrong("detect", "got %v, want above what is tolerated, %v", o.Detect, o.Tolerate)
	case tolerate && o.Detect < LeastRatio*o.Tolerate:
		wrong("detect", "got %v, want at least %v times what is tolerated, %v", o.Detect, LeastRatio, o.Tolerate)
	}
	if o.FalsePageEvery <= 0 {
		wrong("false_pages", "got one per %v, want one per a time above zero", o.FalsePageEvery)
	}
	if o.Blip < 0 {
		wrong("blip", "got %v, want zero or more", o.Blip)
	}
	return errors.Join(errs...)
}

// isRate reports whether p is in (0, 1), which NaN is not.
func isRate(p float64) bool { return p > 0 && p < 1 }
