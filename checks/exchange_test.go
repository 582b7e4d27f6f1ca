package checks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
)

// exchangeTarget answers a login with a token, and what follows with an error.
func exchangeTarget(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Fri, 27 Nov 2026 10:00:00 GMT")
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/v1/login" {
			w.Header().Set("Set-Cookie", "sid=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax")
			w.Write([]byte(`{"access_token":"the-token-of-jane","expires_in":300,"customer":{"name":"Jane Doe","id":8812}}`))
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="of Jane"`)
		w.Header().Set("X-Request-Id", "7f3c9a10")
		w.Header().Set("X-Customer", "Jane Doe")
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte(`{"error":"BACKEND_DOWN","message":"no route for Jane Doe","owner":"Jane"}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const exchangeFlow = `name: x
target: TARGET
accounts: p
steps:
  - name: login
    request: POST /v1/login
    query: {locale: de}
    json: {username: "${{ account.username }}", password: "${{ account.password }}", device: {it's: "a \"phone\" ${{ check }}", n: 1}}
    expect: [status == 200]
    capture: {access: body.access_token}
  - name: accounts
    request: GET /v1/customers/${{ account.username }}/accounts
    bearer: ${{ access }}
    headers: {X-Channel: app}
    expect: [status == 200]
`

const exchangeAccounts = `pools: {p: {accounts: [{name: a, username: jane, password: Sesame-4711}]}}`

// exchangesOf makes so many runs, and returns the exchanges of each by step, as JSON.
func exchangesOf(t *testing.T, target string, sample, runs int) (all []map[string]string) {
	c, err := writeFlows(t, Options{Sample: sample, MarkerName: "X-Probe", MarkerValue: "yes", AnyPace: true}, map[string]string{
		"flow.yaml": strings.ReplaceAll(exchangeFlow, "TARGET", target), "accounts.yaml": exchangeAccounts})
	if err != nil {
		t.Fatal(err)
	}
	for range runs {
		r := probeOnce(t, c)
		if r.Outcome() != prober.Failed {
			t.Fatalf("got %v: %v", r.Outcome(), r.Err)
		}
		run := map[string]string{}
		for _, s := range r.Steps {
			if s.Exchange == nil {
				continue
			}
			for i, f := range s.Exchange.Header {
				if f.Name == "Traceparent" {
					s.Exchange.Header[i].Value = "TRACE"
				}
			}
			text, err := json.MarshalIndent(s.Exchange, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			run[s.Name] = strings.NewReplacer(target, "TARGET", `\u0026`, "&").Replace(string(text))
		}
		all = append(all, run)
	}
	return all
}

// The exchange of the step that failed shows what somebody needs, and nobody's name.
func TestExchange(t *testing.T) {
	target := exchangeTarget(t)
	all := exchangesOf(t, target, 3, 4)
	golden(t, "testdata/exchange-login.json", all[0]["login"]+"\n")
	golden(t, "testdata/exchange-accounts.json", all[0]["accounts"]+"\n")
	for i, run := range all {
		if want := i%3 == 0; (run["login"] != "") != want || run["accounts"] == "" {
			t.Errorf("run %d of which each third is kept: the step that passed is there: %v, and the one that failed: %v",
				i, run["login"] != "", run["accounts"] != "")
		}
	}
	if none := exchangesOf(t, target, 0, 2); len(none[0])+len(none[1]) != 0 {
		t.Errorf("got %v without being asked for any", none)
	}
}

// A run that passes and is no sample costs nothing for what it could have shown.
func TestExchangesCostPassedRunsNothing(t *testing.T) {
	f := &compiled{options: &Options{Sample: 1 << 30}}
	f.sampled() // the first is
	s := &Session{flow: f, result: &prober.StepResult{Name: "login"}, sent: sent{request: httptest.NewRequest("GET", "/", nil)}}
	if n := testing.AllocsPerRun(1000, func() {
		s.sampled = f.sampled()
		s.noteExchange()
		s.redactExchanges()
	}); n != 0 || s.result.Exchange != nil {
		t.Errorf("got %v allocations and %v", n, s.result.Exchange)
	}
}

// golden compares a text with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: got\n%s\nwant\n%s\n%v", path, got, want, err)
	}
}
