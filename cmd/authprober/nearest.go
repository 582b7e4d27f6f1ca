package main

import "strings"

// nearest returns the variable whose name a slip of the keyboard turns into
// name, or "" where none is near.
func nearest(name string, known []variable) string {
	best, least := "", 1+(len(name)-len(envPrefix)+1)/3
	for _, v := range known {
		if d := distance(strings.ToUpper(name), v.Name); d < least {
			best, least = v.Name, d
		}
	}
	return best
}

// distance is the Levenshtein distance: how many letters one must insert, delete
// or change to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
