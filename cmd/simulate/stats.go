package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// poisson is the 95 % interval for the mean of which n were counted (Garwood 1936, by the
// approximation of Wilson and Hilferty 1931).
func poisson(n int) (lower, upper float64) {
	const z = 1.959964
	cube := func(k, z float64) float64 { return k * math.Pow(1-1/(9*k)+z/(3*math.Sqrt(k)), 3) }
	if n > 0 {
		lower = max(0, cube(float64(n), -z))
	}
	return lower, cube(float64(n+1), z)
}

// quantile is the smallest of the times that is no less than so many of all, of which some
// are longer than anything; ok is false where it is one of these.
func quantile(took []time.Duration, longer int, share float64) (q time.Duration, ok bool) {
	took = slices.Sorted(slices.Values(took))
	i := int(math.Ceil(share*float64(len(took)+longer))) - 1
	if i < 0 || i >= len(took) {
		return 0, false
	}
	return took[i], true
}

// inWords writes a time in its two largest units.
func inWords(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		h := d.Round(time.Hour) / time.Hour
		return fmt.Sprintf("%dd%dh", h/24, h%24)
	case d >= time.Hour:
		m := d.Round(time.Minute) / time.Minute
		return fmt.Sprintf("%dh%dm", m/60, m%60)
	case d >= time.Minute:
		s := d.Round(time.Second) / time.Second
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	}
	return d.Round(100 * time.Millisecond).String()
}

// thousands writes 1234567 as 1,234,567.
func thousands[N int | uint64 | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	p := 100 * float64(n) / float64(of)
	if p > 0 && p < 0.1 {
		return "< 0.1%"
	}
	return fmt.Sprintf("%.1f%%", p)
}
