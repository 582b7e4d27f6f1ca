package checks

import (
	"context"
	"io"
	"log"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// An hour of outage of a real flow over real HTTP: the page comes as if nothing were
// slowed down, the target is spared from then on, as it asks for, and the check is back
// on its schedule with the first run that passes. Then the target wants a pause.
func TestOutageOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		from, to, pause := start.Add(time.Hour), start.Add(2*time.Hour), start.Add(4*time.Hour)
		var mu sync.Mutex
		var asked []time.Time
		network := newPipes()
		server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			now := time.Now()
			mu.Lock()
			asked = append(asked, now)
			mu.Unlock()
			switch {
			case !now.Before(pause) && now.Before(pause.Add(time.Minute)):
				w.Header().Set("X-Leave-Me", strconv.Itoa(30*60))
			case !now.Before(from) && now.Before(to):
				w.Header().Set("Retry-After", "120")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})}
		var serving, running sync.WaitGroup
		serving.Go(func() { _ = server.Serve(network) })
		c := mustLoad(t, Options{Dial: network.dial, PauseHeader: "X-Leave-Me"}, `
name: x
target: http://192.0.2.1
schedule: {every: 10s, timeout: 8s, confirm: 1s}
steps:
  - {name: login, request: POST /login, expect: [status == 200]}
`)
		var fired, healthy time.Duration
		judge, err := prober.NewJudge(c.Checks, func(s prober.StateChange) {
			switch {
			case s.To == detect.Firing:
				fired = s.At.Sub(from)
			case s.From == detect.Firing:
				healthy = s.At.Sub(to)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := prober.New(prober.Options{Checks: c.Checks, Observers: []prober.Observer{judge}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		running.Wait()
		_ = server.Close()
		network.Close()
		serving.Wait()

		in := func(a, b time.Time) (n int) {
			for _, at := range asked {
				if !at.Before(a) && at.Before(b) {
					n++
				}
			}
			return n
		}
		if fired <= 0 || fired > 80*time.Second || healthy <= 0 || healthy > 10*time.Minute {
			t.Errorf("a page after %v, healthy %v after the end", fired, healthy)
		}
		if n := in(from.Add(fired+time.Second), to); n < 25 || n > 32 {
			t.Errorf("%d requests in an hour of outage after the page, want one in two minutes", n)
		}
		if n := in(to.Add(3*time.Minute), to.Add(time.Hour)); n < 57*6 {
			t.Errorf("%d requests after the outage, want those of the schedule", n)
		}
		if n := in(pause, pause.Add(30*time.Minute)); n != 1 {
			t.Errorf("%d requests in the half hour for which the target wanted a pause, want the one that it said so to", n)
		}
		if n := in(pause.Add(31*time.Minute), pause.Add(time.Hour)); n < 29*6-1 {
			t.Errorf("%d requests after the pause", n)
		}
		if s := judge.Status(c.Checks[0], time.Now()); s.Counts.Due() != 5*360+s.Confirmed {
			t.Errorf("%+v, %d to confirm: want each due time of five hours", s.Counts, s.Confirmed)
		}
	})
}
