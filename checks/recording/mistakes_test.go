package recording_test

import (
	"io"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

const (
	wantHAR     = "want a HAR recording, as a browser or a proxy saves it: {\"log\": {\"entries\": […]}}"
	wantPostman = "want a Postman collection, exported as v2.0 or v2.1: {\"info\": …, \"item\": […]}"
)

func TestMistakesAreToldWhere(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"har", "", "it is empty; " + wantHAR},
		{"har", "hello", "line 1, column 1: it is not JSON; " + wantHAR},
		{"har", "[]", "line 1, column 1: " + wantHAR},
		{"har", "{}", "it has no log.entries; " + wantHAR},
		{"har", `{"log": {"entries": []}}`, "it holds no request"},
		{"har", "{\"log\":\n {\"entries\": 7}}", "line 2, column 14: " + wantHAR},
		{"har", "{\"log\":\n {\"entries\": [\n  {\"request\": ", "line 3, column 3: the JSON ends too early"},
		{"har", "{\"log\": {\"entries\": [\n  {\"request\": {\"method\": [\"hunter2\"]}}]}}", "line 2, column 39: request.method holds a value of the wrong type; " + wantHAR},
		{"har", `{"info": {}, "item": []}`, "this is a Postman collection; read it with: authprober import postman FILE"},
		{"postman", "", "it is empty; " + wantPostman},
		{"postman", "\x00\x01", "line 1, column 1: it is not JSON; " + wantPostman},
		{"postman", "{}", "it has no items; " + wantPostman},
		{"postman", `{"item": []}`, "it holds no request"},
		{"postman", `{"log": {}}`, "this is a HAR recording; read it with: authprober import har FILE"},
		{"postman", `{"info": {"schema": "https://schema.getpostman.com/json/collection/v1.0.0/"}, "item": [{}]}`, "it is a collection of another format; export it as v2.1"},
		{"postman", "{\"item\":\n{}}", "line 2, column 3: this holds a value of the wrong type; " + wantPostman},
	} {
		read := recording.HAR
		if c.format == "postman" {
			read = recording.Postman
		}
		_, err := read(strings.NewReader(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %q:\ngot  %v\nwant %s", c.format, c.text, err, c.want)
		}
	}
}

// Where a recording cannot be read twice, as from a pipe, the place is in bytes.
func TestMistakeInAPipe(t *testing.T) {
	_, err := recording.HAR(struct{ io.Reader }{strings.NewReader("{\"log\":\n {\"entries\": 7}}")})
	if want := "byte 21: " + wantHAR; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDraftMistakes(t *testing.T) {
	entry := func(method, url string, status string) string {
		return `{"startedDateTime":"2026-03-02T09:00:00Z","request":{"method":"` + method + `","url":"` + url + `"},"response":{"status":` + status + `}}`
	}
	for _, c := range []struct {
		entries string
		o       recording.Options
		want    string
	}{
		{entry("OPTIONS", "https://a.example/", "200"), recording.Options{}, "nothing in it can be a step: preflights (OPTIONS) (1)"},
		{entry("GET", "data:text/plain,x", "200"), recording.Options{}, "nothing in it can be a step: addresses that are not http or https (1)"},
		{entry("GET", "https://a.example/", "0"), recording.Options{}, "nothing in it can be a step: requests that got no answer (1)"},
		{entry("GET", "https://a.example/x", "200"), recording.Options{Target: "b.example"}, `nothing is sent to "b.example"; the hosts are https://a.example`},
		{strings.TrimSuffix(strings.Repeat(entry("GET", "https://a.example/x", "200")+",", 201), ","), recording.Options{}, "it has 201 requests that would be steps; a flow has at most 200: record a login and little more"},
	} {
		rec, err := recording.HAR(strings.NewReader(`{"log":{"entries":[` + c.entries + `]}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rec.Draft(c.o); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}
