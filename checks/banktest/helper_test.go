package banktest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/internal/otp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A client talks to a bank as an app does.
type client struct {
	t    *testing.T
	http *http.Client
	url  string
}

// start starts a bank and a client for the length of the test.
func start(t *testing.T, o banktest.Options) (*banktest.Server, *client) {
	t.Helper()
	o.ErrorLog = quiet()
	s := banktest.NewServer(o)
	t.Cleanup(s.Close)
	return s, newClient(t, s)
}

func newClient(t *testing.T, s *banktest.Server) *client {
	c := s.Client()
	t.Cleanup(c.CloseIdleConnections)
	return &client{t, c, s.URL}
}

// handler is a client of a bank without a network.
func handler(t *testing.T, b *banktest.Bank) *client {
	return &client{t, &http.Client{Transport: direct{b}}, "http://bank.test"}
}

type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func newBank(t *testing.T, o banktest.Options) *banktest.Bank {
	t.Helper()
	b, err := banktest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A reply is an answer, or what became of it.
type reply struct {
	status int
	header http.Header
	text   string
	proto  int
	err    error // of the request or of reading the body
}

func (r reply) member(name string) string {
	var object map[string]any
	_ = json.Unmarshal([]byte(r.text), &object) // no object has no members
	text, _ := object[name].(string)
	return text
}

// send sends a request with headers given as name and value.
func (c *client) send(method, path, body string, headers ...string) reply {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(bytes.TrimSpace(text)), response.ProtoMajor, err}
}

func (c *client) post(path string, body any) reply {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send("POST", path, string(text), "Content-Type", "application/json")
}

func (c *client) bearer(method, path, token string) reply {
	c.t.Helper()
	return c.send(method, path, "", "Authorization", "Bearer "+token)
}

func (c *client) password(u banktest.User) reply {
	c.t.Helper()
	return c.post("/v1/login", map[string]string{"username": u.Username, "password": u.Password})
}

func (c *client) code(challenge, code string) reply {
	c.t.Helper()
	return c.post("/v1/login/otp", map[string]string{"challenge": challenge, "code": code})
}

func (c *client) refresh(token string) reply {
	c.t.Helper()
	return c.post("/v1/token/refresh", map[string]string{"refresh_token": token})
}

// login logs in with both halves.
func (c *client) login(u banktest.User, now time.Time) (access, refresh string) {
	c.t.Helper()
	r := c.code(c.password(u).member("challenge"), codeOf(c.t, u, now))
	wantReply(c.t, r, 200, "")
	return r.member("access_token"), r.member("refresh_token")
}

func codeOf(t *testing.T, u banktest.User, at time.Time) string {
	t.Helper()
	key, err := otp.DecodeSecret(u.TOTPSecret)
	if err != nil {
		t.Fatal(err)
	}
	return otp.TOTP(key, at, otp.Options{})
}

// wantReply wants a status and, unless it is "", a body.
func wantReply(t *testing.T, r reply, status int, text string) {
	t.Helper()
	if r.err != nil {
		t.Errorf("got error %v, want status %d", r.err, status)
	} else if r.status != status || text != "" && r.text != text {
		t.Errorf("got %d %s, want %d %s", r.status, r.text, status, text)
	}
}
