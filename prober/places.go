package prober

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A PlaceStatus is how the runs of one check fare at one place, such as a location, or those of a group
// in one of its flows.
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
func PlacesText(all []PlaceStatus) string { return thoseFailing(all, "place") }

// partsText says so of the places and of the flows, where there are several.
func partsText(s *CheckStatus) string {
	var said []string
	if len(s.Flows) > 1 {
		said = append(said, thoseFailing(s.Flows, "flow"))
	}
	if len(s.Places) > 1 {
		said = append(said, PlacesText(s.Places))
	}
	return strings.Join(said, "; ")
}

func thoseFailing(all []PlaceStatus, what string) string {
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
		return "no " + what + " by itself is known to fail: " + strings.Join(said, ", ")
	}
	in := map[string]string{"place": "at", "flow": "in"}[what]
	return fmt.Sprintf("fails %s %d of %d %ss: %s", in, placesFailing(all), len(all), what, strings.Join(said, ", "))
}
