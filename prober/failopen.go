package prober

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A Repeat says what came of asking again, once and over another connection, for
// what was accepted and must be refused. The list is closed. Whatever it says, the
// step was accepted: the target has let something in, and no later answer takes that
// back. It tells how wide the door is open, not whether it was.
type Repeat string

const (
	RepeatAccepted Repeat = "accepted" // let in twice: hardly one backend alone
	RepeatRefused  Repeat = "refused"  // one backend or some, or what was sent was used up by being accepted
	RepeatUnclear  Repeat = "unclear"  // neither: an error of the server, a limit, or no answer
	RepeatNotMade  Repeat = "not_made" // the run's time or a budget was used up, or the flow wants none
)

// Repeats lists what may come of a repeat.
var Repeats = []Repeat{RepeatAccepted, RepeatRefused, RepeatUnclear, RepeatNotMade}

// FailOpen returns the step that the target accepted and must refuse, or nil. A run
// that has one is a failed run; it is the first step that failed, as none is begun
// after it.
func (r *Run) FailOpen() *StepResult { return failOpenOf(r.Outcome, &r.Report) }

func failOpenOf(o Outcome, r *Report) *StepResult {
	if o != Failed {
		return nil
	}
	for i := range r.Steps {
		if r.Steps[i].Reason == ReasonNotRefused {
			return &r.Steps[i]
		}
	}
	return nil
}

// A FailOpen is a must-be-refused step that the target has accepted, as long as that
// stands: from the first run that was let in until runs in a row have shown that the
// door is shut. One run is enough to begin it, and it is a matter of the check, not of
// its rate: the [detect.Detector] counts the run as any other that failed.
//
// It ends with the run that makes Refused reach Needed, and not before an hour has
// passed since Last; so a door that opens now and then is one fail-open and not many.
type FailOpen struct {
	Step string `json:"step"`
	// Since and Last are the ends of the first run and of the last that was let in.
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last"`
	Runs    int       `json:"runs"`    // that were let in
	Refused int       `json:"refused"` // runs in a row since then in which the step was refused
	Needed  int       `json:"needed"`  // how many it takes
	LastRun *Run      `json:"-"`       // the last that was let in; nil where an earlier process has seen it
}

const (
	// shutFor is how long a fail-open stands at the least after the last run that was let in.
	shutFor = time.Hour
	// leastRefused is the smallest FailOpen.Needed.
	leastRefused = 3
)

// refusalsNeeded is how many runs in a row show, with 95 % confidence, that less than
// the objective's Detect of them are let in; but no more than the schedule makes in a
// day, so that a check of one run an hour does not fire for a week.
func (c *Check) refusalsNeeded() int {
	n := math.Ceil(math.Log(0.05) / math.Log1p(-c.Objective.Detect))
	aDay := math.Floor(float64(24*time.Hour) / float64(c.Schedule.Every))
	return int(max(leastRefused, min(n, aDay)))
}

// String says it in a sentence, such as
//
//	step "no token is refused" was accepted in 2 runs, and refused in 12 in a row since; 149 of them, and an hour, end it
func (f *FailOpen) String() string {
	text := fmt.Sprintf("step %q was accepted in %d %s", f.Step, f.Runs, plural(f.Runs, "run"))
	if f.Refused == 0 {
		return text
	}
	return fmt.Sprintf("%s, and refused in %d in a row since; %d of them, and an hour, end it", text, f.Refused, f.Needed)
}

// The openings of a check are the fail-opens that stand, in the order in which they
// began.
type openings []FailOpen

// observe takes account of a counted run. It reports the step that has just been let in
// for the first time; "" if there is none.
func (o *openings) observe(r *Run) (opened string) {
	if s := r.FailOpen(); s != nil {
		opened = o.open(r, s.Name)
	}
	if len(*o) == 0 {
		return ""
	}
	o.refuse(r)
	*o = slices.DeleteFunc(*o, func(f FailOpen) bool { return f.Refused >= f.Needed && r.End().Sub(f.Last) >= shutFor })
	return opened
}

func (o *openings) open(r *Run, step string) (opened string) {
	i := slices.IndexFunc(*o, func(f FailOpen) bool { return f.Step == step })
	if i < 0 {
		i, opened = len(*o), step
		*o = append(*o, FailOpen{Step: step, Since: r.End(), Needed: r.Check.refusalsNeeded()})
	}
	f := &(*o)[i]
	f.Last, f.LastRun, f.Refused = r.End(), r, 0
	f.Runs++
	return opened
}

// refuse counts the steps of the run that were refused, whatever with.
func (o openings) refuse(r *Run) {
	for i := range o {
		for j := range r.Steps {
			if s := &r.Steps[j]; s.Name == o[i].Step && !s.Skipped && (s.Reason == "" || s.Reason == ReasonWrongRefusal) {
				o[i].Refused++
			}
		}
	}
}

// of are those of the check as it is now: a step that it no longer has, or that need no
// longer be refused, is not open. It is a copy.
func (o openings) of(c *Check) (still openings) {
	for _, f := range o {
		if slices.Contains(c.RefuseSteps, f.Step) {
			f.Needed = c.refusalsNeeded()
			still = append(still, f)
		}
	}
	return still
}

// goOnOpen takes up what was open in a check of another objective, whose evidence is
// forgotten: it is no evidence. It holds before.mu.
func (g *judged) goOnOpen(before *judged) {
	if g.open = before.open.of(g.check); len(g.open) > 0 {
		g.since = before.since
	}
}

// wall is a copy to outlive the process.
func (o openings) wall() []FailOpen {
	all := slices.Clone(o)
	for i := range all {
		all[i].Since, all[i].Last, all[i].LastRun = all[i].Since.Round(0), all[i].Last.Round(0), nil
	}
	return all
}

// stateWith is the state of a check whose detector has the given one.
func (o openings) stateWith(s detect.State) detect.State {
	if len(o) > 0 {
		return detect.Firing
	}
	return s
}

// text says in a sentence each what was let in.
func (o openings) text() string {
	var all []string
	for i := range o {
		all = append(all, o[i].String())
	}
	return strings.Join(all, "; ")
}
