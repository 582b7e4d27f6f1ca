package checks

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/prober"
)

// redirector redirects /1 to /2, that to /3 and that into an app, and does
// elsewhere what its path says.
func redirector(t *testing.T) (url string, seen func() []string) {
	return pathServer(t, map[string]http.HandlerFunc{
		"/1": http.RedirectHandler("/2?code=1", http.StatusFound).ServeHTTP, "/2": http.RedirectHandler("3", http.StatusSeeOther).ServeHTTP,
		"/3":     http.RedirectHandler("com.example.bank:/callback?code=abc&state=1", http.StatusTemporaryRedirect).ServeHTTP,
		"/loop":  http.RedirectHandler("/loop", http.StatusFound).ServeHTTP,
		"/to5xx": http.RedirectHandler("/5xx", http.StatusFound).ServeHTTP, "/5xx": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"/307":     func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/2"); w.WriteHeader(307) },
		"/nowhere": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) },
		"/space": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/ok?a=b c")
			w.WriteHeader(302)
		},
	})
}

func TestFollow(t *testing.T) {
	const app = `{until: location.scheme == "com.example.bank"}`
	tests := []struct {
		name, first, follow string
		reason              prober.Reason
		detail              string
		seen                []string
		status, sent        int
	}{
		{"one", "GET /1", "location", "", "", []string{"/1", "/2"}, 303, 1},
		{"until", "GET /1", app, "", "", []string{"/1", "/2", "/3"}, 307, 2},
		{"until, and it is there", "GET /3", app, "", "", []string{"/3"}, 307, 0},
		{"just enough", "GET /1", `{until: location.scheme == "com.example.bank", at_most: 2}`, "", "", []string{"/1", "/2", "/3"}, 307, 2},
		{"too many", "GET /1", `{until: location.scheme == "com.example.bank", at_most: 1}`, prober.ReasonRedirect,
			`want location.scheme == "com.example.bank" after at most 1 redirects, got a further one or another answer (status 303)`, []string{"/1", "/2"}, 303, 1},
		{"endless", "GET /loop", app, prober.ReasonRedirect,
			`want location.scheme == "com.example.bank" after at most 10 redirects, got a further one or another answer (status 302)`, nil, 302, 10},
		{"no redirect", "GET /ok", "location", prober.ReasonMissingValue, "want a redirect to follow, got 200", []string{"/ok"}, 0, 0},
		{"a page instead", "GET /space", app, prober.ReasonMissingValue, "want a redirect to follow, got 200", []string{"/space", "/ok"}, 200, 1},
		{"an error instead", "GET /to5xx", app, prober.ReasonStatus5xx, "want a redirect to follow, got 503", []string{"/to5xx", "/5xx"}, 503, 1},
		{"an error before", "GET /5xx", "location", prober.ReasonStatus5xx, "want a redirect to follow, got 503", []string{"/5xx"}, 0, 0},
		{"no Location", "GET /nowhere", "location", prober.ReasonMissingValue, "want a redirect to follow, got 302 without a Location", []string{"/nowhere"}, 0, 0},
		{"into an app", "GET /3", "location", prober.ReasonRedirect, "want a redirect to an http or https URL, got one to something else (status 307)", []string{"/3"}, 0, 0},
		{"into another app", "GET /1", `{until: location.scheme == "com.example.other"}`, prober.ReasonRedirect,
			"want a redirect to an http or https URL, got one to something else (status 307)", []string{"/1", "/2", "/3"}, 307, 2},
		{"the same method", "GET /307", "location", "", "", []string{"/307", "/2"}, 303, 1},
		{"another method", "POST /307", "location", prober.ReasonRedirect, "want a redirect to follow with GET, got 307, which asks for the POST again", []string{"/307"}, 0, 0},
		{"after a POST", "POST /1", "location", "", "", []string{"/1", "/2"}, 303, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, seen := redirector(t)
			r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+url+"\nsteps:\n  - {name: first, request: "+tt.first+
				", expect: [status > 0]}\n  - name: on\n    follow: "+tt.follow+"\n    expect: [status > 0]\n"))
			check(t, r, tt.reason, tt.detail)
			if got := seen(); tt.seen != nil && !cmp.Equal(tt.seen, got) {
				t.Errorf("the target saw %v, want %v", got, tt.seen)
			}
			if st := r.Steps[1]; st.Status != tt.status || st.Attempts != tt.sent {
				t.Errorf("got status %d after %d requests, want %d after %d", st.Status, st.Attempts, tt.status, tt.sent)
			}
		})
	}
}

// What was read of the answer before is read anew where it is the one.
func TestFollowNowhere(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{"n": 7}`)) }))
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+server.URL+`
steps:
  - {name: first, request: GET /, expect: [body.n == 7]}
  - {name: on, follow: {until: body.n == 7}, expect: [body.n == 7, 'took == duration("0s")', 'text contains "7"']}
`))
	check(t, r, "", "")
}

func TestLocation(t *testing.T) {
	const (
		none       = "(none)"
		unparsable = "reading the answer: failed to parse Location header" // what net/http makes of it
	)
	tests := []struct{ name, location, expr, want string }{
		{"whole", "https://id.bank.example/a?b=1#c", "location.url", "https://id.bank.example/a?b=1#c"},
		{"host", "https://id.bank.example:8443/a", "location.host", "id.bank.example:8443"},
		{"relative", "next?x=1", "location.path", "/dir/next"},
		{"relative, whole", "../up", "location.url", "TARGET/up"},
		{"absolute path", "/abs", "location.scheme + location.path", "http/abs"},
		{"another host", "//other.example/x", "location.scheme + location.host", "httpother.example"},
		{"query", "/?code=a%2Bb+c&code=second", "location.query.code", "a+b c"},
		{"fragment", "/cb#access_token=t&state=s%20s", "location.fragment.state", "s s"},
		{"custom scheme", "com.example.bank:/callback?code=abc", "location.scheme + location.path + location.query.code", "com.example.bank/callbackabc"},
		{"custom scheme, opaque", "com.example.bank:callback?code=abc", "location.path + location.query.code", "callbackabc"},
		{"custom scheme with a host", "bankapp://callback?code=abc", "location.host + location.query.code", "callbackabc"},
		{"no such parameter", "/?code=a", "location.query.state", "the field state is missing"},
		{"a query that is half well-formed", "/?%zz=1&code=a", "location.query.code", "a"},
		{"missing", none, "location.query.code", "the field query of null is missing"},
		{"missing, and asked for", none, `string(location == nil)`, "true"},
		{"unparsable", "http://[x", `string(location == nil)`, unparsable},
		{"a colon first", "1:2", "location.url", unparsable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.location != none {
					w.Header().Set("Location", tt.location)
				}
				w.WriteHeader(http.StatusFound)
			}))
			defer server.Close()
			want := strings.ReplaceAll(tt.want, "TARGET", server.URL)
			r := probeOnce(t, mustLoad(t, Options{}, oneStep(server.URL, "request: GET /dir/page\nexpect: [status == 302, "+strconv.Quote(tt.expr+" == "+strconv.Quote(want))+"]")))
			switch st := r.Steps[0]; {
			case strings.HasSuffix(want, "is missing"):
				if st.Reason != prober.ReasonMissingValue || !strings.Contains(st.Detail, want) {
					t.Errorf("got %q: %s", st.Reason, st.Detail)
				}
			case want == unparsable:
				check(t, r, prober.ReasonBadResponse, want)
			case st.Reason != "" || r.Err != nil:
				t.Errorf("got %q: %s %v", st.Reason, st.Detail, r.Err)
			}
		})
	}
}
