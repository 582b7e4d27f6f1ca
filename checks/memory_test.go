package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// A rotator hands out refresh tokens that are good once, and keeps the numbers that
// it was sent.
type rotator struct {
	*httptest.Server
	mu      sync.Mutex
	valid   string
	used    map[string]int
	logins  int
	numbers []int
	next    func(w http.ResponseWriter, r *http.Request) (done bool) // for one request
}

func newRotator(t *testing.T) *rotator {
	a := &rotator{used: map[string]int{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		next := a.next
		a.next = nil
		token := string(sent)
		switch r.URL.Path {
		case "/login":
			a.logins++
		case "/refresh":
			if a.used[token]++; token != a.valid {
				http.Error(w, token, 400)
				return
			}
		case "/echo":
			fmt.Fprintf(w, `{"refresh": %q}`, token)
			return
		case "/count":
			n, _ := strconv.Atoi(token)
			a.numbers = append(a.numbers, n)
		}
		if next != nil && next(w, r) {
			return
		}
		a.valid = "Sentinel" + strings.Repeat("x", 1+len(a.used)) // reads as a word
		fmt.Fprintf(w, `{"refresh": %q}`, a.valid)
	}))
	t.Cleanup(a.Close)
	return a
}

const chainFlow = `
accounts: p
steps:
  - name: log in
    if: remembered.refresh == nil
    request: POST /login
    expect: [status == 200]
    remember: {refresh: body.refresh}
  - name: refresh
    if: remembered.refresh != nil
    request: POST /refresh
    body: ${{ remembered.refresh }}
    forget: [refresh]
    expect: [status == 200, body.refresh != ""]
    remember: {refresh: body.refresh}
`

const onePool = "pools: {p: {accounts: [{name: ann}]}}"

// loadChain loads flows with the values that are kept in dir.
func loadChain(t *testing.T, dir string, flows ...string) *Config {
	t.Helper()
	store, err := remember.Open(dir, remember.Key{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	contents := map[string]string{"accounts.yaml": onePool}
	for i, flow := range flows {
		contents[fmt.Sprint(i, ".yaml")] = flow
	}
	c, err := writeFlows(t, Options{Remembered: store}, contents)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// probeCheck makes one run of the how many'th check.
func probeCheck(ctx context.Context, t *testing.T, c *Config, i int) prober.Report {
	t.Helper()
	a, miss := c.Checks[i].Begin(time.Now())
	if miss != "" {
		t.Fatalf("no run: %s", miss)
	}
	r := a.Probe(ctx)
	a.Release(r.Outcome(), r)
	announced(t, c.Checks[i], r)
	return r
}

// A chain of tokens that are good once goes on over runs and restarts.
func TestRefreshChain(t *testing.T) {
	a, dir := newRotator(t), t.TempDir()
	for range 3 {
		store, err := remember.Open(dir, remember.Key{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := writeFlows(t, Options{Remembered: store}, map[string]string{"a.yaml": "name: x\ntarget: " + a.URL + chainFlow, "p.yaml": onePool})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			failed(t, probeCheck(t.Context(), t, c, 0), "", "", "")
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if a.logins != 1 || len(a.used) != 30 {
		t.Errorf("got %d logins and %d refresh tokens used in 30 runs, want 1 and 30", a.logins, len(a.used))
	}
	for token, n := range a.used {
		if n != 1 {
			t.Errorf("%s was used %d times", token, n)
		}
	}
}

// Whatever becomes of a refresh, its token is not used again: not after an error,
// not after an answer that never came, not after a crash.
func TestRefreshThatFails(t *testing.T) {
	tests := map[string]func(w http.ResponseWriter, cancel func()) bool{
		"an error":      func(w http.ResponseWriter, _ func()) bool { w.WriteHeader(500); return true },
		"no new token":  func(w http.ResponseWriter, _ func()) bool { _, _ = io.WriteString(w, "{}"); return true },
		"no connection": func(http.ResponseWriter, func()) bool { panic(http.ErrAbortHandler) },
		"a shutdown":    func(_ http.ResponseWriter, cancel func()) bool { cancel(); return true },
	}
	for name, fails := range tests {
		t.Run(name, func(t *testing.T) {
			a, dir := newRotator(t), t.TempDir()
			c := loadChain(t, dir, "name: x\ntarget: "+a.URL+chainFlow)
			failed(t, probeCheck(t.Context(), t, c, 0), "", "", "")
			ctx, cancel := context.WithCancelCause(t.Context())
			a.next = func(w http.ResponseWriter, _ *http.Request) bool {
				return fails(w, func() { cancel(prober.ErrShutdown) })
			}
			if r := probeCheck(ctx, t, c, 0); r.Outcome() == prober.Passed {
				t.Error("the run passed")
			}
			text, err := os.ReadFile(filepath.Join(dir, "remember", "p", "ann.json"))
			if err != nil || strings.Contains(string(text), "Sentinel") {
				t.Errorf("a token that was sent is still stored: %s, %v", text, err)
			}
		})
	}
}

// A number is stored before it is sent: none comes twice.
func TestCounter(t *testing.T) {
	a, dir := newRotator(t), t.TempDir()
	flow := "name: x\ntarget: " + a.URL + `
accounts: p
steps:
  - {name: count, counter: {name: n, first: 7}, request: POST /count, body: "${{ remembered.n }}", expect: [status == 200]}
`
	for range 3 {
		store, err := remember.Open(dir, remember.Key{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := writeFlows(t, Options{Remembered: store}, map[string]string{"a.yaml": flow, "p.yaml": onePool})
		if err != nil {
			t.Fatal(err)
		}
		failed(t, probeCheck(t.Context(), t, c, 0), "", "", "")
		ctx, cancel := context.WithCancelCause(t.Context())
		a.next = func(http.ResponseWriter, *http.Request) bool { cancel(errors.New("cut")); return false }
		probeCheck(ctx, t, c, 0)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if fmt.Sprint(a.numbers) != "[7 8 9 10 11 12]" {
		t.Errorf("the server was sent %v, want 7 to 12", a.numbers)
	}
}

// Another flow of the pool reads what one has left, and how old it is; a first run
// finds null.
func TestRememberedElsewhere(t *testing.T) {
	a := newRotator(t)
	reader := "name: y\ntarget: " + a.URL + `
accounts: p
steps:
  - name: use
    if: remembered.refresh != nil && age.refresh < duration("1h")
    request: GET /use
    bearer: ${{ remembered.refresh }}
    expect: [status == 200]
`
	c := loadChain(t, t.TempDir(), "name: x\ntarget: "+a.URL+chainFlow, reader)
	if r := probeCheck(t.Context(), t, c, 1); r.Outcome() != prober.Errored || !r.Steps[0].Skipped {
		t.Errorf("nothing is remembered yet: got %+v", r)
	}
	failed(t, probeCheck(t.Context(), t, c, 0), "", "", "")
	if r := probeCheck(t.Context(), t, c, 1); r.Outcome() != prober.Passed || r.Steps[0].Skipped {
		t.Errorf("a token is remembered: got %+v", r)
	}
}

// A file that cannot be read is ours to mend: it says nothing about the target.
func TestDamagedMemory(t *testing.T) {
	a, dir := newRotator(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "remember", "p"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "remember", "p", "ann.json"), []byte(`{"Sentinel`), 0o600); err != nil {
		t.Fatal(err)
	}
	again := loadChain(t, dir, "name: x\ntarget: "+a.URL+chainFlow)
	r := probeCheck(t.Context(), t, again, 0)
	if r.Outcome() != prober.Errored || len(r.Steps) != 0 || !strings.Contains(r.Err.Error(), "ann") || strings.Contains(r.Err.Error(), "Sentinel") {
		t.Errorf("got %s: %v, want errored, and the account's name", r.Outcome(), r.Err)
	}
}

// What the target hands out and nobody can keep is the target's fault.
func TestTooLargeToRemember(t *testing.T) {
	a := newRotator(t)
	c := loadChain(t, t.TempDir(), "name: x\ntarget: "+a.URL+chainFlow)
	a.next = func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprintf(w, `{"refresh": %q}`, strings.Repeat("x", 70_000))
		return true
	}
	r := probeCheck(t.Context(), t, c, 0)
	failed(t, r, "log in", prober.ReasonBadResponse, "remembering refresh from body.refresh: want at most 65536 bytes, got 70002")
	a.next = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"refresh": null}`)
		return true
	}
	failed(t, probeCheck(t.Context(), t, c, 0), "log in", prober.ReasonMissingValue, "remembering refresh from body.refresh: got null")
}

// What is remembered is as secret as what is captured, in this run and in later ones.
func TestRememberedIsSecret(t *testing.T) {
	a := newRotator(t)
	flow := "name: x\ntarget: " + a.URL + chainFlow + `  - {name: echo, request: POST /echo, body: "${{ remembered.refresh ?? 1 }}", expect: ['body.refresh == "y"']}
`
	c := loadChain(t, t.TempDir(), flow)
	for run := range 3 {
		r := probeCheck(t.Context(), t, c, 0)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "Sentinel") {
			t.Errorf("run %d: a token is in %s", run, text)
		}
		failed(t, r, "echo", prober.ReasonAssertion, `want body.refresh == "y", got "[secret]" (status 200)`)
	}
}

// An answer that is right and too slow fails the run, and hands out the next token
// all the same. One that is wrong beside being slow hands out nothing.
func TestSlowRefresh(t *testing.T) {
	a := newRotator(t)
	flow := strings.ReplaceAll(chainFlow, `body.refresh != ""]`, `took < duration("1ns"), body.refresh contains "Sentinel"]`)
	c := loadChain(t, t.TempDir(), "name: x\ntarget: "+a.URL+flow)
	for run := range 4 {
		r := probeCheck(t.Context(), t, c, 0)
		failed(t, r, "refresh", prober.ReasonTooSlow, "")
		if loggedIn := !r.Steps[0].Skipped; loggedIn != (run == 0) {
			t.Errorf("run %d: got a login: %t", run, loggedIn)
		}
	}
	a.next = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"refresh": "none"}`)
		return true
	}
	failed(t, probeCheck(t.Context(), t, c, 0), "refresh", prober.ReasonTooSlow, "")
	if r := probeCheck(t.Context(), t, c, 0); r.Steps[0].Skipped || r.Steps[0].Reason != "" {
		t.Errorf("the token was lost, and there was no login: %+v", r)
	}
}
