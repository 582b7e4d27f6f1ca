package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A soakTrouble is an incident that was made: what it must page for, and when.
type soakTrouble struct {
	name         string
	edge, away   bool      // at the edge, or at the bank; no Alertmanager is there when it begins
	must         []string  // checks that have to page, each once
	began, ended time.Time // of the fault
	over         time.Time // when all that fired was healthy again
}

// may reports whether an alert of a check at a moment is of this trouble.
func (tr soakTrouble) may(check string, at time.Time) bool {
	return isEdge(check) == tr.edge && at.After(tr.began) && at.Before(tr.over)
}

// A soakDirect is an Alertmanager that the daemon speaks to directly, and that can be away.
// It is safe for concurrent use.
type soakDirect struct {
	url string

	mu   sync.Mutex
	away bool
	told map[string]*soakTold // by alert, check and beginning
	over map[string]bool      // by alert and check: as it was told last
}

// A soakTold is an alert of one beginning. One that fires again within a minute of its end,
// before that was told, goes on.
type soakTold struct {
	alert, check string
	fired        []time.Time // when it was told to fire
}

func newSoakDirect(t *testing.T) *soakDirect {
	d := &soakDirect{told: map[string]*soakTold{}, over: map[string]bool{}}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *soakDirect) leave(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

func (d *soakDirect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		panic(http.ErrAbortHandler)
	}
	var all []struct {
		Labels           map[string]string
		StartsAt, EndsAt time.Time
	}
	if err := json.NewDecoder(r.Body).Decode(&all); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, a := range all {
		key := fmt.Sprint(a.Labels["alertname"], a.Labels["check"], a.StartsAt.UnixNano())
		if d.told[key] == nil {
			d.told[key] = &soakTold{alert: a.Labels["alertname"], check: a.Labels["check"]}
		}
		told, now := d.told[key], time.Now()
		ended := a.EndsAt.Before(now)
		if !ended {
			told.fired = append(told.fired, now)
		}
		d.over[told.name()] = ended // a later beginning makes an earlier one forgotten
	}
}

func (a *soakTold) name() string { return a.alert + " of " + a.check }

// count is how many pages of a check there were within a time, as it was told directly.
func (d *soakDirect) count(alert, check string, from, to time.Time) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.told {
		within := func(at time.Time) bool { return at.After(from) && at.Before(to) }
		if a.alert == alert && a.check == check && slices.ContainsFunc(a.fired, within) {
			n++
		}
	}
	return n
}

// open are the alerts that were told to fire before a time, and never to be over.
func (d *soakDirect) open(before time.Time) (names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := map[string]time.Time{}
	for _, a := range d.told {
		if !d.over[a.name()] && len(a.fired) > 0 && a.fired[len(a.fired)-1].After(last[a.name()]) {
			last[a.name()] = a.fired[len(a.fired)-1]
		}
	}
	for name, at := range last {
		if at.Before(before) {
			names = append(names, name)
		}
	}
	return names
}

// between is how many notifications of an alert of a check a receiver has had within a time.
func (in *inbox) between(receiver, name, check, status string, from, to time.Time) (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, a := range in.got {
		if a.Receiver == receiver && a.Labels["alertname"] == name && a.Labels["check"] == check && a.Status == status && a.At.After(from) && a.At.Before(to) {
			n++
		}
	}
	return n
}

// paged wants a page of each check that must have one.
func (s *soak) paged(tr soakTrouble) error {
	now := time.Now()
	fired := s.log.fired(tr.began, now)
	for _, check := range tr.must {
		switch {
		case fired[check] == 0:
			return fmt.Errorf("%s: %s has not fired", tr.name, check)
		case s.direct.count(alertName, check, tr.began, now) == 0:
			return fmt.Errorf("%s: nothing was told directly of %s", tr.name, check)
		case s.inbox.between("identity-page", alertName, check, "firing", tr.began, now) == 0:
			return fmt.Errorf("%s: no page of %s has arrived", tr.name, check)
		}
	}
	return nil
}

// resolved wants an end of each of these pages.
func (s *soak) resolved(tr soakTrouble) error {
	for _, check := range tr.must {
		if s.inbox.between("identity-page", alertName, check, "resolved", tr.began, time.Now()) == 0 {
			return fmt.Errorf("%s: %s is not over", tr.name, check)
		}
	}
	return nil
}

// holdPages holds pages against troubles: each has one of each check that must have one, by
// each way, and one end; and there is none besides.
func (s *soak) holdPages(t *testing.T) {
	pages := 0
	for _, tr := range s.troubles {
		fired := s.log.fired(tr.began, tr.over)
		for _, check := range tr.must {
			pages++
			got := [4]int{fired[check], s.direct.count(alertName, check, tr.began, tr.over),
				s.inbox.between("identity-page", alertName, check, "firing", tr.began, tr.over), s.inbox.between("identity-page", alertName, check, "resolved", tr.began, tr.over)}
			if got != [4]int{1, 1, 1, 1} {
				t.Errorf("%s at %v: %s fired %d times, was told directly %d times, paged %d times and was over %d times; want each once",
					tr.name, tr.began.Sub(s.begun).Round(time.Second), check, got[0], got[1], got[2], got[3])
			}
		}
		// While no Alertmanager is there, pages gather, and come in any order.
		from := tr.began
		if tr.away {
			from = tr.ended
		}
		for member := range s.config.grouped {
			if n := s.inbox.between("identity-page", alertName, member, "firing", from, tr.over); tr.edge && n > 0 {
				t.Errorf("%s at %v: %s paged %d times beside its group", tr.name, tr.began.Sub(s.begun).Round(time.Second), member, n)
			}
		}
	}
	s.log.look(func() {
		for _, c := range s.log.changes {
			if c.To == "firing" && !s.explained(alertName, c.Check, c.At) {
				t.Errorf("%s fires at %v without an incident", c.Check, c.At.Sub(s.begun))
			}
		}
	})
	// What fires is told each minute, and for a minute after its end nothing is.
	if open := s.direct.open(s.stopped.Add(-3 * time.Minute)); len(open) > 0 {
		t.Errorf("%q were told directly, and never their end", open)
	}
	beside := map[string]int{}
	for _, a := range s.inbox.all() {
		name := a.Labels["alertname"]
		switch {
		case a.Status != "firing" || a.Labels["severity"] == "none":
		case a.Labels["severity"] != "page":
			beside[name]++
		case !s.explained(name, a.Labels["check"], a.At):
			t.Errorf("a page without an incident, %v after the beginning: %v", a.At.Sub(s.begun).Round(time.Second), a.Labels)
		case name != alertName:
			beside[name]++
		}
	}
	t.Logf("%d incidents, %d pages that had to be; beside them %v", len(s.troubles), pages, beside)
}

func (in *inbox) all() []alert {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.got)
}

// explained reports whether there was an incident to page for. A burn rate looks back for
// an hour, and pages of what is over by then; and a check that was taken away while it fired
// goes on firing when a reload brings it back, until runs show that all is well.
func (s *soak) explained(name, check string, at time.Time) bool {
	return slices.ContainsFunc(s.troubles, func(tr soakTrouble) bool {
		if strings.HasPrefix(name, "AuthProberBurnRate") || s.config.churned[check] {
			tr.over = tr.over.Add(time.Hour)
		}
		return tr.may(check, at)
	})
}

// firing are the checks and groups that fire now.
func (s *soak) firing(t *testing.T) (names []string) {
	t.Helper()
	text, err := get("http://" + s.prober + "/api/v1/checks")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Checks []stand }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.Checks {
		if c.State == "firing" {
			names = append(names, c.Name)
		}
	}
	return names
}
