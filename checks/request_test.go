package checks

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/prober"
)

// recorded is what a test's target has been sent.
type recorded struct {
	Line, Body string
	Header     http.Header
}

// recorder answers every request with the body, and keeps what it was sent.
func recorder(t *testing.T, body string) (url string, got *[]recorded) {
	got = new([]recorded)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		*got = append(*got, recorded{r.Method + " " + r.RequestURI, string(sent), r.Header})
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "abc", Path: "/"})
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func TestRequestAsSent(t *testing.T) {
	url, got := recorder(t, `{"id": "a/b?c&d e", "n": 12345678901234567890123, "f": 1.10, "i": 7, "deep": {"x": [1, "two", null]}}`)
	c := mustLoad(t, Options{
		UserAgent: "authprober/test", MarkerName: "X-Synthetic-Probe", MarkerValue: "authprober",
		LookupEnv: testEnv, AllowEnv: []string{"BANK_URL"},
	}, `
name: x
target: `+url+`/api/
secrets: {key: "k\"ey"}
steps:
  - name: first
    request: GET /start
    query: {a b: "c&d", e: "${{ secrets.key }}"}
    headers: {X-Step: "${{ step }} of ${{ check }}", User-Agent: mine}
    cookies: {device: "d1"}
    expect: [status == 200]
    capture: {id: body.id, n: body.n, f: body.f, i: body.i, deep: body.deep}
  - name: json
    request: POST /things/${{ id }}?q=${{ id }}
    json:
      z: "${{ i }}"
      a: "${{ secrets.key }}"
      text: "i=${{ i }} f=${{ f }}"
      quoted: "012345"
      plain: 300
      yes: true
      none: null
      list: [1, "${{ deep }}", {n: "${{ n }}", html: "<a&b>"}]
    basic: {username: "jörg", password: "${{ secrets.key }}"}
    expect: [status == 200]
  - name: form
    request: POST /form
    form: {a b: "c&d=", i: "${{ i }}", quoted: "${{ id }}"}
    bearer: ${{ secrets.key }}
    expect: [status == 200]
  - name: text
    request: 'PUT ${{ env.BANK_URL == "" ? "" : "`+url+`/whole" }}'
    body: "hello ${{ i }}"
    expect: [status == 200]
`)
	r := probeOnce(t, c)
	if r.Outcome() != prober.Passed {
		t.Fatalf("got %s: %v %+v", r.Outcome(), r.Err, r.Steps)
	}
	type sent struct{ Line, Body, ContentType, Authorization, Cookie, Agent string }
	var all []sent
	for _, g := range *got {
		all = append(all, sent{
			g.Line, g.Body, g.Header.Get("Content-Type"), g.Header.Get("Authorization"),
			strings.Join(g.Header.Values("Cookie"), " | "), g.Header.Get("User-Agent"),
		})
	}
	want := []sent{
		{"GET /api/start?a+b=c%26d&e=k%22ey", "", "", "", "device=d1", "mine"},
		{
			"POST /api/things/a%2Fb%3Fc&d%20e?q=a%2Fb%3Fc%26d+e",
			`{"z":7,"a":"k\"ey","text":"i=7 f=1.1","quoted":"012345","plain":300,"yes":true,"none":null,` +
				`"list":[1,{"x":[1,"two",null]},{"n":"12345678901234567890123","html":"<a&b>"}]}`,
			"application/json", "Basic asO2cmc6ayJleQ==", "session=abc", "authprober/test",
		},
		{"POST /api/form", "a+b=c%26d%3D&i=7&quoted=a%2Fb%3Fc%26d+e", "application/x-www-form-urlencoded", `Bearer k"ey`, "session=abc", "authprober/test"},
		{"PUT /whole", "hello 7", "text/plain; charset=utf-8", "", "session=abc", "authprober/test"},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	parents := map[string]bool{}
	steps := slices.Concat(r.Steps, r.Cleanup)
	for i, g := range *got {
		parent := g.Header.Get("Traceparent")
		parents[parent] = true
		method, _, _ := strings.Cut(g.Line, " ")
		sent := prober.Sent{Method: method, Scheme: "http", Host: strings.TrimPrefix(url, "http://"), SpanID: steps[i].Sent.SpanID}
		if steps[i].Sent != sent {
			t.Errorf("the step says that it sent %+v, want %+v", steps[i].Sent, sent)
		}
		if want := "00-" + r.TraceID + "-" + sent.SpanID + "-01"; parent != want || len(parent) != 55 {
			t.Errorf("got traceparent %q, want %q", parent, want)
		}
		if g.Header.Get("X-Synthetic-Probe") != "authprober" {
			t.Errorf("%s was sent without the marker", g.Line)
		}
	}
	if len(parents) != len(*got) {
		t.Errorf("%d requests have %d parent ids", len(*got), len(parents))
	}
	if got := (*got)[0].Header.Get("X-Step"); got != "first of x" {
		t.Errorf("got X-Step %q", got)
	}
}

// Each run is a browser that was never here before.
func TestFreshRuns(t *testing.T) {
	url, got := recorder(t, "{}")
	c := mustLoad(t, Options{}, oneStep(url, getOK))
	remotes := map[string]bool{}
	for range 5 {
		r := probeOnce(t, c)
		if r.Steps[0].Phases.Connect == 0 {
			t.Error("a run began on a connection that was open already")
		}
		remotes[r.TraceID] = true
	}
	for _, g := range *got {
		if c := g.Header.Get("Cookie"); c != "" {
			t.Errorf("a run began with the cookie %q of another", c)
		}
	}
	if len(remotes) != 5 {
		t.Errorf("5 runs have %d trace ids", len(remotes))
	}
}

func TestHonestNumbers(t *testing.T) {
	for text, want := range map[string]any{
		"300": 300, "-0": 0, "9007199254740993": 9007199254740993, "1.5": 1.5, "3e2": 300.0,
		"18446744073709551616": "18446744073709551616", "1e400": "1e400",
	} {
		got, err := jsonvalue.Decode([]byte(text))
		if err != nil || got != want {
			t.Errorf("%s: got %v (%T), %v; want %v (%T)", text, got, got, err, want, want)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"x",null,true],"b":18446744073709551616}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := jsonvalue.Decode(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Errorf("%q was read as JSON", text)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%q was read as what is no JSON: %v", text, err)
		}
	})
}
