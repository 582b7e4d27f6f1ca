package checks

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expr-lang/expr/vm"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// compiledAfter compiles an expression that sees an answer.
func compiledAfter(t testing.TB, source string) *program {
	t.Helper()
	doc := &strict.Document{File: "x"}
	p := newScope(doc).withAnswer(false).compile(&yaml.Node{Kind: yaml.ScalarNode, Value: source, Line: 1, Column: 1}, 0, source)
	if p == nil {
		t.Fatalf("%s: %v", source, doc.Mistakes)
	}
	return p
}

// An expression finds in the part of a body that it reads what it finds in the whole, and
// that part is no more than it must be.
func TestExpressionsReadParts(t *testing.T) {
	bodies := []string{
		`{"a": {"b": [1, {"c": 2}], "d": "x"}, "ab": 3, "e": [true, {"f": null}], "n": null}`,
		`{"a": [1, 2], "e": {"f": 1, "g": 2}}`, `{"a": null, "e": "text"}`, `{"a": {"b": {"c": 5}}}`, `[1, 2]`, `{}`, `null`, `"a"`, `7`,
	}
	of := func(path ...string) *jsonvalue.Part { return jsonvalue.Of(path, false) }
	size := func(path ...string) *jsonvalue.Part { return jsonvalue.Of(path, true) }
	for _, tc := range []struct {
		source string
		want   *jsonvalue.Part
	}{
		{`status == 200`, nil},
		{`body`, jsonvalue.Whole},
		{`body != nil`, jsonvalue.Whole},
		{`body.a`, of("a")},
		{`body["a"]`, of("a")},
		{`body.a.d == "x"`, of("a", "d")},
		{`body.a?.d ?? "none"`, of("a", "d")},
		{`body?.a?.d`, of("a", "d")},
		{`(body.a ?? {}).d`, of("a")},
		{`body.a.b[1].c`, of("a", "b")},
		{`body[step]`, jsonvalue.Whole},
		{`body.a[step]`, of("a")},
		{`body.a[body.ab]`, of("a").And(of("ab"))},
		{`len(body.e) > 0`, size("e")},
		{`body.e | len()`, size("e")},
		{`len(body.e) > 0 && body.e[0]`, of("e")},
		{`len(body.a) > 1 || body.a.d == "x"`, size("a").And(of("a", "d"))},
		{`len(body)`, size()},
		{`all(body.e, # != 3)`, of("e")},
		{`any(body.e, # == body.ab)`, of("e").And(of("ab"))},
		{`let x = body; x.a`, jsonvalue.Whole},
		{`let x = body.a; x.d`, of("a")},
		{`"a" in body`, jsonvalue.Whole},
		{`body.a in ["x", body.ab]`, of("a").And(of("ab"))},
		{`len(keys(body.a))`, of("a")},
		{`[body.a.b, len(body.a.b)]`, of("a", "b")},
		{`body.a == body.e`, of("a").And(of("e"))},
		{`body.n == nil`, of("n")},
		{`toJSON(body.a)`, of("a")},
		{`get(body, "a")`, jsonvalue.Whole},
	} {
		p := compiledAfter(t, tc.source)
		if !p.reads.Covers(tc.want) || !tc.want.Covers(p.reads) {
			t.Errorf("%s: another part of the body is read", tc.source)
		}
		for _, body := range bodies {
			whole, wholeErr := evaluated(t, p, body, jsonvalue.Whole)
			part, partErr := evaluated(t, p, body, p.reads)
			if diff := cmp.Diff(whole, part); diff != "" || wholeErr != partErr {
				t.Errorf("%s of %s: in part error %q, of the whole %q; -whole +part:\n%s", tc.source, body, partErr, wholeErr, diff)
			}
		}
	}
}

// evaluated is what an expression finds in a part of a body, and its error as text.
func evaluated(t *testing.T, p *program, body string, part *jsonvalue.Part) (any, string) {
	t.Helper()
	decoded, err := jsonvalue.DecodePart([]byte(body), part)
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{vars: map[string]any{"body": decoded, "status": 200, "step": "a"}}
	v, err := s.run(p)
	if err != nil {
		return nil, err.Error()
	}
	return v, ""
}

// Whatever reads a step's answer, each finds the part that it reads.
func TestStepsReadParts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"token": "t-1", "next": {"id": 7, "at": "now"}, "list": [{"id": 1}, {"id": 2}], "env": 5, "error": "none"}`))
	}))
	defer server.Close()
	c := mustLoad(t, Options{}, "name: x\ntarget: "+server.URL+`
schedule: {every: 10s, timeout: 5s}
tags: {at: body.next.at}
steps:
  - name: a
    request: GET /
    poll: {every: 100ms, for: 2s, until: 'len(body.list) == 2'}
    expect: [status == 200, body.token startsWith "t", len(body.list) > 1]
    capture: {id: body.next.id, all: {value: body.list, show: true}}
  - name: b
    if: all[1].id == 2
    request: GET /
    expect: [len(body.list) == 2, 'body.list[id - 7].id == 1', '$env["body"].env == 5']
  - name: c
    request: GET /
    expect: [status == 200, body.token contains "x"]
`)
	r := probeOnce(t, c)
	check(t, r, prober.ReasonAssertion, `want body.token contains "x", got text of 3 bytes (status 200)`)
	if len(r.Steps) != 3 {
		t.Errorf("got %d steps", len(r.Steps))
	}
	if r.Tags["at"] != "now" {
		t.Errorf("got the tags %v", r.Tags)
	}
}

// What asks for one status and no more is answered as the machine would, and nothing else
// is taken for it.
func TestOneStatus(t *testing.T) {
	for source, want := range map[string]int{
		`status == 200`: 200, `(status == 204)`: 204, ` status==429 `: 429, `status == 100 + 101`: 201,
		`status != 200`: 0, `status >= 200`: 0, `!(status == 200)`: 0, `status == 200 && body.a`: 0, `200 == status`: 0,
		`status == 200.5`: 0, `status in [200]`: 0, `status % 100 == 2`: 0, `body.status == 200`: 0, `-status == 200`: 0,
	} {
		p := compiledAfter(t, source)
		if p.status != want {
			t.Errorf("%s: status %d, want %d", source, p.status, want)
		}
		for _, status := range []any{200, 201, 204, 429, 404, nil} {
			s := &Session{vars: map[string]any{"status": status, "body": map[string]any{"a": true, "status": 200}}}
			got, err := s.run(p)
			wanted, wantedErr := vm.Run(p.Program, s.vars)
			if got != wanted || (err == nil) != (wantedErr == nil) {
				t.Errorf("%s where status is %v: %v, %v; want %v, %v", source, status, got, err, wanted, wantedErr)
			}
		}
	}
}
