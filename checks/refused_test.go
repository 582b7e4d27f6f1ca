package checks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

// A refusedCase is a flow that includes a ready check, and what makes the bank accept
// what it must refuse.
type refusedCase struct {
	check string
	flow  string // its steps
	fault string // with which the bank accepts it
	pool  string // the kind of its pool; "" is positive
}

// signIn is a login with tokens, and the request that everything is about.
const signIn = `steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {access: body.access_token, refresh: body.refresh_token}
  - name: accounts
    request: GET /v1/accounts
    bearer: ${{ access }}
    expect: [status == 200]
`

const signOut = `
  - name: logout
    request: POST /v1/logout
    bearer: ${{ access }}
    expect: [status == 204]
`

// refusedCases are the ready checks of what the bank has in its own API.
var refusedCases = []refusedCase{
	{"no-token", signIn + "  - use: refused/no-token", "kind=accepts what=no_token", ""},
	{"empty-token", signIn + "  - use: refused/empty-token", "kind=accepts what=empty_token", ""},
	{"wrong-scheme", signIn + "  - use: refused/wrong-scheme", "kind=accepts what=any_scheme", ""},
	{"jwt-payload-changed", signIn + "  - use: refused/jwt-payload-changed", "kind=accepts what=signature", ""},
	{"jwt-signature-changed", signIn + "  - use: refused/jwt-signature-changed", "kind=accepts what=signature", ""},
	{"jwt-alg-none", signIn + "  - use: refused/jwt-alg-none", "kind=accepts what=alg_none", ""},
	{"jwt-hs256-public-key", signIn + "  - use: refused/jwt-hs256-public-key", "kind=accepts what=hs256_public_key", ""},
	{"jwt-unknown-kid", signIn + "  - use: refused/jwt-unknown-kid", "kind=accepts what=unknown_kid", ""},
	{"jwt-embedded-key", signIn + "  - use: refused/jwt-embedded-key", "kind=accepts what=embedded_key", ""},
	{"wrong-issuer", signIn + "  - use: refused/wrong-issuer", "kind=accepts what=issuer", ""},
	{"after-logout", signIn + signOut + "  - use: refused/after-logout", "kind=fail_open step=accounts", ""},
	{"after-logout", signIn + signOut + "  - {use: refused/after-logout, within: 100ms}", "kind=fail_open step=accounts", ""},
	{"after-revocation", signIn + `
  - name: revoke
    request: POST /v1/revoke
    form: {token: "${{ access }}"}
    expect: [status == 200]
  - use: refused/after-revocation`, "kind=fail_open step=accounts", ""},
	{"refresh-reuse", signIn + `
  - name: refresh
    request: POST /v1/token/refresh
    json: {refresh_token: "${{ refresh }}"}
    expect: [status == 200]
  - use: refused/refresh-reuse`, "kind=fail_open step=refresh", "sacrificial"},
	{"csrf-missing", signIn + `
  - name: step up
    request: POST /v1/step-up
    bearer: ${{ access }}
    json: {password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {csrf: body.csrf_token}
  - name: settings
    request: POST /v1/settings
    bearer: ${{ access }}
    form: {theme: dark, csrf_token: "${{ csrf }}"}
    expect: [status == 204]
  - {use: refused/csrf-missing, with: {field: csrf_token}}`, "kind=accepts what=csrf", ""},
	{"signed-body-changed", signIn + `
  - name: enrol
    let: {key: new_key("ES256")}
    request: POST /v1/devices
    bearer: ${{ access }}
    json: {public_key: "${{ base64(public_key(key, 'spki')) }}", algorithm: ES256}
    expect: [status == 201]
    capture: {device: body.device}
  - name: pay
    request: POST /v1/devices/${{ device }}/payments
    bearer: ${{ access }}
    json: {amount: 1}
    jws: {field: x-jws-signature, key: "${{ key }}", algorithm: ES256}
    expect: [status == 201]
  - use: refused/signed-body-changed`, "kind=accepts what=body", ""},
	{"step-up-skipped", signIn + "  - {use: refused/step-up-skipped, with: {request: POST /v1/transfers}}", "kind=accepts what=step_up", ""},
}

// repeats are what comes of asking once more, where it is not that it is accepted again:
// what is used up by being accepted is refused, and what may change something is not asked.
var repeats = map[string]prober.Repeat{
	"wrong-verifier": prober.RepeatRefused, "other-redirect-uri": prober.RepeatRefused,
	"csrf-missing": prober.RepeatNotMade, "signed-body-changed": prober.RepeatNotMade,
}

// run makes one run of the case's flow against a bank, and returns it with the step that
// must be refused and with whether it pages.
func (c refusedCase) run(t *testing.T, bank *banktest.Server) (r prober.Report, step string, pages bool) {
	t.Helper()
	config := c.load(t, bank)
	judge, err := prober.NewJudge(config.Checks)
	if err != nil {
		t.Fatal(err)
	}
	check, begun := config.Checks[0], time.Now()
	r = probeOnce(t, config)
	judge.ObserveRun(&prober.Run{Check: check, Seq: 1, Due: begun, Start: begun, Outcome: r.Outcome(), Report: r})
	return r, check.RefuseSteps[len(check.RefuseSteps)-1], judge.Firing(check)
}

func (c refusedCase) load(t *testing.T, bank *banktest.Server) *Config {
	t.Helper()
	accounts := strings.Replace(poolOf(bank.Users()), "    accounts:", "    kind: "+cmp.Or(c.pool, "positive")+"\n    accounts:", 1)
	config, err := writeFlows(t, Options{}, map[string]string{"accounts.yaml": accounts, "flow.yaml": "name: refused\ntarget: " + bank.URL +
		"\nschedule: {every: 1h, timeout: 20s}\naccounts: retail\n" + c.flow + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func allRefused() []refusedCase { return slices.Concat(refusedCases, oauthRefusedCases) }

// TestRefused holds that each ready check is quiet where the bank refuses, and that one
// run and its one repeat tell of a fail-open where the bank accepts.
func TestRefused(t *testing.T) {
	for _, c := range allRefused() {
		t.Run(c.check, func(t *testing.T) {
			t.Parallel()
			bank := banktest.NewServer(banktest.Options{Users: 1, JWT: true, PasswordOnly: true})
			defer bank.Close()
			if r, _, pages := c.run(t, bank); r.Outcome() != prober.Passed || pages {
				t.Fatalf("the bank refuses, and the run is %s (it pages: %t): %v %+v", r.Outcome(), pages, r.Err, r.Steps)
			}
			fault, err := banktest.ParseFault(c.fault)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bank.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			r, step, pages := c.run(t, bank)
			if !pages {
				t.Error("the bank accepts, and one run does not page")
			}
			last := r.Steps[len(r.Steps)-1]
			if r.Outcome() != prober.Failed || last.Name != step || last.Reason != prober.ReasonNotRefused {
				t.Errorf("the bank accepts, and the run is %s at %q (%s: %s): %v, want not_refused at %q", r.Outcome(), last.Name, last.Reason, last.Detail, r.Err, step)
			}
			if want := cmp.Or(repeats[c.check], prober.RepeatAccepted); last.Repeat != want {
				t.Errorf("asked once more it is %q, want %q: %s", last.Repeat, want, last.Detail)
			}
			if len(bank.Stats().Faults) == 0 {
				t.Error("no request has met the fault")
			}
		})
	}
}

// TestRefusedExpired is the check that takes three runs: the first leaves a token, the
// second finds it too young, and the third tries it.
func TestRefusedExpired(t *testing.T) {
	for what, want := range map[string]prober.Outcome{"": prober.Passed, "step=accounts kind=fail_open": prober.Failed} {
		synctest.Test(t, func(t *testing.T) {
			bank, err := banktest.New(banktest.Options{Users: 1, PasswordOnly: true, AccessFor: 10 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			network := newPipes()
			server := &http.Server{Handler: bank}
			var serving sync.WaitGroup
			serving.Go(func() { _ = server.Serve(network) })
			defer serving.Wait()
			defer network.Close()
			defer server.Close()
			resolve := func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			}
			c, err := writeFlows(t, Options{Dial: network.dial, Resolve: resolve}, map[string]string{"accounts.yaml": poolOf(bank.Users()), "flow.yaml": `
name: expired
target: http://bank.test
schedule: {every: 1h, timeout: 20s}
accounts: retail
` + signIn + "  - {use: refused/expired-token, with: {after: 0.5d}}\n"})
			if err != nil {
				t.Fatal(err)
			}
			ran := func(skipped ...bool) prober.Report {
				t.Helper()
				r := probeOnce(t, c)
				if len(r.Steps) != 4 || r.Steps[2].Skipped != skipped[0] || r.Steps[3].Skipped != skipped[1] {
					t.Errorf("%+v, want the last two steps skipped %v", r, skipped)
				}
				return r
			}
			ran(false, true)
			time.Sleep(time.Minute)
			ran(true, true)
			time.Sleep(12 * time.Hour)
			if what != "" {
				fault, err := banktest.ParseFault(what)
				if err != nil {
					t.Fatal(err)
				}
				if err := bank.SetFaults(fault); err != nil {
					t.Fatal(err)
				}
			}
			r := ran(true, false)
			if r.Outcome() != want || want == prober.Failed && r.Steps[3].Reason != prober.ReasonNotRefused {
				t.Errorf("with %q the run is %s: %+v", what, r.Outcome(), r.Steps[3])
			}
			if what == "" {
				ran(false, true) // which leaves another one
			}
		})
	}
}

// TestSpoiledTokensAreSecret holds that what is made of a token is as secret as the token:
// a server that is wrong enough takes it.
func TestSpoiledTokensAreSecret(t *testing.T) {
	token, err := jose.Sign(map[string]any{"sub": "a", "exp": 1}, testKey(), "ES256", nil)
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			_ = json.NewEncoder(w).Encode(map[string]string{"access_token": token})
			return
		}
		_, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		sent = append(sent, got)
		w.Header().Set("X-Release", got)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": got})
	}))
	defer server.Close()
	for _, scheme := range []string{"bearer", "dpop"} {
		c := mustLoad(t, Options{}, `
name: spoiled
target: `+server.URL+`
tags: {release: 'header["X-Release"]'}
steps:
  - {name: login, request: POST /login, expect: [status == 200], capture: {access: body.access_token}}
  - {name: use, request: GET /, `+scheme+`: "${{ access }}", expect: [status == 200]}
  - {use: refused/jwt-alg-none, refuse: [401], expect: ['body.error == "x"']}
`)
		r := probeOnce(t, c)
		text := fmt.Sprintf("%+v", r)
		for _, one := range sent {
			if one == "" || strings.Contains(text, one) {
				t.Errorf("%s: the token %q was sent, and is in the report: %s", scheme, one, text)
			}
		}
		if r.Outcome() != prober.Failed || len(sent) < 2 {
			t.Errorf("%s: %s after %d requests", scheme, r.Outcome(), len(sent))
		}
	}
}

// TestFlawsChangeNothingElse holds that a fault which accepts what must be refused is
// felt where something is refused, and nowhere else; and that each has its check.
func TestFlawsChangeNothingElse(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 1, JWT: true, PasswordOnly: true})
	defer bank.Close()
	for _, what := range banktest.Flaws() {
		if _, err := bank.AddFault(banktest.Fault{Kind: banktest.KindAccepts, What: what}); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(allRefused(), func(c refusedCase) bool { return strings.HasSuffix(c.fault, "what="+what) }) {
			t.Errorf("no case has a bank that accepts %s", what)
		}
	}
	for _, c := range allRefused() {
		c.flow, _, _ = strings.Cut(strings.ReplaceAll(c.flow, "- {use:", "- use:"), "  - use:")
		config := c.load(t, bank)
		if r := probeOnce(t, config); r.Outcome() != prober.Passed {
			t.Errorf("%s: what must be accepted is %s: %+v", c.check, r.Outcome(), r.Steps)
		}
	}
	if felt := bank.Stats().Faults; len(felt) > 0 {
		t.Errorf("faults were felt by what must be accepted: %v", felt)
	}
}

// TestEveryReadyCheckIsTested holds that each file of the folder refused has a case.
func TestEveryReadyCheckIsTested(t *testing.T) {
	for _, name := range sortedNames(readyChecks()) {
		if name != "refused/expired-token" && !slices.ContainsFunc(allRefused(), func(c refusedCase) bool { return "refused/"+c.check == name }) {
			t.Errorf("%s is not tested both ways", name)
		}
	}
}
