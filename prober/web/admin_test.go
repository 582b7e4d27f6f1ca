package web

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// fakeDrills notes what it is asked for.
type fakeDrills struct{ asked []string }

func (f *fakeDrills) Drill(check string, length time.Duration, now time.Time) (prober.Drill, error) {
	f.asked = append(f.asked, fmt.Sprint("drill ", check, " for ", length))
	switch {
	case check != "login":
		return prober.Drill{}, fmt.Errorf("drill: %w", prober.ErrNoCheck)
	case length > time.Hour:
		return prober.Drill{}, errors.New("too long")
	}
	return prober.Drill{Since: now, Until: now.Add(length)}, nil
}

func (f *fakeDrills) EndDrill(check string, _ time.Time) error {
	f.asked = append(f.asked, "end "+check)
	return nil
}

// TestAdminGate says of those who ask whether they may change something.
func TestAdminGate(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	const (
		off    = "the admin endpoints are off; AUTHPROBER_ADMIN=on has them\n"
		open   = "the admin endpoints want a web configuration that asks for a password or a client certificate, or a loopback address to listen on\n"
		named  = "the admin endpoints want to be asked for as localhost or by a loopback address\n"
		origin = "a page of another origin has sent this: the admin endpoints are for none\n"
	)
	for name, c := range map[string]struct {
		admin  Admin
		host   string
		header []string
		status int
		want   string
	}{
		"by default":                    {Admin{}, "localhost", nil, 404, off},
		"off, though authenticated":     {Admin{Authenticated: yes}, "localhost", nil, 404, off},
		"nobody shows who they are":     {Admin{On: true, Authenticated: no}, "localhost", nil, 403, open},
		"nobody has to":                 {Admin{On: true}, "127.0.0.1:9870", nil, 403, open},
		"authenticated":                 {Admin{On: true, Authenticated: yes}, "prober.example", nil, 200, ""},
		"loopback":                      {Admin{On: true, Loopback: true, Authenticated: no}, "127.0.0.1:9870", nil, 200, ""},
		"loopback, IPv6":                {Admin{On: true, Loopback: true}, "[::1]:9870", nil, 200, ""},
		"loopback, IPv6 without a port": {Admin{On: true, Loopback: true}, "[::1]", nil, 200, ""},
		"localhost":                     {Admin{On: true, Loopback: true}, "localhost:9870", nil, 200, ""},
		"a name that was rebound":       {Admin{On: true, Loopback: true}, "attacker.example:9870", []string{"Sec-Fetch-Site", "same-origin"}, 403, named},
		"another name of loopback":      {Admin{On: true, Loopback: true}, "localhost.attacker.example", nil, 403, named},
		"no name":                       {Admin{On: true, Loopback: true}, "", nil, 403, named},
		"another origin":                {Admin{On: true, Authenticated: yes}, "prober.example", []string{"Sec-Fetch-Site", "cross-site"}, 403, origin},
		"another origin, old browser":   {Admin{On: true, Loopback: true}, "localhost:9870", []string{"Origin", "http://attacker.example"}, 403, origin},
		"another port of localhost":     {Admin{On: true, Loopback: true}, "localhost:9870", []string{"Origin", "http://localhost:3000"}, 403, origin},
		"our own page":                  {Admin{On: true, Loopback: true}, "localhost:9870", []string{"Sec-Fetch-Site", "same-origin"}, 200, ""},
	} {
		for _, to := range [][2]string{{"POST", "/-/drill?check=login&for=2m"}, {"DELETE", "/-/drill?check=login"}, {"PUT", "/-/log-level"}, {"POST", "/-/reload"}} {
			t.Run(name+" "+to[0], func(t *testing.T) {
				drills := &fakeDrills{}
				opts := testOptions(t)
				opts.Admin, opts.Drills = c.admin, drills
				opts.Reload = func() error { drills.asked = append(drills.asked, "reload"); return nil }
				r := httptest.NewRequest(to[0], to[1], strings.NewReader(`{"level":"debug"}`))
				r.Host = c.host
				for i := 0; i < len(c.header); i += 2 {
					r.Header.Set(c.header[i], c.header[i+1])
				}
				w := httptest.NewRecorder()
				Handler(opts).ServeHTTP(w, r)
				if w.Code != c.status || c.want != "" && w.Body.String() != c.want {
					t.Errorf("got %d: %s, want %d: %s", w.Code, w.Body, c.status, c.want)
				}
				if changed := len(drills.asked) > 0 || opts.Level.Level() == zap.DebugLevel; changed != (c.status == 200) {
					t.Errorf("changed is %v after %d", changed, w.Code)
				}
			})
		}
	}
}

func TestDrillEndpoint(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	drills := &fakeDrills{}
	opts := testOptions(t)
	opts.Log, opts.Drills, opts.Admin = zap.New(core), drills, Admin{On: true, Authenticated: func() bool { return true }}
	h := Handler(opts)
	const wantFor = "want for=, a time such as 2m, from 1s to 1h\n"
	for _, c := range []struct {
		method, query string
		status        int
		want          string
	}{
		{"POST", "check=login&for=2m", 200, `{"check":"login","drill":true,"until":"…`},
		{"POST", "check=lgin&for=2m", 404, "there is no check of that name\n"},
		{"POST", "check=login", 400, wantFor},
		{"POST", "check=login&for=soon", 400, wantFor},
		{"POST", "check=login&for=2h", 400, wantFor},
		{"POST", "check=%zz", 400, "want check and for as a query or a form\n"},
		{"DELETE", "check=login", 200, `{"check":"login","drill":false}` + "\n"},
		{"GET", "check=login", 405, "Method Not Allowed\n"},
	} {
		w := request(h, c.method, "/-/drill?"+c.query, "")
		part, isPart := strings.CutSuffix(c.want, "…")
		if got := w.Body.String(); w.Code != c.status || isPart && !strings.HasPrefix(got, part) || !isPart && got != c.want {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.query, w.Code, got, c.status, c.want)
		}
	}
	w := request(h, "POST", "/-/drill", "check=login&for=3s", "Content-Type", "application/x-www-form-urlencoded")
	if w.Code != 200 || drills.asked[len(drills.asked)-1] != "drill login for 3s" {
		t.Errorf("a form: got %d: %s, asked %v", w.Code, w.Body, drills.asked)
	}
	if w := request(h, "POST", "/-/drill", strings.Repeat("x", maxForm+1), "Content-Type", "application/x-www-form-urlencoded"); w.Code != 400 {
		t.Errorf("a long form: got %d", w.Code)
	}
	if n := lines.FilterMessage("admin").Len(); n != 9 {
		t.Errorf("%d lines of those who were let through, want 9", n)
	}
}

func TestReloadEndpoint(t *testing.T) {
	opts := testOptions(t)
	opts.Admin = Admin{On: true, Authenticated: func() bool { return true }}
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{nil, 200, "reloaded\n"},
		{errors.New("a.yaml:1:1: no\nb.yaml:2:3: no"), 422, "refused, and all goes on as it was:\na.yaml:1:1: no\nb.yaml:2:3: no\n"},
	} {
		opts.Reload = func() error { return c.err }
		if w := request(Handler(opts), "POST", "/-/reload", ""); w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("got %d: %s, want %d: %s", w.Code, w.Body, c.status, c.want)
		}
		if w := request(Handler(opts), "GET", "/-/reload", ""); w.Code != 405 {
			t.Errorf("GET: got %d", w.Code)
		}
	}
	opts.Reload = nil
	if w := request(Handler(opts), "POST", "/-/reload", ""); w.Code == 200 {
		t.Errorf("without a way to reload: got %d", w.Code)
	}
}

func TestNoDrillsNoEndpoint(t *testing.T) {
	opts := testOptions(t)
	opts.Admin = Admin{On: true, Authenticated: func() bool { return true }}
	if w := request(Handler(opts), "POST", "/-/drill?check=login&for=2m", ""); w.Code != 404 && w.Code != 405 {
		t.Errorf("got %d", w.Code)
	}
}
