//go:build unix

package checks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
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
func costFlow(target, tlsSettings string, asks []string) string {
	var b strings.Builder
	b.WriteString("name: x\ntarget: " + target + tlsSettings + `
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
// HTTP/2, the server in another process. Both read the JSON of each answer. The two take
// turns; the ratio of the processor time is the median over the turns, and what a run
// allocates is a mean. What is left of a run on the heap is grown-B/run. The aim is a
// ratio of at most 1.10.
func BenchmarkCost(b *testing.B) {
	at := startCostServer(b)
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM([]byte(at.CA))
	for _, steps := range []int{3, 6} {
		asks := []string{"accounts", "cards", "transfers", "standing-orders"}[:steps-2]
		for _, size := range []string{"1KB", "100KB"} {
			b.Run(fmt.Sprintf("http/%d-steps/%s", steps, size), func(b *testing.B) {
				base := at.Plain + "/" + size
				compareCost(b, costProbe(b, costFlow(base, "", asks), ""), &bareClient{base, nil, asks})
			})
			b.Run(fmt.Sprintf("tls/%d-steps/%s", steps, size), func(b *testing.B) {
				base := at.TLS + "/" + size
				compareCost(b, costProbe(b, costFlow(base, "\ntls: {ca: ca.pem}", asks), at.CA), &bareClient{base, trust, asks})
			})
		}
	}
}

// costProbe returns what makes one run of the flow, which has to pass.
func costProbe(b *testing.B, flow, ca string) func() {
	c, err := writeFlows(b, Options{}, map[string]string{
		"flow.yaml":     flow,
		"accounts.yaml": "pools: {p: {accounts: [{name: a, username: probe-a, password: secret-1}]}}",
		"ca.pem":        ca,
	})
	if err != nil {
		b.Fatal(err)
	}
	check := c.Checks[0]
	return func() {
		attempt, miss := check.Begin(time.Now())
		if miss != "" {
			b.Fatal(miss)
		}
		ctx, cancel := context.WithTimeoutCause(b.Context(), 10*time.Second, prober.ErrTimeout)
		r := attempt.Probe(ctx)
		cancel()
		attempt.Release(r.Outcome(), r)
		if r.Outcome() != prober.Passed {
			b.Fatalf("%s: %v %+v", r.Outcome(), r.Err, r.Steps)
		}
	}
}

// A cost is what some runs have taken of this process.
type cost struct {
	cpu   time.Duration
	count uint64 // of allocations
	bytes uint64 // allocated
	live  uint64 // bytes on the heap
}

// costNow is what has been taken so far.
func costNow() cost {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cost{cpu(), m.Mallocs, m.TotalAlloc, m.HeapAlloc}
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

// compareCost has the two take turns.
func compareCost(b *testing.B, probe func(), client *bareClient) {
	bare := func() {
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		defer cancel()
		if err := client.run(ctx); err != nil {
			b.Fatal(err)
		}
	}
	const turn = 25
	measure := func(into *cost, f func()) time.Duration {
		before := costNow()
		for range turn {
			f()
		}
		after := costNow()
		into.add(before, after)
		return after.cpu - before.cpu
	}
	var ours, theirs, warm cost
	measure(&warm, bare)
	measure(&warm, probe)
	runtime.GC()
	begin := costNow().live
	var ratios []float64
	for b.Loop() {
		t, o := measure(&theirs, bare), measure(&ours, probe)
		ratios = append(ratios, float64(o)/float64(t))
	}
	runtime.GC()
	slices.Sort(ratios)
	runs := float64(len(ratios) * turn)
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
