package detect

import (
	"cmp"
	"slices"
)

// testable returns those of the suspects that could be significant if only their
// own runs had failed, in view of how many those are (Tarone 1990).
func testable(suspects []Culprit) []Culprit {
	least := make([]float64, len(suspects))
	for i, c := range suspects {
		failed := c.Failed + c.FailedElsewhere
		least[i] = fisher(min(c.Runs, failed), c.Runs, failed, c.Runs+c.RunsElsewhere)
	}
	sorted := slices.Clone(least)
	slices.Sort(sorted)
	// The smallest k such that no more than k can reach blameLevel/k.
	k := 1
	for k < len(sorted) && sorted[k] < blameLevel/float64(k) {
		k++
	}
	var able []Culprit
	for i, c := range suspects {
		if least[i] < blameLevel/float64(k) {
			able = append(able, c)
		}
	}
	return able
}

// holm returns those of the suspects that are significant when all of them are
// taken into account (Holm 1979), with their probabilities adjusted.
func holm(suspects []Culprit) []Culprit {
	slices.SortFunc(suspects, func(a, b Culprit) int {
		return cmp.Or(cmp.Compare(a.P, b.P), compareTags(a.Tags[0], b.Tags[0]))
	})
	adjusted := 0.0
	for i := range suspects {
		adjusted = max(adjusted, suspects[i].P*float64(len(suspects)-i))
		if !(adjusted < blameLevel) {
			suspects = suspects[:i:i]
			break
		}
		suspects[i].P = adjusted
	}
	if len(suspects) == 0 {
		return nil
	}
	return suspects
}
