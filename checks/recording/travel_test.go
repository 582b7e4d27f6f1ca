package recording_test

import (
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

// Where an answer has a value, and how a later request sends it.
func TestValuesTravel(t *testing.T) {
	first := func(e entry) entry {
		e.method, e.url = "POST", "https://a.example/first"
		return e
	}
	get := func(url string, header ...string) entry {
		return entry{method: "GET", url: "https://a.example" + url, header: header}
	}
	for name, c := range map[string]struct {
		answer, request entry
		capture, use    string
	}{
		"cookie":       {first(entry{answer: []string{"Set-Cookie", "XSRF-TOKEN=tok.1234-ab; Path=/"}}), get("/x", "X-XSRF-Token", "tok.1234-ab"), `xsrf_token: extract(header["Set-Cookie"], "^XSRF-TOKEN=([^;]*)")`, "X-XSRF-Token: ${{ xsrf_token }}"},
		"header":       {first(entry{answer: []string{"X-Session", "sess0001"}}), get("/x", "X-Session", "sess0001"), `x_session: header["X-Session"]`, "X-Session: ${{ x_session }}"},
		"fragment":     {first(entry{status: 302, answer: []string{"Location", "app://cb#token=abc12345"}}), get("/x?t=abc12345"), "token: location.fragment.token", "t: ${{ token }}"},
		"Location":     {first(entry{status: 303, answer: []string{"Location", "/interaction/q9Zt4xKw7LmP2vB8"}}), get("/interaction/q9Zt4xKw7LmP2vB8/login"), `interaction_id: split(location.path, "/")[2]`, "request: GET /interaction/${{ interaction_id }}/login"},
		"text":         {first(entry{answerType: "text/plain", answerBody: "tok-000111222\n"}), get("/x", "Authorization", "Bearer tok-000111222"), "token: trim(text)", "bearer: ${{ token }}"},
		"raw":          {first(entry{answerBody: `{"token":"abcdef123"}`}), get("/x", "Authorization", "abcdef123"), "token: body.token", "Authorization: ${{ token }}"},
		"within":       {first(entry{answerBody: `{"id":"abcdef123"}`}), get("/x?next=%2Fitems%2Fabcdef123%3Fa%3Db"), "id: body.id", `next: "/items/${{ id }}?a=b"`},
		"odd names":    {first(entry{answerBody: `{"a-b":{"in":[{"count":"abcdef123"}]}}`}), get("/x?a=abcdef123"), `count_value: body["a-b"]["in"][0].count`, "a: ${{ count_value }}"},
		"number":       {first(entry{answerBody: `{"num":987654}`}), entry{method: "POST", url: "https://a.example/x", mime: "application/json", body: `{"a":"987654","b":987654}`}, "num: body.num", "a: ${{ string(num) }}\n      b: ${{ num }}"},
		"number text":  {first(entry{answerBody: `{"ref":"987654"}`}), entry{method: "POST", url: "https://a.example/x", mime: "application/json", body: `{"a":987654}`}, "ref: body.ref", "a: ${{ int(ref) }}"},
		"first of two": {first(entry{answerBody: `{"x":"abcdef123","y":"abcdef123"}`}), get("/x?a=abcdef123"), "x: body.x", "a: ${{ x }}"},
	} {
		t.Run(name, func(t *testing.T) {
			rec, err := recording.HAR(strings.NewReader(harOf(c.answer, c.request)))
			if err != nil {
				t.Fatal(err)
			}
			draft, err := rec.Draft(recording.Options{Name: "x"})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"capture:\n      " + c.capture + "\n", c.use + "\n"} {
				if !strings.Contains(string(draft.Flow), want) {
					t.Errorf("want %s in\n%s", want, draft.Flow)
				}
			}
			if _, err := load(t, draft, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a client sends first, and an answer merely repeats, is the client's.
func TestEchoIsNoSource(t *testing.T) {
	rec, err := recording.HAR(strings.NewReader(harOf(
		entry{method: "POST", url: "https://a.example/login", mime: "application/json", body: `{"username":"carol77","device":"dev-4711-a"}`, answerBody: `{"user":"carol77","device":"dev-4711-a"}`},
		entry{method: "GET", url: "https://a.example/users/carol77?device=dev-4711-a"})))
	if err != nil {
		t.Fatal(err)
	}
	draft, err := rec.Draft(recording.Options{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if text := string(draft.Flow); draft.Captures != 0 || !strings.Contains(text, "GET /users/${{ account.username }}\n") || !strings.Contains(text, "device: dev-4711-a") {
		t.Errorf("%d captures in\n%s", draft.Captures, text)
	}
}
