package checks

import (
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

const (
	defaultTimeout = 8 * time.Second
	minEvery       = 10 * time.Millisecond
	maxEvery       = 24 * time.Hour
	maxConcurrency = 1000
)

func (l *loader) vetName(src *source) {
	name := src.flow.Name
	if name != "" && !flowName.MatchString(name) {
		src.mistake("name", "%q is no name for a flow; want lower-case letters, digits and hyphens, at most 63", name)
		return
	}
	if file, ok := l.flows[name]; ok && name != "" {
		src.mistake("name", "two flows are named %q; the other one is in %s", name, file)
		return
	}
	l.flows[name] = src.doc.File
}

// reservedLabels are set by authprober or by Prometheus.
var reservedLabels = []string{
	"check", "group", "step", "reason", "state", "window", "outcome", "tag", "value", "alertname", "job", "instance", "pool", "le", "quantile",
}

func vetLabels(src *source) map[string]string {
	labels := make(map[string]string, len(src.flow.Labels))
	for _, l := range src.flow.Labels {
		switch {
		case !labelName.MatchString(l.Name):
			src.doc.Errorf(l.node, "%q is no name for a label; want letters, digits and _, beginning with a letter", l.Name)
		case l.Name == environmentLabel:
			src.doc.Errorf(l.node, "the environment is a key of the flow itself, and a label by that")
		case slices.Contains(reservedLabels, l.Name):
			src.doc.Errorf(l.node, "the label %s is set by authprober or Prometheus itself; choose another name", l.Name)
		case l.Value == "" || len(l.Value) > 200 || !printable(l.Value):
			src.doc.Errorf(l.node, "the label %s wants 1 to 200 printable characters", l.Name)
		}
		labels[l.Name] = l.Value
	}
	return labels
}

func vetSchedule(src *source) prober.Schedule {
	set := src.flow.Schedule
	every := time.Duration(set.Every)
	if every < minEvery || every > maxEvery {
		src.mistake("schedule", "every is %s; want a time from %s to %s", every, minEvery, maxEvery)
		every = maxEvery
	}
	if set.Concurrency < 1 || set.Concurrency > maxConcurrency {
		src.mistake("schedule", "concurrency is %d; want a number from 1 to %d", set.Concurrency, maxConcurrency)
		set.Concurrency = 1
	}
	room := every * time.Duration(set.Concurrency)
	timeout := time.Duration(set.Timeout)
	if timeout == 0 {
		timeout = min(defaultTimeout, room*4/5)
	}
	if timeout > room {
		needed := (timeout + every - 1) / every
		src.mistake("schedule", "timeout %s is longer than every × concurrency, %s: a slow target would make runs be missed; "+
			"shorten it or raise concurrency to %d", timeout, room, needed)
	}
	if c := time.Duration(set.Cleanup); c <= 0 || c > time.Minute {
		src.mistake("schedule", "cleanup is %s; want a time above zero, at most a minute", c)
	}
	confirm := vetConfirm(src, every)
	return prober.Schedule{Every: every, Timeout: timeout, Cleanup: time.Duration(set.Cleanup), Concurrency: set.Concurrency,
		Confirm: confirm.Interval, ConfirmBudget: confirm.Budget}
}

// vetConfirm returns how a flow confirms that runs at every; the zero value if it
// does not.
func vetConfirm(src *source, every time.Duration) detect.Confirm {
	set := src.flow.Schedule
	c := detect.Confirm{Interval: time.Duration(set.Confirm), Budget: float64(set.ConfirmBudget)}
	switch {
	case c.Interval == 0 && set.ConfirmBudget != defaultSchedule.ConfirmBudget:
		src.mistake("schedule", "confirm_budget is set, and confirm is not: set both or none")
		return detect.Confirm{}
	case c.Interval == 0:
		return detect.Confirm{}
	case c.Interval < minEvery:
		src.mistake("schedule", "confirm is %s; want a time from %s, and shorter than every", c.Interval, minEvery)
		return detect.Confirm{}
	}
	if err := c.Validate(every); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			src.mistake("schedule", "%s", line)
		}
		return detect.Confirm{}
	}
	if c.Limit(every) == 0 {
		src.mistake("schedule", "confirm_budget is %s%% of the runs a day, which at one in %s is not one run; raise it or leave confirm out",
			detect.Figures(100*c.Budget, 3), short(every))
		return detect.Confirm{}
	}
	return c
}

func vetObjective(src *source) detect.Objective {
	set := src.flow.Objective
	o := detect.Objective{
		Tolerate: float64(set.Tolerate), Detect: float64(set.Detect),
		FalsePageEvery: set.FalsePages.Per / time.Duration(max(set.FalsePages.Count, 1)), Blip: time.Duration(set.Blip),
	}
	if err := o.Validate(); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			src.mistake("objective", "%s", line)
		}
	}
	return o
}

func vetThresholds(src *source) (ts []prober.Threshold) {
	type key struct {
		window   time.Duration
		severity string
	}
	seen := map[key]bool{}
	for _, t := range src.flow.Thresholds {
		k := key{time.Duration(t.Window), t.Severity}
		switch {
		case t.Window != 0 && !slices.Contains(prober.Windows, k.window):
			src.doc.Errorf(t.node, "a threshold's window is one of 5m, 15m, 1h, 6h and 24h, not %s", short(k.window))
		case t.MinRuns < 1:
			src.doc.Errorf(t.node, "min_runs is %d; want at least 1", t.MinRuns)
		case t.Ratio >= 1:
			src.doc.Errorf(t.node, "a ratio of 100%% can never be exceeded")
		case t.Severity == "" || !printable(t.Severity):
			src.doc.Errorf(t.node, "severity wants printable characters")
		case seen[k]:
			src.doc.Errorf(t.node, "two thresholds have the window %s and the severity %s", short(k.window), k.severity)
		}
		seen[k] = true
		ts = append(ts, prober.Threshold{Ratio: float64(t.Ratio), Window: k.window, MinRuns: t.MinRuns, Severity: t.Severity})
	}
	return ts
}

// short is a duration without the zeros at its end: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
