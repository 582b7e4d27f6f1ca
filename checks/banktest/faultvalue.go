package banktest

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

func nonEmpty(value string) (string, error) {
	if value == "" {
		return "", errors.New("want a name, or * for all")
	}
	return value, nil
}

// parseRate refuses what the zero value would otherwise turn into 100 %.
func parseRate(value string) (float64, error) {
	number, isPercent := strings.CutSuffix(value, "%")
	rate, err := strconv.ParseFloat(number, 64)
	if isPercent {
		rate /= 100
	}
	if err != nil || !(rate > 0 && rate <= 1) {
		return 0, errors.New("want above 0% and at most 100%, like 3% or 0.03")
	}
	return rate, nil
}

func parseDuration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d == 0 {
		return 0, errors.New("want a duration, not 0, like 30s or 1m30s")
	}
	return d, nil
}

func parseCount(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, errors.New("want a whole number, at least 1")
	}
	return n, nil
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1}}

func parseSize(value string) (int64, error) {
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(strings.ToUpper(value), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/unit.bytes {
			break
		}
		return n * unit.bytes, nil
	}
	return 0, errors.New("want bytes, at least 1, like 512, 64KB or 1GB")
}

// percent writes a rate as a percentage, or as a number where a percentage
// would not read back as the same.
func percent(rate float64) string {
	text := strconv.FormatFloat(rate*100, 'f', -1, 64)
	for _, precision := range []int{4, 6, 8, 10, 12} { // 7 % and not 7.000000000000001 %
		short := strconv.FormatFloat(rate*100, 'g', precision, 64)
		if back, err := strconv.ParseFloat(short, 64); err == nil && back/100 == rate {
			text = short
			break
		}
	}
	if back, err := strconv.ParseFloat(text, 64); err != nil || back/100 != rate {
		return strconv.FormatFloat(rate, 'g', -1, 64)
	}
	return text + "%"
}
