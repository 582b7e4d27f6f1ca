package main

import (
	"errors"
	"time"
)

var (
	errNoTime     = errors.New("want RFC 3339, as 2026-11-20T10:04:10Z, or Unix seconds")
	errNoSuchTime = errors.New("no such day or hour")
)

// parseTime reads a time as RFC 3339 has it (section 5.6: T and Z may be small, and a
// leap second is the first of the next day, as Unix time has it), or in seconds
// since 1970. Either may have a fraction, of which nine digits count. It is much
// quicker than [time.Parse], and what it accepts, that accepts too, but for small
// letters and leap seconds.
func parseTime(s []byte) (time.Time, error) {
	if len(s) > 10 && s[4] == '-' {
		return parseRFC3339(s)
	}
	return parseUnix(s)
}

// mostUnix is the year 5138 in seconds, and 1973 in milliseconds.
const mostUnix = 100_000_000_000

func parseUnix(s []byte) (time.Time, error) {
	seconds, rest := leadingDigits(s, 15)
	if len(rest) == len(s) {
		return time.Time{}, errNoTime
	}
	nanos, rest := fraction(rest)
	switch {
	case len(rest) > 0:
		return time.Time{}, errNoTime
	case seconds >= mostUnix:
		return time.Time{}, errors.New("want seconds; it looks like milliseconds or less")
	}
	return time.Unix(seconds, nanos), nil
}

// parseRFC3339 reads 2006-01-02T15:04:05, a fraction, and Z or an offset.
func parseRFC3339(s []byte) (time.Time, error) {
	const layout = "0000-00-00T00:00:00"
	if len(s) <= len(layout) {
		return time.Time{}, errNoTime
	}
	for i := range len(layout) {
		if digit := s[i]-'0' <= 9; digit != (layout[i] == '0') || !digit && s[i] != layout[i] && !(layout[i] == 'T' && s[i] == 't') {
			return time.Time{}, errNoTime
		}
	}
	two := func(i int) int64 { return int64(s[i]-'0')*10 + int64(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, errNoSuchTime
	}
	nanos, zone := fraction(s[len(layout):])
	offset, ok := zoneOffset(zone)
	if !ok {
		return time.Time{}, errNoTime
	}
	at := daysSince1970(year, month, day)*86400 + hour*3600 + minute*60 + second - offset
	if second == 60 && at%86400 != 0 { // a leap second is the last of a day of UTC
		return time.Time{}, errNoSuchTime
	}
	return time.Unix(at, nanos), nil
}

// zoneOffset reads Z or an offset such as +01:00, in seconds east of Greenwich.
func zoneOffset(s []byte) (seconds int64, ok bool) {
	if len(s) == 1 && (s[0] == 'Z' || s[0] == 'z') {
		return 0, true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hours, rest := leadingDigits(s[1:3], 2)
	minutes, more := leadingDigits(s[4:], 2)
	if len(rest)+len(more) > 0 || hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// leadingDigits reads a number of at most so many digits; of none it is 0.
func leadingDigits(s []byte, most int) (n int64, rest []byte) {
	i := 0
	for i < len(s) && i < most && s[i]-'0' <= 9 {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	return n, s[i:]
}

// fraction reads a point and digits, in billionths, rounded down. Where there are
// none, rest is all of s.
func fraction(s []byte) (billionths int64, rest []byte) {
	if len(s) < 2 || s[0] != '.' {
		return 0, s
	}
	n, rest := leadingDigits(s[1:], 9)
	digits := len(s) - 1 - len(rest)
	if digits == 0 {
		return 0, s
	}
	for range 9 - digits {
		n *= 10
	}
	for len(rest) > 0 && rest[0]-'0' <= 9 {
		rest = rest[1:]
	}
	return n, rest
}

func daysIn(year, month int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in years that begin in March, so that the leap day is the
// last of one.
func daysSince1970(year, month, day int64) int64 {
	if month < 3 {
		year, month = year-1, month+12
	}
	inYear := (153*(month-3)+2)/5 + day - 1
	year += 400 // so that no division is of a negative number
	const from0To1970 = 719468
	return year*365 + year/4 - year/100 + year/400 + inYear - from0To1970 - 146097
}
