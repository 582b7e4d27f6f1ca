package banktest_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func startTLS(t *testing.T, o banktest.TLS) (*banktest.Server, *client) {
	t.Helper()
	s, err := newBank(t, banktest.Options{ErrorLog: quiet()}).StartTLS(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, newClient(t, s)
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	s, c := startTLS(t, banktest.TLS{})
	wantReply(t, c.send("GET", "/v1/status", ""), 200, "")
	c.url = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	wantReply(t, c.send("GET", "/v1/status", ""), 200, "")

	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(s.CA) {
		t.Error("the authority is not PEM")
	}
	c.http = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	var unknown x509.UnknownAuthorityError
	if r := c.send("GET", "/v1/status", ""); !errors.As(r.err, &unknown) {
		t.Errorf("without the authority: %v", r.err)
	}

	var invalid x509.CertificateInvalidError
	for _, o := range []banktest.TLS{
		{NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour)},
		{NotBefore: now.Add(time.Hour)},
	} {
		_, c := startTLS(t, o)
		if r := c.send("GET", "/v1/status", ""); !errors.As(r.err, &invalid) || invalid.Reason != x509.Expired {
			t.Errorf("valid from %v to %v: %v", o.NotBefore, o.NotAfter, r.err)
		}
	}
	var other x509.HostnameError
	_, c = startTLS(t, banktest.TLS{Hosts: []string{"bank.example", "192.0.2.1"}})
	if r := c.send("GET", "/v1/status", ""); !errors.As(r.err, &other) {
		t.Errorf("for another host: %v", r.err)
	}
	if _, err := newBank(t, banktest.Options{}).StartTLS(banktest.TLS{NotBefore: now, NotAfter: now}); err == nil {
		t.Error("a certificate that is never valid is accepted")
	}
}

func TestHTTP2ConnectionsStickToBackends(t *testing.T) {
	_, c := startTLS(t, banktest.TLS{})
	first := c.send("GET", "/v1/status", "").header.Get("X-Backend")
	for range 20 {
		if got := c.send("GET", "/v1/status", "").header.Get("X-Backend"); got != first {
			t.Fatalf("one connection met %s and %s", first, got)
		}
	}
}

func TestAdmin(t *testing.T) {
	s, c := start(t, banktest.Options{})
	add := func(text string) reply { return c.send("POST", "/-/faults", text) }
	wantReply(t, c.send("GET", "/-/faults", ""), 200, `{"faults":[]}`)
	wantReply(t, add("step=status kind=status rate=100%"), 201, `{"backend":"*","id":"f1","kind":"status","rate":"100%","release":"*","status":503,"step":"status"}`)
	wantReply(t, add(`{"step": "status", "every": 2, "kind": "html"}`), 201, `{"backend":"*","every":2,"id":"f2","kind":"html","release":"*","step":"status"}`)
	wantReply(t, c.send("GET", "/v1/status", ""), 503, "")
	wantReply(t, c.send("GET", "/-/faults", ""), 200, `{"faults":[`+
		`{"backend":"*","id":"f1","kind":"status","rate":"100%","release":"*","status":503,"step":"status"},`+
		`{"backend":"*","every":2,"id":"f2","kind":"html","release":"*","step":"status"}]}`)
	wantReply(t, c.send("DELETE", "/-/faults/f1", ""), 204, "")
	wantReply(t, c.send("DELETE", "/-/faults/f1", ""), 404, `{"error":"not_found","error_description":"no fault is called so; GET /-/faults lists them"}`)
	wantReply(t, c.send("DELETE", "/-/faults", ""), 204, "")
	wantReply(t, c.send("GET", "/v1/status", ""), 200, "")
	if len(s.Faults()) != 0 {
		t.Errorf("faults are %v, want none", s.Faults())
	}

	for text, want := range map[string]string{
		"":                      `{"error":"invalid_fault","error_description":"fault: kind is missing, want ` + allKinds + `"}`,
		"kind=hang backend=b7":  `{"error":"invalid_fault","error_description":"fault: unknown backend \"b7\", want one of *, b1, b2, b3, b4, b5"}`,
		"{":                     `{"error":"malformed_json","error_description":"want one JSON object"}`,
		`{"kind":"hang"} {}`:    `{"error":"malformed_json","error_description":"want one JSON object"}`,
		`{"kind":"hang","a":1}`: `{"error":"invalid_fault","error_description":"fault: unknown word \"a\", want ` + allWords + `"}`,
	} {
		wantReply(t, add(text), 400, want)
	}
	wantReply(t, c.send("PUT", "/-/faults", ""), 405, "")
	wantReply(t, c.send("GET", "/-/faults/f1", ""), 405, "")

	wantReply(t, c.send("POST", "/-/deploy", `{"backend":"b2","release":"2.0"}`), 200, `{"backends":[`+
		`{"backend":"b1","release":"1.0.0"},{"backend":"b2","release":"2.0"},{"backend":"b3","release":"1.0.0"},`+
		`{"backend":"b4","release":"1.0.0"},{"backend":"b5","release":"1.0.0"}]}`)
	wantReply(t, c.send("POST", "/-/deploy", `{"backend":"b8","release":"2.0"}`), 400, `{"error":"invalid_deploy","error_description":"unknown backend \"b8\", want one of *, b1, b2, b3, b4, b5"}`)
	wantReply(t, c.send("POST", "/-/deploy", `{"backend":"b1","release":"2 0"}`), 400, `{"error":"invalid_deploy","error_description":"release name \"2 0\", want 1 to 64 of letters, digits and ._-+"}`)
	wantReply(t, c.send("POST", "/-/deploy", `{"bakend":"b1"}`), 400, `{"error":"malformed_json","error_description":"want {\"backend\": \"b1\", \"release\": \"1.1.0\"}"}`)
	wantReply(t, c.send("GET", "/-/deploy", ""), 405, "")
	wantReply(t, c.send("POST", "/-/stats", ""), 405, "")
	r := c.send("GET", "/-/stats", "")
	if !strings.Contains(r.text, `"kind":"status","count":1}]`) || !strings.Contains(r.text, `"status":2`) || strings.Contains(r.text, s.Users()[0].Password) {
		t.Errorf("stats are %s", r.text)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	b := newBank(t, banktest.Options{})
	for range 1000 {
		if _, err := b.AddFault(banktest.Fault{Kind: banktest.KindHang}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.AddFault(banktest.Fault{Kind: banktest.KindHang}); err == nil || err.Error() != "fault: 1001 at once, want at most 1000" {
		t.Errorf("one fault more: %v", err)
	}
}

// Everything at once, for the race detector; and the accounts must balance.
func TestManyAtOnce(t *testing.T) {
	const workers, rounds = 8, 15
	s, _ := start(t, banktest.Options{Users: workers, ReuseCodes: true})
	var wg sync.WaitGroup
	for i := range workers {
		c, u := newClient(t, s), s.Users()[i]
		wg.Go(func() {
			for range rounds {
				access, refresh := c.login(u, time.Now())
				wantReply(t, c.bearer("GET", "/v1/accounts", access), 200, "")
				r := c.refresh(refresh)
				wantReply(t, c.bearer("POST", "/v1/logout", r.member("access_token")), 204, "")
			}
		})
	}
	admin := newClient(t, s)
	wg.Go(func() {
		for i := range rounds {
			added := admin.send("POST", "/-/faults", "rate=50% kind=delay for=1us")
			wantReply(t, admin.send("GET", "/-/stats", ""), 200, "")
			wantReply(t, admin.send("POST", "/-/deploy", fmt.Sprintf(`{"backend":"*","release":"r%d"}`, i)), 200, "")
			wantReply(t, admin.send("DELETE", "/-/faults/"+added.member("id"), ""), 204, "")
		}
	})
	wg.Wait()
	const n = workers * rounds
	got := s.Stats()
	if want := (banktest.UserStats{Attempts: n, Logins: n, Logouts: n}); got.Total != want || got.Refreshes != n || got.Reuses != 0 {
		t.Errorf("stats are %+v, want total %+v and %d refreshes", got, want, n)
	}
}

// Of two who use one refresh token, one is refused, and that ends the session
// of both.
func TestRefreshRace(t *testing.T) {
	s, c := start(t, banktest.Options{PasswordOnly: true})
	refresh := c.password(s.Users()[0]).member("refresh_token")
	replies := make([]reply, 8)
	var wg sync.WaitGroup
	for i := range replies {
		c := newClient(t, s)
		wg.Go(func() { replies[i] = c.refresh(refresh) })
	}
	wg.Wait()
	granted := 0
	for _, r := range replies {
		if r.status == 200 {
			granted++
			wantReply(t, c.bearer("GET", "/v1/accounts", r.member("access_token")), 401, "")
		}
	}
	if got := s.Stats(); granted != 1 || got.Total.LiveSessions != 0 || got.Reuses != 1 {
		t.Errorf("%d refreshes were granted; stats are %+v", granted, got)
	}
}

func BenchmarkLogin(b *testing.B) {
	bank, err := banktest.New(banktest.Options{PasswordOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	u := bank.Users()[0]
	c := &http.Client{Transport: direct{bank}}
	for b.Loop() {
		body := fmt.Sprintf(`{"username":%q,"password":%q}`, u.Username, u.Password)
		r, err := c.Post("http://bank.test/v1/login", "application/json", strings.NewReader(body))
		if err != nil || r.StatusCode != 200 {
			b.Fatal(r, err)
		}
	}
}
