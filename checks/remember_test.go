package checks

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// openStore opens a folder as a process would.
func openStore(t *testing.T, dir string) *remember.Store {
	t.Helper()
	store, err := remember.Open(dir, remember.Key{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

const oneAccount = "pools: {p: {accounts: [{name: a, secret: JBSWY3DPEHPK3PXP}]}}"

// What let computes is there for the step and those that follow, each time anew, with
// the fields of what helpers make.
func TestLetOverRuns(t *testing.T) {
	url, got := recorder(t, `{"id": "7"}`)
	c := mustLoad(t, Options{}, "name: x\ntarget: "+url+`
steps:
  - name: first
    let: {proof: pkce(), at: 'date("2026-03-01")', twice: proof.challenge + proof.challenge, n: 1 + 1}
    request: GET /${{ proof.challenge }}/${{ at.Format("2006") }}
    expect: [status == 200, len(twice) == 86, n == 2]
    capture: {id: body.id}
  - name: second
    if: proof.method == "S256"
    let: {both: id + proof.verifier}
    request: GET /${{ both }}
    expect: [status == 200]
`)
	var lines []string
	for range 2 {
		if r := probeOnce(t, c); r.Outcome() != prober.Passed {
			t.Fatalf("got %s: %v %+v", r.Outcome(), r.Err, r.Steps)
		}
	}
	for _, g := range *got {
		lines = append(lines, g.Line)
	}
	if len(lines) != 4 || lines[0] == lines[2] || !strings.HasSuffix(lines[0], "/2026") || len(lines[1]) != len("GET /7")+43 {
		t.Errorf("got %q", lines)
	}
}

// What let cannot compute is an error of ours, unless an answer lacked it; nothing is
// sent.
func TestLetFailsOurs(t *testing.T) {
	url, got := recorder(t, `{"deep": {}, "n": "x"}`)
	for source, want := range map[string]prober.Outcome{"int(n)": prober.Errored, "deep.nothing": prober.Failed} {
		*got = nil
		c := mustLoad(t, Options{}, "name: x\ntarget: "+url+`
steps:
  - {name: first, request: GET /, expect: [status == 200], capture: {deep: body.deep, n: body.n}}
  - {name: second, let: {v: `+source+`}, request: GET /, expect: [status == 200]}
`)
		if r := probeOnce(t, c); r.Outcome() != want || len(*got) != 1 {
			t.Errorf("%s: got %s after %d requests, want %s after 1: %v %+v", source, r.Outcome(), len(*got), want, r.Err, r.Steps)
		}
	}
}

// A rotating bank hands out refresh tokens that are good once: one that comes twice
// ends the chain.
type rotatingBank struct {
	n        int
	live     string
	requests []string
	fail     bool // the next refresh answers 500, after it has used up the token
}

func (b *rotatingBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, _ := io.ReadAll(r.Body)
	b.requests = append(b.requests, r.URL.Path)
	if r.URL.Path == "/refresh" {
		live := b.live
		b.live = ""
		switch {
		case live == "" || string(sent) != live:
			w.WriteHeader(http.StatusUnauthorized)
			return
		case b.fail:
			b.fail = false
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	b.n++
	b.live = fmt.Sprintf("SentinelRefresh%d", b.n)
	fmt.Fprintf(w, `<input name="refresh" value="%s">`, b.live)
}

const rotatingFlow = `
name: x
target: TARGET
accounts: p
steps:
  - name: login
    if: remembered.refresh == nil
    request: POST /login
    expect: [status == 200]
    remember: {refresh: 'extract(text, "value=\"([^\"]+)\"")'}
  - name: refresh
    if: remembered.refresh != nil && age.refresh < duration("720h")
    request: POST /refresh
    body: ${{ remembered.refresh }}
    forget: [refresh]
    expect: [status == 200]
    remember: {refresh: 'extract(text, "value=\"([^\"]+)\"")'}
`

// The chain of refresh tokens goes on over processes. Where a refresh fails the token
// is gone, whether or not the target had used it up, and the next run logs in.
func TestRememberAcrossProcesses(t *testing.T) {
	dir, bank := t.TempDir(), &rotatingBank{}
	server := httptest.NewServer(bank)
	defer server.Close()
	process := func(runs int) (outcomes []prober.Outcome) {
		store := openStore(t, dir)
		defer store.Close()
		c, err := writeFlows(t, Options{Remembered: store}, map[string]string{
			"accounts.yaml": oneAccount, "flow.yaml": strings.ReplaceAll(rotatingFlow, "TARGET", server.URL)})
		if err != nil {
			t.Fatal(err)
		}
		for range runs {
			r := probeOnce(t, c)
			outcomes = append(outcomes, r.Outcome())
			noSecret(t, fmt.Sprintf("%+v %#v", r, r), "SentinelRefresh")
		}
		return outcomes
	}
	if got := process(3); slices.Contains(got, prober.Failed) || slices.Contains(got, prober.Errored) {
		t.Errorf("got %v", got)
	}
	if got := process(2); slices.Contains(got, prober.Failed) || slices.Contains(got, prober.Errored) {
		t.Errorf("got %v", got)
	}
	bank.fail = true
	if got := process(3); !slices.Equal(got, []prober.Outcome{prober.Failed, prober.Passed, prober.Passed}) {
		t.Errorf("got %v", got)
	}
	want := "/login /refresh /refresh /refresh /refresh /refresh /refresh /login /refresh /refresh"
	if got := strings.Join(bank.requests, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// No number of a counter comes twice, whatever becomes of the step: over failures,
// processes, and a first number that is raised. Each account counts for itself.
func TestCounterNeverRepeats(t *testing.T) {
	dir, status := t.TempDir(), http.StatusOK
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.URL.Path)
		w.WriteHeader(status)
	}))
	defer server.Close()
	process := func(first string, runs int) {
		store := openStore(t, dir)
		defer store.Close()
		c, err := writeFlows(t, Options{Remembered: store}, map[string]string{
			"accounts.yaml": "pools: {p: {accounts: [{name: a, first: " + first + "}, {name: b, first: 100}]}}",
			"flow.yaml": "name: x\naccounts: p\ntarget: " + server.URL + `
steps:
  - name: skipped
    if: account.name == "nobody"
    counter: n
    request: GET /
    expect: [status == 200]
  - name: code
    counter: {name: n, first: "${{ account.first }}"}
    request: GET /${{ account.name }}/${{ remembered.n }}
    expect: [status == 200]
`})
		if err != nil {
			t.Fatal(err)
		}
		for range runs {
			if r := probeOnce(t, c); r.Outcome() == prober.Errored {
				t.Fatalf("%v", r.Err)
			}
		}
	}
	process("7", 4)
	status = http.StatusInternalServerError
	process("7", 2)
	status = http.StatusOK
	process("20", 2)
	slices.Sort(sent)
	want := []string{"/a/20", "/a/7", "/a/8", "/a/9", "/b/100", "/b/101", "/b/102", "/b/103"}
	if !slices.Equal(sent, want) {
		t.Errorf("got %q, want %q", sent, want)
	}
}

// A counter is no secret, nor is what may be shown: a 1 that is remembered would blank
// every release. Other values are secret in later runs too.
func TestWhatIsRememberedAndShown(t *testing.T) {
	url, _ := recorder(t, `{"token": "SentinelToken", "release": "1.0.1", "again": "SentinelToken"}`)
	c, err := writeFlows(t, Options{}, map[string]string{
		"accounts.yaml": oneAccount,
		"flow.yaml": oneStep(url, "counter: n\nrequest: GET /\nexpect: [status == 200]\nremember: {token: body.token, shown: {value: body.release, show: true}}") +
			"  - {name: last, request: GET /, expect: [status == 200, body.release == \"2\"]}\naccounts: p\ntags: {release: body.release, token: body.again}\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r := probeOnce(t, c)
		if r.Tags["release"] != "1.0.1" || r.Tags["token"] == "SentinelToken" {
			t.Errorf("got %v", r.Tags)
		}
		noSecret(t, fmt.Sprintf("%+v", r), "SentinelToken")
	}
}

// What cannot be stored must not be sent: that is our fault, and no verdict.
func TestStoreThatFails(t *testing.T) {
	url, got := recorder(t, "{}")
	for _, settings := range []string{"counter: n", "forget: [n]"} {
		store := openStore(t, t.TempDir())
		c, err := writeFlows(t, Options{Remembered: store}, map[string]string{
			"accounts.yaml": oneAccount,
			"flow.yaml": oneStep(url, settings+"\nrequest: GET /\nexpect: [status == 200]") +
				"  - {name: b, counter: n, request: GET /b, expect: [status == 200]}\naccounts: p\n",
		})
		if err != nil {
			t.Fatal(err)
		}
		a, miss := c.Checks[0].Begin(time.Now())
		if miss != "" {
			t.Fatal(miss)
		}
		store.Close()
		if r := a.Probe(t.Context()); r.Outcome() != prober.Errored || len(*got) != 0 {
			t.Errorf("%s: got %s after %d requests, want errored after none", settings, r.Outcome(), len(*got))
		}
	}
}

// What a step would have remembered is secret also where it fails before.
func TestRememberedIsSecretOnFailure(t *testing.T) {
	const token = "Sentinel Of Words"
	url, _ := recorder(t, `{"refresh": "`+token+`", "again": "`+token+`"}`)
	c, err := writeFlows(t, Options{}, map[string]string{
		"accounts.yaml": oneAccount,
		"flow.yaml":     oneStep(url, "request: GET /\nexpect: ['body.again == \"x\"']\nremember: {refresh: body.refresh}") + "tags: {t: body.again}\naccounts: p\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	r := probeOnce(t, c)
	if r.Outcome() != prober.Failed {
		t.Errorf("got %s", r.Outcome())
	}
	noSecret(t, fmt.Sprintf("%+v", r), token)
}
