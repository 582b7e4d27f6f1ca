package prober

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	dto "github.com/prometheus/client_model/go"
)

// soakFor is how much time TestSoak simulates. The week of the release checklist is
// go test ./prober -run TestSoak -soak 168h -timeout 30m.
var (
	soakFor    = flag.Duration("soak", 3*time.Hour, "how much time TestSoak simulates")
	soakChecks = 40 // and 200 where it is a day or more
)

const (
	soakIncident = 2 * time.Hour // from the beginning of one to that of the next
	soakLasts    = 40 * time.Minute
)

// A soak is a simulated life of a prober: many checks with background noise and troubles
// of their own, one incident after the other, the configuration read again every ten
// minutes with other checks among it, and a scrape every minute.
type soak struct {
	t       *testing.T
	begin   time.Time
	judge   *Judge
	metrics *Metrics
	prober  *Prober
	seen    map[string]*Counts // of all that was observed, by name
	pages   map[string][]time.Time

	mu        sync.Mutex             // runs begin on goroutines of their own
	incidents map[string][]time.Time // by name: when one began
}

func TestSoak(t *testing.T) {
	if *soakFor >= 24*time.Hour {
		soakChecks = 200
	}
	synctest.Test(t, func(t *testing.T) {
		s := &soak{t: t, begin: time.Now(), seen: map[string]*Counts{},
			pages: map[string][]time.Time{}, incidents: map[string][]time.Time{}}
		s.run()
		s.holdIdentity()
		s.holdPages()
	})
}

func (s *soak) run() {
	var err error
	checks := s.checks(0)
	if s.judge, err = NewJudge(checks, s.changed); err != nil {
		s.t.Fatal(err)
	}
	if s.metrics, err = NewMetrics(MetricsOptions{Checks: checks, Registry: NewRegistry(), Judge: s.judge}); err != nil {
		s.t.Fatal(err)
	}
	if s.prober, err = New(Options{Checks: checks, Observers: []Observer{s, s.metrics, s.judge}}); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.prober.Run(ctx) }()
	var early, late uint64
	for round := 1; time.Since(s.begin) < *soakFor; round++ {
		for range 10 {
			time.Sleep(time.Minute)
			if _, err := s.metrics.Gather(); err != nil {
				s.t.Fatal(err)
			}
		}
		if err := s.prober.Replace(s.checks(round)); err != nil {
			s.t.Fatal(err)
		}
		if round%6 == 0 {
			late = liveHeap()
			if early == 0 || time.Since(s.begin) < 3*time.Hour { // what is remembered of blame and windows is filled by then
				early = max(early, late)
			}
		}
	}
	goroutines := runtime.NumGoroutine()
	cancel()
	if err := <-done; err != nil {
		s.t.Error(err)
	}
	s.t.Logf("%v simulated: heap %.1f MB early, %.1f MB at the end; %d goroutines; %d incidents", *soakFor,
		float64(early)/1e6, float64(late)/1e6, goroutines, len(s.incidents))
	if late > early+early/4+4<<20 {
		s.t.Errorf("the heap grows: %d bytes, then %d", early, late)
	}
	if goroutines > 5*soakChecks {
		s.t.Errorf("%d goroutines for %d checks", goroutines, soakChecks)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// checks are those of a round: most of them stay, a tenth has the name of its round, and
// some have troubles.
func (s *soak) checks(round int) (all []*Check) {
	for i := range soakChecks {
		name := fmt.Sprintf("check-%d", i)
		if i%10 == 9 {
			name = fmt.Sprintf("passing-%d-%d", i, round%7)
		}
		c := testCheck(name, nil)
		c.Schedule.Every, c.Schedule.Timeout = 30*time.Second, 20*time.Second
		c.Objective.Tolerate, c.Objective.Detect = 0.001, 0.05
		if i%20 == 3 {
			c.Group = "identity"
		}
		c.Begin = func(now time.Time) (Attempt, MissReason) { return s.attempt(i, name, now) }
		all = append(all, c)
	}
	return all
}

// attempt is what becomes of a run of the i-th check.
func (s *soak) attempt(i int, name string, now time.Time) (Attempt, MissReason) {
	draw := s.draw(i, now)
	switch {
	case i%10 == 1 && draw < 0.01:
		return Attempt{}, MissNoAccount
	case i%10 == 2 && draw < 0.01:
		return Attempt{Probe: func(context.Context) Report { panic("trouble") }}, ""
	case i%10 == 4 && draw < 0.01:
		return Attempt{Probe: func(context.Context) Report { return Report{Err: errors.New("no disk")} }}, ""
	case i%10 == 5 && draw < 0.02:
		return Attempt{Probe: passing(70 * time.Second)}, "" // it uses up its time, which is a failure
	}
	bad := draw < 0.0001
	if began, on := s.incident(i, now); on {
		bad = draw < 0.2
		s.note(name, began)
	}
	return Attempt{Probe: func(context.Context) Report {
		if bad {
			return failure1(ReasonStatus5xx)
		}
		return Report{Steps: []StepResult{{Name: "login", Took: time.Millisecond}}, Took: time.Millisecond}
	}}, ""
}

func (s *soak) note(name string, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list := s.incidents[name]; len(list) == 0 || list[len(list)-1] != began {
		s.incidents[name] = append(list, began)
	}
}

// draw is a number of [0, 1) that depends on nothing but the check and the moment, so
// that goroutines need no order.
func (s *soak) draw(i int, now time.Time) float64 {
	return rand.New(rand.NewPCG(uint64(i), uint64(now.UnixNano()))).Float64()
}

// incident says whether the i-th check fails in a fifth of its runs, and since when.
func (s *soak) incident(i int, now time.Time) (began time.Time, on bool) {
	k := int(now.Sub(s.begin) / soakIncident)
	began = s.begin.Add(time.Duration(k) * soakIncident)
	return began, i == (k*37)%soakChecks/10*10 && now.Sub(began) < soakLasts
}

// ObserveRun implements [Observer].
func (s *soak) ObserveRun(r *Run) { s.of(r.Check.Name).add(r.Outcome) }

// ObserveMissed implements [Observer].
func (s *soak) ObserveMissed(m Missed) { s.of(m.Check.Name).Missed += uint64(m.N) }

func (s *soak) of(name string) *Counts {
	if s.seen[name] == nil {
		s.seen[name] = &Counts{}
	}
	return s.seen[name]
}

func (s *soak) changed(c StateChange) {
	if c.To == detect.Firing {
		s.pages[c.Check.Name] = append(s.pages[c.Check.Name], c.At)
	}
}

// holdIdentity holds the due times of each check that stayed against what they came to,
// as it was observed, judged and counted.
func (s *soak) holdIdentity() {
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	due := counterOf(families, "authprober_runs_due_total")
	for i := range soakChecks {
		c := testCheck(fmt.Sprintf("check-%d", i), nil)
		if i%10 == 9 {
			continue
		}
		c.Schedule.Every = 30 * time.Second
		got, want := *s.of(c.Name), dues(c, time.Since(s.begin))
		if got.Due() != want || s.judge.Status(c, time.Now()).Counts != got || due[c.Name] != float64(want) {
			s.t.Errorf("%s: %d due times settled and %v counted, want %d: %+v", c.Name, got.Due(), due[c.Name], want, got)
		}
	}
}

// counterOf is a counter by check.
func counterOf(families []*dto.MetricFamily, name string) map[string]float64 {
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == name {
				values[m.Label[0].GetValue()] += m.GetCounter().GetValue()
			}
		}
	}
	return values
}

// holdPages holds pages against incidents: each has one, and nothing else has any but
// for the checks whose own trouble is one.
func (s *soak) holdPages() {
	for name, begun := range s.incidents {
		for _, at := range begun {
			if time.Since(at) < soakLasts {
				continue // it is not over
			}
			n := 0
			for _, page := range s.pages[name] {
				if page.After(at) && page.Before(at.Add(soakLasts)) {
					n++
				}
			}
			if n == 0 {
				s.t.Errorf("%s: no page of the incident of %v", name, at.Sub(s.begin))
			}
		}
	}
	for name := range maps.Keys(s.pages) {
		var i int
		fmt.Sscanf(name, "check-%d", &i)
		if s.incidents[name] == nil && i%10 != 5 {
			s.t.Errorf("%s: false pages at %v", name, s.pages[name])
		}
	}
	if *soakFor >= soakIncident && len(s.incidents) == 0 {
		s.t.Error("there was no incident: it shows nothing")
	}
}
