package checks

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/authprober/authprober/prober"
)

// What an authorization server must refuse: with an error status, or with an error
// at the redirect_uri.
func TestRefusedAuthorization(t *testing.T) {
	flow := func(target, settings string) string {
		return "name: x\ntarget: " + target + `
clients: {app: {client_id: app, redirect_uri: "com.example.bank:/cb"}}
steps:
  - {name: discovery, discovery: openid-configuration}
  - {name: authorize, refuse: [302, 303, 400], authorize: {` + settings + `}}
`
	}
	tests := []struct {
		fault, settings, step string
		reason                prober.Reason
		detail                string
	}{
		{"", `code_challenge_method: plain`, "", "", ""},
		{"access_denied", ``, "", "", ""},
		{"", ``, "authorize", prober.ReasonNotRefused, "want a refusal, got a code in the authorization response: it was accepted"},
		{"no state", ``, "authorize", prober.ReasonBadResponse, "want the state that was sent"},
		{"authorize 503", ``, "authorize", prober.ReasonStatus5xx, "want a refusal with 302 or 303 or 400, got 503"},
	}
	for _, tt := range tests {
		a := serveAuth(t, tt.fault)
		failed(t, probeOnce(t, mustLoad(t, authOptions, flow(a.issuer, tt.settings))), tt.step, tt.reason, tt.detail)
	}
}

// Must-be-refused requests with what the run was given for another purpose.
func TestRefusedTokens(t *testing.T) {
	a := serveAuth(t, "")
	r := probeOnce(t, mustLoad(t, authOptions, strings.Split(wholeFlow(a.issuer, "", ""), "  - name: token")[0]+`
  - {name: wrong verifier, token: authorization_code, params: {code_verifier: "`+strings.Repeat("x", 43)+`"}, refuse: [400], expect: [body.error == "invalid_grant"]}
  - {name: no such refresh token, token: refresh_token, refresh_token: none, refuse: [400]}
  - {name: expected error, token: refresh_token, refresh_token: none, expect: [status == 400, body.error == "invalid_grant"]}
  - {name: no such token, userinfo: none, refuse: [401], expect: ['auth_challenge(header["WWW-Authenticate"], "Bearer").error == "invalid_token"']}
`))
	failed(t, r, "", "", "")
	a.silent(t, r)
}

// A nonce that is wrong on purpose is no challenge to answer.
func TestWrongProofs(t *testing.T) {
	a := serveAuth(t, "")
	a.nonces = true
	r := probeOnce(t, mustLoad(t, authOptions, strings.Split(wholeFlow(a.issuer, "dpop: {}", ""), "  - {name: who")[0]+`
  - {name: right, request: GET /userinfo, dpop: "${{ access }}", expect: [status == 200]}
  - {name: wrong nonce, request: GET /userinfo, dpop: {token: "${{ access }}", claims: {nonce: none}}, refuse: [401]}
  - {name: as Bearer, request: GET /userinfo, bearer: "${{ access }}", refuse: [401]}
`))
	failed(t, r, "", "", "")
	if got := r.Steps[5].Attempts; got != 1 {
		t.Errorf("the request with a wrong nonce was sent %d times, want once", got)
	}
	if got := r.Steps[4].Attempts; got != 2 {
		t.Errorf("the first request to the resource server was sent %d times, want twice, for its nonces are its own", got)
	}
}

// A step that the flow itself has skipped leaves nothing that the target could be
// blamed for.
func TestSkippedSteps(t *testing.T) {
	whole := func(target string) string { return wholeFlow(target, "", "") }
	for skipped, step := range map[string]string{
		"discovery": "keys", "keys": "token", "authorize": "token",
	} {
		a := serveAuth(t, "")
		flow := strings.Replace(whole(a.issuer), "{name: "+skipped+",", "{name: "+skipped+", if: false,", 1)
		if r := probeOnce(t, mustLoad(t, authOptions, flow)); r.Outcome() != prober.Errored || r.Steps[len(r.Steps)-1].Name != step {
			t.Errorf("without %s: got %s at %q, want errored at %q", skipped, r.Outcome(), r.Steps[len(r.Steps)-1].Name, step)
		}
	}
	for begin, grant := range map[string]string{"device_authorization: {}": "device_code", "backchannel_authentication: {login_hint: probe}": "ciba"} {
		a := serveAuth(t, "")
		flow := strings.NewReplacer("BEGIN", "if: false, "+begin, "GRANT", grant, "http://192.0.2.1", a.issuer).Replace(decoupledFlow)
		if r := probeOnce(t, mustLoad(t, authOptions, flow)); r.Outcome() != prober.Errored {
			t.Errorf("without %s: got %s, want errored", begin, r.Outcome())
		}
	}
}

// An endpoint that an account names, and that is none, is the flow's fault.
func TestConfiguredEndpointIsOurs(t *testing.T) {
	c, err := writeFlows(t, Options{}, map[string]string{"flow.yaml": `
name: x
target: http://127.0.0.1:1
accounts: p
clients: {app: {client_id: app, endpoints: {token_endpoint: "${{ remembered.place ?? 'nowhere' }}"}}}
steps:
  - {name: token, token: client_credentials, remember: {place: body.place}}
`, "accounts.yaml": "pools: {p: {accounts: [{name: a}]}}"})
	if err != nil {
		t.Fatal(err)
	}
	if r := probeOnce(t, c); r.Outcome() != prober.Errored {
		t.Errorf("got %s, want errored: %+v", r.Outcome(), r)
	}
}

// The endpoints are where the metadata says, on whatever host.
func TestOtherHosts(t *testing.T) {
	a := serveAuth(t, "")
	other := httptest.NewServer(a)
	defer other.Close()
	front := httptest.NewServer(http.NotFoundHandler())
	defer front.Close()
	flow := wholeFlow(front.URL, "issuer: "+a.issuer+"\nendpoints: {introspection_endpoint: "+other.URL+"/introspect}", "")
	failed(t, probeOnce(t, mustLoad(t, authOptions, flow)), "", "", "")
}

// Two clients of one flow keep apart what they know.
func TestTwoClients(t *testing.T) {
	a, b := serveAuth(t, ""), serveAuth(t, "")
	r := probeOnce(t, mustLoad(t, authOptions, `
name: x
target: `+a.issuer+`
clients:
  one: {client_id: app, scope: openid, redirect_uri: "one:/cb"}
  two: {client_id: app, scope: openid, redirect_uri: "two:/cb", issuer: "`+b.issuer+`"}
steps:
  - {name: a, client: one, discovery: openid-configuration}
  - {name: b, client: two, discovery: oauth-authorization-server}
  - {name: c, client: one, jwks: jwks_uri}
  - {name: d, client: two, jwks: jwks_uri}
  - {name: e, client: one, authorize: {}}
  - {name: f, client: two, authorize: {}}
  - {name: g, client: one, token: authorization_code}
  - {name: h, client: two, token: authorization_code}
`))
	failed(t, r, "", "", "")
}

// Runs at once share the compiled flow and nothing else.
func TestRunsAtOnce(t *testing.T) {
	a := serveAuth(t, "")
	a.nonces = false
	c := mustLoad(t, authOptions, wholeFlow(a.issuer, "dpop: {}\n"+assertionES256+"\n"+jarPS256, throughPAR))
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() { failed(t, probeOnce(t, c), "", "", "") })
	}
	running.Wait()
}

// What an authorization server sends the user back with is no reason to fall over,
// or to pass on anything.
func FuzzAuthorizationResponse(f *testing.F) {
	for _, seed := range []string{
		"com.example.bank:/cb?code=abcdefgh&state=S", "com.example.bank:/cb?state=S&error=access_denied", "com.example.bank:/cb?code=a&code=b",
		"com.example.bank:/cb#code=1", "com.example.bank:/cb?%zz", "//x", "com.example.bank:/cb?response=e30.e30.e30", "",
	} {
		for mode := range responseModes {
			f.Add(seed, mode)
		}
	}
	f.Fuzz(func(t *testing.T, location string, mode int) {
		c := &Client{ResponseMode: responseModes[max(mode, -mode, 0)%len(responseModes)], issuer: "https://x"}
		c.RedirectURI.Source, c.RedirectURI.parts = "com.example.bank:/cb", []part{{literal: "com.example.bank:/cb"}}
		s := &Session{flow: &compiled{clients: Clients{c}}}
		s.grant(c).awaited, s.grant(c).state = true, "S"
		s.answer = answer{status: 302, header: http.Header{"Location": {location}}, url: httptest.NewRequest("GET", "/", nil).URL, body: []byte(location)}
		err := s.authorizationResponse(&step{Step: &AuthorizeStep{}, StepSettings: &StepSettings{}})
		if (s.grant(c).code != "") && err != nil {
			t.Errorf("a code was kept of a response that was refused: %v", err)
		}
	})
}
