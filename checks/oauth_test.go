package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
)

// wholeFlow is all that can be done with a code: settings are of the client.
func wholeFlow(target, settings, login string) string {
	if settings != "" {
		settings = "\n    " + strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n    ")
	}
	if !strings.Contains(settings, "redirect_uri:") {
		settings += "\n    redirect_uri: com.example.bank:/cb"
	}
	if login == "" {
		login = "- {name: authorize, authorize: {}}"
	}
	return "name: x\ntarget: " + target + `
schedule: {every: 30s, timeout: 20s}
secrets: {client: {env: SECRET}, ES256: {env: ES256}, PS256: {env: PS256}}
clients:
  app:
    client_id: app
    scope: openid accounts` + settings + `
steps:
  - {name: discovery, discovery: openid-configuration}
  - {name: keys, jwks: jwks_uri}
  ` + strings.ReplaceAll(strings.TrimSpace(login), "\n", "\n  ") + `
  - name: token
    token: authorization_code
    capture: {access: body.access_token, refresh: body.refresh_token}
  - {name: who, userinfo: "${{ access }}"}
  - name: refresh
    token: refresh_token
    refresh_token: ${{ refresh }}
    capture: {access2: body.access_token, refresh2: body.refresh_token}
  - {name: ask, introspect: "${{ access2 }}"}
  - {name: old refresh token, token: refresh_token, refresh_token: "${{ refresh }}", refuse: [400], expect: [body.error == "invalid_grant"]}
  - {name: code again, token: authorization_code, refuse: [400]}
  - {name: revoke, revoke: "${{ access2 }}"}
  - {name: gone, introspect: "${{ access2 }}", inactive: true}
`
}

// authOptions let flows read the client's secret and keys.
var authOptions = Options{LookupEnv: func(name string) (string, bool) {
	if name == "SECRET" {
		return appSecret, true
	}
	key, ok := testKeys()["client "+name]
	return key, ok
}}

const (
	throughPAR = "- {name: push, par: {}}\n- {name: authorize, authorize: {}}"
	byPage     = `
- {name: authorize, authorize: {prompt: login}}
- {name: log in, request: POST /login, form: {user: probe}, expect: [status == 302], follow_redirects: 5}`
	bySubmit = `
- {name: authorize, authorize: {}}
- {name: log in, submit: first, fields: {user: probe}}
- {name: back, follow: {until: status == 200}, expect: [status == 302]}`
	assertionES256 = `auth: {method: private_key_jwt, key: "${{ secrets.ES256 }}", algorithm: ES256, key_id: client ES256}`
	assertionPS256 = `auth: {method: private_key_jwt, key: "${{ secrets.PS256 }}", algorithm: PS256, key_id: client PS256}`
	jarES256       = `request_object: {key: "${{ secrets.ES256 }}", algorithm: ES256, key_id: client ES256}`
	jarPS256       = `request_object: {key: "${{ secrets.PS256 }}", algorithm: PS256, key_id: client PS256}`
)

var healthy = []struct{ name, client, login string }{
	{"public client", "", ""},
	{"basic", `auth: {method: client_secret_basic, secret: "${{ secrets.client }}"}`, ""},
	{"post", `auth: {method: client_secret_post, secret: "${{ secrets.client }}"}`, ""},
	{"secret in an assertion", `auth: {method: client_secret_jwt, secret: "${{ secrets.client }}"}`, ""},
	{"assertion by ES256", assertionES256, ""},
	{"assertion by PS256", assertionPS256, ""},
	{"pushed", assertionES256, throughPAR},
	{"signed request", jarPS256, "- {name: authorize, authorize: {max_age: 300}}"},
	{"signed and pushed", assertionPS256 + "\n" + jarES256, "- {name: push, par: {max_age: 300}}\n- {name: authorize, authorize: {}}"},
	{"query", "response_mode: query", ""},
	{"fragment", "response_mode: fragment", ""},
	{"form_post", "response_mode: form_post", ""},
	{"signed response", "response_mode: jwt", ""},
	{"signed response in the query", "response_mode: query.jwt", ""},
	{"signed response in the fragment", "response_mode: fragment.jwt", ""},
	{"signed response in a form", "response_mode: form_post.jwt", ""},
	{"code id_token", "response_type: code id_token\n" + jarPS256, ""},
	{"code id_token, signed", "response_type: code id_token\nresponse_mode: jwt", ""},
	{"DPoP", "dpop: {}", ""},
	{"DPoP by PS256, pushed, signed", "dpop: {algorithm: PS256}\n" + assertionES256 + "\n" + jarPS256, throughPAR},
	{"DPoP with a key", `dpop: {key: "${{ secrets.ES256 }}"}`, ""},
	{"app with a port", "redirect_uri: http://127.0.0.1:1/cb", ""},
	{"app with parameters", "redirect_uri: https://app.example/cb?tenant=a&x=%20", ""},
	{"app without a path", "redirect_uri: https://app.example", ""},
	{"endpoints of the flow", "endpoints: {token_endpoint: /token, userinfo_endpoint: /userinfo}", ""},
	{"page", "redirect_uri: http://127.0.0.1:1/cb", byPage},
	{"page and its form", "redirect_uri: http://127.0.0.1:1/cb", strings.Replace(bySubmit, "fields: {user: probe}", "fields: {user: probe}, expect: [status == 302]", 1)},
	{"step-up", "", "- {name: authorize, authorize: {}}\n- {name: first, token: authorization_code}\n- {name: again, authorize: {acr_values: gold, max_age: 300, prompt: login}}"},
	{"step-up, pushed", "", throughPAR + "\n- {name: first, token: authorization_code}\n- {name: push again, par: {acr_values: gold}}\n- {name: again, authorize: {}}"},
	{"pushed, then not", "", throughPAR + "\n- {name: again, authorize: {prompt: none}}"},
	{"state of the flow", "", "- {name: authorize, authorize: {state: of-the-flow, nonce: of-the-flow}}"},
	{"more scope", "", "- {name: authorize, authorize: {scope: openid payments}}"},
}

func TestOAuth(t *testing.T) {
	for _, tt := range healthy {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := serveAuth(t, "")
			a.page, a.nonces = strings.HasPrefix(tt.name, "page"), strings.HasPrefix(tt.name, "DPoP")
			if strings.Contains(tt.client, "PS256") {
				a.alg = "PS256"
			}
			r := probeOnce(t, mustLoad(t, authOptions, wholeFlow(a.issuer, tt.client, tt.login)))
			if r.Outcome() != prober.Passed {
				t.Errorf("got %s: %v, %+v", r.Outcome(), r.Err, r.Steps[max(0, len(r.Steps)-1):])
			}
			for _, st := range r.Steps {
				if want := 1; !a.nonces && st.Attempts != want && !strings.HasPrefix(tt.name, "page") {
					t.Errorf("the step %q was sent %d times", st.Name, st.Attempts)
				}
			}
			a.silent(t, r)
		})
	}
}

// silent fails the test if a report holds a secret of the server or of the client.
func (a *authServer) silent(t testing.TB, r prober.Report) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	all := string(text) + fmt.Sprintf("%+v", r)
	for _, s := range slices.Concat(a.secrets, []string{appSecret, forPeople, "Sentinel", "PRIVATE KEY"}) {
		if len(s) > 4 && strings.Contains(all, s) {
			t.Errorf("the secret %.60q is in\n%s", s, all)
		}
	}
}

func TestOAuthFaults(t *testing.T) {
	const (
		jarm   = "response_mode: query.jwt"
		hybrid = "response_type: code id_token"
		proofs = "dpop: {}"
	)
	tests := []struct {
		fault, client, login string
		step                 string // "" where all is well
		reason               prober.Reason
		detail               string // how it begins
	}{
		{".well-known/openid-configuration html", "", "", "discovery", prober.ReasonBadResponse, "want JSON, got 22 bytes of text/html: it is not JSON"},
		{".well-known/openid-configuration no object", "", "", "discovery", prober.ReasonBadResponse, "want a JSON object, got a list of 1"},
		{".well-known/openid-configuration 503", "", "", "discovery", prober.ReasonStatus5xx, "want 200, got 503"},
		{".well-known/openid-configuration huge", "", "", "discovery", prober.ReasonBadResponse, "want an answer within max_body"},
		{"other issuer", "", "", "discovery", prober.ReasonBadResponse, "want the issuer http"},
		{"no issuer", "", "", "discovery", prober.ReasonMissingValue, "want issuer, got none"},
		{"token_endpoint is a number", "", "", "discovery", prober.ReasonBadResponse, "want a text as token_endpoint, got a number"},
		{"token_endpoint is no URL", "", "", "discovery", prober.ReasonBadResponse, "the token_endpoint is no http or https URL without a fragment"},
		{"no token_endpoint", "", "", "token", prober.ReasonMissingValue, "the metadata of the authorization server has no token_endpoint"},
		{"no jwks_uri", "", "", "keys", prober.ReasonMissingValue, "the metadata of the authorization server has no jwks_uri"},
		{"jwks html", "", "", "keys", prober.ReasonBadResponse, "want JSON"},
		{"jwks invalid_client", "", "", "keys", prober.ReasonOAuthError, "want 200, got 400 with the OAuth error invalid_client"},
		{"private key", "", "", "keys", prober.ReasonBadResponse, "key 2 of the key set: it has private members"},
		{"no key", "", "", "keys", prober.ReasonMissingValue, "want a key in the key set, got none"},
		{"no list of keys", "", "", "keys", prober.ReasonBadResponse, "the key set has no list of keys"},
		{"other keys", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's kid is not in the key set"},

		{"par 200", "", throughPAR, "push", prober.ReasonAssertion, "want 201, got 200"},
		{"no request_uri", "", throughPAR, "push", prober.ReasonMissingValue, "want request_uri, got none"},
		{"par never expires", "", throughPAR, "push", prober.ReasonBadResponse, "want a whole number of seconds from 1 on as expires_in, got 0"},
		{"par rate limit", "", throughPAR, "push", prober.ReasonRateLimited, "want 201, got 429"},

		{"authorize 503", "", "", "authorize", prober.ReasonStatus5xx, "want a page or a redirect, got 503"},
		{"authorize loop", "", "", "token", prober.ReasonMissingValue, "no answer has redirected to the redirect_uri with a code"},
		{"login loop", "", byPage, "log in", prober.ReasonRedirect, "following redirects: too many of them"},
		{"login 403", "", byPage, "log in", prober.ReasonStatus4xx, "want status == 302, got 403"},
		{"no Location", "", "", "authorize", prober.ReasonRedirect, "want a page or a redirect, got 302"},
		{"redirect elsewhere", "", "", "token", prober.ReasonMissingValue, "no answer has redirected to the redirect_uri with a code"},
		{"own parameters lost", "redirect_uri: https://app.example/cb?tenant=a", "", "authorize", prober.ReasonBadResponse, "want the redirect_uri's own parameters"},
		{"access_denied", "", "", "authorize", prober.ReasonOAuthError, "want a code in the authorization response, got the OAuth error access_denied"},
		{"access_denied", "", byPage, "log in", prober.ReasonOAuthError, "want a code in the authorization response, got the OAuth error access_denied"},
		{"unknown error in the callback", "", "", "authorize", prober.ReasonOAuthError, "want a code in the authorization response, got an OAuth error whose code no RFC names"},
		{"no state", "", "", "authorize", prober.ReasonBadResponse, "want the state that was sent in the authorization response, got none"},
		{"other state", "", "", "authorize", prober.ReasonBadResponse, "want the state that was sent in the authorization response, got another one"},
		{"no iss", "", "", "authorize", prober.ReasonBadResponse, "want the issuer as iss in the authorization response (RFC 9207), got none"},
		{"other iss", "", "", "authorize", prober.ReasonBadResponse, "want the issuer as iss in the authorization response (RFC 9207), got another one"},
		{"no code", "", "", "authorize", prober.ReasonMissingValue, "want a code in the authorization response, got none"},
		{"two codes", "", "", "authorize", prober.ReasonBadResponse, "a parameter of the authorization response comes twice"},
		{"no response", jarm, "", "authorize", prober.ReasonMissingValue, "want a signed authorization response, got no response parameter"},
		{"jarm by another key", jarm, "", "authorize", prober.ReasonTokenInvalid, "the signed authorization response: token's signature is not by the key"},
		{"jarm expired", jarm, "", "authorize", prober.ReasonTokenInvalid, "the signed authorization response: token's exp was 1h0m"},
		{"jarm for another", jarm, "", "authorize", prober.ReasonTokenInvalid, "the signed authorization response: token's aud lacks the client"},
		{"other state", jarm, "", "authorize", prober.ReasonBadResponse, "want the state that was sent"},
		{"access_denied", jarm, "", "authorize", prober.ReasonOAuthError, "want a code in the authorization response, got the OAuth error access_denied"},
		{"no id_token in front", hybrid, "", "authorize", prober.ReasonMissingValue, "want an ID token in the authorization response, got none"},
		{"other nonce", hybrid, "", "authorize", prober.ReasonTokenInvalid, "the ID token: token's nonce is another than was sent"},
		{"other c_hash", hybrid, "", "authorize", prober.ReasonTokenInvalid, "the ID token: token's c_hash is of something else"},
		{"clock ahead", hybrid, "", "authorize", prober.ReasonClockSkew, "the ID token: token's iat is 1m"},

		{"token invalid_grant", "", "", "token", prober.ReasonOAuthError, "want 200, got 400 with the OAuth error invalid_grant"},
		{"token unknown error", "", "", "token", prober.ReasonOAuthError, "want 200, got 400 with an OAuth error whose code no RFC names"},
		{"token error in 200", "", "", "token", prober.ReasonOAuthError, "want 200 without an error, got the OAuth error invalid_grant"},
		{"userinfo challenge", "", "", "who", prober.ReasonOAuthError, "want 200, got 401 with the OAuth error invalid_token"},
		{"authorize into another app", "", "", "authorize", prober.ReasonRedirect, "want a redirect to the redirect_uri, got one into another app"},
		{"token rate limit", "", "", "token", prober.ReasonRateLimited, "want 200, got 429 with the OAuth error slow_down"},
		{"token 503", "", "", "token", prober.ReasonStatus5xx, "want 200, got 503 with the OAuth error temporarily_unavailable"},
		{"token bad gateway", "", "", "token", prober.ReasonStatus5xx, "want 200, got 502"},
		{"token html", "", "", "token", prober.ReasonBadResponse, "want JSON, got 22 bytes of text/html: it is not JSON"},
		{"token huge", "", "", "token", prober.ReasonBadResponse, "want an answer within max_body"},
		{"token loop", "", "", "token", prober.ReasonRedirect, "want 200, got 302"},
		{"token closes", "", "", "token", prober.ReasonReset, "waiting for the answer"},
		{"no access_token", "", "", "token", prober.ReasonMissingValue, "want access_token, got none"},
		{"access_token is a number", "", "", "token", prober.ReasonBadResponse, "want a text as access_token, got a number"},
		{"access_token with a line end", "", "", "token", prober.ReasonBadResponse, "the access_token has a character that it must not have"},
		{"no token_type", "", "", "token", prober.ReasonMissingValue, "want token_type, got none"},
		{"token_type mac", "", "", "token", prober.ReasonBadResponse, `want the token_type Bearer, got "mac"`},
		{"token_type Bearer", proofs, "", "token", prober.ReasonBadResponse, `want the token_type DPoP, got "Bearer"`},
		{"expires_in text", "", "", "token", prober.ReasonBadResponse, "want a whole number of seconds from 1 on as expires_in, got text of 3 bytes"},
		{"expires_in 0", "", "", "token", prober.ReasonBadResponse, "want a whole number of seconds from 1 on as expires_in, got 0"},
		{"no id_token", "", "", "token", prober.ReasonMissingValue, "want an id_token, for openid is in the scope, got none"},

		{"no token", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token is no JWT: it has no dots"},
		{"huge token", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token has "},
		{"alg none", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's alg is none, which is not allowed"},
		{"alg HS256", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's alg is HS256, which is not allowed"},
		{"unknown kid", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's kid is not in the key set"},
		{"other key", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's signature is not by the key"},
		{"other iss in the token", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's iss is not the issuer"},
		{"other aud", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's aud lacks the client"},
		{"several aud", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's aud has several members, and there is no azp"},
		{"other azp", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's azp is not the client"},
		{"other nonce", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's nonce is another than was sent"},
		{"no nonce", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token has no nonce"},
		{"other at_hash", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's at_hash is of something else"},
		{"no sub", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token has no sub of 1 to 255 characters"},
		{"expired", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's exp was 2m"},
		{"not valid yet", "", "", "token", prober.ReasonTokenInvalid, "the ID token: token's nbf is "},
		{"clock behind", "", "", "token", prober.ReasonClockSkew, "the ID token: token's iat was 1m3"},
		{"clock ahead", "", "", "token", prober.ReasonClockSkew, "the ID token: token's iat is 1m"},
		{"clock of 50 s", "", "", "", "", ""},

		{"nonce loop", proofs, "", "token", prober.ReasonChallenge, "the server gave a nonce for the DPoP proof and then wanted another one (status 400)"},
		{"nonce loop", proofs, throughPAR, "push", prober.ReasonChallenge, "the server gave a nonce for the DPoP proof and then wanted another one (status 400)"},
		{"no nonce given", proofs, "", "token", prober.ReasonBadResponse, "the server wants a nonce in the DPoP proof and gives none (status 400)"},

		{"userinfo of another", "", "", "who", prober.ReasonTokenInvalid, "want the subject of the ID token, got another one"},
		{"userinfo of nobody", "", "", "who", prober.ReasonMissingValue, "want sub, got none"},
		{"userinfo 403", "", "", "who", prober.ReasonStatus4xx, "want 200, got 403"},
		{"always inactive", "", "", "ask", prober.ReasonAssertion, "want active to be true, got false"},
		{"always active", "", "", "gone", prober.ReasonAssertion, "want active to be false, got true"},
		{"active is text", "", "", "ask", prober.ReasonBadResponse, "want true or false as active, got text"},
		{"revoke 503", "", "", "revoke", prober.ReasonStatus5xx, "want 200, got 503"},
	}
	for _, tt := range tests {
		t.Run(strings.TrimSpace(tt.fault+" "+tt.client), func(t *testing.T) {
			t.Parallel()
			a := serveAuth(t, tt.fault)
			a.page, a.nonces = tt.login == byPage, tt.client == proofs && strings.Contains(tt.fault, "nonce")
			r := probeOnce(t, mustLoad(t, authOptions, wholeFlow(a.issuer, tt.client, tt.login)))
			a.silent(t, r)
			failed(t, r, tt.step, tt.reason, tt.detail)
		})
	}
}

// failed holds the step that failed, and why, against what is wanted.
func failed(t testing.TB, r prober.Report, step string, reason prober.Reason, detail string) {
	t.Helper()
	if r.Err != nil || len(r.Steps) == 0 {
		t.Fatalf("an error of ours: %v", r.Err)
	}
	last := r.Steps[len(r.Steps)-1]
	if step == "" && r.Outcome() == prober.Passed {
		return
	}
	if last.Name != step || last.Reason != reason || !strings.HasPrefix(last.Detail, detail) {
		t.Errorf("got %q at %q: %s\nwant %q at %q: %s", last.Reason, last.Name, last.Detail, reason, step, detail)
	}
}
