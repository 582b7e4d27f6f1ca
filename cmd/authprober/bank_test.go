package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// TestBankInFrontOf starts the proxy as an operator does, breaks a server with
// it, and interrupts it.
func TestBankInFrontOf(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 1})
	defer bank.Close()
	read, write := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		a := &app{stdout: write, stderr: &stderr}
		code := a.run(ctx, []string{"bank", "--in-front-of", bank.URL, "--listen", "127.0.0.1:0",
			"--fault", "path=/v1/status every=2 kind=status"})
		write.Close()
		ended <- code
	}()
	out := bufio.NewReader(read)
	first, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	greeting := regexp.MustCompile(`^proxy in front of (\S+) at (http://127\.0\.0\.1:\d+)\n$`).FindStringSubmatch(first)
	if greeting == nil || greeting[1] != bank.URL {
		t.Fatalf("it says %q", first)
	}
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(out) // its error is the pipe's end
		rest <- string(text)
	}()
	for i, want := range []int{200, 503, 200, 503} {
		if got := statusOf(t, greeting[2]+"/v1/status"); got != want {
			t.Errorf("request %d: status %d, want %d", i+1, got, want)
		}
	}
	if got := bank.Stats().Requests["status"]; got != 2 {
		t.Errorf("%d requests came through, want 2", got)
	}
	interrupt()
	if code := <-ended; code != 0 || stderr.Len() > 0 {
		t.Errorf("it ended with %d and %q", code, stderr.String())
	}
	if text := <-rest; !strings.HasPrefix(text, "  fault f1: path=/v1/status every=2 kind=status status=503\n") {
		t.Errorf("it says %q", text)
	}
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// What the prober says failed is what the proxy did, to the run.
func TestBankInFrontOfCounts(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 1})
	defer bank.Close()
	fault, err := banktest.ParseFault("path=/v1/login method=POST every=7 kind=truncate")
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := banktest.NewProxy(bank.URL, banktest.ProxyOptions{Faults: []banktest.Fault{fault}})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	dir := writeFlow(t, strings.Replace(`name: login
target: URL
schedule: {every: 10s, timeout: 5s}
accounts: retail
objective: {tolerate: 0.1%, detect: 2%, false_pages: 1 per 30d, blip: 0s}
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200, body.challenge != ""]
`, "URL", proxy.URL, 1), bank.Users())
	got := invoke(t.Context(), nil, "once", "--runs", "70", dir)
	if n := strings.Count(got.stdout, "\nlogin failed in "); n != 10 || got.code != 1 {
		t.Errorf("%d runs failed, want 10; it ended with %d:\n%s%s", n, got.code, got.stdout, got.stderr)
	}
	if s := proxy.Stats(); s.Requests != 70 || s.Met != 10 || s.Unreached != 0 {
		t.Errorf("the proxy did %+v", s)
	}
}
