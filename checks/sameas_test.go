package checks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
)

// Two refusals differ by their status, by header fields, by the cookies that they set and
// by what their bodies say; what is ignored, and how a body is written, is no difference.
func TestDifferences(t *testing.T) {
	plain := &SameAsSettings{Headers: sameHeaders}
	lax := &SameAsSettings{Headers: []string{"X-Left"}, Ignore: []string{"trace", "time"}}
	h := func(pairs ...string) http.Header {
		header := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			header.Add(pairs[i], pairs[i+1])
		}
		return header
	}
	for _, tc := range []struct {
		by         *SameAsSettings
		one, other answer
		want       string
	}{
		{plain, answer{status: 401}, answer{status: 401}, ""},
		{plain, answer{status: 404}, answer{status: 401}, "status 404, not 401"},
		{plain, answer{header: h("www-authenticate", "Bearer", "Date", "1")}, answer{header: h("WWW-Authenticate", "Bearer", "Date", "2")}, ""},
		{plain, answer{header: h("WWW-Authenticate", `Bearer error="a"`)}, answer{header: h("WWW-Authenticate", "Bearer")}, "another Www-Authenticate"},
		{plain, answer{header: h("Location", "/a", "Content-Type", "text/html")}, answer{}, "another Content-Type, another Location"},
		{plain, answer{header: h("X-Left", "3")}, answer{}, ""},
		{lax, answer{header: h("X-Left", "3", "Location", "/")}, answer{}, "another X-Left"},
		{plain, answer{header: h("Set-Cookie", "a=1", "Set-Cookie", "b=2")}, answer{header: h("Set-Cookie", "b=3", "Set-Cookie", "a=4")}, ""},
		{plain, answer{header: h("Set-Cookie", "a=1")}, answer{}, "other cookies"},
		{plain, answer{body: []byte(`{"a": 1, "b": [1, null]}`)}, answer{body: []byte(`{"b":[1,null],"a":1}`)}, ""},
		{plain, answer{body: []byte(`{"a": 1}`)}, answer{body: []byte(`{"a": "1"}`)}, "another body, with 1 other value"},
		{plain, answer{body: []byte(`{"a": {}}`)}, answer{body: []byte(`{"a": []}`)}, "another body, with 1 other value"},
		{plain, answer{body: []byte(`{"e": {"code": "x", "left": 4}}`)}, answer{body: []byte(`{"e": {"code": "y"}}`)}, "another body, with 1 other value and 1 member that one of them alone has"},
		{plain, answer{body: []byte(`[1, 2, 3]`)}, answer{body: []byte(`[1]`)}, "another body, with 2 members that one of them alone has"},
		{plain, answer{body: []byte(`{"a": null}`)}, answer{body: []byte(`{}`)}, "another body, with 1 member that one of them alone has"},
		{lax, answer{body: []byte(`{"time": 1, "e": [{"trace": "x"}]}`)}, answer{body: []byte(`{"e": [{"trace": "y"}]}`)}, ""},
		{lax, answer{body: []byte(`{"timer": 1}`)}, answer{body: []byte(`{"timer": 2}`)}, "another body, with 1 other value"},
		{plain, answer{body: []byte(`<p>no</p>`)}, answer{body: []byte(`<p>no</p>`)}, ""},
		{plain, answer{body: []byte(`no such user`)}, answer{body: []byte(`wrong`)}, "another body, of 12 bytes and not 5"},
		{plain, answer{body: []byte(`{}`)}, answer{}, "another body, of 2 bytes and not 0"},
	} {
		if got := strings.Join(tc.by.differences(&tc.one, &tc.other), ", "); got != tc.want {
			t.Errorf("%+v and %+v: got %q, want %q", tc.one, tc.other, got, tc.want)
		}
	}
}

// An answer that tells which factor was wrong is a refusal of the wrong kind, and no
// fail-open; nothing of either answer is told.
func TestSameAs(t *testing.T) {
	const user, password = "sentinel.user.1", "sentinel.password.1"
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		known, unknown http.HandlerFunc
		settings       string
		reason         prober.Reason
		detail         string
	}{
		"the same":       {say(401, `{"error": "invalid"}`), say(401, `{"error": "invalid"}`), "same_as: wrong password", "", ""},
		"the message":    {say(401, `{"error": "`+password+`"}`), say(401, `{"error": "`+user+`"}`), "same_as: wrong password", prober.ReasonWrongRefusal, `want the refusal that the step "wrong password" got, got another one: another body, with 1 other value`},
		"the status":     {say(401, ``), say(404, ``), "same_as: wrong password", prober.ReasonWrongRefusal, `want the refusal that the step "wrong password" got, got another one: status 404, not 401`},
		"what is left":   {say(401, `{"left": 4}`), say(401, `{}`), "same_as: {step: wrong password, ignore: [left]}", "", ""},
		"accepted":       {say(401, ``), say(200, ``), "same_as: wrong password", prober.ReasonNotRefused, "want a refusal with 401 or 404, got 200: it was accepted twice, on two connections"},
		"an error":       {say(401, ``), say(500, ``), "same_as: wrong password", prober.ReasonStatus5xx, "want a refusal with 401 or 404, got 500"},
		"an expectation": {say(401, ``), say(401, `{"error": "`+user+`"}`), `expect: ['body.error == "invalid"']`, prober.ReasonWrongRefusal, `want body.error == "invalid", got text of 15 bytes (status 401)`},
		"too slow":       {say(401, ``), say(401, ``), `expect: ['took < duration("1ns")']`, prober.ReasonTooSlow, "-"},
		"nothing to see": {say(401, ``), say(401, `{}`), `expect: ['body.error == "invalid"']`, prober.ReasonMissingValue, `want body.error == "invalid": the field error is missing (status 401)`},
	} {
		mux := http.NewServeMux()
		mux.HandleFunc("/known", tc.known)
		mux.HandleFunc("/unknown", tc.unknown)
		server := httptest.NewServer(mux)
		r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+server.URL+`
steps:
  - {name: wrong password, request: POST /known, refuse: [401]}
  - {name: unknown user, request: POST /unknown, refuse: [401, 404], `+tc.settings+`}
`))
		server.Close()
		got := r.Steps[1]
		if got.Reason != tc.reason || tc.detail != "-" && got.Detail != tc.detail {
			t.Errorf("%s: got %s %q, want %s %q", name, got.Reason, got.Detail, tc.reason, tc.detail)
		}
		noSecret(t, got.Detail, user, password)
	}
}

// What is compared with a step that was skipped is compared with nothing: the flow's fault.
func TestSameAsNothing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }))
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+server.URL+`
steps:
  - {name: wrong password, if: "false", request: POST /, refuse: [401]}
  - {name: unknown user, request: POST /, refuse: [401], same_as: wrong password}
`))
	if want := `step "unknown user" is compared with "wrong password", which was skipped`; r.Err == nil || r.Err.Error() != want {
		t.Errorf("got %v, want %s", r.Err, want)
	}
}
