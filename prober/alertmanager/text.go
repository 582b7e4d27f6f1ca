package alertmanager

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// The sentences are those of the annotations in deploy/prometheus, so that a page
// reads the same whichever way it came.

// figures says how bad it is, what fails, and whom that points at.
func (n *Notifier) figures(s *prober.CheckStatus, now time.Time) string {
	hour := s.Ratio(time.Hour)
	var b strings.Builder
	fmt.Fprintf(&b, "Last hour: %s of %d runs failed (95%% interval %s to %s); tolerated %s, worth a page from %s.",
		ratioText(hour), hour.Runs, percent(hour.Lower), percent(hour.Upper),
		percent(s.Check.Objective.Tolerate), percent(s.Check.Objective.Detect))
	if step, reason, ok := n.failures.most(s.Check.Name, now); ok {
		fmt.Fprintf(&b, " Most of it: step %s, reason %s.", step, reason)
	}
	if s.Blame.Runs > 0 && len(s.Blame.Culprits) > 0 {
		fmt.Fprintf(&b, " Suspected: %s.", s.Blame.String())
	}
	if said := byPlace(s.Flows); said != "" {
		fmt.Fprintf(&b, " By flow: %s.", said)
	}
	if said := byPlace(s.Places); said != "" {
		fmt.Fprintf(&b, " By place: %s.", said)
	}
	return b.String()
}

// mostPlaces is how many places a page names.
const mostPlaces = 5

// byPlace is the share that failed at each place, or in each flow of a group, the worst first.
func byPlace(all []prober.PlaceStatus) string {
	ratio := func(p prober.PlaceStatus) float64 { v, _ := p.Ratio.Value(); return v }
	all = slices.DeleteFunc(slices.Clone(all), func(p prober.PlaceStatus) bool { return p.Ratio.Runs == 0 })
	slices.SortStableFunc(all, func(a, b prober.PlaceStatus) int { return cmp.Compare(ratio(b), ratio(a)) })
	var said []string
	for _, p := range all[:min(len(all), mostPlaces)] {
		said = append(said, p.Name+" "+percent(ratio(p)))
	}
	return strings.Join(said, ", ")
}

func limitText(t *prober.ThresholdStatus) string {
	return fmt.Sprintf("Last %s: %s of %d runs failed; the limit is %s. 95%% interval %s to %s.",
		prober.WindowName(t.Window), ratioText(t.Ratio), t.Ratio.Runs, percent(t.Threshold.Ratio),
		percent(t.Ratio.Lower), percent(t.Ratio.Upper))
}

func failOpenText(s *prober.CheckStatus, step string) string {
	return fmt.Sprintf("The target has let through at least once what step %q expects it to refuse, and has not yet been shown to refuse it again. "+
		"One event is a security finding: a ratio does not make it smaller. Runs in the last hour: %d.",
		step, s.Ratio(time.Hour).Runs)
}

const drillText = "Somebody tests the way from the prober to you. It ends by itself. " +
	"The check's runs go on, and what they find is told by alerts of its own, as ever."

func ratioText(r prober.Ratio) string {
	value, ok := r.Value()
	if !ok {
		return "an unknown share"
	}
	return percent(value)
}

// percent has three digits, as the rules' templates have.
func percent(ratio float64) string { return fmt.Sprintf("%.3g%%", 100*ratio) }
