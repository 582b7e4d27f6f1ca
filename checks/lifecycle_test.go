package checks

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// pathServer answers by path, and notes the order of the paths.
func pathServer(t *testing.T, answers map[string]http.HandlerFunc) (url string, seen func() []string) {
	var mu sync.Mutex
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		if f := answers[r.URL.Path]; f != nil {
			f(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(paths) }
}

const lifeFlow = `
schedule: {every: 1s, timeout: 300ms, cleanup: 300ms}
steps:
  - {name: login, request: GET /login, expect: [status == 200], capture: {token: body.token}}
  - {name: use, request: GET /use, expect: [status == 200], capture: {device: body.device}}
cleanup:
  - {name: forget, request: "GET /forget/${{ device }}", expect: [status == 200]}
  - {name: logout, request: "GET /logout", bearer: "${{ token }}", expect: [status == 204]}
`

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestCleanup(t *testing.T) {
	tests := []struct {
		name    string
		answers map[string]http.HandlerFunc
		outcome prober.Outcome
		seen    []string
	}{
		{"success", map[string]http.HandlerFunc{"/login": say(`{"token":"t"}`), "/use": say(`{"device":"d"}`)},
			prober.Passed, []string{"/login", "/use", "/forget/d", "/logout"}},
		{"failure", map[string]http.HandlerFunc{"/login": say(`{"token":"t"}`), "/use": say(`{}`)},
			prober.Failed, []string{"/login", "/use", "/logout"}},
		{"nothing captured", map[string]http.HandlerFunc{"/login": say(`{}`)}, prober.Failed, []string{"/login"}},
		{"timeout", map[string]http.HandlerFunc{"/login": say(`{"token":"t"}`), "/use": hang},
			prober.Failed, []string{"/login", "/use", "/logout"}},
		{"a clean-up that hangs", map[string]http.HandlerFunc{"/login": say(`{"token":"t"}`), "/use": say(`{"device":"d"}`), "/forget/d": hang},
			prober.Passed, []string{"/login", "/use", "/forget/d"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, seen := pathServer(t, tt.answers)
			r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+url+lifeFlow))
			if r.Outcome() != tt.outcome {
				t.Errorf("got %s, want %s: %+v", r.Outcome(), tt.outcome, r)
			}
			if got := seen(); !slices.Equal(got[:min(len(got), len(tt.seen))], tt.seen) || tt.name != "a clean-up that hangs" && len(got) != len(tt.seen) {
				t.Errorf("the target saw %v, want %v", got, tt.seen)
			}
			if len(r.Cleanup) != 2 {
				t.Errorf("got %d results of the clean-up, want 2", len(r.Cleanup))
			}
		})
	}
}

// Shutdown in the middle of a run: it is aborted, and logs out all the same.
func TestShutdown(t *testing.T) {
	begun := make(chan struct{})
	url, seen := pathServer(t, map[string]http.HandlerFunc{
		"/login": say(`{"token":"t"}`),
		"/use":   func(w http.ResponseWriter, r *http.Request) { close(begun); hang(w, r) },
	})
	c := mustLoad(t, Options{}, "name: x\ntarget: "+url+strings.ReplaceAll(lifeFlow, "300ms", "1s"))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-begun; cancel(prober.ErrShutdown) }()
	a, _ := c.Checks[0].Begin(time.Now())
	r := a.Probe(ctx)
	if r.Outcome() != prober.Aborted {
		t.Errorf("got %s, want aborted: %+v", r.Outcome(), r)
	}
	if diff := cmp.Diff([]string{"/login", "/use", "/logout"}, seen()); diff != "" {
		t.Errorf("the target saw (-want +got):\n%s", diff)
	}
}

// The run's time is up before a step begins: the step that could not begin is
// the one that failed.
func TestRunTimeout(t *testing.T) {
	url, _ := pathServer(t, map[string]http.HandlerFunc{"/login": say(`{"token":"t"}`), "/use": say(`{"device":"d"}`)})
	c := mustLoad(t, Options{}, "name: x\ntarget: "+url+lifeFlow)
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), prober.ErrTimeout)
	defer cancel()
	a, _ := c.Checks[0].Begin(time.Now())
	check(t, a.Probe(ctx), prober.ReasonTimeout, "the run's time was used up before the step began")
}

func TestIf(t *testing.T) {
	url, seen := pathServer(t, map[string]http.HandlerFunc{"/a": say(`{"mfa": false}`)})
	flow := "name: x\ntarget: " + url + `
steps:
  - {name: a, request: GET /a, expect: [status == 200], capture: {mfa: {value: body.mfa, show: true}}}
  - {name: b, if: mfa, request: GET /b, expect: [status == 200], capture: {code: body.code}}
  - {name: c, if: not mfa, request: GET /c, expect: [status == 200]}
`
	r := probeOnce(t, mustLoad(t, Options{}, flow))
	if r.Outcome() != prober.Passed || !r.Steps[1].Skipped || r.Steps[2].Skipped {
		t.Errorf("got %s, %+v", r.Outcome(), r.Steps)
	}
	if diff := cmp.Diff([]string{"/a", "/c"}, seen()); diff != "" {
		t.Errorf("the target saw (-want +got):\n%s", diff)
	}
	// A step that reads what a skipped one was to capture is a fault of the flow.
	r = probeOnce(t, mustLoad(t, Options{}, flow+"  - {name: d, request: \"GET /${{ code }}\", expect: [status == 200]}\n"))
	if r.Outcome() != prober.Errored {
		t.Errorf("got %s, want errored", r.Outcome())
	}
}

func TestAccounts(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 1})
	defer bank.Close()
	c := mustLoad(t, Options{}, strings.ReplaceAll(loginFlow, "TARGET", bank.URL), bank.Users()...)
	now := time.Unix(1_800_000_000, 0)
	first, miss := c.Checks[0].Begin(now)
	if miss != "" || first.Account != bank.Users()[0].Username {
		t.Fatalf("got %q, %q", first.Account, miss)
	}
	if _, miss := c.Checks[0].Begin(now.Add(time.Minute)); miss != prober.MissNoAccount {
		t.Errorf("the only account is leased: got %q, want %q", miss, prober.MissNoAccount)
	}
	first.Release(prober.Passed, prober.Report{})
	if _, miss := c.Checks[0].Begin(now.Add(time.Second)); miss != prober.MissBudget {
		t.Errorf("a second login in one step of the clock: got %q, want %q", miss, prober.MissBudget)
	}
	if _, miss := c.Checks[0].Begin(now.Add(30 * time.Second)); miss != "" {
		t.Errorf("the next step of the clock: got %q", miss)
	}
}
