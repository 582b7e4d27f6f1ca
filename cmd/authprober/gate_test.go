package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// fakeCheck returns a check whose n-th run, from 1 on, takes 100 ms and is what
// probe says.
func fakeCheck(name string, concurrency int, probe func(n int64) prober.Report) *prober.Check {
	var n atomic.Int64
	return &prober.Check{
		Name: name, Steps: []string{"login"}, Reasons: [][]prober.Reason{prober.Reasons},
		Schedule:  prober.Schedule{Every: 10 * time.Second, Timeout: time.Second, Concurrency: concurrency},
		Objective: detect.DefaultObjective,
		Begin: func(time.Time) (prober.Attempt, prober.MissReason) {
			return prober.Attempt{Probe: func(ctx context.Context) prober.Report {
				select {
				case <-time.After(100 * time.Millisecond):
					return probe(n.Add(1))
				case <-ctx.Done():
					return prober.Report{Err: context.Cause(ctx)}
				}
			}}, ""
		},
	}
}

// unlimited is the supply of checks without accounts.
func unlimited(*prober.Check) (string, float64) { return "", math.Inf(1) }

func passes(int64) prober.Report { return loginReport("") }

func loginReport(reason prober.Reason) prober.Report {
	return prober.Report{Steps: []prober.StepResult{{Name: "login", Reason: reason}}}
}

// deliver runs the checks against a gate of 10 %.
func deliver(t *testing.T, limit time.Duration, all ...*prober.Check) *gateResult {
	t.Helper()
	params := detect.GateFor(0.1)
	params.FalseAlarm /= float64(len(all))
	d, err := newDelivery(all, params, unlimited, prober.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.run(t.Context(), limit)
	return d.result()
}

func TestGateDecides(t *testing.T) {
	errored := func(int64) prober.Report { return prober.Report{Err: errors.New("no name")} }
	tests := []struct {
		name     string
		checks   func() []*prober.Check
		decision string
		code     int
		took     float64
		because  string
	}{
		{"good", func() []*prober.Check { return []*prober.Check{fakeCheck("a", 1, passes)} },
			"good", 0, 3.8, "no flow fails 10% of its runs or more"},
		{"at once", func() []*prober.Check { return []*prober.Check{fakeCheck("a", 2, passes)} },
			"good", 0, 1.9, "no flow fails 10% of its runs or more"},
		{"one is bad", func() []*prober.Check {
			return []*prober.Check{fakeCheck("a", 1, passes), fakeCheck("b", 1, func(int64) prober.Report { return loginReport(prober.ReasonTimeout) })}
		}, "bad", 1, 0.3, "b failed 100% (44%-100%) of 3 runs; 10% and more are bad"},
		{"let in", func() []*prober.Check {
			return []*prober.Check{fakeCheck("a", 1, func(n int64) prober.Report {
				if n == 5 {
					return loginReport(prober.ReasonNotRefused)
				}
				return loginReport("")
			})}
		}, "bad", 1, 0.5, "a let in what must be refused"},
		{"undecided", func() []*prober.Check {
			return []*prober.Check{fakeCheck("a", 1, func(n int64) prober.Report {
				if n%20 == 0 {
					return loginReport(prober.ReasonTimeout)
				}
				return loginReport("")
			})}
		}, "undecided", 4, 5, "nothing is decided after 5s"},
		{"our own fault", func() []*prober.Check { return []*prober.Check{fakeCheck("a", 1, passes), fakeCheck("b", 1, errored)} },
			"undecided", 3, 2.15, "6 runs of b were errored, and none passed or failed"},
		{"more errors than runs", func() []*prober.Check {
			return []*prober.Check{fakeCheck("a", 1, func(n int64) prober.Report {
				if n > 2 {
					return errored(n)
				}
				return loginReport("")
			})}
		}, "undecided", 3, 5, "7 runs of a were errored, and 2 passed or failed"},
		{"no account", func() []*prober.Check {
			c := fakeCheck("b", 1, passes)
			c.Begin = func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissBudget }
			return []*prober.Check{fakeCheck("a", 1, passes), c}
		}, "undecided", 3, 5, "b found no account: their logins or one-time codes were used up (budget)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := deliver(t, 5*time.Second, tt.checks()...)
				if r.Decision != tt.decision || r.exitCode() != tt.code || r.Because != tt.because || r.Took < tt.took-1e-9 || r.Took > tt.took+1e-9 {
					t.Errorf("got %s, code %d in %v: %s\nwant %s, code %d in %v: %s",
						r.Decision, r.exitCode(), r.Took, r.Because, tt.decision, tt.code, tt.took, tt.because)
				}
			})
		})
	}
}

// Never more runs at once than the schedule has, and where there is no account,
// it waits and does not spin.
func TestGateKeepsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fakeCheck("a", 3, passes)
		var now, most, asked atomic.Int64
		begin, from := c.Begin, time.Now()
		c.Begin = func(at time.Time) (prober.Attempt, prober.MissReason) {
			asked.Add(1)
			if at.Sub(from) < time.Minute {
				return prober.Attempt{}, prober.MissBudget
			}
			a, miss := begin(at)
			most.Store(max(most.Load(), now.Add(1)))
			a.Release = func(prober.Outcome, prober.Report) { now.Add(-1) }
			return a, miss
		}
		r := deliver(t, 2*time.Minute, c)
		if r.Decision != "good" || most.Load() != 3 || now.Load() != 0 {
			t.Errorf("got %s with %d runs at once and %d left over, want good, 3, 0", r.Decision, most.Load(), now.Load())
		}
		if n := asked.Load(); n > 200 {
			t.Errorf("it asked for an account %d times in a minute", n)
		}
	})
}

func TestGateBlames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		params := detect.GateFor(0.1)
		params.MinRuns = 40
		d, err := newDelivery([]*prober.Check{fakeCheck("a", 1, func(n int64) prober.Report {
			r := loginReport("")
			r.Tags = map[string]string{"backend": fmt.Sprintf("b%d", n%4)}
			if n%4 == 3 {
				r.Steps[0].Reason, r.Steps[0].Detail = prober.ReasonStatus5xx, "got 503"
			}
			return r
		})}, params, unlimited, prober.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d.run(t.Context(), time.Minute)
		var out strings.Builder
		if err := printGate(&out, paint{})(d.result()); err != nil {
			t.Fatal(err)
		}
		const want = `bad in 4.00 s: a failed 25% (14%-40%) of 40 runs; 10% and more are bad
a  bad  25% (14%-40%) of 40 runs
  10× login status_5xx: got 503
  backend=b3: 10 of 10 runs failed, 0 of 30 elsewhere (p < 1e-8)
`
		if out.String() != want {
			t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
		}
	})
}

// A signal in the middle of a run: it logs out, and nothing is decided.
func TestGateInterrupted(t *testing.T) {
	bank, err := banktest.New(banktest.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	paths := make(chan string, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		if r.URL.Path == "/v1/accounts" {
			cancel()
			<-r.Context().Done() // no answer before the run is told to stop
			return
		}
		bank.ServeHTTP(w, r)
	}))
	server.Config.ConnContext = bank.ConnContext
	server.Start()
	defer server.Close()
	dir := writeFlow(t, `name: retail-login
target: ${{ env.BANK_URL }}
accounts: retail
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"},
     expect: [status == 200], capture: {challenge: body.challenge}}
  - {name: code, request: POST /v1/login/otp, json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"},
     expect: [status == 200], capture: {access: body.access_token}}
  - {name: accounts, request: GET /v1/accounts, bearer: "${{ access }}", expect: [status == 200]}
cleanup:
  - {name: logout, request: POST /v1/logout, bearer: "${{ access }}", expect: [status == 204]}
`, bank.Users())
	got := invoke(ctx, []string{"BANK_URL=" + server.URL, "AUTHPROBER_ALLOW_ENV=BANK_URL"}, "gate", dir, "--max-failures", "1%", "--json")
	var result gateResult
	if err := json.Unmarshal([]byte(got.stdout), &result); err != nil {
		t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
	}
	if got.code != exitUndecided || result.Decision != "undecided" || result.Because != "it was interrupted" || result.Checks[0].Aborted != 1 {
		t.Errorf("got %d, %s", got.code, got.stdout)
	}
	close(paths)
	var seen []string
	for path := range paths {
		seen = append(seen, path)
	}
	if want := []string{"/v1/login", "/v1/login/otp", "/v1/accounts", "/v1/logout"}; !slices.Equal(seen, want) {
		t.Errorf("the bank saw %v, want %v", seen, want)
	}
}
