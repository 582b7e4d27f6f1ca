package prober

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	checkName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// groupLabel is the label that says of which group a check is.
const groupLabel = "group"

// Validate finds what is wrong with checks that are to run together: all of it,
// joined. Whoever reads flows should have said so before, with the place.
func Validate(checks []*Check) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range checks {
		if seen[c.Name] {
			errs = append(errs, fmt.Errorf("check %q is there twice", c.Name))
		}
		seen[c.Name] = true
		for _, err := range c.mistakes() {
			errs = append(errs, fmt.Errorf("check %q: %w", c.Name, err))
		}
	}
	return errors.Join(append(errs, vetGroups(checks)...)...)
}

func (c *Check) mistakes() (errs []error) {
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if !checkName.MatchString(c.Name) {
		add(fmt.Errorf("name is %q, want lower-case letters, digits and dashes", c.Name))
	}
	if c.Group != "" && !checkName.MatchString(c.Group) {
		add(fmt.Errorf("group is %q, want lower-case letters, digits and dashes", c.Group))
	}
	if c.Begin == nil {
		add(errors.New("begin is nil"))
	}
	if len(c.Steps) != len(c.Reasons) {
		add(fmt.Errorf("reasons are for %d steps, want %d", len(c.Reasons), len(c.Steps)))
	}
	add(c.vetRefusals())
	add(c.Schedule.validate())
	add(c.Objective.Validate())
	for i, t := range c.Thresholds {
		add(t.validate())
		for _, u := range c.Thresholds[:i] {
			if t.Window == u.Window && t.Severity == u.Severity {
				add(fmt.Errorf("two thresholds of severity %q over %v, want one", t.Severity, t.Window))
			}
		}
	}
	for k, v := range c.Labels {
		add(validateLabel(k, v))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// vetRefusals holds the names of must-be-refused steps to each other: each is a series.
func (c *Check) vetRefusals() error {
	for _, step := range slices.Concat(c.RevokedSteps, slices.Sorted(maps.Keys(c.SameAs)), slices.Sorted(maps.Values(c.SameAs))) {
		if !slices.Contains(c.RefuseSteps, step) {
			return fmt.Errorf("step %q is compared or measured as one that must be refused, and is none of those", step)
		}
	}
	return nil
}

func (t Threshold) validate() error {
	switch {
	case !(t.Ratio > 0 && t.Ratio < 1):
		return fmt.Errorf("threshold is %v, want a ratio between 0 and 1", t.Ratio)
	case !slices.Contains(Windows, t.Window):
		return fmt.Errorf("window of a threshold is %v, want one of %v", t.Window, Windows)
	case t.MinRuns < 1:
		return fmt.Errorf("min_runs of a threshold is %d, want 1 or more", t.MinRuns)
	case !utf8.ValidString(t.Severity):
		return errors.New("severity of a threshold is not UTF-8")
	}
	return nil
}

func validateLabel(name, value string) error {
	switch {
	case !labelName.MatchString(name) || strings.HasPrefix(name, "__"):
		return fmt.Errorf("label %q is not a valid Prometheus label name", name)
	case name == "check":
		return errors.New(`label "check" is the check's own name`)
	case name == groupLabel:
		return errors.New(`label "group" is that of the check's group`)
	case !utf8.ValidString(value):
		return fmt.Errorf("value of label %q is not UTF-8", name)
	}
	return nil
}
