package checks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// What a failed step's answer says about how much the target can take is in the
// report, and nothing that an answer says is where the run went on.
func TestOverload(t *testing.T) {
	date := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		status     int
		header     string
		step       string
		overloaded bool
		after      time.Duration
	}{
		{"429", 429, "7", getOK, true, 7 * time.Second},
		{"503", 503, "7", getOK, true, 7 * time.Second},
		{"503 without", 503, "", getOK, true, 0},
		{"a date, by the target's clock", 503, date.Add(90 * time.Second).Format(http.TimeFormat), getOK, true, 90 * time.Second},
		{"a date that is past", 503, date.Add(-time.Hour).Format(http.TimeFormat), getOK, true, 0},
		{"longer than we wait", 503, "86400", getOK, true, prober.MostRetryAfter},
		{"500", 500, "7", getOK, false, 0},
		{"passed", 200, "7", getOK, false, 0},
		{"expected", 429, "7", "request: GET /\nexpect: [status == 429]", false, 0},
		{"no refusal", 503, "7", "request: GET /\nrefuse: [401]", true, 7 * time.Second},
		{"polled", 429, "7", "request: GET /\nexpect: [status == 200]\npoll: {every: 100ms, for: 500ms, until: status == 200}", true, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", date.Format(http.TimeFormat))
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			r := probeOnce(t, mustLoad(t, Options{}, oneStep(server.URL, c.step)))
			if r.Overloaded != c.overloaded || r.RetryAfter != c.after {
				t.Errorf("got %t, %v; want %t, %v", r.Overloaded, r.RetryAfter, c.overloaded, c.after)
			}
		})
	}
}

// A clean-up never slows a check down: it is not what is measured.
func TestOverloadOfTheCleanUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/logout" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	flow := oneStep(server.URL, getOK) + "cleanup:\n  - name: out\n    request: GET /logout\n    expect: [status == 200]\n"
	if r := probeOnce(t, mustLoad(t, Options{}, flow)); r.Overloaded || r.Cleanup[0].Status != 503 {
		t.Errorf("got %+v", r)
	}
}

// The target, and nobody else, may ask for a pause: whatever became of the step, with
// whole seconds, and for an hour at the most.
func TestPauseHeader(t *testing.T) {
	const name = "X-Synthetic-Probe-Pause"
	for _, c := range []struct {
		value  string
		status int
		header string // that is listened to
		want   time.Duration
	}{
		{"300", 200, name, 5 * time.Minute},
		{"300", 503, name, 5 * time.Minute},
		{" 300 ", 200, strings.ToLower(name), 5 * time.Minute},
		{"300", 200, "", 0},
		{"300", 200, "X-Other", 0},
		{"", 200, name, 0},
		{"0", 200, name, 0},
		{"-5", 200, name, 0},
		{"5m", 200, name, 0},
		{"3601", 200, name, time.Hour},
		{strings.Repeat("9", 40), 200, name, time.Hour},
	} {
		t.Run(fmt.Sprintf("%s %d %s", c.value, c.status, c.header), func(t *testing.T) {
			asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(name, c.value)
				w.WriteHeader(c.status)
			}))
			defer asked.Close()
			if r := probeOnce(t, mustLoad(t, Options{PauseHeader: c.header}, oneStep(asked.URL, getOK))); r.Pause != c.want {
				t.Errorf("got %v, want %v", r.Pause, c.want)
			}
			target := httptest.NewServer(http.RedirectHandler(asked.URL, http.StatusFound))
			defer target.Close()
			if r := probeOnce(t, mustLoad(t, Options{PauseHeader: c.header}, oneStep(target.URL, getOK+"\nfollow_redirects: 1"))); r.Pause != 0 {
				t.Errorf("a server that the target redirects to has paused the check for %v", r.Pause)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://api.bank.example/v1":   "https://api.bank.example:443",
		"HTTPS://API.bank.example:443/": "https://api.bank.example:443",
		"http://api.bank.example":       "http://api.bank.example:80",
		"http://[::1]:8080/x?y":         "http://::1:8080",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := origin(u); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// FuzzWishes holds that whatever a header field says, the wait is one we stand by.
func FuzzWishes(f *testing.F) {
	for _, s := range []string{"", "7", "-7", "1e9", "99999999999999999999", "Tue, 24 Nov 2026 03:00:00 GMT", "Tue, 24 Nov 9999 03:00:00 GMT", " 7", "+7", "٣"} {
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		if d := retryAfter(value, time.Unix(now, 0)); d < 0 || d > prober.MostRetryAfter {
			t.Errorf("%q: got %v", value, d)
		}
		if d, ok := seconds(value, prober.MostPause); d < 0 || d > prober.MostPause || !ok && d != 0 {
			t.Errorf("%q: got %v, %t", value, d, ok)
		}
	})
}
