//go:build unix

package checks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// A bareClient makes the requests of the flow with net/http alone, as simply as it
// can be done over connections that are not shared with another run.
type bareClient struct {
	base  string
	trust *x509.CertPool // nil for plain HTTP
	asks  []string       // what is asked for between login and logout
}

func (c *bareClient) run(ctx context.Context) error {
	transport := &http.Transport{}
	if c.trust != nil {
		transport.TLSClientConfig, transport.ForceAttemptHTTP2 = &tls.Config{RootCAs: c.trust}, true
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := c.do(ctx, client, "POST", "/login", "", map[string]string{"username": "probe-a", "password": "secret-1"}, 200, &token); err != nil {
		return err
	}
	for _, ask := range c.asks {
		var accounts struct{ Accounts []any }
		if err := c.do(ctx, client, "GET", "/"+ask, token.AccessToken, nil, 200, &accounts); err != nil {
			return err
		}
		if len(accounts.Accounts) == 0 {
			return fmt.Errorf("%s: no accounts", ask)
		}
	}
	return c.do(ctx, client, "POST", "/logout", token.AccessToken, nil, 204, nil)
}

func (c *bareClient) do(ctx context.Context, client *http.Client, method, path, token string, send any, want int, into any) error {
	var body io.Reader
	if send != nil {
		text, err := json.Marshal(send)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
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

// costFlow is the flow that makes the same requests.
func costFlow(name, target, tlsSettings string, asks []string) string {
	var b strings.Builder
	b.WriteString("name: " + name + "\ntarget: " + target + tlsSettings + `
accounts: p
schedule: {every: 1s, timeout: 1s}
steps:
  - name: login
    request: POST /login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200, body.access_token != ""]
    capture: {access: body.access_token}
`)
	for _, ask := range asks {
		b.WriteString(`  - name: ` + ask + `
    request: GET /` + ask + `
    bearer: ${{ access }}
    expect: [status == 200, len(body.accounts) > 0]
`)
	}
	b.WriteString(`  - name: logout
    request: POST /logout
    bearer: ${{ access }}
    expect: [status == 204]
`)
	return b.String()
}

// BenchmarkCost compares a run of flows of three and six steps with a bare net/http
// client that makes the same requests: fresh connections, plain HTTP and TLS 1.3 with
// HTTP/2, the server in another process. Both read the JSON of each answer. There is one
// check, which runs again and again, or there are 50 that run at once. The two take
// turns; the ratio of the processor time is the median over the turns, and what a run
// allocates is a mean. What is left of a run on the heap is grown-B/run. The aim is a
// ratio of at most 1.10.
func BenchmarkCost(b *testing.B) {
	at := startCostServer(b)
	for _, checks := range []int{1, 50} {
		for _, steps := range []int{3, 6} {
			for _, size := range []string{"1KB", "100KB"} {
				for _, scheme := range []string{"http", "tls"} {
					b.Run(fmt.Sprintf("%s/%d-steps/%s/%d", scheme, steps, size, checks), func(b *testing.B) {
						ours, bare := costRuns(b, at, scheme, steps, size, checks)
						compareCost(b, ours, bare)
					})
				}
			}
		}
	}
}

// costRuns returns what makes one run of each of so many checks, and of a bare client for
// each. All of them have to pass.
func costRuns(t testing.TB, at costServer, scheme string, steps int, size string, checks int) (ours, bare []func() error) {
	t.Helper()
	asks := []string{"accounts", "cards", "transfers", "standing-orders"}[:steps-2]
	base, settings, ca, trust := at.Plain+"/"+size, "", "", (*x509.CertPool)(nil)
	if scheme == "tls" {
		base, settings, ca, trust = at.TLS+"/"+size, "\ntls: {ca: ca.pem}", at.CA, x509.NewCertPool()
		trust.AppendCertsFromPEM([]byte(at.CA))
	}
	files, accounts := map[string]string{"ca.pem": ca}, ""
	for i := range checks {
		files[fmt.Sprintf("flow-%d.yaml", i)] = costFlow(fmt.Sprintf("x%d", i), base, settings, asks)
		accounts += fmt.Sprintf("{name: a%d, username: probe-a, password: secret-1}, ", i)
	}
	files["accounts.yaml"] = "pools: {p: {accounts: [" + accounts + "]}}"
	c, err := writeFlows(t, Options{}, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range c.Checks {
		ours = append(ours, func() error { return runOnce(t.Context(), check) })
		bare = append(bare, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return (&bareClient{base, trust, asks}).run(ctx)
		})
	}
	return ours, bare
}

// runOnce makes a run, which has to pass.
func runOnce(ctx context.Context, check *prober.Check) error {
	attempt, miss := check.Begin(time.Now())
	if miss != "" {
		return errors.New(string(miss))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, prober.ErrTimeout)
	defer cancel()
	r := attempt.Probe(ctx)
	attempt.Release(r.Outcome(), r)
	if r.Outcome() != prober.Passed {
		return fmt.Errorf("%s: %v %+v", r.Outcome(), r.Err, r.Steps)
	}
	return nil
}

// turn makes the runs so often that there are at least so many: one after another where
// they are of one check, and otherwise those of all checks at once. It returns how many
// there were.
func turn(t testing.TB, runs []func() error, least int) (made int) {
	t.Helper()
	for ; made < least; made += len(runs) {
		failed := make([]error, len(runs))
		var all sync.WaitGroup
		for i, run := range runs[1:] {
			all.Go(func() { failed[i+1] = run() })
		}
		failed[0] = runs[0]()
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// A cost is what some runs have taken of this process.
type cost struct {
	runs  int
	cpu   time.Duration
	count uint64 // of allocations
	bytes uint64 // allocated
	live  uint64 // bytes on the heap
}

// costNow is what has been taken so far.
func costNow() cost {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cost{cpu: cpu(), count: m.Mallocs, bytes: m.TotalAlloc, live: m.HeapAlloc}
}

// cpu is the processor time that this process has used, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it errs on a bad pointer only
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (c *cost) add(before, after cost) {
	c.cpu += after.cpu - before.cpu
	c.count += after.count - before.count
	c.bytes += after.bytes - before.bytes
}

// measureTurn makes a turn, adds what it takes, and returns its processor time.
func measureTurn(t testing.TB, into *cost, runs []func() error, least int) time.Duration {
	t.Helper()
	before := costNow()
	into.runs += turn(t, runs, least)
	after := costNow()
	into.add(before, after)
	return after.cpu - before.cpu
}

// compareCost has the two take turns. The garbage of some hundred runs is collected at
// once: a shorter turn would have a collection of its own, or that of the other, or none.
func compareCost(b *testing.B, probes, bare []func() error) {
	const least = 250
	var ours, theirs cost
	turn(b, bare, least)
	turn(b, probes, least)
	runtime.GC()
	begin := costNow().live
	var ratios []float64
	for b.Loop() {
		t, o := measureTurn(b, &theirs, bare, least), measureTurn(b, &ours, probes, least)
		ratios = append(ratios, float64(o)/float64(t))
	}
	runtime.GC()
	slices.Sort(ratios)
	runs := float64(ours.runs)
	b.ReportMetric(0, "ns/op") // a turn of both says nothing
	b.ReportMetric(ratios[len(ratios)/2], "cpu-ratio")
	b.ReportMetric(float64(ours.cpu.Microseconds())/runs, "cpu-µs/run")
	b.ReportMetric(float64(theirs.cpu.Microseconds())/runs, "bare-µs/run")
	b.ReportMetric(float64(ours.count)/runs, "allocs/run")
	b.ReportMetric(float64(theirs.count)/runs, "bare-allocs/run")
	b.ReportMetric(float64(ours.bytes)/runs/1024, "KiB/run")
	b.ReportMetric(float64(theirs.bytes)/runs/1024, "bare-KiB/run")
	b.ReportMetric((float64(costNow().live)-float64(begin))/runs, "grown-B/run")
}

// A run allocates no more often than the bare client does, and leaves nothing behind.
// Counts, unlike times, do not depend on what else the machine does.
func TestRunAllocates(t *testing.T) {
	at := startCostServer(t)
	for _, scheme := range []string{"http", "tls"} {
		for _, steps := range []int{3, 6} {
			ours, bare := costRuns(t, at, scheme, steps, "1KB", 1)
			if o, b := allocations(t, ours), allocations(t, bare); o > b {
				t.Errorf("%s, %d steps: a run allocates %.0f times, and the bare client %.0f", scheme, steps, o, b)
			}
		}
	}
}

// allocations is how often a run allocates: the least of several turns, since other
// goroutines may be at work.
func allocations(t *testing.T, runs []func() error) float64 {
	t.Helper()
	turn(t, runs, 25)
	least := math.Inf(1)
	for range 5 {
		var c cost
		measureTurn(t, &c, runs, 25)
		least = min(least, float64(c.count)/float64(c.runs))
	}
	return least
}

// A thousand runs leave less than an object for each two of them.
func TestRunsLeaveNothing(t *testing.T) {
	ours, _ := costRuns(t, startCostServer(t), "http", 3, "1KB", 1)
	turn(t, ours, 25)
	before := objects()
	const runs = 1000
	for range runs {
		if err := ours[0](); err != nil {
			t.Fatal(err)
		}
	}
	if grown := objects() - before; grown > runs/2 {
		t.Errorf("%d runs have left %d objects", runs, grown)
	}
}

// objects is how many are on the heap.
func objects() int {
	for range 3 { // what pools keep goes with the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapObjects)
}
