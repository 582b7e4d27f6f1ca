package checks

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A Duration is written as Go writes durations, with days beside: "300ms",
// "10s", "1h30m", "30d". It is never negative.
type Duration time.Duration

// DecodeYAML implements strict.Decoder.
func (v *Duration) DecodeYAML(d *strict.Document, n *yaml.Node) {
	text, ok := d.Text(n)
	if !ok {
		return
	}
	got, err := parseDuration(text)
	if err != nil {
		d.Errorf(n, "%v", err)
		return
	}
	*v = Duration(got)
}

// parseDuration reads a Duration; an error says what is right.
func parseDuration(text string) (time.Duration, error) {
	days, rest := 0.0, text
	if number, after, found := strings.Cut(text, "d"); found {
		var err error
		if days, err = strconv.ParseFloat(number, 64); err != nil {
			return 0, fmt.Errorf("%q is not a duration; want one such as 300ms, 10s, 5m or 30d", text)
		}
		rest = after
	}
	var parsed time.Duration
	if rest != "" || text == "" {
		var err error
		if parsed, err = time.ParseDuration(rest); err != nil {
			return 0, fmt.Errorf("%q is not a duration; want one such as 300ms, 10s, 5m or 30d", text)
		}
	}
	const longest = 36500 // days
	switch {
	case math.IsNaN(days) || math.Abs(days)+parsed.Hours()/24 > longest:
		return 0, fmt.Errorf("the duration %q is longer than a hundred years", text)
	case parsed < 0 || days < 0:
		return 0, fmt.Errorf("the duration %q is negative", text)
	}
	return parsed + time.Duration(days*24*float64(time.Hour)), nil
}

// A Ratio is written as a percentage, "2%" or "0.1%", or as a fraction, "0.02".
type Ratio float64

// DecodeYAML implements strict.Decoder.
func (v *Ratio) DecodeYAML(d *strict.Document, n *yaml.Node) {
	text, ok := d.Text(n)
	if !ok {
		return
	}
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	got, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		got /= 100
	}
	switch {
	case err != nil || math.IsNaN(got):
		d.Errorf(n, "%q is not a ratio; want one such as 2%% or 0.02", text)
	case got < 0 || got > 1:
		d.Errorf(n, "the ratio %s is not between 0%% and 100%%", text)
	default:
		*v = Ratio(got)
	}
}

// A Frequency is written "6 per minute" or "1 per 30d": a count and the time
// it is for, one of second, minute, hour, day, or a duration.
type Frequency struct {
	Count int
	Per   time.Duration
}

var (
	frequencyForm = regexp.MustCompile(`^(\d{1,9})\s+per\s+(\S+)$`)
	unitsOfTime   = map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
	}
)

// DecodeYAML implements strict.Decoder.
func (v *Frequency) DecodeYAML(d *strict.Document, n *yaml.Node) {
	text, ok := d.Text(n)
	if !ok {
		return
	}
	f, err := ParseFrequency(text)
	if err != nil {
		d.Errorf(n, "%v", err)
		return
	}
	*v = f
}

// ParseFrequency reads a frequency. An error repeats the text.
func ParseFrequency(text string) (Frequency, error) {
	m := frequencyForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Frequency{}, fmt.Errorf("%q is not a frequency; want one such as 6 per minute or 1 per 30d", text)
	}
	count, _ := strconv.Atoi(m[1]) // digits only, and few
	per, named := unitsOfTime[m[2]]
	if !named {
		var err error
		if per, err = parseDuration(m[2]); err != nil {
			return Frequency{}, fmt.Errorf("%q is not a frequency: %w", text, err)
		}
	}
	if count < 1 || per <= 0 {
		return Frequency{}, fmt.Errorf("the frequency %q is not above zero", text)
	}
	return Frequency{count, per}, nil
}

// A Size is a number of bytes, written "64KiB", "1MiB" or "1000000".
type Size int64

// DecodeYAML implements strict.Decoder.
func (v *Size) DecodeYAML(d *strict.Document, n *yaml.Node) {
	text, ok := d.Text(n)
	if !ok {
		return
	}
	number, unit := text, int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if before, found := strings.CutSuffix(text, suffix); found {
			number, unit = strings.TrimSpace(before), bytes
		}
	}
	got, err := strconv.ParseInt(number, 10, 64)
	if err != nil || got < 1 || got > maxBodyLimit/unit {
		d.Errorf(n, "%q is not a size; want one such as 64KiB or 1MiB, at most 64MiB", text)
		return
	}
	*v = Size(got * unit)
}
