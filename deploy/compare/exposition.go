package main

import (
	"strconv"
	"strings"
)

// A series says which samples of an exposition are added up.
type series struct {
	name  string
	label string // such as success="false", as it is written; "" is any
}

// sum adds up the samples of s in Prometheus' text format; there may be none.
func (s series) sum(exposition string) (total float64) {
	for line := range strings.Lines(exposition) {
		name, rest := line, ""
		if i := strings.IndexAny(line, "{ "); i > 0 {
			name, rest = line[:i], line[i:]
		}
		if name != s.name || !strings.Contains(rest, s.label) {
			continue
		}
		value, _, _ := strings.Cut(strings.TrimSpace(rest[strings.LastIndexByte(rest, '}')+1:]), " ") // a time may follow
		n, err := strconv.ParseFloat(value, 64)
		if err == nil {
			total += n
		}
	}
	return total
}

// A count is how many flows a tool says it has done, and how many of them failed.
type count struct {
	Runs   float64 `json:"runs"`
	Failed float64 `json:"failed"`
}
