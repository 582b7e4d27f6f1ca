package checks

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// A door is a server that answers the requests to /door in turn, each as told, the last
// one for ever, and remembers them.
type door struct {
	mu      sync.Mutex
	answers []http.HandlerFunc
	conns   []string // whom each request to the door came from
	seen    []string // what each of them said
	left    []string // cookies of the clean-up
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	cookies := r.Header.Get("Cookie")
	switch r.URL.Path {
	case "/start":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "before"})
		return
	case "/leave":
		d.mu.Lock()
		d.left = append(d.left, cookies)
		d.mu.Unlock()
		return
	}
	d.mu.Lock()
	n := len(d.seen)
	d.conns = append(d.conns, r.RemoteAddr)
	d.seen = append(d.seen, fmt.Sprintf("%s %s %s", r.Method, body, cookies))
	d.mu.Unlock()
	w.Header().Set("X-Backend", fmt.Sprint("b", n+1))
	d.answers[min(n, len(d.answers)-1)](w, r)
}

func with(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: fmt.Sprint("after-", status)})
		w.WriteHeader(status)
	}
}

const doorFlow = `
schedule: {every: 2s, timeout: 2s, cleanup: 1s}
tags: {backend: 'header["X-Backend"]'}
steps:
  - {name: start, request: GET /start, expect: [status == 200]}
  - {name: must, let: {id: uuid()}, request: POST /door, body: "${{ id }}", timeout: 300ms, refuse: [401]SETTINGS}
  - {name: after, request: GET /start, expect: [status == 200]}
cleanup:
  - {name: leave, request: GET /leave, expect: [status == 200]}
`

// What was let in is asked for once more, with the very same, over another connection;
// whatever comes of that, the run has failed with the first answer, which is what is
// told of it.
func TestRepeat(t *testing.T) {
	reset := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	begun := func(then http.HandlerFunc) http.HandlerFunc { // an answer of 200 whose body begins, and then something else
		return func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "after-200"})
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			then(w, r)
		}
	}
	long := begun(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) })
	const want = "want a refusal with 401, got 200: it was accepted "
	for name, tc := range map[string]struct {
		answers  []http.HandlerFunc
		settings string
		repeat   prober.Repeat
		detail   string
		requests int
	}{
		"refused at once":         {[]http.HandlerFunc{with(401)}, "", "", "", 1},
		"accepted twice":          {[]http.HandlerFunc{with(200), with(204), with(401)}, "", prober.RepeatAccepted, want + "twice, on two connections", 2},
		"then refused":            {[]http.HandlerFunc{with(200), with(401)}, "", prober.RepeatRefused, want + "once, and refused with 401 when asked again on another connection", 2},
		"then refused otherwise":  {[]http.HandlerFunc{with(200), with(403)}, "", prober.RepeatRefused, want + "once, and refused with 403 when asked again on another connection", 2},
		"then an error":           {[]http.HandlerFunc{with(200), with(503)}, "", prober.RepeatUnclear, want + "once; asked again on another connection it was neither: status 503, status_5xx", 2},
		"then a limit":            {[]http.HandlerFunc{with(200), with(429)}, "", prober.RepeatUnclear, want + "once; asked again on another connection it was neither: status 429, rate_limited", 2},
		"then a redirect":         {[]http.HandlerFunc{with(200), with(302)}, "", prober.RepeatUnclear, want + "once; asked again on another connection it was neither: status 302, redirect", 2},
		"then no answer":          {[]http.HandlerFunc{with(200), hang}, "", prober.RepeatUnclear, want + "once; asked again on another connection there was no answer: timeout", 2},
		"then a broken one":       {[]http.HandlerFunc{with(200), reset}, "", prober.RepeatUnclear, want + "once; asked again on another connection there was no answer: reset", 2},
		"accepted and broken":     {[]http.HandlerFunc{begun(reset), with(401)}, "", prober.RepeatRefused, want + "once, and refused with 401 when asked again on another connection", 2},
		"accepted and never told": {[]http.HandlerFunc{begun(hang), with(401)}, "", prober.RepeatRefused, want + "once, and refused with 401 when asked again on another connection", 2},
		"accepted at length":      {[]http.HandlerFunc{long}, "", prober.RepeatAccepted, want + "twice, on two connections", 2},
		"no repeat is wanted":     {[]http.HandlerFunc{with(200)}, ", repeat: false", prober.RepeatNotMade, want + "once, and was not asked for again: the flow wants no repeat", 1},
		"a repeat is wanted":      {[]http.HandlerFunc{with(201), with(401)}, ", repeat: true", prober.RepeatRefused, strings.Replace(want, "200", "201", 1) + "once, and refused with 401 when asked again on another connection", 2},
		"an error is no refusal":  {[]http.HandlerFunc{with(500)}, "", "", "want a refusal with 401, got 500", 1},
		"a limit is no refusal":   {[]http.HandlerFunc{with(429)}, "", "", "want a refusal with 401, got 429", 1},
		"408 is no refusal":       {[]http.HandlerFunc{with(408)}, "", "", "want a refusal with 401, got 408", 1},
		"another kind of refusal": {[]http.HandlerFunc{with(403)}, "", "", "want a refusal with 401, got 403", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &door{answers: tc.answers}
			server := httptest.NewServer(d)
			defer server.Close()
			c := mustLoad(t, Options{}, "name: x\ntarget: "+server.URL+strings.ReplaceAll(doorFlow, "SETTINGS", tc.settings))
			r := probeOnce(t, c)
			must := r.Steps[1]
			if must.Detail != tc.detail || must.Repeat != tc.repeat || must.Attempts != tc.requests || len(d.seen) != tc.requests {
				t.Errorf("got %q, repeat %q, %d attempts, %d requests; want %q, %q, %d", must.Detail, must.Repeat, must.Attempts, len(d.seen), tc.detail, tc.repeat, tc.requests)
			}
			if (must.Reason == prober.ReasonNotRefused) != (tc.repeat != "") || (r.Outcome() == prober.Failed) != (tc.detail != "") {
				t.Errorf("got %s, the run %s", must.Reason, r.Outcome())
			}
			if tc.repeat == "" {
				return
			}
			run := prober.Run{Outcome: r.Outcome(), Report: r}
			if run.FailOpen() != &run.Steps[1] || len(r.Steps) != 2 || must.Status/100 != 2 || r.Tags["backend"] != "b1" {
				t.Errorf("%d steps, status %d, tags %v; want what came of the acceptance alone", len(r.Steps), must.Status, r.Tags)
			}
			if got := strings.Join(d.left, ";"); got != fmt.Sprintf("session=after-%d", must.Status) {
				t.Errorf("the clean-up has the cookies %q; want those of the acceptance", got)
			}
			if len(d.seen) == 2 && (d.conns[0] == d.conns[1] || d.seen[0] != d.seen[1] || !strings.HasSuffix(d.seen[0], " session=before")) {
				t.Errorf("asked %q from %q; want the same from another", d.seen, d.conns)
			}
		})
	}
}

// A run whose time is used up, or that is stopped, asks for nothing more.
func TestNoTimeToRepeat(t *testing.T) {
	for cause, want := range map[error]string{
		prober.ErrTimeout:  "the run's time was used up",
		prober.ErrShutdown: "the prober was stopped",
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		s := &Session{}
		if got := s.mayNotRepeat(ctx, &step{StepSettings: &StepSettings{Refuse: []int{401}}}); got != want {
			t.Errorf("%v: got %q, want %q", cause, got, want)
		}
	}
}

// A code that was used up by being let in is refused from then on: that is why a
// refusal of the repeat takes nothing back. The authorization that the step found is
// the one that the repeat has.
func TestRepeatOfAnAuthorization(t *testing.T) {
	a := serveAuth(t, "")
	flow := "name: x\ntarget: " + a.issuer + `
clients: {app: {client_id: app, redirect_uri: "com.example.bank:/cb"}}
steps:
  - {name: discovery, discovery: openid-configuration}
  - {name: authorize, refuse: [302, 303, 400], authorize: {}}
`
	r := probeOnce(t, mustLoad(t, authOptions, flow))
	if st := r.Steps[1]; st.Repeat != prober.RepeatAccepted || st.Attempts != 2 {
		t.Errorf("got %+v", st)
	}
}

// A guard is a bank with a password that lets wrong ones in now and then, and counts.
type guard struct {
	mu       sync.Mutex
	rand     *rand.Rand
	wrong    map[string]int // wrong passwords by user
	row      map[string]int // those in a row that were refused
	longest  int
	requests int
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests++
	user, right := r.PostForm.Get("user"), r.PostForm.Get("password") == "right"
	switch {
	case right:
		g.row[user] = 0
		return
	case r.PostForm.Get("password") == "":
		if g.rand.IntN(2) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
		}
		return
	}
	g.wrong[user]++
	switch n := g.rand.IntN(6); {
	case n < 2:
		g.row[user] = 0 // let in
	case n == 2:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		g.row[user]++
		g.longest = max(g.longest, g.row[user])
		w.WriteHeader(http.StatusUnauthorized)
	}
}

const guardFlow = `
accounts: retail
schedule: {every: 12h, timeout: 5s}
steps:
  - {name: login, request: POST /login, form: {user: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}
  - {name: nothing, request: POST /login, form: {user: nobody}, refuse: [401]}
  - {name: wrong, request: POST /login, form: {user: "${{ account.username }}", password: "wrong"}, refuse: [401]}
  - {name: again, request: POST /login, form: {user: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}
`

// served serves the handler in memory, for the clock of a bubble, in which no day ends
// unless it is told to.
func served(h http.Handler, f func(Options)) { serving(&http.Server{Handler: h}, f) }

func serving(server *http.Server, f func(Options)) {
	network := newPipes()
	server.ErrorLog = log.New(io.Discard, "", 0)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(network) })
	f(Options{Dial: network.dial, AnyPace: true})
	_ = server.Close()
	network.Close()
	running.Wait()
	time.Sleep(time.Minute) // for handlers that outlive their clients
	synctest.Wait()
}

// guarded loads the flow of the guard with three accounts.
func guarded(t *testing.T, o Options, flow, rules string) *Config {
	t.Helper()
	c, err := writeFlows(t, o, map[string]string{
		"flow.yaml":     "name: x\ntarget: http://192.0.2.1" + flow,
		"accounts.yaml": "pools: {retail: {kind: negative, " + rules + ", accounts: [{name: a, username: user-a, password: right},{name: b, username: user-b, password: right},{name: c, username: user-c, password: right}]}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever a bank lets in and refuses, no repeat exceeds what a day has of wrong
// credentials, of an account or of its pool; none is sent after one that was refused and
// no login between; and no run sends more requests than were held to the budget.
func TestRepeatsKeepTheBudget(t *testing.T) {
	tried := 0
	for seed := range uint64(12) {
		rules := []string{"max_negative: 7 per day", "max_negative: 5 per day, pool_negative: 9 per day"}[seed%2]
		each, all := []int{7, 5}[seed%2], []int{21, 9}[seed%2]
		g := &guard{rand: rand.New(rand.NewPCG(seed, 1)), wrong: map[string]int{}, row: map[string]int{}}
		synctest.Test(t, func(t *testing.T) {
			served(g, func(o Options) {
				store, err := remember.Open(t.TempDir(), remember.Key{})
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				o.Remembered = store
				c := guarded(t, o, guardFlow, rules)
				most := int(c.Demand(c.Checks[0], time.Minute).Requests)
				for range 40 {
					a, miss := c.Checks[0].Begin(time.Now())
					if miss != "" {
						continue
					}
					before := g.requests
					r := a.Probe(t.Context())
					a.Release(r.Outcome(), r)
					if sent := g.requests - before; sent > most {
						t.Errorf("seed %d: a run of %d requests, and %d were held to the budget", seed, sent, most)
					}
					for _, st := range r.Steps {
						if st.Name == "wrong" && st.Attempts == 2 {
							tried++
						}
					}
				}
			})
		})
		sum := 0
		for user, n := range g.wrong {
			if sum += n; n > each {
				t.Errorf("seed %d: %d wrong passwords for %s, want %d at the most", seed, n, user, each)
			}
		}
		if sum > all || g.longest > 1 {
			t.Errorf("seed %d: %d wrong passwords, want %d at the most; %d refused in a row, want 1", seed, sum, all, g.longest)
		}
	}
	if tried < 10 {
		t.Errorf("%d repeats in all: nothing is tried", tried)
	}
}

// Once the day's wrong credentials are used up there is no repeat, and it is said.
func TestRepeatWithoutBudget(t *testing.T) {
	flow := strings.Replace(guardFlow, "  - {name: nothing, request: POST /login, form: {user: nobody}, refuse: [401]}\n", "", 1)
	letIn := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	var got []string
	synctest.Test(t, func(t *testing.T) {
		served(letIn, func(o Options) {
			c := guarded(t, o, flow, "max_negative: 9 per day, pool_negative: 3 per day")
			for range 3 {
				a, miss := c.Checks[0].Begin(time.Now())
				if miss != "" {
					got = append(got, string(miss))
					continue
				}
				r := a.Probe(t.Context())
				a.Release(r.Outcome(), r)
				got = append(got, fmt.Sprintf("%s %d: %s", r.Steps[1].Repeat, r.Steps[1].Attempts, r.Steps[1].Detail))
			}
		})
	})
	if diff := cmp.Diff([]string{
		"accepted 2: want a refusal with 401, got 200: it was accepted twice, on two connections",
		"not_made 1: want a refusal with 401, got 200: it was accepted once, and was not asked for again: the account has no more wrong credentials or codes today",
		"budget",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
