package prober

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A sticky observer is stuck while it is told to be.
type sticky struct {
	recorder
	run, confirm chan struct{} // it waits for these to be closed; nil is not at all
}

func (s *sticky) ObserveRun(r *Run) {
	if s.run != nil {
		<-s.run
	}
	s.recorder.ObserveRun(r)
}

func (s *sticky) ConfirmAt(*Check, time.Time) (time.Time, bool) {
	if s.confirm != nil {
		<-s.confirm
	}
	return time.Time{}, false
}

func TestAlive(t *testing.T) {
	tests := map[string]struct {
		stick func(*sticky) (release chan struct{})
		want  string // "" is nil
	}{
		"progress": {func(*sticky) chan struct{} { return nil }, ""},
		"stuck observer": {func(s *sticky) chan struct{} { s.run = make(chan struct{}); return s.run },
			"an observer is stuck: "},
		"stuck schedule": {func(s *sticky) chan struct{} { s.confirm = make(chan struct{}); return s.confirm },
			`the schedule of "x" is stuck: it meant to go on `},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				observer := &sticky{}
				release := test.stick(observer)
				c := testCheck("x", passing(time.Second))
				c.Schedule.Confirm, c.Schedule.ConfirmBudget = time.Second, detect.DefaultBudget
				p, err := New(Options{Checks: []*Check{c, testCheck("y", passing(time.Second))}, Observers: []Observer{observer}})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Alive(t.Context(), 0); err != nil {
					t.Errorf("before it runs: %v", err)
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- p.Run(ctx) }()
				time.Sleep(time.Minute + time.Millisecond)
				asking, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err = p.Alive(asking, 10*time.Second)
				if got := errorText(err); test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if release != nil {
					close(release) // nobody has been awake since
					if err := p.Alive(t.Context(), 10*time.Second); err != nil {
						t.Errorf("once it goes on: %v", err)
					}
				}
				stop()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				if err := p.Alive(t.Context(), 0); err != nil {
					t.Errorf("after the end: %v", err)
				}
				if len(observer.missed) > 0 && test.want == "" {
					t.Errorf("asking was taken for due times missed: %+v", observer.missed)
				}
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
