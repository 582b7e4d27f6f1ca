package checks

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// uses keeps who was used when.
type uses struct {
	mu   sync.Mutex
	runs map[string][]*prober.Run // by account
	n    int
}

func (u *uses) ObserveRun(r *prober.Run) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
	if r.Account != "" {
		u.runs[r.Account] = append(u.runs[r.Account], r)
	}
}

func (u *uses) ObserveMissed(prober.Missed) {}

// Two hours in which the configuration is read again every 67 seconds, each time with
// other accounts in the pool, in the middle of slow runs: no account is ever in two runs
// at once, none logs in more often than it may, whichever configuration lent it out, and
// the due times stay what they are.
func TestReloadsWithOtherAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute, inPool, span = 2, 6, 2 * time.Hour
		bank, err := banktest.New(banktest.Options{Users: 10, PasswordOnly: true, Faults: []banktest.Fault{
			{Step: banktest.StepLogin, Kind: banktest.KindDelay, For: 11 * time.Second},
		}})
		if err != nil {
			t.Fatal(err)
		}
		network := newPipes()
		server := &http.Server{Handler: bank, ConnContext: bank.ConnContext, ErrorLog: log.New(io.Discard, "", 0)}
		var serving, running sync.WaitGroup
		serving.Go(func() { _ = server.Serve(network) })
		dir, users := t.TempDir(), bank.Users()
		write := func(name, text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("flow.yaml", `
name: login
target: http://192.0.2.1
schedule: {every: 5s, timeout: 20s, concurrency: 4}
accounts: retail
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200], capture: {access: body.access_token}}
cleanup:
  - {name: logout, request: POST /v1/logout, bearer: "${{ access }}", expect: [status == 204]}
`)
		load := func(round int) *Config {
			t.Helper()
			var of []banktest.User
			for i := range inPool {
				of = append(of, users[(round*3+i)%len(users)])
			}
			pool := "pools:\n  retail:\n    max_logins: 2 per minute\n    accounts:\n"
			for _, u := range of {
				pool += "      - {name: " + u.Username + ", username: " + quote(u.Username) + ", password: " + quote(u.Password) + "}\n"
			}
			write("pool.yaml", pool)
			c, err := Load([]string{dir}, Options{Dial: network.dial})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c, seen := load(0), &uses{runs: map[string][]*prober.Run{}}
		judge, err := prober.NewJudge(c.Checks)
		if err != nil {
			t.Fatal(err)
		}
		p, err := prober.New(prober.Options{Checks: c.Checks, Observers: []prober.Observer{seen, judge}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), span)
		defer cancel()
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for round := 1; ; round++ {
			if time.Sleep(67 * time.Second); ctx.Err() != nil {
				break
			}
			next := load(round)
			next.Accounts.Inherit(c.Accounts)
			if err := p.Replace(next.Checks); err != nil {
				t.Fatal(err)
			}
			c = next
		}
		running.Wait()
		_ = server.Close()
		network.Close()
		serving.Wait()
		synctest.Wait()

		for account, runs := range seen.runs {
			for i, r := range runs {
				if i > 0 && r.Start.Before(runs[i-1].End()) {
					t.Errorf("%s is in two runs at %v", account, r.Start)
				}
				if i >= perMinute && r.Start.Sub(runs[i-perMinute].Start) < 59*time.Second {
					t.Errorf("%s logs in %d times within %v", account, perMinute+1, r.Start.Sub(runs[i-perMinute].Start))
				}
			}
		}
		status := judge.Status(c.Checks[0], time.Now())
		if want := uint64((span - c.Checks[0].Schedule.Offset("login") + 5*time.Second - 1) / (5 * time.Second)); status.Counts.Due() != want {
			t.Errorf("%+v are %d due times, want %d", status.Counts, status.Counts.Due(), want)
		}
		if len(seen.runs) != len(users) || seen.n < 500 || status.Counts.Failed+status.Counts.Errored > 0 {
			t.Errorf("%d accounts in %d runs, %+v: it shows nothing", len(seen.runs), seen.n, status.Counts)
		}
		if n := bank.Stats().Total.Lockouts; n != 0 {
			t.Errorf("%d accounts are locked", n)
		}
	})
}
