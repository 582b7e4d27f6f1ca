package checks

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/authprober/authprober/prober"
)

// oneStep is a flow of one request with the given settings.
func oneStep(target, settings string) string {
	return "name: x\ntarget: " + target + "\nschedule: {every: 1s, timeout: 1s, cleanup: 1s}\nsteps:\n  - name: a\n    " +
		strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n    ") + "\n"
}

const getOK = "request: GET /\nexpect: [status == 200]"

// raw serves each connection with f, after it has read a request, and ends with
// the test.
func raw(t *testing.T, f func(c *net.TCPConn, r *http.Request)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := bufio.NewReader(c)
			for {
				r, err := http.ReadRequest(b)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, r.Body)
				f(c.(*net.TCPConn), r)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func TestFaults(t *testing.T) {
	answer := func(status int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if name, value, ok := strings.Cut(header, ": "); ok {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const json = "Content-Type: application/json"
	tests := []struct {
		name    string
		handler http.HandlerFunc
		step    string
		reason  prober.Reason // "" for passed
		detail  string
	}{
		{"passes", answer(200, json, `{"n":300,"s":"x","l":[{"b":1},{"b":2}],"z":null,"ok":true,"big":9007199254740993}`),
			"request: GET /\nexpect: [status == 200, body.n == 300, 'body.l[1].b == 2', body.z == nil, body.ok, body.big == 9007199254740993]", "", ""},
		{"5xx", answer(503, "", ""), getOK, prober.ReasonStatus5xx, "want status == 200, got 503"},
		{"4xx", answer(403, "", ""), getOK, prober.ReasonStatus4xx, "want status == 200, got 403"},
		{"429", answer(429, "Retry-After: 3", ""), getOK, prober.ReasonRateLimited, "want status == 200, got 429"},
		{"429 expected", answer(429, "Retry-After: 3", ""), "request: GET /\nexpect: ['status in [200, 429]', 'header[\"retry-after\"] == \"3\"']", "", ""},
		{"redirect", answer(302, "Location: com.example.bank:/callback?code=s3cr3t", ""), getOK, prober.ReasonRedirect, "want status == 200, got 302"},
		{"redirect read", answer(302, "Location: com.example.bank:/callback?code=s3cr3t", ""),
			"request: GET /\nexpect: [status == 302]\ncapture: {to: 'header[\"Location\"]'}", "", ""},
		{"redirect followed to another scheme", answer(302, "Location: com.example.bank:/callback?code=s3cr3t", ""),
			getOK + "\nfollow_redirects: 3", prober.ReasonRedirect, "following redirects: one goes to what is no http or https URL"},
		{"endless redirects", answer(302, "Location: /", ""), getOK + "\nfollow_redirects: 3", prober.ReasonRedirect, "following redirects: too many of them"},
		{"status 201", answer(201, "", ""), getOK, prober.ReasonAssertion, "want status == 200, got 201"},
		{"false", answer(200, json, `{"n":301}`), "request: GET /\nexpect: [body.n == 300]", prober.ReasonAssertion, "want body.n == 300, got 301 (status 200)"},
		{"false, and the status is not spoken of", answer(500, json, `{"n":301}`), "request: GET /\nexpect: [body.n == 300]", prober.ReasonStatus5xx, "want body.n == 300, got 301 (status 500)"},
		{"the status speaks first", answer(502, "Content-Type: text/html", "<html>"), "request: GET /\nexpect: [body.n == 300, status == 200]", prober.ReasonStatus5xx, "want status == 200, got 502"},
		{"HTML", answer(200, "Content-Type: text/html", "<html>"), "request: GET /\nexpect: [status == 200, body.n == 300]", prober.ReasonBadResponse,
			`want body.n == 300: want JSON, got 6 bytes of text/html: it is not JSON (status 200)`},
		{"no body", answer(200, json, ""), "request: GET /\nexpect: [body.n == 300]", prober.ReasonBadResponse,
			`want body.n == 300: want JSON, got 0 bytes of application/json: it ends too early (status 200)`},
		{"two values", answer(200, json, "{} {}"), "request: GET /\nexpect: [body.n == 300]", prober.ReasonBadResponse,
			`want body.n == 300: want JSON, got 5 bytes of application/json: something follows the JSON value (status 200)`},
		{"invalid UTF-8", answer(200, json, "{\"n\":\"\xff\"}"), "request: GET /\nexpect: [body.n != '']", prober.ReasonBadResponse,
			`want body.n != '': want JSON, got 9 bytes of application/json: it is not valid UTF-8 (status 200)`},
		{"missing field", answer(200, json, `{"m":1}`), "request: GET /\nexpect: ['body.state != \"closed\"']", prober.ReasonMissingValue,
			`want body.state != "closed": the field state is missing (status 200)`},
		{"missing in a predicate", answer(200, json, `{"l":[{"state":"open"},{}]}`), "request: GET /\nexpect: ['all(body.l, .state != \"closed\")']", prober.ReasonMissingValue,
			`want all(body.l, .state != "closed"): the field state is missing (status 200)`},
		{"missing element", answer(200, json, `{"l":[]}`), "request: GET /\nexpect: ['body.l[0].b != 1']", prober.ReasonMissingValue,
			`want body.l[0].b != 1: element 0 of a list of 0 is missing (status 200)`},
		{"field of null", answer(200, json, `null`), "request: GET /\nexpect: ['body.n != 1']", prober.ReasonMissingValue, `want body.n != 1: the field n of null is missing (status 200)`},
		{"optional field", answer(200, json, `{"m":1}`), "request: GET /\nexpect: ['(body.state ?? \"open\") == \"open\"', body?.state == nil]", "", ""},
		{"wrong type", answer(200, json, `{"l":7}`), "request: GET /\nexpect: [len(body.l) > 0]", prober.ReasonBadResponse, `want len(body.l) > 0: invalid argument for len (type int) (status 200)`},
		{"not a boolean", answer(200, json, `{"ok":"yes"}`), "request: GET /\nexpect: [body.ok]", prober.ReasonBadResponse, `want body.ok: it is neither true nor false, but of type string (status 200)`},
		{"text is not shown", answer(200, json, `{"s":"eyJhbGciOi4x"}`), "request: GET /\nexpect: [body.s == 'x']", prober.ReasonAssertion, `want body.s == 'x', got text of 12 bytes (status 200)`},
		{"capture finds nothing", answer(200, json, `{"t":""}`), getOK + "\ncapture: {t: body.t}", prober.ReasonMissingValue, `capturing t from body.t: got ""`},
		{"capture finds no field", answer(200, json, `{}`), getOK + "\ncapture: {t: body.t}", prober.ReasonMissingValue, `capturing t from body.t: the field t is missing`},
		{"helper finds", answer(401, `WWW-Authenticate: Basic, Bearer error="insufficient_user_authentication", acr_values="gold"`, ""),
			"request: GET /\nexpect: [status == 401, 'auth_challenge(header[\"WWW-Authenticate\"], \"Bearer\").acr_values == \"gold\"']", "", ""},
		{"helper finds nothing", answer(200, "", "<p>csrf=none</p>"), getOK + "\ncapture: {t: 'extract(text, \"csrf=([0-9]+)\")'}", prober.ReasonMissingValue,
			`capturing t from extract(text, "csrf=([0-9]+)"): a match of the pattern is missing`},
		{"helper finds no field", answer(302, "Location: com.example.bank:/cb?error=x", ""), "request: GET /\nexpect: [status == 302, 'url_query(header[\"Location\"]).code != \"\"']", prober.ReasonMissingValue,
			`want url_query(header["Location"]).code != "": the field code is missing (status 302)`},
		{"helper finds no sense", answer(401, `WWW-Authenticate: Bearer error="s3cr3t`, ""), "request: GET /\nexpect: [status == 401]\ncapture: {t: 'auth_challenge(header[\"WWW-Authenticate\"], \"Bearer\").error'}", prober.ReasonBadResponse,
			`capturing t from auth_challenge(header["WWW-Authenticate"], "Bearer").error: auth_challenge: field 1, character 21: the quoted text has no end`},
		{"capture from HTML", answer(200, "Content-Type: text/html", "<p>"), getOK + "\ncapture: {t: body.t}", prober.ReasonBadResponse,
			`capturing t from body.t: want JSON, got 3 bytes of text/html: it is not JSON`},
		{"too slow", answer(200, "", ""), "request: GET /\nexpect: [status == 200, 'took < duration(\"1ns\")']", prober.ReasonTooSlow, ""},
		{"refused", answer(401, "", ""), "request: GET /\nrefuse: [401]", "", ""},
		{"accepted", answer(200, "", ""), "request: GET /\nrefuse: [401, 403]", prober.ReasonNotRefused, "want a refusal with 401 or 403, got 200: it was accepted twice, on two connections"},
		{"error for refusal", answer(500, "", ""), "request: GET /\nrefuse: [401]", prober.ReasonStatus5xx, "want a refusal with 401, got 500"},
		{"another refusal", answer(403, "", ""), "request: GET /\nrefuse: [401]", prober.ReasonWrongRefusal, "want a refusal with 401, got 403"},
		{"rate limit for refusal", answer(429, "", ""), "request: GET /\nrefuse: [401]", prober.ReasonRateLimited, "want a refusal with 401, got 429"},
		{"too long", answer(200, "", strings.Repeat("x", 2000)), getOK + "\nmax_body: 1KiB", prober.ReasonBadResponse, "want an answer within max_body, but the body is longer than 1024 bytes"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, getOK + "\ntimeout: 50ms", prober.ReasonTimeout,
			"no whole answer within the time: it ran out while waiting for the answer"},
		{"stalls in the body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("a"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, getOK + "\ntimeout: 50ms", prober.ReasonTimeout, "no whole answer within the time: it ran out while reading the answer"},
		{"closes", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, getOK, prober.ReasonReset,
			"waiting for the answer: the connection was closed before the answer was whole"},
		{"truncates", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("abc"))
		}, getOK, prober.ReasonReset, "reading the answer: the connection was closed before the answer was whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.handler)
			server.Config.ErrorLog = nil
			defer server.Close()
			check(t, probeOnce(t, mustLoad(t, Options{}, oneStep(server.URL, tt.step))), tt.reason, tt.detail)
		})
	}
}

// check holds a report of one step against what is wanted.
func check(t *testing.T, r prober.Report, reason prober.Reason, detail string) {
	t.Helper()
	if r.Err != nil {
		t.Fatalf("an error of ours: %v", r.Err)
	}
	last := r.Steps[len(r.Steps)-1]
	if last.Reason != reason || detail != "" && last.Detail != detail {
		t.Errorf("got %q: %s\nwant %q: %s", last.Reason, last.Detail, reason, detail)
	}
}

// The flow asks for what nobody can compute: that is not the target's fault.
func TestRunawayExpression(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, oneStep(server.URL, "request: GET /\nexpect: ['len(1..100000000000) > status']")))
	if r.Outcome() != prober.Errored {
		t.Errorf("got %s, want errored: %+v", r.Outcome(), r.Steps)
	}
}

// A cookie that net/http would mend in silence is an error of ours.
func TestCookieThatCannotBe(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, oneStep(server.URL, "request: GET /\ncookies: {session: 'a\"b;c'}\nexpect: [status == 200]")))
	if r.Outcome() != prober.Errored || strings.Contains(r.Err.Error(), ";c") {
		t.Errorf("got %s, want errored: %v", r.Outcome(), r.Err)
	}
}

func TestBrokenConnections(t *testing.T) {
	write := func(text string) func(c *net.TCPConn, _ *http.Request) {
		return func(c *net.TCPConn, _ *http.Request) { _, _ = io.WriteString(c, text); c.Close() }
	}
	tests := []struct {
		name   string
		serve  func(c *net.TCPConn, _ *http.Request)
		reason prober.Reason
	}{
		{"resets", func(c *net.TCPConn, _ *http.Request) { _ = c.SetLinger(0); c.Close() }, prober.ReasonReset},
		{"resets in the body", func(c *net.TCPConn, _ *http.Request) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
			_ = c.SetLinger(0)
			c.Close()
		}, prober.ReasonReset},
		{"speaks no HTTP", write("220 mail.bank.example ESMTP\r\n"), prober.ReasonBadResponse},
		{"malformed header", write("HTTP/1.1 200 OK\r\nX Y\r\n\r\n"), prober.ReasonBadResponse},
		{"huge header", write("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 300<<10) + "\r\n\r\n"), prober.ReasonBadResponse},
		{"bad chunk", write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), prober.ReasonBadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check(t, probeOnce(t, mustLoad(t, Options{}, oneStep(raw(t, tt.serve), getOK))), tt.reason, "")
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	r := probeOnce(t, mustLoad(t, Options{}, oneStep("http://"+address, getOK)))
	check(t, r, prober.ReasonConnect, "connecting: "+address+": connect: connection refused")
	if r.Steps[0].Attempts != 0 {
		t.Errorf("got %d attempts, want 0", r.Steps[0].Attempts)
	}
}

func TestUnresolvable(t *testing.T) {
	options := Options{Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}}
	check(t, probeOnce(t, mustLoad(t, options, oneStep("http://api.bank.example", getOK))), prober.ReasonDNS,
		"resolving the name: no such host")
}

// What is wrong with our own machine is never the target's fault.
func TestLocalErrors(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENETDOWN, syscall.ENETUNREACH} {
		options := Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", errno)}
		}}
		r := probeOnce(t, mustLoad(t, options, oneStep("http://127.0.0.1:1", getOK)))
		if r.Outcome() != prober.Errored || r.Steps[0].Reason != "" {
			t.Errorf("%v: got %s with reason %q, want errored", errno, r.Outcome(), r.Steps[0].Reason)
		}
	}
}

// The name has addresses of which one is dead: a run sees that one or not, and
// never the other in its place.
func TestOneAddressARun(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	var dials atomic.Int64
	options := Options{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			if strings.HasPrefix(address, "192.0.2.1") {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	c := mustLoad(t, options, oneStep(fmt.Sprintf("http://api.bank.example:%d", port), getOK))
	failed := 0
	const runs = 200
	for range runs {
		if r := probeOnce(t, c); r.Outcome() == prober.Failed {
			failed++
		}
	}
	if dials.Load() != runs {
		t.Errorf("got %d dials in %d runs, want one each", dials.Load(), runs)
	}
	if failed < runs/4 || failed > 3*runs/4 {
		t.Errorf("one of two addresses is dead, and %d of %d runs failed", failed, runs)
	}
}

// A server that refuses a stream makes net/http send the request again, unseen.
func TestNoReplayOverHTTP2(t *testing.T) {
	var headers atomic.Int64
	target := httptest.NewUnstartedServer(nil)
	target.TLS = &tls.Config{NextProtos: []string{"h2"}}
	target.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) { refuseFirst(c, &headers) },
	}
	target.StartTLS()
	defer target.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: target.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r := probeOnce(t, mustLoad(t, Options{}, oneStep(target.URL, getOK)+"tls: {ca: "+ca+"}\n"))
	check(t, r, prober.ReasonReset, "the connection broke or the request was refused unseen, and nothing is sent again")
}

// refuseFirst speaks HTTP/2 and refuses the first stream of a connection.
func refuseFirst(c net.Conn, headers *atomic.Int64) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			if headers.Add(1) == 1 {
				_ = f.WriteRSTStream(frame.StreamID, http2.ErrCodeRefusedStream)
				continue
			}
			var b bytes.Buffer
			_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.StreamID, BlockFragment: b.Bytes(), EndStream: true, EndHeaders: true})
		}
	}
}

// A connection that breaks as the next step uses it again is a failure. net/http
// would send a GET a second time, over another connection, and say nothing.
func TestNoReplay(t *testing.T) {
	var requests atomic.Int64
	url := raw(t, func(c *net.TCPConn, r *http.Request) {
		if requests.Add(1); r.URL.Path == "/first" {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			return
		}
		c.Close()
	})
	c := mustLoad(t, Options{}, "name: x\ntarget: "+url+`
steps:
  - {name: first, request: GET /first, expect: [status == 200]}
  - {name: second, request: GET /second, expect: [status == 200]}
`)
	r := probeOnce(t, c)
	check(t, r, prober.ReasonReset, "")
	if got := requests.Load(); got != 2 {
		t.Errorf("the target got %d requests, want 2", got)
	}
	if got := r.Steps[1].Attempts; got != 1 {
		t.Errorf("got %d attempts, want 1", got)
	}
}
