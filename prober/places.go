package prober

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A PlaceStatus is how the runs of one check fare at one place, such as a location.
type PlaceStatus struct {
	Name  string
	Ratio Ratio // of the last hour
	// Failing says that the place by itself fails more often than it may, beyond doubt.
	Failing bool
}

// Everywhere reports whether a check fails at two places or more, beyond doubt: that it fails at
// one of them is no longer what there is to know.
func Everywhere(all []PlaceStatus) bool {
	return placesFailing(all) > 1
}

func placesFailing(all []PlaceStatus) (n int) {
	for _, p := range all {
		if p.Failing {
			n++
		}
	}
	return n
}

// mostPlacesNamed is how many places a sentence names.
const mostPlacesNamed = 5

// PlacesText says in a sentence where a check fails, the worst first: "fails at 1 of 3 places: graz
// 30% (24%-37%) of 200 runs in 1h, linz 0.0% (0.0%-1.9%) of 200 runs in 1h".
func PlacesText(all []PlaceStatus) string {
	worst := slices.Clone(all)
	slices.SortStableFunc(worst, func(a, b PlaceStatus) int { return -cmp.Compare(a.Ratio.Lower, b.Ratio.Lower) })
	var said []string
	for _, p := range worst[:min(len(worst), mostPlacesNamed)] {
		said = append(said, p.Name+" "+p.Ratio.String())
	}
	if more := len(worst) - len(said); more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	if placesFailing(all) == 0 {
		return "no place by itself is known to fail: " + strings.Join(said, ", ")
	}
	return fmt.Sprintf("fails at %d of %d places: %s", placesFailing(all), len(all), strings.Join(said, ", "))
}
