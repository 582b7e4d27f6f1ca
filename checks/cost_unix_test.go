//go:build unix

package checks

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// serverVariable makes the test binary the server that BenchmarkCost talks to:
// in a process of its own, so that its work is not in the figures.
const serverVariable = "AUTHPROBER_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serveForBenchmark()
		return
	}
	if os.Getenv(proberVariable) != "" {
		fmt.Println(proberRole()) // it ends by itself only where it cannot begin
		return
	}
	os.Exit(m.Run())
}

func serveForBenchmark() {
	reply := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /login", reply(200, `{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 300}`))
	mux.Handle("GET /accounts", reply(200, `{"accounts": [`+strings.Repeat(`{"id": "a1", "name": "Current account", "balance": 1200.5},`, 9)+`{"id": "a2"}]}`))
	mux.Handle("POST /logout", reply(204, ""))
	server := httptest.NewServer(mux)
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
}

func startServer(b *testing.B) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// bareRun makes the requests of the flow with net/http alone, as simply as it
// can be done over connections that are not shared with another run.
func bareRun(ctx context.Context, base string) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	do := func(method, path, token string, send any, want int, into any) error {
		var body io.Reader
		if send != nil {
			text, err := json.Marshal(send)
			if err != nil {
				return err
			}
			body = bytes.NewReader(text)
		}
		req, err := http.NewRequestWithContext(ctx, method, base+path, body)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			return fmt.Errorf("%s: status %d, %w", path, resp.StatusCode, err)
		}
		if into == nil {
			return nil
		}
		return json.Unmarshal(text, into)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := do("POST", "/login", "", map[string]string{"username": "probe-a", "password": "secret-1"}, 200, &token); err != nil {
		return err
	}
	var accounts struct{ Accounts []any }
	if err := do("GET", "/accounts", token.AccessToken, nil, 200, &accounts); err != nil {
		return err
	}
	return do("POST", "/logout", token.AccessToken, nil, 204, nil)
}

const costFlow = `
accounts: p
schedule: {every: 1s, timeout: 1s}
steps:
  - name: login
    request: POST /login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200, body.access_token != ""]
    capture: {access: body.access_token}
  - name: accounts
    request: GET /accounts
    bearer: ${{ access }}
    expect: [status == 200, len(body.accounts) > 0]
  - name: logout
    request: POST /logout
    bearer: ${{ access }}
    expect: [status == 204]
`

// cpu is the processor time that this process has used, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it errs on a bad pointer only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCost compares the processor time of a run of a three-step flow with
// that of a bare net/http client making the same requests: fresh connections,
// plain HTTP, the server in another process. The two take turns, and the ratio
// is the median over the turns. The aim is at most 1.25.
func BenchmarkCost(b *testing.B) {
	url := startServer(b)
	c, err := writeFlows(b, Options{}, map[string]string{
		"flow.yaml":     "name: x\ntarget: " + url + costFlow,
		"accounts.yaml": "pools: {p: {accounts: [{name: a, username: probe-a, password: secret-1}]}}",
	})
	if err != nil {
		b.Fatal(err)
	}
	check := c.Checks[0]
	probed := func() {
		attempt, miss := check.Begin(time.Now())
		if miss != "" {
			b.Fatal(miss)
		}
		ctx, cancel := context.WithTimeoutCause(b.Context(), time.Second, prober.ErrTimeout)
		r := attempt.Probe(ctx)
		cancel()
		attempt.Release(r.Outcome(), r)
		if r.Outcome() != prober.Passed {
			b.Fatalf("%s: %v %+v", r.Outcome(), r.Err, r.Steps)
		}
	}
	bare := func() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		if err := bareRun(ctx, url); err != nil {
			b.Fatal(err)
		}
	}
	const turn = 50
	measure := func(f func()) time.Duration {
		before := cpu()
		for range turn {
			f()
		}
		return cpu() - before
	}
	measure(bare)
	measure(probed)
	var ratios []float64
	var ours, theirs time.Duration
	turns := 0
	for b.Loop() {
		t, o := measure(bare), measure(probed)
		ours, theirs, turns = ours+o, theirs+t, turns+1
		ratios = append(ratios, float64(o)/float64(t))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "cpu-ratio")
	b.ReportMetric(float64(ours.Microseconds())/float64(turns*turn), "cpu-µs/run")
	b.ReportMetric(float64(theirs.Microseconds())/float64(turns*turn), "bare-µs/run")
}
