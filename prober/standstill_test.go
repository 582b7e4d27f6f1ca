package prober

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A brake is an observer at which every schedule stands still while it is on, as all do on a
// machine that was suspended.
type brake struct {
	recorder
	on atomic.Pointer[chan struct{}] // closed when it is off again
}

func (b *brake) ConfirmAt(*Check, time.Time) (time.Time, bool) {
	if on := b.on.Load(); on != nil {
		<-*on
	}
	return time.Time{}, false
}

// TestStoodStill has the schedules of a Prober stand still for longer than any interval. What
// was due in the last seconds is run, at once, and the rest is missed; then each check goes on
// at its own phase. It is alive from the first moment on.
func TestStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every, checks, before, still, after = 10 * time.Minute, 600, 30 * time.Minute, 47 * time.Minute, 23 * time.Minute
		var all []*Check
		for i := range checks {
			c := testCheck(fmt.Sprintf("check-%d", i), passing(time.Second))
			c.Schedule.Every, c.Schedule.Confirm, c.Schedule.ConfirmBudget = every, time.Minute, 1
			all = append(all, c)
		}
		seen := &brake{}
		p, err := New(Options{Checks: all, Observers: []Observer{seen}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), before+still+after)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(before)
		off := make(chan struct{})
		seen.on.Store(&off)
		time.Sleep(still)
		seen.on.Store(nil)
		close(off)
		woke := time.Now()
		asking, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := p.Alive(asking, 30*time.Second); err != nil {
			t.Errorf("on waking: %v", err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}

		atOnce := 0
		for _, r := range seen.runs {
			if r.Start.Equal(woke) {
				atOnce++
			}
			if late := r.Start.Sub(r.Due); late < 0 || late > MostLate || !r.Start.Equal(woke) && late > 0 {
				t.Errorf("%s was due %v after the start, and %v late", r.Check.Name, r.Due.Sub(start), late)
			}
			if phase := r.Due.Sub(start) % every; phase != r.Check.Schedule.Offset(r.Check.Name) {
				t.Errorf("%s was due %v after the start: it has lost its phase", r.Check.Name, r.Due.Sub(start))
			}
		}
		if atOnce == 0 || atOnce > 20 { // of 600 in ten minutes, 5 in five seconds
			t.Errorf("%d runs began as it woke, want about 5", atOnce)
		}
		for _, c := range all {
			n, missed := seen.counts(c), seen.misses(c)
			if n.Due() != dues(c, before+still+after) || len(missed) != 1 || missed[MissLate] < 3 || missed[MissLate] > 5 {
				t.Errorf("%s: settled %d due times, want %d; missed %v, want 3 to 5 late", c.Name, n.Due(), dues(c, before+still+after), missed)
			}
		}
	})
}

// Runs that stood still with their schedule are in the way of the next, and not stuck.
func TestStoodStillIsNotStuck(t *testing.T) {
	start := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	c := testCheck("x", nil)
	seen := &recorder{}
	p, err := New(Options{Checks: []*Check{c}, Observers: []Observer{seen}})
	if err != nil {
		t.Fatal(err)
	}
	l := p.loops[0]
	l.tell = newCollector([]Observer{seen}, p.opts.Log).observe
	l.startAt(start)
	first := l.due
	if b, _ := l.turn(first); b.slot != ownSlot {
		t.Fatalf("got %+v, want a run", b)
	}
	_, wait := l.turn(first.Add(time.Second)) // and the machine stands still
	woke := first.Add(time.Second + wait + 7*time.Minute)
	if b, _ := l.turn(woke); b.slot != noSlot {
		t.Fatalf("got %+v, want none, as a run is under way", b)
	}
	if got := seen.misses(c); len(got) != 2 || got[MissLate] != 42 || got[MissOverlap] != 1 {
		t.Errorf("missed %v, want 42 late and one for the run that is under way", got)
	}
}

// Due times go by the monotonic clock, whatever the machine's clock is set to.
func TestDueByTheMonotonicClock(t *testing.T) {
	c := testCheck("x", nil)
	p, err := New(Options{Checks: []*Check{c}})
	if err != nil {
		t.Fatal(err)
	}
	l := p.loops[0]
	l.tell = func(event) {}
	start := time.Now()
	l.startAt(start)
	for i := range 3 {
		b, _ := l.turn(start.Add(c.Schedule.Offset(c.Name) + time.Duration(i)*7*c.Schedule.Every))
		if b.slot == ownSlot {
			l.giveBack(b)
		}
		if b.slot != ownSlot || !strings.Contains(b.due.String(), " m=") || !strings.Contains(l.due.String(), " m=") {
			t.Errorf("got %v, and then %v, want times of the monotonic clock", b.due, l.due)
		}
	}
}
