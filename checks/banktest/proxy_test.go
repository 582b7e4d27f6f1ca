package banktest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/authprober/authprober/checks/banktest"
)

// startProxy starts a proxy before target and a client for the length of the test.
func startProxy(t *testing.T, target string, o banktest.ProxyOptions, faults ...string) (*banktest.Proxy, *client) {
	t.Helper()
	for _, f := range faults {
		o.Faults = append(o.Faults, parse(t, f))
	}
	o.ErrorLog = quiet()
	p, err := banktest.NewProxy(target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := p.Client()
	t.Cleanup(c.CloseIdleConnections)
	return p, &client{t, c, p.URL}
}

// echo is a target that says what it was asked, and counts connections.
func echo(t *testing.T) (url string, connections, requests *atomic.Int64) {
	connections, requests = new(atomic.Int64), new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/away" {
			w.Header().Set("Location", r.URL.Query().Get("to"))
			w.WriteHeader(302)
			return
		}
		if r.URL.Path == "/page" {
			io.WriteString(w, "<p>no JSON")
			return
		}
		fmt.Fprintf(w, `{"got":%q}`, fmt.Sprint(r.Method, " ", r.Host, r.URL, " ", string(body)))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, connections, requests
}

func TestProxyPassesOn(t *testing.T) {
	target, connections, _ := echo(t)
	host := strings.TrimPrefix(target, "http://")
	_, c := startProxy(t, target+"/base", banktest.ProxyOptions{})
	for range 5 { // on one connection of the client's
		wantReply(t, c.send("POST", "/a/b?q=1", "body"), 200, fmt.Sprintf(`{"got":"POST %s/base/a/b?q=1 body"}`, host))
	}
	if got := connections.Load(); got != 5 {
		t.Errorf("the target saw %d connections, want one a request", got)
	}
	p, c := startProxy(t, target, banktest.ProxyOptions{PassHost: true})
	wantReply(t, c.send("GET", "/", ""), 200, fmt.Sprintf(`{"got":"GET %s/ "}`, strings.TrimPrefix(p.URL, "http://")))
}

func TestProxyAddresses(t *testing.T) {
	target, _, _ := echo(t)
	for _, pass := range []bool{false, true} {
		p, c := startProxy(t, target, banktest.ProxyOptions{PassHost: pass})
		want := p.URL + "/next?a=b"
		if pass {
			want = target + "/next?a=b"
		}
		for to, want := range map[string]string{
			target + "/next?a=b": want, "/next": "/next", "com.example.bank:/cb?code=1": "com.example.bank:/cb?code=1",
			"https://elsewhere.example/": "https://elsewhere.example/",
		} {
			r := c.send("GET", "/away?to="+strings.NewReplacer("?", "%3F", "&", "%26").Replace(to), "")
			if got := r.header.Get("Location"); got != want {
				t.Errorf("pass host %t: Location %s becomes %s, want %s", pass, to, got, want)
			}
		}
	}
}

func TestProxyForwards(t *testing.T) {
	seen := make(chan http.Header, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	t.Cleanup(s.Close)
	p, c := startProxy(t, s.URL, banktest.ProxyOptions{})
	wantReply(t, c.send("GET", "/", "", "X-Forwarded-Host", "forged"), 200, "")
	h := <-seen
	for name, want := range map[string]string{"X-Forwarded-Host": strings.TrimPrefix(p.URL, "http://"), "X-Forwarded-Proto": "http", "X-Forwarded-For": "127.0.0.1"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Over TLS on both sides; and where only the target has it, cookies come back.
func TestProxyTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=b; Path=/; Secure; HttpOnly")
		fmt.Fprintf(w, `{"proto":%q}`, r.Proto+" "+r.Header.Get("X-Forwarded-Proto"))
	}))
	s.Config.ErrorLog = quiet()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	for _, o := range []struct {
		tls         *banktest.TLS
		text, cooky string
	}{
		{nil, `{"proto":"HTTP/1.1 http"}`, "a=b; Path=/; HttpOnly"},
		{&banktest.TLS{}, `{"proto":"HTTP/1.1 https"}`, "a=b; Path=/; Secure; HttpOnly"},
	} {
		_, c := startProxy(t, s.URL, banktest.ProxyOptions{TLS: o.tls, Transport: transport})
		r := c.send("GET", "/", "")
		wantReply(t, r, 200, o.text)
		if got := r.header.Get("Set-Cookie"); got != o.cooky || r.proto != 1 {
			t.Errorf("got cookie %q by HTTP/%d, want %q by HTTP/1", got, r.proto, o.cooky)
		}
	}
	// A certificate that nobody vouches for is no answer.
	p, c := startProxy(t, s.URL, banktest.ProxyOptions{})
	wantReply(t, c.send("GET", "/", ""), 502, `{"error":"bad_gateway"}`)
	if got := p.Stats(); got.Unreached != 1 {
		t.Errorf("stats are %+v, want one that did not reach the target", got)
	}
}

// stats writes what a proxy has done in one line.
func stats(p *banktest.Proxy) string {
	s := p.Stats()
	text := fmt.Sprintf("%d requests, %d met, %d unreached", s.Requests, s.Met, s.Unreached)
	for _, f := range s.Faults {
		text += fmt.Sprintf("; %s %d of %d", f.Fault.Kind, f.Met, f.Matched)
	}
	return text
}

func TestProxyFaultsThatReplace(t *testing.T) {
	target, _, requests := echo(t)
	for fault, check := range map[string]func(reply) bool{
		"kind=status status=500":  func(r reply) bool { return r.status == 500 },
		"kind=rate_limit":         func(r reply) bool { return r.status == 429 && r.header.Get("Retry-After") == "30" },
		"kind=html":               func(r reply) bool { return r.status == 200 && strings.Contains(r.text, "<h1>") },
		"kind=empty":              func(r reply) bool { return r.status == 200 && r.text == "" && r.err == nil },
		"kind=huge size=100KB":    func(r reply) bool { return r.status == 200 && len(r.text) == 100_000 },
		"kind=reset":              func(r reply) bool { return errors.Is(r.err, syscall.ECONNRESET) },
		"kind=status path=/x":     func(r reply) bool { return r.status == 503 },
		"kind=status path=/*":     func(r reply) bool { return r.status == 503 },
		"kind=status path=~x$":    func(r reply) bool { return r.status == 503 },
		"kind=status method=POST": func(r reply) bool { return r.status == 503 },
	} {
		requests.Store(0)
		p, c := startProxy(t, target, banktest.ProxyOptions{}, fault)
		if r := c.send("POST", "/x", "body"); !check(r) {
			t.Errorf("%s: got %+v", fault, r)
		}
		kind := string(parse(t, fault).Kind)
		if got, want := stats(p), "1 requests, 1 met, 0 unreached; "+kind+" 1 of 1"; got != want || requests.Load() != 0 {
			t.Errorf("%s: %s, %d at the target; want %s and none", fault, got, requests.Load(), want)
		}
	}
	for _, fault := range []string{"kind=status path=/x/y", "kind=status path=/y*", "kind=status path=~^x", "kind=status method=GET"} {
		p, c := startProxy(t, target, banktest.ProxyOptions{}, fault)
		wantReply(t, c.send("POST", "/x", "body"), 200, "")
		if got := stats(p); got != "1 requests, 0 met, 0 unreached; status 0 of 0" {
			t.Errorf("%s: %s", fault, got)
		}
	}
}

func TestProxyFaultsThatDamage(t *testing.T) {
	target, _, requests := echo(t)
	for fault, check := range map[string]func(reply) bool{
		"kind=truncate":       func(r reply) bool { return errors.Is(r.err, io.ErrUnexpectedEOF) && strings.HasPrefix(r.text, `{"got`) },
		"kind=reset after=4":  func(r reply) bool { return errors.Is(r.err, syscall.ECONNRESET) && len(r.text) <= 4 },
		"kind=wrong_type":     func(r reply) bool { return r.text == `{"got":42}` },
		"kind=invalid_utf8":   func(r reply) bool { return !utf8.ValidString(r.text) && r.member("got") != "" },
		"kind=delay for=20ms": func(r reply) bool { return strings.HasPrefix(r.text, `{"got":"POST `) },
		"kind=clock_skew by=1h": func(r reply) bool {
			at, err := http.ParseTime(r.header.Get("Date"))
			return err == nil && time.Until(at) > 58*time.Minute && len(r.header["Date"]) == 1 && strings.Contains(r.text, "/x body")
		},
	} {
		requests.Store(0)
		p, c := startProxy(t, target, banktest.ProxyOptions{}, fault)
		if r := c.send("POST", "/x", "body"); !check(r) {
			t.Errorf("%s: got %+v", fault, r)
		}
		kind := string(parse(t, fault).Kind)
		if got, want := stats(p), "1 requests, 1 met, 0 unreached; "+kind+" 1 of 1"; got != want || requests.Load() != 1 {
			t.Errorf("%s: %s, %d at the target; want %s and one", fault, got, requests.Load(), want)
		}
	}
	p, c := startProxy(t, target, banktest.ProxyOptions{}, "kind=wrong_type", "kind=delay for=1ms")
	wantReply(t, c.send("GET", "/page", ""), 200, "<p>no JSON")
	if got := stats(p); got != "1 requests, 1 met, 0 unreached; wrong_type 0 of 1; delay 1 of 1" {
		t.Error(got)
	}
}

func TestProxyHangEndsWithTheClientAndTheProxy(t *testing.T) {
	target, _, _ := echo(t)
	for _, fault := range []string{"kind=hang", "kind=delay for=1h"} {
		p, c := startProxy(t, target, banktest.ProxyOptions{}, fault)
		c.http.Timeout = 30 * time.Millisecond
		if r := c.send("POST", "/x", "body"); !errors.Is(r.err, context.DeadlineExceeded) {
			t.Errorf("%s: got %+v, want a timeout", fault, r)
		}
		p.Close() // and returns, for the test would hang
	}
}

// What exactly each n-th request meets has to add up, whoever asks.
func TestProxyEvery(t *testing.T) {
	const workers, each = 8, 125
	target, _, requests := echo(t)
	p, _ := startProxy(t, target, banktest.ProxyOptions{}, "path=/token method=POST every=50 kind=status")
	var failed atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		c := p.Client()
		t.Cleanup(c.CloseIdleConnections)
		mine := &client{t, c, p.URL}
		wg.Go(func() {
			for range each {
				if mine.send("POST", "/token", "a=b").status == 503 {
					failed.Add(1)
				}
				wantReply(t, mine.send("GET", "/token", ""), 200, "")
			}
		})
	}
	wg.Wait()
	if got, want := stats(p), "2000 requests, 20 met, 0 unreached; status 20 of 1000"; got != want || failed.Load() != 20 || requests.Load() != 1980 {
		t.Errorf("%s; %d failed, %d came through; want %s", got, failed.Load(), requests.Load(), want)
	}
}

func TestProxyRateComesFromTheSeed(t *testing.T) {
	target, _, _ := echo(t)
	run := func(seed uint64) (pattern string) {
		_, c := startProxy(t, target, banktest.ProxyOptions{Seed: seed}, "rate=20% kind=status")
		for range 100 {
			pattern += fmt.Sprint(c.send("GET", "/", "").status / 500)
		}
		return pattern
	}
	first := run(1)
	if again, other := run(1), run(2); again != first || other == first {
		t.Errorf("seeds 1, 1 and 2 give\n%s\n%s\n%s", first, again, other)
	}
	if n := strings.Count(first, "1"); n < 5 || n > 40 { // a fixed seed
		t.Errorf("%d of 100 failed, want about 20", n)
	}
}

func TestProxyTargets(t *testing.T) {
	target, _, _ := echo(t)
	p, c := startProxy(t, "", banktest.ProxyOptions{})
	wantReply(t, c.send("GET", "/", ""), 502, `{"error":"bad_gateway"}`)
	if err := p.SetTarget(target); err != nil {
		t.Fatal(err)
	}
	wantReply(t, c.send("GET", "/", ""), 200, "")
	if err := p.SetTarget("http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	wantReply(t, c.send("GET", "/", ""), 502, "")
	if got := stats(p); got != "3 requests, 0 met, 2 unreached" {
		t.Error(got)
	}
	for bad, want := range map[string]string{
		"ftp://x":           `proxy: target "ftp://x", want http://HOST or https://HOST`,
		"staging":           `proxy: target "staging", want http://HOST or https://HOST`,
		"http://u:pw@x":     `proxy: target "http://u:xxxxx@x", want one without user, query and fragment`,
		"http://x/?a":       `proxy: target "http://x/?a", want one without user, query and fragment`,
		"http://x\n/secret": "proxy: the target is no URL",
	} {
		if _, err := banktest.NewProxy(bad, banktest.ProxyOptions{}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", bad, err, want)
		}
	}
	for bad, want := range map[string]string{
		"kind=hang step=login": "proxy: fault: steps, backends and releases are a bank's; a proxy has method and path",
		"kind=fail_open":       "proxy: fault: fail_open is a bank's; a proxy cannot tell which tokens are dead",
	} {
		if _, err := banktest.NewProxy(target, banktest.ProxyOptions{Faults: []banktest.Fault{parse(t, bad)}}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", bad, err, want)
		}
	}
}

func TestProxyAdmin(t *testing.T) {
	target, _, _ := echo(t)
	_, c := startProxy(t, target, banktest.ProxyOptions{})
	wantReply(t, c.send("POST", "/-/faults", "path=/token every=2 kind=status"), 201,
		`{"every":2,"id":"f1","kind":"status","path":"/token","status":503}`)
	wantReply(t, c.send("GET", "/token", ""), 200, "")
	wantReply(t, c.send("GET", "/token", ""), 503, "")
	wantReply(t, c.send("GET", "/-/stats", ""), 200,
		`{"requests":2,"met":1,"unreached":0,"faults":[{"fault":{"every":2,"id":"f1","kind":"status","path":"/token","status":503},"matched":2,"met":1}]}`)
	wantReply(t, c.send("POST", "/-/faults", "kind=fail_open"), 400, "")
	wantReply(t, c.send("POST", "/-/stats", ""), 405, "")
	wantReply(t, c.send("DELETE", "/-/faults/f1", ""), 204, "")
	wantReply(t, c.send("GET", "/-/faults", ""), 200, `{"faults":[]}`)
	wantReply(t, c.send("GET", "/-/deploy", ""), 200, fmt.Sprintf(`{"got":"GET %s/-/deploy "}`, strings.TrimPrefix(target, "http://")))
}
