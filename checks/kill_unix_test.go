//go:build unix

package checks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/remember"
)

// proberVariable makes the test binary the prober that TestKillLoop kills.
const proberVariable = "AUTHPROBER_TEST_PROBER"

// proberRole runs the flows of the folders given, one after the other and without a
// pause, until it is killed, and says how far it is. It ends by itself when no run can
// begin any more.
func proberRole() error {
	dir, flows, _ := strings.Cut(os.Getenv(proberVariable), ":")
	store, err := remember.Open(filepath.Join(dir, "state"), remember.Key{})
	if err != nil {
		return err
	}
	var paths []string
	for _, flow := range strings.Split(flows, ",") {
		paths = append(paths, filepath.Join(dir, flow))
	}
	c, err := Load(paths, Options{Remembered: store, AnyPace: true})
	if err != nil {
		return err
	}
	for missed := 0; missed < len(c.Checks); {
		missed = 0
		for _, check := range c.Checks {
			a, miss := check.Begin(time.Now())
			if miss != "" {
				missed++
				continue
			}
			fmt.Println("begin", check.Name)
			r := a.Probe(context.Background())
			fmt.Println("probed", check.Name, r.Err)
			a.Release(r.Outcome(), r)
			fmt.Println("released", check.Name)
		}
	}
	return errSpent
}

// errSpent says that nothing is left that the prober might do.
var errSpent = errors.New("spent")

// A killed is a flow whose prober is killed again and again, and its pool.
type killed struct {
	name     string
	rules    string // of the pool
	accounts int
	budget   int // of what is counted, over all accounts
	requests int // that one life may send
	steps    string
}

// Each life sends what it may send and no more, and that is one charge to the budget:
// the requests of one run at the most. Every budget is larger than the lives are many.
var killFlows = []killed{
	{"wrong", "", 50, 2 * 50, 1, `
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: wrong}, expect: [status == 200]}`},
	{"codes", "    pool_codes: 85 per day\n", 85, 85, 2, `
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200], capture: {challenge: body.challenge}}
  - {name: code, request: POST /v1/login/otp, json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}, expect: [status == 200]}`},
	{"negative", "    kind: negative\n    max_bad_attempts: 3\n    max_negative: 6 per day\n", 30, 6 * 30, 3, `
  - {name: before, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}
  - {name: bad, request: POST /v1/login, json: {username: "${{ account.username }}", password: "not ${{ account.password }}"}, refuse: [401]}
  - {name: after, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}`},
}

// TestKillLoop kills a prober 200 times, and starts it again at once: half of the times
// within a request, before the bank has seen it or after, and half of the times at any
// moment of a run. A last one is left alone until nothing is left that it may do. The
// bank counts: no account is ever sent more wrong passwords than its budget, nor the
// pool more codes than its cap; and each that was charged was sent, unless a kill was
// in between.
func TestKillLoop(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 200 processes")
	}
	const kills, lost, capOfAccount = 200, 200/3 + 1, 6
	users := 0
	for _, f := range killFlows {
		users += f.accounts
	}
	bank, err := banktest.New(banktest.Options{Users: users, LockAfter: 3, LockFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	door := &killDoor{bank: bank}
	server := httptest.NewServer(door)
	defer server.Close()
	dir := killFolder(t, server.URL, bank.Users())
	within := 0
	for kill := range kills {
		f := &killFlows[kill%len(killFlows)]
		within += door.live(t, dir, f.name, f.requests, kill)
	}
	door.live(t, dir, "wrong,codes,negative", -1, 0)

	stats := bank.Stats()
	sent, all := map[string]int{}, bank.Users()
	for _, f := range killFlows {
		for _, u := range all[:f.accounts] {
			got := stats.Users[u.Username]
			if got.Lockouts != 0 {
				t.Errorf("%s: an account is locked: %+v", f.name, got)
			}
			if f.name == "wrong" && got.Attempts > 2 {
				t.Errorf("an account was sent %d wrong passwords, want 2 at most", got.Attempts)
			}
			if f.name == "negative" && got.Refused > capOfAccount {
				t.Errorf("an account was sent %d wrong passwords, want %d at most", got.Refused, capOfAccount)
			}
			sent[f.name] += int(got.Refused)
		}
		all = all[f.accounts:]
	}
	if n := sent["codes"]; n != 0 {
		t.Errorf("%d right passwords and codes were refused", n)
	}
	sent["codes"] = int(stats.Requests["otp"])
	for _, f := range killFlows {
		// What a kill has charged and not sent is lost: one a life. Where an account is
		// in quarantine for it, so is what was left of its budget: 2 of 6.
		least := f.budget - lost
		if f.name == "negative" {
			least -= lost / 4 * 2
		}
		if n := sent[f.name]; n > f.budget || n < least {
			t.Errorf("%s: the bank was sent %d, want %d to %d", f.name, n, least, f.budget)
		}
	}
	if within < kills/2 {
		t.Errorf("%d of %d kills came within a request, want half of them at least", within, kills)
	}
	t.Logf("%d kills, %d of them within a request; sent in the end: %v", kills, within, sent)
}

// killFolder writes each flow and its pool into a folder of its own.
func killFolder(t *testing.T, url string, users []banktest.User) string {
	t.Helper()
	dir := folderInMemory(t)
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range killFlows {
		pool := strings.Replace(poolOf(users[:f.accounts]), "retail:\n", f.name+":\n"+f.rules, 1)
		users = users[f.accounts:]
		write(f.name+"/pool.yaml", pool)
		write(f.name+"/flow.yaml", fmt.Sprintf("name: %s\ntarget: %s\naccounts: %s\nsteps:%s\n", f.name, url, f.name, f.steps))
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// folderInMemory is a folder that no disk slows, where there is one: a process that is
// killed, unlike a machine, leaves all that it has written.
func folderInMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "authprober-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A killDoor is what the bank stands behind: it lets a life send so many requests, and
// kills it with the last of them.
type killDoor struct {
	bank http.Handler

	mu     sync.Mutex
	left   int // requests of this life; below 0 as many as it likes
	before bool
	kill   func()
	dead   chan struct{} // closed when it is
}

func (d *killDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.left--
	left, before, kill, dead := d.left, d.before, d.kill, d.dead
	d.mu.Unlock()
	switch {
	case left < -1 && kill == nil, left > 0:
		d.bank.ServeHTTP(w, r)
		return
	case left == 0 && !before:
		d.bank.ServeHTTP(httptest.NewRecorder(), r)
	}
	if kill != nil {
		kill()
	}
	<-dead // no answer, and nothing of an end of the connection, reaches it
	panic(http.ErrAbortHandler)
}

// live starts a prober with the flows and kills it: with the last request that it may
// send, or, each second time, after some lines of its own if that comes first. It
// returns 1 if a request was the end of it. One that may send as many requests as it
// likes is left alone until it ends.
func (d *killDoor) live(t *testing.T, dir, flows string, requests, kill int) (within int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), proberVariable+"="+dir+":"+flows)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var byRequest atomic.Bool
	end := sync.OnceFunc(func() { _ = cmd.Process.Kill() })
	d.mu.Lock()
	d.left, d.before, d.dead, d.kill = requests, kill/2%2 == 0, make(chan struct{}), nil
	if requests > 0 {
		d.kill = func() { byRequest.Store(true); end() }
	}
	err = cmd.Start()
	d.mu.Unlock() // a request that an earlier life has left waits for it, too
	if err != nil {
		t.Fatal(err)
	}
	lines := 1 + rand.IntN(3)
	for s := bufio.NewScanner(out); s.Scan(); {
		if text := s.Text(); text != errSpent.Error() && !strings.HasPrefix(text, "begin ") && !strings.HasPrefix(text, "released ") &&
			(!strings.HasPrefix(text, "probed ") || !strings.HasSuffix(text, "<nil>")) {
			t.Errorf("the prober says %q", text)
		}
		if lines--; lines == 0 && kill%2 == 1 && requests > 0 {
			end()
		}
	}
	err = cmd.Wait()
	close(d.dead)
	if (err == nil) != (requests < 0) {
		t.Fatalf("the prober ended with %v", err)
	}
	if byRequest.Load() {
		return 1
	}
	return 0
}
