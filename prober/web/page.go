package web

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"go.uber.org/zap"
)

// The page shows how the checks stand.
type page struct {
	opts     Options
	template *template.Template
}

// A pageCheck is a row of the page.
type pageCheck struct {
	Name, About string
	Authorised  string // by whom, and for which environment; "" if nobody says
	State       string
	Since       string // "" if it has never changed
	Evidence    float64
	Recovery    string // "" unless it is firing
	Blame       string // "" if it is healthy
	Confirmed   string // "" if it does not confirm
	Pace        string // "" if it keeps its schedule
	Ratios      []prober.Ratio
	Last        string
}

func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var checks []pageCheck
	now := time.Now()
	for _, s := range p.opts.Checks() {
		checks = append(checks, newPageCheck(&s, now))
	}
	var b bytes.Buffer // so that an error is not half a page
	err := p.template.Execute(&b, map[string]any{
		"Checks": checks, "Windows": windows(), "Ready": p.opts.Ready(), "Version": p.opts.Version,
	})
	if err != nil {
		p.opts.Log.Error("page", zap.Error(err))
		answer(w, http.StatusInternalServerError, "the page could not be made; see the log")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(b.Bytes()) // nobody is left to tell if it fails
}

func newPageCheck(s *prober.CheckStatus, now time.Time) pageCheck {
	c := pageCheck{
		Name: s.Check.Name, About: s.Check.About, State: s.State.String(),
		Evidence: s.Evidence, Blame: s.BlameText(), Ratios: s.Ratios, Last: "none yet",
	}
	if by := s.Check.AuthorisedBy; by != "" {
		c.Authorised = strings.TrimSpace(s.Check.Labels["environment"]+" authorised by ") + " " + by
	}
	if s.State == detect.Firing && (s.Evidence >= 1 || len(s.FailOpens) == 0) { // by its rate: what was let in says itself when it ends
		c.Recovery = fmt.Sprintf("recovery %.0f %%", math.Floor(100*s.Recovery))
	}
	if s.Check.Schedule.Confirm > 0 {
		c.Confirmed = fmt.Sprintf("%d confirming runs, %d left", s.Confirmed, s.ConfirmLeft)
	}
	if s.Pace.Why != "" {
		c.Pace = paceText(s.Pace, now)
	}
	if !s.Since.IsZero() {
		c.Since = ago(now.Sub(s.Since))
	}
	if r := s.LastRun; r != nil {
		c.Last = fmt.Sprintf("%s %s", r.Outcome, ago(now.Sub(r.End())))
		if r.Confirm {
			c.Last += " (confirming)"
		}
		if r.Check != s.Check { // of a group
			c.Last = r.Check.Name + " " + c.Last
		}
		if step := r.FailedStep(); step != nil {
			c.Last += fmt.Sprintf(": %s, %s", step.Name, step.Reason)
		}
	}
	return c
}

// paceWords say why a check does not keep its schedule.
var paceWords = map[prober.PaceReason]string{
	prober.PaceOverloaded: "the target has more to do than it can",
	prober.PaceFailing:    "nearly every run fails",
	prober.PaceSwitch:     "somebody has paused all checks",
	prober.PaceTarget:     "the target has asked for it",
}

// paceText says how a check keeps its schedule that does not.
func paceText(p prober.PaceChange, now time.Time) string {
	text := fmt.Sprintf("%s %s: %s", p.To, ago(now.Sub(p.At)), paceWords[p.Why])
	if p.Until.After(now) {
		text += fmt.Sprintf("; for another %s", p.Until.Sub(now).Truncate(time.Second))
	}
	return text
}

// ago writes how long ago something was, as exactly as people care.
func ago(d time.Duration) string {
	unit := time.Second
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days ago", d/(24*time.Hour))
	case d >= time.Hour:
		unit = time.Minute
	}
	return max(0, d).Truncate(unit).String() + " ago"
}

// windows are the headings of the ratios.
func windows() []string {
	var names []string
	for _, w := range prober.RatioWindows {
		names = append(names, prober.WindowName(w))
	}
	return names
}
