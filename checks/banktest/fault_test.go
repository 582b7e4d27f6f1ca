package banktest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/authprober/authprober/checks/banktest"
)

func parse(t *testing.T, text string) banktest.Fault {
	t.Helper()
	f, err := banktest.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// faulty starts a bank that asks for no codes, with faults, and returns a user
// of it too.
func faulty(t *testing.T, o banktest.Options, faults ...string) (*banktest.Server, *client, banktest.User) {
	t.Helper()
	o.PasswordOnly = true
	for _, f := range faults {
		o.Faults = append(o.Faults, parse(t, f))
	}
	s, c := start(t, o)
	return s, c, s.Users()[0]
}

func TestFaultStatus(t *testing.T) {
	s, c, u := faulty(t, banktest.Options{}, "step=login kind=status", "step=status kind=status status=599", "step=accounts kind=status status=204")
	wantReply(t, c.password(u), 503, `{"error":"service_unavailable"}`)
	wantReply(t, c.send("GET", "/v1/status", ""), 599, `{"error":"status_599"}`)
	wantReply(t, c.send("GET", "/v1/accounts", ""), 204, "")
	wantReply(t, c.send("POST", "/v1/logout", ""), 401, "")
	if got := s.Stats(); got.Total.Attempts != 0 || len(got.Faults) != 3 {
		t.Errorf("stats are %+v", got)
	}
}

func TestFaultDelay(t *testing.T) {
	_, c, _ := faulty(t, banktest.Options{}, "kind=delay for=20ms", "kind=delay for=10ms")
	begin := time.Now()
	wantReply(t, c.send("GET", "/v1/status", ""), 200, `{"status":"ok"}`)
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("the answer took %v, want at least 30ms", took)
	}
}

func TestFaultHangEndsWithTheClient(t *testing.T) {
	for _, fault := range []string{"kind=hang", "kind=delay for=1h"} {
		ended := make(chan banktest.Access, 1)
		_, c, u := faulty(t, banktest.Options{Log: func(a banktest.Access) { ended <- a }}, fault)
		c.http.Timeout = 30 * time.Millisecond
		if r := c.password(u); !errors.Is(r.err, context.DeadlineExceeded) {
			t.Errorf("%s: got %+v, want a timeout", fault, r)
		}
		if a := <-ended; a.Status != 0 || len(a.Faults) != 1 {
			t.Errorf("%s is logged as %+v", fault, a)
		}
	}
}

func TestFaultHangEndsWithTheServer(t *testing.T) {
	for _, fault := range []string{"kind=hang", "kind=delay for=1h"} {
		s, c, _ := faulty(t, banktest.Options{}, fault)
		sent, failed := make(chan struct{}), make(chan error)
		trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }}
		request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", s.URL+"/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Connection", "close") // and so no second try
		go func() {
			response, err := c.http.Do(request)
			if err == nil {
				response.Body.Close()
			}
			failed <- err
		}()
		<-sent
		s.Close()
		if err := <-failed; err == nil {
			t.Errorf("%s: the request was answered", fault)
		}
	}
}

func TestFaultReset(t *testing.T) {
	s, c, u := faulty(t, banktest.Options{}, "kind=reset")
	for range 20 {
		if r := c.password(u); !errors.Is(r.err, syscall.ECONNRESET) {
			t.Fatalf("got %+v, want a reset", r)
		}
	}
	if got := s.Stats().Total.Attempts; got != 0 {
		t.Errorf("%d logins were tried, want 0", got)
	}
	if err := s.SetFaults(parse(t, "kind=reset after=40")); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if r := c.password(u); !errors.Is(r.err, syscall.ECONNRESET) || len(r.text) > 40 {
			t.Fatalf("got %+v, want a reset after 40 bytes", r)
		}
	}
	if got := s.Stats().Total.Logins; got != 20 {
		t.Errorf("%d logins were done, want 20", got)
	}
}

func TestFaultTruncate(t *testing.T) {
	s, c, u := faulty(t, banktest.Options{}, "kind=truncate")
	r := c.password(u)
	if r.status != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || !strings.HasPrefix(r.text, `{"access_token":`) {
		t.Errorf("got %+v, want half an answer", r)
	}
	if n := fmt.Sprint(2 * len(r.text)); r.header.Get("Content-Length") < n {
		t.Errorf("Content-Length is %s of %d bytes sent", r.header.Get("Content-Length"), len(r.text))
	}
	if got := s.Stats().Total.LiveSessions; got != 1 {
		t.Errorf("%d sessions are alive, want 1: the login was done", got)
	}
}

func TestFaultHTMLAndEmpty(t *testing.T) {
	_, c, u := faulty(t, banktest.Options{}, "step=login kind=html", "step=status kind=empty")
	r := c.password(u)
	if r.status != 200 || r.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(r.text, "<h1>") {
		t.Errorf("got %+v, want a page", r)
	}
	r = c.send("GET", "/v1/status", "")
	if r.err != nil || r.status != 200 || r.text != "" || r.header.Get("Content-Length") != "0" {
		t.Errorf("got %+v, want an empty answer", r)
	}
}

func TestFaultWrongType(t *testing.T) {
	s, c, u := faulty(t, banktest.Options{})
	access := c.password(u).member("access_token")
	if err := s.SetFaults(parse(t, "kind=wrong_type")); err != nil {
		t.Fatal(err)
	}
	wantReply(t, c.password(u), 200, `{"access_token":42,"expires_in":"forty-two","refresh_token":42,"token_type":42}`)
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, `{"accounts":{}}`)
	wantReply(t, c.bearer("POST", "/v1/logout", access), 200, `[]`)
	r := c.bearer("GET", "/v1/accounts", access)
	wantReply(t, r, 401, `{"error":42}`)
	if r.header.Get("WWW-Authenticate") == "" {
		t.Error("the damaged answer lacks its headers")
	}
}

func TestFaultInvalidUTF8(t *testing.T) {
	_, c, u := faulty(t, banktest.Options{}, "kind=invalid_utf8")
	for _, r := range []reply{c.password(u), c.send("POST", "/v1/revoke", "token=x", "Content-Type", "application/x-www-form-urlencoded")} {
		if r.err != nil || r.status != 200 || utf8.ValidString(r.text) || r.member("greeting") == "" {
			t.Errorf("got %+q, want JSON that is not UTF-8", r.text)
		}
	}
}

func TestFaultRateLimit(t *testing.T) {
	_, c, u := faulty(t, banktest.Options{}, "step=login kind=rate_limit retry_after=2m", "step=status kind=rate_limit")
	r := c.password(u)
	wantReply(t, r, 429, `{"error":"too_many_requests"}`)
	if got := r.header.Get("Retry-After"); got != "120" {
		t.Errorf("Retry-After is %q, want 120", got)
	}
	if got := c.send("GET", "/v1/status", "").header.Get("Retry-After"); got != "30" {
		t.Errorf("Retry-After is %q, want 30", got)
	}
}

func TestFaultClockSkew(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Now: now.Now, Faults: []banktest.Fault{parse(t, "step=otp kind=clock_skew by=-5m")}})
	u := s.Users()[0]
	for range 6 { // as many as would lock the account
		r := c.code(c.password(u).member("challenge"), codeOf(t, u, now.Now()))
		wantReply(t, r, 401, `{"error":"invalid_code"}`)
		if got, want := r.header.Get("Date"), now.Now().Add(-5*time.Minute).Format(http.TimeFormat); got != want {
			t.Errorf("Date is %s, want %s", got, want)
		}
	}
	wantReply(t, c.code(c.password(u).member("challenge"), codeOf(t, u, now.Now().Add(-5*time.Minute))), 200, "")
	s.ClearFaults()
	c.login(u, now.Now())
	if got, want := c.password(u).header.Get("Date"), now.Now().Format(http.TimeFormat); got != want {
		t.Errorf("Date is %s, want %s", got, want)
	}
}

func TestFaultFailOpen(t *testing.T) {
	now := newClock()
	s, c, u := faulty(t, banktest.Options{Now: now.Now})
	r := c.password(u)
	access, refresh := r.member("access_token"), r.member("refresh_token")
	want := c.bearer("GET", "/v1/accounts", access).text
	wantReply(t, c.bearer("POST", "/v1/logout", access), 204, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 401, "")
	now.Advance(48 * time.Hour)
	if err := s.SetFaults(parse(t, "kind=fail_open")); err != nil {
		t.Fatal(err)
	}
	live := c.password(u)
	wantReply(t, c.bearer("GET", "/v1/accounts", live.member("access_token")), 200, want)
	if got := s.Stats().Faults; len(got) != 0 {
		t.Errorf("faults are %v, want none yet", got)
	}
	wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, want)
	wantReply(t, c.bearer("GET", "/v1/accounts", "made-up"), 401, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", refresh), 401, "")
	wantReply(t, c.send("GET", "/v1/accounts", ""), 401, "")
	wantReply(t, c.bearer("POST", "/v1/logout", access), 204, "")
	again := c.refresh(refresh)
	wantReply(t, again, 200, "")
	wantReply(t, c.bearer("GET", "/v1/accounts", again.member("access_token")), 200, want)
	var steps []string
	for _, f := range s.Stats().Faults {
		steps = append(steps, fmt.Sprint(f.Step, f.Kind, f.Count))
	}
	if want := []string{"accountsfail_open1", "logoutfail_open1", "refreshfail_open1"}; !slices.Equal(steps, want) {
		t.Errorf("faults are %v, want %v", steps, want)
	}
	if got := s.Stats().Total; got.Logins != 2 || got.Logouts != 1 {
		t.Errorf("stats are %+v", got)
	}
}

func TestFaultHuge(t *testing.T) {
	ended := make(chan banktest.Access, 1)
	s, c, _ := faulty(t, banktest.Options{Log: func(a banktest.Access) { ended <- a }}, "kind=huge size=3MB")
	r := c.send("GET", "/v1/status", "")
	if len(r.text) != 3_000_000 || r.err != nil || !strings.HasSuffix(r.text, `x"}`) {
		t.Errorf("got %d bytes, %v, want 3 MB of JSON", len(r.text), r.err)
	}
	<-ended
	if err := s.SetFaults(parse(t, "kind=huge")); err != nil {
		t.Fatal(err)
	}
	response, err := c.http.Get(s.URL + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, response.Body, 5_000_000); err != nil {
		t.Errorf("read %d bytes: %v", n, err)
	}
	response.Body.Close()
	<-ended // though there is a lot left
}

func TestFaultsMatch(t *testing.T) {
	s, c, u := faulty(t, banktest.Options{Backends: []banktest.Backend{{"a", "1"}}},
		"step=login backend=a release=2 kind=status status=500", "backend=* step=status kind=status status=501", "kind=status status=502 release=3")
	wantReply(t, c.password(u), 200, "")
	wantReply(t, c.send("GET", "/v1/status", ""), 501, "")
	for i, want := range []int{500, 502} { // of the releases 2 and 3
		if err := s.Deploy("a", fmt.Sprint(2+i)); err != nil {
			t.Fatal(err)
		}
		wantReply(t, c.password(u), want, "")
		wantReply(t, c.send("GET", "/v1/status", ""), 501, "")
	}
	wantReply(t, c.send("GET", "/nowhere", ""), 404, "") // no step, no fault
	if err := s.SetFaults(parse(t, "path=/v1/log* method=POST kind=status status=507")); err != nil {
		t.Fatal(err)
	}
	wantReply(t, c.password(u), 507, "")
	wantReply(t, c.send("GET", "/v1/status", ""), 200, "")
}

func TestFaultsComeAndGo(t *testing.T) {
	s, c, u := faulty(t, banktest.Options{Backends: []banktest.Backend{{"a", "3"}}},
		"step=login backend=a release=2 kind=status status=500", "backend=* step=status kind=status status=501", "kind=status status=502 release=3")
	if !s.RemoveFault("f2") || s.RemoveFault("f2") {
		t.Error("removing a fault says the wrong thing")
	}
	wantReply(t, c.send("GET", "/v1/status", ""), 502, "")
	if got := fmt.Sprint(s.Faults()); got != "[step=login backend=a release=2 rate=100% kind=status status=500 step=* backend=* release=3 rate=100% kind=status status=502]" {
		t.Errorf("faults are %s", got)
	}
	if err := s.SetFaults(parse(t, "kind=hang"), banktest.Fault{Kind: "none"}); err == nil || len(s.Faults()) != 2 {
		t.Errorf("after an error, %v, there are the faults %v", err, s.Faults())
	}
	s.ClearFaults()
	wantReply(t, c.password(u), 200, "")
	if _, err := s.AddFault(banktest.Fault{Backend: "b", Kind: banktest.KindHang}); err == nil || err.Error() != `fault: unknown backend "b", want one of *, a` {
		t.Errorf("a fault of no backend: %v", err)
	}
}

// pattern returns which of n requests fail: the same request each time.
func pattern(t *testing.T, seed uint64, n int, faults ...string) []int {
	t.Helper()
	o := banktest.Options{Seed: seed}
	for _, f := range faults {
		o.Faults = append(o.Faults, parse(t, f))
	}
	c := handler(t, newBank(t, o))
	var failed []int
	for i := range n {
		if c.send("GET", "/v1/status", "").status == 503 {
			failed = append(failed, i+1)
		}
	}
	return failed
}

func TestFaultsComeFromTheSeed(t *testing.T) {
	const fault = "step=status rate=12% kind=status"
	first := pattern(t, 3, 2000, fault)
	if n := len(first); n < 150 || n > 330 { // six standard deviations, and a fixed seed
		t.Errorf("%d of 2000 requests failed, want about 240", n)
	}
	if !slices.Equal(first, pattern(t, 3, 2000, fault)) {
		t.Error("the same seed gives other failures")
	}
	if slices.Equal(first, pattern(t, 4, 2000, fault)) {
		t.Error("another seed gives the same failures")
	}
	if !slices.Equal(first, pattern(t, 3, 2000, fault, "rate=50% kind=delay for=1ns", "step=status every=2 kind=delay for=1ns")) {
		t.Error("another fault changes which requests fail")
	}
	if got := pattern(t, 3, 200, "step=status every=50 kind=status"); !slices.Equal(got, []int{50, 100, 150, 200}) {
		t.Errorf("every=50 meets %v", got)
	}
}

// Over TLS the faults are those of a stream or of the connection.
func TestFaultsOverTLS(t *testing.T) {
	b := newBank(t, banktest.Options{PasswordOnly: true, ErrorLog: quiet()})
	s, err := b.StartTLS(banktest.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c, u := newClient(t, s), s.Users()[0]
	r := c.password(u)
	wantReply(t, r, 200, "")
	if r.proto != 2 {
		t.Errorf("protocol is HTTP/%d, want 2", r.proto)
	}
	for _, version := range []int{2, 1} {
		if version == 1 {
			c = newClient(t, s)
			transport := c.http.Transport.(*http.Transport)
			transport.ForceAttemptHTTP2, transport.Protocols = false, new(http.Protocols)
			transport.Protocols.SetHTTP1(true)
			s.ClearFaults()
			if r := c.password(u); r.proto != 1 {
				t.Errorf("protocol is HTTP/%d, want 1", r.proto)
			}
		}
		for _, fault := range []string{"kind=reset", "kind=reset after=10", "kind=truncate", "kind=hang"} {
			if err := s.SetFaults(parse(t, fault)); err != nil {
				t.Fatal(err)
			}
			c.http.Timeout = time.Minute
			if fault == "kind=hang" {
				c.http.Timeout = 30 * time.Millisecond
			}
			r := c.password(u)
			if r.err == nil {
				t.Errorf("HTTP/%d, %s: got %+v, want an error", version, fault, r)
			}
			// In HTTP/2 a frame that the client writes by itself may meet the reset
			// first; its read then ends as if by a FIN.
			if version == 1 && strings.HasPrefix(fault, "kind=reset") && !errors.Is(r.err, syscall.ECONNRESET) {
				t.Errorf("%s: got %v, want a reset", fault, r.err)
			}
		}
	}
}

// Without the bank's ConnContext, as in somebody else's server, faults still
// work: a backend per request, and a reset by hijacking.
func TestFaultsInAnotherServer(t *testing.T) {
	b := newBank(t, banktest.Options{Faults: []banktest.Fault{{Step: "status", Kind: banktest.KindReset}}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, ended := &http.Server{Handler: b}, make(chan error)
	go func() { ended <- server.Serve(listener) }()
	c := &client{t, (&banktest.Server{}).Client(), "http://" + listener.Addr().String()}
	if r := c.send("GET", "/v1/status", ""); !errors.Is(r.err, syscall.ECONNRESET) {
		t.Errorf("got %+v, want a reset", r)
	}
	seen := map[string]bool{}
	for range 100 {
		seen[c.send("GET", "/v1/accounts", "").header.Get("X-Backend")] = true
	}
	if len(seen) != 5 {
		t.Errorf("100 requests met %d backends, want 5", len(seen))
	}
	c.http.CloseIdleConnections()
	server.Close()
	<-ended
}
