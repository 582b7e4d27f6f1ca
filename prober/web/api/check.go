package api

import (
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// Checks are how checks stand, those in trouble first.
type Checks struct {
	At     time.Time `json:"at"`
	Checks []Check   `json:"checks"`
}

// A Check is how one check, or a group of them, stands at a moment.
type Check struct {
	Check        string            `json:"check"`
	About        string            `json:"about,omitempty"`
	AuthorisedBy string            `json:"authorised_by,omitempty"`
	Group        string            `json:"group,omitempty"`
	IsGroup      bool              `json:"is_group,omitempty"` // it stands for the checks of Group
	Labels       map[string]string `json:"labels"`
	Steps        []string          `json:"steps"`
	Schedule     Schedule          `json:"schedule"`
	Objective    Objective         `json:"objective"`

	State       string      `json:"state"`
	Since       *time.Time  `json:"since,omitempty"`
	Evidence    float64     `json:"evidence"`
	Recovery    float64     `json:"recovery"`
	FailOpens   []FailOpen  `json:"fail_opens"`
	ChangePoint *time.Time  `json:"change_point,omitempty"`
	Blame       *Blame      `json:"blame,omitempty"`
	Ratios      []Ratio     `json:"ratios"`
	Thresholds  []Threshold `json:"thresholds"`
	Counts      Counts      `json:"counts"`
	Pace        Pace        `json:"pace"`
	DrillUntil  *time.Time  `json:"drill_until,omitempty"` // it pages on purpose
	Explained   bool        `json:"explained"`             // its group's page has told of it
	Confirmed   uint64      `json:"confirmed"`
	ConfirmLeft int         `json:"confirm_left"`
	NextDue     *time.Time  `json:"next_due,omitempty"`
	LastRun     *Summary    `json:"last_run,omitempty"`
	LastFailed  *Summary    `json:"last_failed,omitempty"`
	LastPass    *time.Time  `json:"last_pass,omitempty"`
	Pooled      *Pooled     `json:"pooled,omitempty"` // of an aggregator's
}

// A FailOpen is a step that must be refused and was accepted, while that stands.
type FailOpen struct {
	Step     string    `json:"step"`
	Sentence string    `json:"sentence"`
	Since    time.Time `json:"since"`
	Last     time.Time `json:"last"`
	Runs     int       `json:"runs"`
	Refused  int       `json:"refused"` // runs in a row since then in which it was refused
	Needed   int       `json:"needed"`  // how many it takes
}

// A Schedule says when a check runs.
type Schedule struct {
	Every       float64 `json:"every_seconds"`
	Timeout     float64 `json:"timeout_seconds"`
	Concurrency int     `json:"concurrency"`
	Confirm     float64 `json:"confirm_seconds,omitempty"`
}

// An Objective says what failure rate is worth a page.
type Objective struct {
	Tolerate       float64 `json:"tolerate"`
	Detect         float64 `json:"detect"`
	FalsePageEvery float64 `json:"false_page_every_seconds"`
	Blip           float64 `json:"blip_seconds"`
}

// A Ratio is failed of counted runs over a window, with its 95 % interval.
type Ratio struct {
	Window string   `json:"window"` // 5m, 1h, 24h
	Failed int      `json:"failed"`
	Runs   int      `json:"runs"`
	Ratio  *float64 `json:"ratio,omitempty"` // missing where no run counted
	Lower  float64  `json:"lower"`
	Upper  float64  `json:"upper"`
}

// A Threshold is how a plain limit on a ratio stands.
type Threshold struct {
	Window   string  `json:"window"`
	Limit    float64 `json:"limit"`
	MinRuns  int     `json:"min_runs"`
	Severity string  `json:"severity"`
	Failed   int     `json:"failed"`
	Runs     int     `json:"runs"`
	Exceeded bool    `json:"exceeded"`
}

// Counts are what the due times since the process began came to; Due is their sum.
type Counts struct {
	Due     uint64 `json:"due"`
	Passed  uint64 `json:"passed"`
	Failed  uint64 `json:"failed"`
	Errored uint64 `json:"errored"`
	Aborted uint64 `json:"aborted"`
	Missed  uint64 `json:"missed"`
}

// A Pace says how a check keeps its schedule.
type Pace struct {
	Pace  string     `json:"pace"`          // schedule, governed or paused
	Why   string     `json:"why,omitempty"` // overloaded, failing, switch or target
	At    *time.Time `json:"at,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// Blame is what failed runs have in common that passed ones have not.
type Blame struct {
	Sentence string    `json:"sentence"`
	Runs     int       `json:"runs"`
	Failed   int       `json:"failed"`
	Culprits []Culprit `json:"culprits"`
}

// A Culprit are tags that failures are significantly more frequent with.
type Culprit struct {
	Tags            []Tag   `json:"tags"`
	Failed          int     `json:"failed"`
	Runs            int     `json:"runs"`
	FailedElsewhere int     `json:"failed_elsewhere"`
	RunsElsewhere   int     `json:"runs_elsewhere"`
	P               float64 `json:"p"`
}

// A Tag is a fact about a run.
type Tag struct {
	Tag   string `json:"tag"`
	Value string `json:"value"`
}

// NewCheck puts a status into the API's words. The rest, [Check.NextDue], is the caller's.
func NewCheck(s *prober.CheckStatus) Check {
	c := s.Check
	out := Check{
		Check: c.Name, About: c.About, AuthorisedBy: c.AuthorisedBy, Group: c.Group, IsGroup: c.IsGroup(),
		Labels: c.Labels, Steps: append([]string{}, c.Steps...),
		Schedule:  Schedule{c.Schedule.Every.Seconds(), c.Schedule.Timeout.Seconds(), c.Schedule.Concurrency, c.Schedule.Confirm.Seconds()},
		Objective: newObjective(c.Objective),
		State:     s.State.String(), Since: moment(s.Since), Evidence: s.Evidence, Recovery: s.Recovery, ChangePoint: moment(s.ChangePoint),
		FailOpens: []FailOpen{}, Ratios: []Ratio{}, Thresholds: []Threshold{},
		Counts:     Counts{s.Counts.Due(), s.Counts.Passed, s.Counts.Failed, s.Counts.Errored, s.Counts.Aborted, s.Counts.Missed},
		Pace:       Pace{string(s.Pace.To), string(s.Pace.Why), moment(s.Pace.At), moment(s.Pace.Until)},
		DrillUntil: moment(s.Drill.Until),
		Explained:  s.Explained,
		Confirmed:  s.Confirmed, ConfirmLeft: s.ConfirmLeft, LastPass: moment(s.LastPass),
		LastRun: summaryOf(s.LastRun), LastFailed: summaryOf(s.LastFailed),
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if out.Pace.Pace == "" {
		out.Pace.Pace = string(prober.PaceScheduled)
	}
	if text := s.BlameText(); text != "" {
		out.Blame = newBlame(s.Blame, text)
	}
	if s.Pooled != nil {
		out.Pooled = newPooled(s)
	}
	for i := range s.FailOpens {
		f := &s.FailOpens[i]
		out.FailOpens = append(out.FailOpens, FailOpen{f.Step, f.String(), f.Since.Round(0).UTC(), f.Last.Round(0).UTC(), f.Runs, f.Refused, f.Needed})
	}
	for _, r := range s.Ratios {
		out.Ratios = append(out.Ratios, NewRatio(r))
	}
	for _, t := range s.Thresholds {
		out.Thresholds = append(out.Thresholds, Threshold{prober.WindowName(t.Window), t.Threshold.Ratio, t.MinRuns, t.Severity,
			t.Ratio.Failed, t.Ratio.Runs, t.Exceeded})
	}
	return out
}

func newObjective(o detect.Objective) Objective {
	return Objective{o.Tolerate, o.Detect, o.FalsePageEvery.Seconds(), o.Blip.Seconds()}
}

// NewRatio puts a ratio into the API's words.
func NewRatio(r prober.Ratio) Ratio {
	out := Ratio{Window: prober.WindowName(r.Window), Failed: r.Failed, Runs: r.Runs, Lower: r.Lower, Upper: r.Upper}
	if value, ok := r.Value(); ok {
		out.Ratio = &value
	}
	return out
}

// RatioOf is a ratio of its own, whose window is only a name.
func RatioOf(window string, failed, runs int) Ratio {
	r := NewRatio(prober.Ratio{Failed: failed, Runs: runs, Interval: detect.Wilson(failed, runs)})
	r.Window = window
	return r
}

func newBlame(f detect.Finding, text string) *Blame {
	b := &Blame{Sentence: text, Runs: f.Runs, Failed: f.Failed, Culprits: []Culprit{}}
	for _, c := range f.Culprits {
		one := Culprit{Failed: c.Failed, Runs: c.Runs, FailedElsewhere: c.FailedElsewhere, RunsElsewhere: c.RunsElsewhere, P: c.P}
		for _, t := range c.Tags {
			one.Tags = append(one.Tags, Tag{t.Key, t.Value})
		}
		b.Culprits = append(b.Culprits, one)
	}
	return b
}

// moment is a time in the API: nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(0).UTC()
	return &t
}
