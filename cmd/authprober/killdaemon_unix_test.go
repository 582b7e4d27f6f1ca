//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

const (
	killedGood    = 100 // accounts whose tokens are rotated
	killedWrong   = 12  // accounts whose password is wrong
	killedPages   = 6   // checks whose target is down from the beginning
	killedAttempt = 2   // wrong passwords that an account may be sent
)

const killedSession = `name: session
target: %s
accounts: good
schedule: {every: 25ms, timeout: 1s, concurrency: 40}
steps:
  - {name: begin, request: GET /v1/status, headers: {X-Account: "${{ account.username }}", X-Begins: "yes"}, expect: [status == 200]}
  - name: password
    if: remembered.refresh == nil
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {challenge: body.challenge}
  - name: code
    if: remembered.refresh == nil
    request: POST /v1/login/otp
    headers: {X-Account: "${{ account.username }}"}
    json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [status == 200]
    remember: {refresh: body.refresh_token}
  - name: refresh
    if: remembered.refresh != nil
    request: POST /v1/token/refresh
    json: {refresh_token: "${{ remembered.refresh }}"}
    forget: [refresh]
    expect: [status == 200]
    remember: {refresh: body.refresh_token}
  - name: after
    request: GET /v1/status
    headers: {X-Account: "${{ account.username }}"}
    expect: [status == 200]
`

const killedPassword = `name: wrong
target: %s
accounts: wrong
schedule: {every: 300ms, timeout: 2s, concurrency: 8}
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
`

const killedDown = `name: down-%d
target: %s
schedule: {every: %dms, timeout: 2s, concurrency: 40}
objective: {tolerate: 0.1%%, detect: 2%%, false_pages: 1 per 30d, blip: 0s}
steps:
  - {name: get, request: GET /v1/gone, expect: [status == 200]}
`

// A reaper stands before the bank and the Alertmanager of a daemon, and kills it with one
// of the requests: before it is heard, or after and before it is answered.
type reaper struct {
	bank http.Handler

	mu     sync.Mutex
	left   int // requests of this life; below 0 it is left alone
	before bool
	kill   func() // nil once it is killed
	dead   chan struct{}

	open   map[string]bool // accounts in the middle of a session: their token may be on its way
	tokens map[string]bool // accounts whose token is stored, for all that is known
	lost   []string        // accounts that have logged in all the same
	logins int
	starts map[string]map[string]bool // startsAt of what was told to the Alertmanager, by its labels
	mended []string                   // that were told to be over
	posts  int
	// passed and told have something while a session has gone to its end, or Alertmanager
	// was told something, of which nobody has taken notice.
	passed, told chan struct{}
}

func (d *reaper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	if d.kill == nil { // of a life that is over
		d.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	d.left--
	last, before, kill, dead := d.left == 0, d.before, d.kill, d.dead
	if last {
		d.kill = nil
	}
	if !last || !before {
		d.note(r)
	}
	d.mu.Unlock()
	switch {
	case !last:
		d.pass(w, r)
		return
	case !before:
		d.pass(httptest.NewRecorder(), r)
	}
	kill()
	<-dead
	panic(http.ErrAbortHandler)
}

// note keeps in mind what a request says of the state behind it. It is called with mu held.
func (d *reaper) note(r *http.Request) {
	account := r.Header.Get("X-Account")
	switch {
	case strings.HasSuffix(r.URL.Path, "/login/otp"):
		if d.logins++; d.tokens[account] {
			d.lost = append(d.lost, account)
		}
		d.tokens[account] = true
	case account == "":
	case r.Header.Get("X-Begins") != "":
		if d.open[account] { // its last session broke off by itself
			d.tokens[account] = false
		}
		d.open[account] = true
	default: // what is remembered is stored before the next step
		delete(d.open, account)
		notice(d.passed)
	}
}

func notice(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (d *reaper) pass(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/gone":
		w.WriteHeader(http.StatusInternalServerError)
	case strings.HasPrefix(r.URL.Path, "/api/v2/"):
		d.alerts(r)
	default:
		d.bank.ServeHTTP(w, r)
	}
}

// alerts is the Alertmanager.
func (d *reaper) alerts(r *http.Request) {
	var all []struct {
		Labels           map[string]string
		StartsAt, EndsAt time.Time
	}
	if json.NewDecoder(r.Body).Decode(&all) != nil {
		return // it was killed while it wrote
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.posts++
	defer notice(d.told)
	for _, a := range all {
		name := a.Labels["alertname"] + " " + a.Labels["check"]
		if d.starts[name] == nil {
			d.starts[name] = map[string]bool{}
		}
		d.starts[name][a.StartsAt.UTC().Format(time.RFC3339Nano)] = true
		if a.EndsAt.Before(time.Now()) {
			d.mended = append(d.mended, name)
		}
	}
}

// TestKilledDaemon kills a daemon that does everything at once, 150 times, at any moment:
// by its requests to the bank and to Alertmanager, or by lines of its log. What it had done
// holds for the next life, as the bank and Alertmanager count it:
//
//   - no account is sent more wrong passwords than it may be, and none is locked;
//   - no refresh token is used twice, and none that was stored is lost: an account logs in
//     again only after a kill in the middle of its session;
//   - an incident has one beginning, and no end.
func TestKilledDaemon(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 150 processes")
	}
	bank, err := banktest.New(banktest.Options{Users: killedGood + killedWrong, LockAfter: 5, LockFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	d := &reaper{bank: bank, open: map[string]bool{}, tokens: map[string]bool{}, starts: map[string]map[string]bool{}, passed: make(chan struct{}, 1), told: make(chan struct{}, 1)}
	server := httptest.NewServer(d)
	defer server.Close()
	flows, state := killedFolder(t, server.URL, bank.Users()), killedState(t)
	environ := []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json", "AUTHPROBER_STATE_DIR=" + state,
		"AUTHPROBER_ALERTMANAGER_URLS=" + server.URL, "AUTHPROBER_ALERT_LABELS=instance=prober:1"}

	byRequest := 0
	for kill := range killedLives {
		p := d.begin(t, environ, flows, rand.IntN(25), kill%2 == 0)
		if kill%5 == 0 { // at any moment of its beginning
			for range 1 + rand.IntN(4) {
				p.log.WriteString(<-p.lines + "\n")
			}
			p.Process.Kill()
		}
		if d.end(t, p, kill) {
			byRequest++
		}
	}

	// The last life is left alone, until each part of it has been seen to go on.
	told := d.pages()
	p := d.begin(t, environ, flows, -1, false)
	url := p.until("running")["url"].(string)
	for name := range told {
		if still := fmt.Sprintf(`"check":%q,"state":"firing"`, name); !strings.Contains(p.log.String(), still) {
			t.Errorf("%s was told to Alertmanager, and the last life does not begin with %s:\n%s", name, still, p.log.String())
		}
	}
	for range 3 {
		p.wait(d.passed)
	}
	for len(d.pages()) < killedPages {
		p.wait(d.told)
	}
	metrics := get(t, url+"/metrics")
	p.Process.Signal(syscall.SIGTERM)
	if code := p.end(); code != exitOK {
		t.Errorf("the last one ended with %d:\n%s", code, p.log.String())
	}
	for _, want := range []string{"authprober_history_durable 1", "authprober_history_writes_failed_total 0"} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s on /metrics", want)
		}
	}
	d.hold(t, bank)
	t.Logf("%d kills, %d of them by a request; %d refreshes; %d logins; %d posts to Alertmanager of %d incidents, %d of them before the last life",
		killedLives, byRequest, bank.Stats().Refreshes, d.logins, d.posts, len(d.pages()), len(told))
}

// begin starts a life of so many requests.
func (d *reaper) begin(t *testing.T, environ []string, flows string, requests int, before bool) *process {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	p := start(t, environ, "run", flows)
	d.dead, d.before, d.kill = make(chan struct{}), before, func() { p.Process.Kill() }
	if d.left = requests + 1; requests < 0 {
		d.left = -1
	}
	return p
}

// end waits for the end of a life, and reports whether a request was it.
func (d *reaper) end(t *testing.T, p *process, kill int) bool {
	t.Helper()
	if code := p.end(); code != -1 {
		t.Fatalf("life %d ended by itself, with %d:\n%s", kill, code, p.log.String())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	byRequest := d.kill == nil
	d.kill = nil
	close(d.dead)
	for account := range d.open {
		d.tokens[account] = false
	}
	clear(d.open)
	return byRequest
}

// wait waits until something is told, and reads the log meanwhile.
func (p *process) wait(told <-chan struct{}) {
	p.t.Helper()
	for {
		select {
		case <-told:
			return
		case line, ok := <-p.lines:
			if p.log.WriteString(line + "\n"); !ok {
				p.t.Fatalf("it ended:\n%s", p.log.String())
			}
		}
	}
}

// hold compares what the bank and Alertmanager have counted with what may be.
func (d *reaper) hold(t *testing.T, bank *banktest.Bank) {
	t.Helper()
	stats := bank.Stats()
	for i, u := range bank.Users() {
		got := stats.Users[u.Username]
		if got.Lockouts != 0 {
			t.Errorf("%s is locked: %+v", u.Username, got)
		}
		if i >= killedGood && got.Refused > killedAttempt {
			t.Errorf("%s was sent %d wrong passwords, want %d at the most", u.Username, got.Refused, killedAttempt)
		}
		if i < killedGood && got.Refused != 0 {
			t.Errorf("%s was refused %d times", u.Username, got.Refused)
		}
	}
	if stats.Reuses != 0 || stats.Refreshes == 0 {
		t.Errorf("%d refreshes, of which %d used a token again", stats.Refreshes, stats.Reuses)
	}
	if len(d.lost) != 0 {
		t.Errorf("logged in though their tokens were stored, and no session was under way when it was killed: %q", d.lost)
	}
	for name, starts := range d.pages() {
		if len(starts) != 1 {
			t.Errorf("%s began %d times: %v", name, len(starts), starts)
		}
	}
	for _, name := range d.mended {
		if strings.Contains(name, " down-") {
			t.Errorf("%s was told to be over", name)
		}
	}
}

// pages are what Alertmanager was told of the checks whose target is down: by the check,
// when it began.
func (d *reaper) pages() map[string]map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[string]map[string]bool{}
	for name, starts := range d.starts {
		if _, check, _ := strings.Cut(name, " "); strings.HasPrefix(check, "down-") {
			found[check] = maps.Clone(starts)
		}
	}
	return found
}

// killedFolder writes the flows and their pools.
func killedFolder(t *testing.T, url string, users []banktest.User) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "session.yaml"), fmt.Sprintf(killedSession, url))
	put(t, filepath.Join(dir, "wrong.yaml"), fmt.Sprintf(killedPassword, url))
	for i := range killedPages {
		put(t, filepath.Join(dir, fmt.Sprintf("down-%d.yaml", i)), fmt.Sprintf(killedDown, i, url, 60+40*i))
	}
	for i := range users {
		if i >= killedGood {
			users[i].Password = "not " + users[i].Password
		}
	}
	pool := func(name, rules string, of []banktest.User) string {
		return strings.Replace(strings.TrimPrefix(poolText(of), "pools:\n"), "retail:\n", name+":\n    max_logins: 120 per minute\n"+rules, 1)
	}
	put(t, filepath.Join(dir, "pools.yaml"), "pools:\n"+pool("good", "    max_bad_attempts: 4\n", users[:killedGood])+
		pool("wrong", fmt.Sprintf("    max_bad_attempts: %d\n    max_outage_attempts: %d\n", killedAttempt, killedAttempt), users[killedGood:]))
	return dir
}

// killedState is a folder that no disk slows, where there is one: a process that is killed,
// unlike a machine, leaves all that it has written.
func killedState(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "authprober-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
