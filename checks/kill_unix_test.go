//go:build unix

package checks

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/remember"
)

// proberVariable makes the test binary the prober that TestKillLoop kills.
const proberVariable = "AUTHPROBER_TEST_PROBER"

// proberRole runs the flows of a folder, one after the other and without a pause,
// until it is killed, and says when each run begins and when it is over.
func proberRole() error {
	dir := os.Getenv(proberVariable)
	store, err := remember.Open(filepath.Join(dir, "state"), remember.Key{})
	if err != nil {
		return err
	}
	c, err := Load([]string{filepath.Join(dir, "flows")}, Options{Remembered: store, AnyPace: true})
	if err != nil {
		return err
	}
	for {
		missed := 0
		for _, i := range rand.Perm(len(c.Checks)) {
			a, miss := c.Checks[i].Begin(time.Now())
			if miss != "" {
				missed++
				continue
			}
			fmt.Println("begin", c.Checks[i].Name)
			r := a.Probe(context.Background())
			fmt.Println("probed", c.Checks[i].Name, r.Err)
			a.Release(r.Outcome(), r)
			fmt.Println("released", c.Checks[i].Name)
		}
		if missed == len(c.Checks) {
			fmt.Println("spent")
			select {} // until it is killed
		}
	}
}

const killFlows = `
name: wrong
target: TARGET
accounts: wrong
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: wrong}, expect: [status == 200]}
---
name: codes
target: TARGET
accounts: codes
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200], capture: {challenge: body.challenge}}
  - {name: code, request: POST /v1/login/otp, json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}, expect: [status == 200]}
---
name: negative
target: TARGET
accounts: negative
steps:
  - {name: before, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}
  - {name: bad, request: POST /v1/login, json: {username: "${{ account.username }}", password: "not ${{ account.password }}"}, refuse: [401]}
  - {name: after, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}
`

// TestKillLoop kills a prober 200 times at any moment of its runs, most of them within
// an attempt, and starts it again at once. The bank counts: no account is ever sent
// more wrong passwords than its budget, nor the pool more codes than its cap.
func TestKillLoop(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 200 processes")
	}
	const kills, wrong, negative, codes, codeCap, negativeCap = 200, 25, 8, 60, 30, 6
	requests := make(chan string, 1000)
	bank := banktest.NewServer(banktest.Options{Users: wrong + negative + codes, LockAfter: 3, LockFor: -1, Log: func(a banktest.Access) {
		select {
		case requests <- a.Step:
		default: // nobody waits for it
		}
	}})
	defer bank.Close()
	users := bank.Users()
	dir := folderInMemory(t)
	pools := map[string]string{}
	for name, of := range map[string][]banktest.User{"wrong": users[:wrong], "negative": users[wrong : wrong+negative], "codes": users[wrong+negative:]} {
		pools[name+".yaml"] = strings.Replace(poolOf(of), "retail:", name+":", 1)
	}
	pools["codes.yaml"] = strings.Replace(pools["codes.yaml"], "codes:\n", fmt.Sprintf("codes:\n    pool_codes: %d per day\n", codeCap), 1)
	pools["negative.yaml"] = strings.Replace(pools["negative.yaml"], "negative:\n", fmt.Sprintf("negative:\n    kind: negative\n    max_bad_attempts: 4\n    max_negative: %d per day\n", negativeCap), 1)
	for i, flow := range strings.Split(strings.ReplaceAll(killFlows, "TARGET", bank.URL), "---\n") {
		pools[fmt.Sprintf("flow%d.yaml", i)] = flow
	}
	for name, text := range pools {
		path := filepath.Join(dir, "flows", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	within, lives := 0, map[bool]int{}
	for kill := range kills {
		attempt, spent := killProber(t, dir, requests, kill)
		if attempt {
			within++
		}
		lives[spent]++
	}
	stats := bank.Stats()
	sums := map[string]int64{}
	for i, u := range users {
		got := stats.Users[u.Username]
		if got.Lockouts != 0 {
			t.Errorf("account %d is locked: %+v", i, got)
		}
		switch {
		case i < wrong:
			sums["wrong"] += got.Refused
			if got.Attempts > 2 {
				t.Errorf("account %d was sent %d wrong passwords, want 2 at most", i, got.Attempts)
			}
		case i < wrong+negative:
			sums["negative"] += got.Refused
			if got.Refused > negativeCap {
				t.Errorf("account %d was sent %d wrong passwords, want %d at most", i, got.Refused, negativeCap)
			}
		}
	}
	if n := stats.Requests["otp"]; n > codeCap || n < codeCap/2 {
		t.Errorf("the bank was sent %d codes, want %d at most and the half of them at least", n, codeCap)
	}
	if sums["wrong"] < wrong || sums["negative"] < negative || within < kills/4 {
		t.Errorf("wrong passwords: %v; %d of %d kills came within an attempt: it shows nothing", sums, within, kills)
	}
	t.Logf("%d kills, %d within an attempt, %d after the budgets were spent; %v refused, %d codes", kills, within, lives[true], sums, stats.Requests["otp"])
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

// killProber starts a prober and kills it: after some lines of its own, or when the
// bank has seen some requests of it. It reports whether an attempt was under way, and
// whether nothing was left that the prober might do.
func killProber(t *testing.T, dir string, requests <-chan string, kill int) (attempt, spent bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), proberVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	for len(requests) > 0 { // those of the one before
		<-requests
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end := func() { once.Do(func() { _ = cmd.Process.Kill() }) }
	done := make(chan struct{})
	var watching sync.WaitGroup
	if kill%2 == 0 {
		watching.Go(func() {
			for range 1 + rand.IntN(3) {
				select {
				case <-requests:
				case <-done:
					return
				}
			}
			end()
		})
	}
	left := 1 + rand.IntN(4)
	for s := bufio.NewScanner(out); s.Scan(); left-- {
		word, rest, _ := strings.Cut(s.Text(), " ")
		switch word {
		case "begin":
			attempt = true
		case "released":
			attempt = false
		case "spent":
			spent = true
			end()
		case "probed":
			if !strings.HasSuffix(rest, "<nil>") {
				t.Fatalf("the prober says %q", s.Text())
			}
		default:
			t.Fatalf("the prober says %q", s.Text())
		}
		if left == 1 && kill%2 == 1 {
			end()
		}
	}
	close(done)
	watching.Wait()
	if err := cmd.Wait(); err == nil {
		t.Fatalf("the prober ended by itself: %v", err)
	}
	return attempt, spent
}
