package checks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What an expression was given is the target's: it is in no detail of a run.
func TestNothingOfTheAnswerInErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"t":"`+answerText+`","l":[1,2],"n":7}`)
	}))
	defer server.Close()
	for source, want := range map[string]string{
		"int(body.t)":                     "int: it cannot be computed from what it is given",
		"float(body.t)":                   "float: it cannot be computed from what it is given",
		"date(body.t)":                    "date: it cannot be computed from what it is given",
		"duration(body.t)":                "duration: it cannot be computed from what it is given",
		"timezone(body.t)":                "timezone: it cannot be computed from what it is given",
		"fromJSON(body.t)":                "fromJSON: it cannot be computed from what it is given",
		`"a" matches (body.t + "(")`:      "matches: it cannot be computed from what it is given",
		"body[0:1]":                       "it cannot be computed from what it is given",
		"len(body.n)":                     "invalid argument for len (type int)",
		"body.n + body.t":                 "invalid operation: int + string",
		"body.t.x":                        "text has no field x",
		"body[body.t]":                    "the field whose name is computed is missing",
		"body.n[body.t]":                  "a number has no field of the name that is computed",
		"body.l[body.t]":                  "want a number to read an element by, got text",
		"body.x":                          "the field x is missing",
		`extract(body.t, body.t + "(")`:   "extract: the pattern is no regular expression of RE2",
		`split(body.t, "v")[99]`:          "index out of range: 99 (array length is 2)",
		"body.l[9]":                       "element 9 of a list of 2 is missing",
		"filter(body.l, int(body.t) > #)": "int: it cannot be computed from what it is given",
	} {
		c := mustLoad(t, Options{}, oneStep(server.URL, getOK+"\ncapture:\n  v: |-\n    "+source))
		r := probeOnce(t, c)
		if r.Err != nil {
			t.Errorf("%s: an error of ours: %v", source, r.Err)
			continue
		}
		if got, want := r.Steps[0].Detail, "capturing v from "+source+": "+want; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", source, got, want)
		}
	}
}
