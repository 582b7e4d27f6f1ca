package checks

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

func TestAskNext(t *testing.T) {
	for limit, want := range map[time.Duration]int{0: 1, 50 * time.Millisecond: 2, 100 * time.Millisecond: 2, 250 * time.Millisecond: 3, 5 * time.Second: 17, time.Minute: 45} {
		if got := asksWithin(limit); got != want {
			t.Errorf("within %s: %d requests at the most, want %d", limit, got, want)
		}
		since := time.Duration(0)
		for n := 0; since < limit; n++ {
			next := askNext(since, limit)
			if next <= 0 || since+next > limit || n > 0 && since+next < limit && next < askSoonest {
				t.Fatalf("within %s, %s after: waits %s", limit, since, next)
			}
			since += next
		}
	}
}

// A lingering is a bank whose token is accepted for a while after the logout.
type lingering struct {
	accepts time.Duration
	then    int // the status after that
	wait    time.Duration
	mu      *sync.Mutex
	out     time.Time
	asked   int
}

func (l *lingering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r.URL.Path {
	case "/logout":
		l.out = time.Now()
		w.WriteHeader(http.StatusNoContent)
	case "/slow":
		time.Sleep(500 * time.Millisecond)
	default:
		l.asked++
		time.Sleep(l.wait)
		if time.Since(l.out) >= l.accepts {
			w.WriteHeader(l.then)
		}
	}
}

// A token that was revoked may be accepted for the stated time: how long it is so is
// measured, from the end of the logout, and only what is let in at the end of the time
// is a fail-open. Everything else ends the waiting as it would end any step.
func TestWithin(t *testing.T) {
	for name, tc := range map[string]struct {
		bank    lingering
		within  string
		reason  prober.Reason
		detail  string
		from    time.Duration // the least that is measured, and the most; 0 for nothing
		to      time.Duration
		polls   int
		repeats prober.Repeat
	}{
		"at once":                {lingering{then: 401}, "5s", "", "", 1, 1, 1, ""},
		"at once, and no time":   {lingering{then: 401}, "0s", "", "", 1, 1, 1, ""},
		"no time":                {lingering{accepts: 50 * time.Millisecond, then: 401}, "0s", prober.ReasonNotRefused, "want a refusal with 401 within 0s, got 200: it was accepted twice, on two connections", 0, 0, 1, prober.RepeatAccepted},
		"after a while":          {lingering{accepts: 1200 * time.Millisecond, then: 401}, "5s", "", "", 1200 * time.Millisecond, 1500 * time.Millisecond, 10, ""},
		"slow answers":           {lingering{accepts: 1200 * time.Millisecond, then: 401, wait: 300 * time.Millisecond}, "5s", "", "", 1200 * time.Millisecond, 1700 * time.Millisecond, 4, ""},
		"after the step before":  {lingering{accepts: 1200 * time.Millisecond, then: 401}, "{time: 5s, of: logout}", "", "", 1200 * time.Millisecond, 1500 * time.Millisecond, 0, ""},
		"too long":               {lingering{accepts: time.Hour, then: 401}, "3s", prober.ReasonNotRefused, "want a refusal with 401 within 3s, got 200: it was accepted twice, on two connections", 0, 0, asksWithin(3 * time.Second), prober.RepeatAccepted},
		"at the end of the time": {lingering{accepts: 3 * time.Second, then: 401}, "3s", "", "", 3 * time.Second, 3 * time.Second, asksWithin(3 * time.Second), ""},
		"just after":             {lingering{accepts: 3*time.Second + 1, then: 401, wait: 1}, "3s", "", "", 3 * time.Second, 3 * time.Second, asksWithin(3 * time.Second), ""},
		"refused once too late":  {lingering{accepts: 3*time.Second + 10, then: 401, wait: 1}, "3s", prober.ReasonNotRefused, "want a refusal with 401 within 3s, got 200: it was accepted twice, on two connections", 0, 0, asksWithin(3 * time.Second), prober.RepeatAccepted},
		"an error meanwhile":     {lingering{accepts: time.Second, then: 503}, "3s", prober.ReasonStatus5xx, "want a refusal with 401 within 3s, got 503", 0, 0, 10, ""},
		"another refusal":        {lingering{accepts: time.Second, then: 403}, "3s", prober.ReasonWrongRefusal, "want a refusal with 401 within 3s, got 403", 0, 0, 10, ""},
		"the run's time":         {lingering{accepts: time.Hour, then: 401, wait: 2500 * time.Millisecond}, "5900ms", prober.ReasonTimeout, "", 0, 0, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &tc.bank
				l.mu = &sync.Mutex{}
				var r prober.Report
				dials := 0
				var c *Config
				served(l, func(o Options) {
					dial := o.Dial
					o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						dials++
						return dial(ctx, network, address)
					}
					slow := ""
					if strings.Contains(tc.within, "of: logout") { // what lies between counts
						slow = "\n  - {name: slow, request: GET /slow, expect: [status == 200]}"
					}
					c = mustLoad(t, o, `
name: x
target: http://192.0.2.1
schedule: {every: 6s, timeout: 6s, cleanup: 1s}
steps:
  - {name: logout, request: POST /logout, expect: [status == 204]}`+slow+`
  - {name: must, request: GET /accounts, bearer: t, refuse: [401], within: `+tc.within+`}
`)
					r = probeOnce(t, c)
				})
				must := r.Steps[len(r.Steps)-1]
				if must.Reason != tc.reason || tc.detail != "" && must.Detail != tc.detail || must.Repeat != tc.repeats || must.Status == 0 && tc.reason != prober.ReasonTimeout {
					t.Errorf("got %s %q, repeat %q; want %s %q, %q", must.Reason, must.Detail, must.Repeat, tc.reason, tc.detail, tc.repeats)
				}
				if must.Propagation < tc.from || must.Propagation > tc.to {
					t.Errorf("refused after %s, want %s to %s", must.Propagation, tc.from, tc.to)
				}
				if tc.polls > 0 && must.Polls != tc.polls {
					t.Errorf("asked %d times, want %d", must.Polls, tc.polls)
				}
				want := 2 // the run's own leads to the backend that knows
				if must.Repeat != "" {
					want++
				}
				if dials != want {
					t.Errorf("%d connections, want %d", dials, want)
				}
				if most := int(c.Demand(c.Checks[0], 6*time.Second).Requests); l.asked+1 > most {
					t.Errorf("%d requests, and %d are said to be the most", l.asked, most)
				}
			})
		})
	}
}

// One backend of three never learns of a logout. The connection that meets it stays with
// it, so it is no late refusal by another one, but a fail-open; and the repeat, which
// meets another, tells that it is that one alone.
func TestBackendThatNeverLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type backend struct{}
		conns := 0
		server := &http.Server{
			ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
				conns++
				return context.WithValue(ctx, backend{}, conns)
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Backend", fmt.Sprint("b", r.Context().Value(backend{})))
				switch {
				case r.URL.Path == "/logout":
					w.WriteHeader(http.StatusNoContent)
				case r.Context().Value(backend{}) != 2:
					w.WriteHeader(http.StatusUnauthorized)
				}
			}),
		}
		serving(server, func(o Options) {
			r := probeOnce(t, mustLoad(t, o, `
name: x
target: http://192.0.2.1
schedule: {every: 6s, timeout: 6s, cleanup: 1s}
tags: {backend: 'header["X-Backend"]'}
steps:
  - {name: logout, request: POST /logout, expect: [status == 204]}
  - {name: must, request: GET /accounts, bearer: t, refuse: [401], within: 3s}
`))
			must := r.Steps[1]
			if must.Reason != prober.ReasonNotRefused || must.Repeat != prober.RepeatRefused || must.Polls != asksWithin(3*time.Second) ||
				must.Propagation != 0 || r.Tags["backend"] != "b2" || conns != 3 {
				t.Errorf("got %+v, tags %v, %d connections", must, r.Tags, conns)
			}
		})
	})
}

// What counts from a step that was skipped counts from nowhere, and that is the flow's fault.
func TestWithinOfNothing(t *testing.T) {
	server := "http://127.0.0.1:1"
	for steps, want := range map[string]string{
		`
  - {name: logout, if: "false", request: POST /logout, expect: [status == 204]}
  - {name: must, request: GET /accounts, refuse: [401], within: 1s}`: `step "must" counts from the end of the step before, and each of those was skipped`,
		`
  - {name: logout, if: "false", request: POST /logout, expect: [status == 204]}
  - {name: must, request: GET /accounts, refuse: [401], within: {time: 1s, of: logout}}`: `step "must" counts from the end of "logout", which was skipped`,
	} {
		r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+server+"\nsteps:"+steps+"\n"))
		if r.Err == nil || r.Err.Error() != want {
			t.Errorf("got %v, want %s", r.Err, want)
		}
	}
}

// The series are there before the first run.
func TestRefusalsAreAnnounced(t *testing.T) {
	c := mustLoad(t, Options{}, `
name: x
target: http://192.0.2.1
steps:
  - {name: a, request: GET /a, refuse: [401]}
  - {name: b, request: GET /b, refuse: [401], within: 1s}
  - {name: c, request: GET /c, refuse: [401], same_as: a}
`)
	got := c.Checks[0]
	if fmt.Sprint(got.RefuseSteps, got.RevokedSteps, got.SameAs) != "[a b c] [b] map[c:a]" {
		t.Errorf("got %v, %v, %v", got.RefuseSteps, got.RevokedSteps, got.SameAs)
	}
	// a and its repeat, 9 times b and its repeat, c and its repeat.
	if n, want := int(c.Demand(got, time.Second).Requests), 2+asksWithin(time.Second)+1+2; n != want {
		t.Errorf("%d requests at the most, want %d", n, want)
	}
}
