package checks

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/authprober/authprober/prober"
)

// nonces answers with what X-Nonce was, and keeps all of them.
func nonces(t *testing.T) (url string, all func() []string) {
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got = append(got, r.URL.Path+" "+r.Header.Get("X-Nonce")+" "+r.URL.RawQuery)
		mu.Unlock()
		_, _ = w.Write([]byte(`{"nonce": "` + r.Header.Get("X-Nonce") + `", "n": ` + map[bool]string{true: "1", false: "2"}[len(got) < 3] + `}`))
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string { mu.Lock(); defer mu.Unlock(); return got }
}

// A value is computed once a step, whatever reads it and however often the step
// polls, and again in the next run.
func TestLetIsComputedOnce(t *testing.T) {
	url, all := nonces(t)
	c := mustLoad(t, Options{}, "name: x\ntarget: "+url+`
steps:
  - name: a
    let: {nonce: random_string(20), half: 'nonce[0:10]', n: 40 + 2}
    request: GET /a?q=${{ nonce }}${{ n }}
    headers: {X-Nonce: "${{ nonce }}"}
    poll: {every: 100ms, for: 5s, until: body.n == 2}
    expect: [status == 200, body.nonce == nonce, body.nonce startsWith half]
  - name: b
    request: GET /b?q=${{ nonce }}${{ n }}
    headers: {X-Nonce: "${{ nonce }}"}
    expect: [status == 200, body.nonce == nonce]
`)
	check(t, probeOnce(t, c), "", "")
	seen := all()
	if len(seen) != 4 {
		t.Fatalf("the target saw %v", seen)
	}
	for _, s := range seen {
		fields := strings.Fields(s)
		if len(fields) != 3 || len(fields[1]) != 20 || fields[2] != "q="+fields[1]+"42" || fields[1] != strings.Fields(seen[0])[1] {
			t.Errorf("got %q, want the nonce of %q in it twice", s, seen[0])
		}
	}
	check(t, probeOnce(t, c), "", "")
	if again := all()[4]; strings.Fields(again)[1] == strings.Fields(seen[0])[1] {
		t.Errorf("two runs have the nonce %s", again)
	}
}

func TestLet(t *testing.T) {
	tests := []struct {
		name, steps string
		outcome     prober.Outcome
		step        int // that is looked at
		reason      prober.Reason
		detail      string
	}{
		{"is secret", `
  - {name: a, let: {word: '"horse" + " battery"'}, request: GET /, headers: {X-Nonce: "${{ word }}"}, expect: ['body.nonce == "x"']}`,
			prober.Failed, 0, prober.ReasonAssertion, `want body.nonce == "x", got "[secret]" (status 200)`},
		{"may be shown", `
  - {name: a, let: {word: {value: '"horse" + " battery"', show: true}}, request: GET /, headers: {X-Nonce: "${{ word }}"}, expect: ['body.nonce == "x"']}`,
			prober.Failed, 0, prober.ReasonAssertion, `want body.nonce == "x", got "horse battery" (status 200)`},
		{"reads captures", `
  - {name: a, request: GET /, headers: {X-Nonce: n-1}, expect: [status == 200], capture: {nonce: body.nonce, all: body}}
  - {name: b, let: {twice: nonce + nonce}, request: GET /, headers: {X-Nonce: "${{ twice }}"}, expect: ['body.nonce == "n-1n-1"']}`,
			prober.Passed, 1, "", ""},
		{"finds nothing", `
  - {name: a, request: GET /, expect: [status == 200], capture: {all: body}}
  - {name: b, let: {token: all.token}, request: GET /, expect: [status == 200]}`,
			prober.Failed, 1, prober.ReasonMissingValue, "computing token from all.token: the field token is missing"},
		{"cannot be computed", `
  - {name: a, let: {n: 'int("x" + check)'}, request: GET /, expect: [status == 200]}`,
			prober.Errored, 0, "", ""},
		{"of a step that is skipped", `
  - {name: a, if: check == "", let: {nonce: uuid()}, request: GET /, expect: [status == 200]}
  - {name: b, request: "GET /${{ nonce }}", expect: [status == 200]}`,
			prober.Errored, 1, "", ""},
		{"is there although the step fails", `
  - {name: a, let: {nonce: uuid()}, request: GET /, expect: [status == 201]}
cleanup:
  - {name: b, request: "GET /${{ nonce }}", expect: [status == 200]}`,
			prober.Failed, 0, prober.ReasonAssertion, "want status == 201, got 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, _ := nonces(t)
			r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+url+"\nsteps:"+tt.steps+"\n"))
			if r.Outcome() != tt.outcome {
				t.Fatalf("got %s, want %s: %v %+v", r.Outcome(), tt.outcome, r.Err, r.Steps)
			}
			if st := r.Steps[tt.step]; st.Reason != tt.reason || st.Detail != tt.detail {
				t.Errorf("got %q: %s\nwant %q: %s", st.Reason, st.Detail, tt.reason, tt.detail)
			}
			if len(r.Cleanup) == 1 && (r.Cleanup[0].Skipped || r.Cleanup[0].Status != 200) {
				t.Errorf("the clean-up has what the step computed: got %+v", r.Cleanup[0])
			}
		})
	}
}

// A clean-up step that computes from what was never captured is skipped.
func TestLetInTheCleanUp(t *testing.T) {
	url, all := nonces(t)
	r := probeOnce(t, mustLoad(t, Options{}, "name: x\ntarget: "+url+`
steps:
  - {name: a, request: GET /a, expect: [status == 201], capture: {id: body.nonce}}
cleanup:
  - {name: b, let: {path: id + "/x"}, request: "GET /${{ path }}", expect: [status == 200]}
`))
	if len(r.Cleanup) != 1 || !r.Cleanup[0].Skipped || len(all()) != 1 {
		t.Errorf("got %+v, and the target saw %v", r.Cleanup, all())
	}
}
