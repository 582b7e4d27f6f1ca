package api

import "github.com/authprober/authprober/prober/detect"

// A Plan says what a check can detect, and how fast, beside what others page by. It
// comes from a simulation, the same each time.
type Plan struct {
	Check     string    `json:"check"`
	Every     float64   `json:"every_seconds"`
	Objective Objective `json:"objective"`
	Promise   string    `json:"promise"`
	Rows      []PlanRow `json:"rows"`
	Warnings  []string  `json:"warnings"`
}

// A PlanRow says how long each rule takes to page when runs fail at the rate. The
// rules are detector, confirming, three_in_a_row and burn_rate; those that do not
// apply are missing.
type PlanRow struct {
	Rate  float64          `json:"rate"`
	Rules map[string]Delay `json:"rules"`
}

// A Delay is how long a rule takes to page; beyond says that it takes longer.
type Delay struct {
	Median       float64 `json:"median_seconds"`
	MedianBeyond bool    `json:"median_beyond"`
	P95          float64 `json:"p95_seconds"`
	P95Beyond    bool    `json:"p95_beyond"`
}

// PlanRules are the names of a plan's rules.
var PlanRules = [...]string{
	detect.RuleDetector: "detector", detect.RuleConfirming: "confirming",
	detect.RuleInARow: "three_in_a_row", detect.RuleBurnRate: "burn_rate",
}

// NewPlan puts a plan into the API's words.
func NewPlan(check string, every float64, o detect.Objective, p detect.Plan) Plan {
	out := Plan{check, every, newObjective(o), p.Promise, nil, append([]string{}, p.Warnings...)}
	for _, r := range p.Rows {
		row := PlanRow{r.Rate, map[string]Delay{}}
		for rule, d := range r.Delays {
			if d.Reps > 0 {
				row.Rules[PlanRules[rule]] = Delay{d.Median.Time.Seconds(), d.Median.Beyond, d.P95.Time.Seconds(), d.P95.Beyond}
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}
