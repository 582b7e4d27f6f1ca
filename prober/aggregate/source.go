package aggregate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Source says which counters to read, and which of their series make up one check.
type Source struct {
	// Runs and Failures select the series that count all runs, and those that failed.
	Runs, Failures string
	// Queries select some of these each, and all of them together. They are made one after the other, so that
	// no answer is too large; nil is one of Runs and Failures.
	Queries []Query
	// By are the labels whose values tell one check from another; none is one check.
	By []string
	// Place are the labels that tell places from one another: the first that a series has. Without
	// any nothing is said of places.
	Place []string
}

// A Query is what Runs and Failures of a [Source] select, or some of it.
type Query struct{ Runs, Failures string }

func (s Source) queries() []Query {
	if s.Queries == nil {
		return []Query{{s.Runs, s.Failures}}
	}
	return s.Queries
}

var (
	sum      = regexp.MustCompile(`(?s)^sum\s*(?:by\s*\(([^()]*)\)\s*)?\((.*)\)$`)
	sumAfter = regexp.MustCompile(`(?s)^sum\s*\((.*)\)\s*by\s*\(([^()]*)\)$`)
	label    = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	quoted   = `(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|` + "`[^`]*`)"
	matcher  = `\s*(?:[a-zA-Z_][a-zA-Z0-9_]*|` + quoted + `)\s*(?:=~|!~|!=|=)\s*(?:` + quoted + `)\s*`
	selector = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:\{\s*(?:` + matcher + `(?:,` + matcher + `)*,?)?\s*\})?$`)
)

// ParseSource reads two queries as people write them: a counter, such as
// logins_total{app="retail"}, or a sum of one, `sum by (app) (logins_total)`, both by the same
// labels. The sum is made of the increases of each series, not of its
// values: of a sum of counters nobody can tell whether one of them began anew.
func ParseSource(runs, failures string) (Source, error) {
	var s Source
	var errs [2]error
	var by []string
	s.Runs, s.By, errs[0] = parseCounter(runs)
	s.Failures, by, errs[1] = parseCounter(failures)
	switch {
	case errs[0] != nil:
		return Source{}, fmt.Errorf("runs: %w", errs[0])
	case errs[1] != nil:
		return Source{}, fmt.Errorf("failures: %w", errs[1])
	case !slices.Equal(s.By, by):
		return Source{}, fmt.Errorf("runs are summed by (%s) and failures by (%s), want the same labels", strings.Join(s.By, ", "), strings.Join(by, ", "))
	}
	return s, nil
}

func parseCounter(query string) (of string, by []string, err error) {
	of = strings.TrimSpace(query)
	list := ""
	if m := sumAfter.FindStringSubmatch(of); m != nil {
		of, list = m[1], m[2]
	} else if m := sum.FindStringSubmatch(of); m != nil {
		list, of = m[1], m[2]
	}
	if of = strings.TrimSpace(of); !selector.MatchString(of) {
		return "", nil, errors.New(`want a counter, such as logins_total{app="retail"}, or its sum, such as sum by (app) (logins_total)`)
	}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !label.MatchString(name) {
			return "", nil, fmt.Errorf("%q is no label to sum by", name)
		}
		if !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	slices.Sort(by)
	return of, by, nil
}

// key identifies a series by all of its labels, and values are those of By.
func (s Source) key(labels map[string]string) string {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + "\xff" + labels[name] + "\xff")
	}
	return b.String()
}

func (s Source) values(labels map[string]string) []string {
	values := make([]string, 0, len(s.By))
	for _, name := range s.By {
		values = append(values, cut(labels[name]))
	}
	return values
}

// place is where a series counts; "" for one that does not say.
func (s Source) place(labels map[string]string) string {
	for _, name := range s.Place {
		if labels[name] != "" {
			return cut(labels[name])
		}
	}
	return ""
}

// mostName is how many bytes of a label's value are shown: whoever answers may write what they like.
const mostName = 128

func cut(value string) string {
	if len(value) <= mostName {
		return value
	}
	return strings.ToValidUTF8(value[:mostName], "")
}
