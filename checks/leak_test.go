package checks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/secrettest"
	"github.com/authprober/authprober/prober"
)

// A target that sends back, everywhere an answer has room, all that it was
// sent and a token of its own. Nothing of it may be in a report.
func TestReportsHoldNoSecret(t *testing.T) {
	const (
		pin      = "48291377"
		password = "Sentinel-Password-1"
		token    = "SentinelTokenOfLetters"
		clientID = "SentinelClientSecret"
		fresh    = "SentinelOfTheLastAnswer" // known from the failing step only
		let      = "SentinelOfTheLet"        // computed by the flow
		key      = "SentinelKeyOf32BytesForHMACandMore"
	)
	var mode string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		for _, s := range []string{password, token, clientID} {
			w.Header().Add("X-Echo", s)
			w.Header().Add("X-Release", s)
			w.Header().Add("Content-Type", "text/"+s)
		}
		switch {
		case r.URL.Path == "/login":
			fmt.Fprintf(w, `{"token": %q, "pin": %s, "deep": {"list": [%q]}}`, token, pin, token)
		case strings.HasPrefix(mode, "refused"):
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error": %q, %q: 1}`, password, token)
		case mode == "redirect":
			http.Redirect(w, r, "custom-"+token+"://x/"+password, http.StatusFound)
		case mode == "error":
			http.Error(w, password, 500)
		case mode == "malformed":
			c, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s %s\r\n\r\n", password, token)
			c.Close()
		case mode == "chunk":
			c, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n", token)
			c.Close()
		default:
			fmt.Fprintf(w, `{"error": %q, "sent": %q, %q: 1, "again": %q, "pin": %s, "fresh": %q, "let": %q}`, password, sent, clientID, token, pin, fresh, let)
		}
	}))
	defer server.Close()
	steps := map[string]string{
		"body":      `expect: ['body.error == "x"']`,
		"sent":      `expect: ['body.sent == "x"']`,
		"again":     `expect: ['body.again == "x"']`,
		"header":    `expect: ['header["X-Echo"] == "x"']`,
		"key":       `expect: ['body[account.password] == 1']`,
		"capture":   "expect: [status == 200]\ncapture: {y: 'body[token]'}",
		"json":      `expect: ['len(body) < 0']`,
		"redirect":  "expect: [status == 200]\nfollow_redirects: 2",
		"error":     `expect: ['body.x == 1']`,
		"malformed": `expect: [status == 200]`,
		"chunk":     `expect: [status == 200]`,
		"refuse":    `refuse: [401]`,
		"within":    "refuse: [401]\nwithin: 200ms\nnegative: false",
		"refused":   `refuse: [403]`,
		"refused 2": "refuse: [401]\nexpect: ['body.error == \"x\"']",
		"convert":   `expect: ['int(body.error) == 1']`,
		"date":      `expect: ['date(body.again).Year() == 1']`,
		"number":    `expect: ['body.pin == 1']`,
		"fresh":     "expect: ['body.fresh == \"x\"']\ncapture: {fresh: body.fresh}",
		"match":     `expect: ['"x" matches body.error']`,
		"panic":     "headers: {X: \"${{ totp(account.password) }}\"}\nexpect: [status == 200]",
		"header in": "headers: {X: '${{ token + account.password + \"\\n\" }}'}\nexpect: [status == 200]",
		"let":       "let: {a: '\"SentinelOf\" + \"TheLet\"'}\nexpect: ['body.let == \"x\"']",
		"let deep":  "let: {a: '{\"b\": [\"SentinelOf\" + \"TheLet\"]}'}\nexpect: ['body.let == \"x\"']",
		"let fails": "let: {a: token + account.password, b: 'jwt_claims(a)'}\nexpect: [status == 201]",
		"poll":      "poll: {every: 100ms, for: 150ms, until: body.again == \"x\"}\nexpect: [status == 200]",
		"polled":    "poll: {every: 100ms, for: 150ms, until: body.again != \"x\"}\nexpect: ['body.again == \"x\"']",
		"neither":   "poll: {every: 100ms, for: 150ms, until: body.again == \"x\", pending: body.error == \"x\"}\nexpect: [status == 200]",
		"remember":  "expect: ['body.fresh == \"x\"']\nremember: {fresh: body.fresh}",
		"remembers": "expect: [status == 200]\nremember: {fresh: 'body[token]'}",
		"forget":    "expect: ['body.again == \"x\"']\nforget: [token]\ncounter: n",
		"let and":   "let: {v: account.password + token, w: base64(v)}\nheaders: {X: \"${{ v }}\"}\nexpect: ['body.sent == v + w']",
		"let text":  "let: {v: 'int(token)'}\nexpect: [status == 200]",
		"sign":      "expect: ['body.sent == \"x\"']\nsign: {key: \"${{ account.key }}\", algorithm: HS256, text: \"${{ request.body }}\", headers: {X: \"${{ hex(signature) }}\"}}",
		"signs not": "expect: [status == 200]\nsign: {key: \"${{ account.key }}\", algorithm: HS256, text: \"${{ request.headers[token] }}\", headers: {X: \"${{ hex(signature) }}\"}}",
		"signature": "expect: ['body.error == \"x\"']\nsignature: {key: \"${{ account.key }}\", key_id: \"${{ token }}\", algorithm: hmac-sha256, components: ['@method', content-digest]}",
		"key id":    "expect: [status == 200]\nsignature: {key: \"${{ account.key }}\", key_id: \"${{ token + 'ü' }}\", algorithm: hmac-sha256, components: ['@method']}",
		"jws":       "expect: [status == 200]\njws: {field: X, key: \"${{ token }}\", algorithm: PS256, header: {kid: \"${{ account.password }}\"}}",
		"url":       "query: {q: \"${{ token }}\"}\nexpect: [status == 201]",
	}
	for name, settings := range steps {
		t.Run(name, func(t *testing.T) {
			mode = name
			c, err := writeFlows(t, Options{Sample: 1, LookupEnv: func(string) (string, bool) { return clientID, true }}, map[string]string{
				"accounts.yaml": "pools: {p: {kind: sacrificial, accounts: [{name: a, password: " + password + ", key: " + key + "}]}}",
				"flow.yaml": "name: x\ntarget: " + server.URL + `
accounts: p
secrets: {client: {env: CLIENT_SECRET}}
tags:
  release: header["X-Release"]
  echo: body.error
  pin: string(body.pin)
steps:
  - name: login
    request: POST /login
    json: {password: "${{ account.password }}", client: "${{ secrets.client }}"}
    expect: [status == 200]
    capture: {token: body.token, pin: body.pin, deep: body.deep}
    remember: {token: body.token, pin: body.pin}
  - name: use
    request: POST /use
    bearer: ${{ token }}
    json: {password: "${{ account.password }}"}
    ` + strings.ReplaceAll(settings, "\n", "\n    ") + "\n",
			})
			if err != nil {
				if noSecret(t, err.Error(), password, token, clientID, pin, fresh, let, key); name != "panic" {
					t.Fatal(err)
				}
				return
			}
			r := probeOnce(t, c)
			if r.Outcome() == prober.Passed {
				t.Errorf("the run passed: %+v", r)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			noSecret(t, string(text)+fmt.Sprintf("%+v %#v", r, r), password, token, clientID, pin, fresh, let, key)
		})
	}
}

// noSecret fails the test if a secret is in the text, in any form.
func noSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, f := range secrettest.Find(text, secrets...) {
		t.Errorf("the secret %s is there, %s: %s\n%s", f.Secret, f.Form, f.Around, text)
	}
}

// The values that a page has in its forms, and the queries of redirects, are as
// secret as what is captured.
func TestPagesGiveNoSecretAway(t *testing.T) {
	const (
		csrf = "SentinelTokenOfTheForm"
		code = "SentinelCodeOfTheQuery"
		name = "SentinelNameOfAField"
		note = "SentinelNote"
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", csrf)
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Location", "com.example."+strings.ToLower(code)+":/cb?code="+code)
			w.WriteHeader(http.StatusFound)
			fmt.Fprintf(w, `<form id=a action="/use?code=%s" method=post><input type=hidden name=%s value=%s><textarea name=t>%s</textarea></form>
				<form id=b method=post action="%s:x"><input name=%s></form>`, code, name, csrf, note, code, name)
		default:
			fmt.Fprintf(w, `{"csrf": %q, "note": %q}`, csrf, note)
		}
	}))
	defer server.Close()
	for step, settings := range map[string]string{
		"echo":         "submit: {id: a}\nexpect: ['body.csrf == \"x\"']",
		"echo of text": "submit: {id: a}\nexpect: ['body.note == \"x\"']",
		"header":       "submit: {id: a}\nexpect: ['header[\"X-Echo\"] == \"x\"']",
		"field":        "submit: {id: a}\nfields: {user: x}\nexpect: [status == 200]",
		"no form":      "submit: {id: c}\nexpect: [status == 200]",
		"scheme":       "submit: {id: b}\nexpect: [status == 200]",
		"redirect":     "follow: location\nexpect: [status == 200]",
		"redirects":    "follow: {until: status == 200}\nexpect: [status == 200]",
	} {
		r := probeOnce(t, mustLoad(t, Options{Sample: 1}, "name: x\ntarget: "+server.URL+`
tags: {echo: 'header["X-Echo"]'}
steps:
  - {name: page, request: GET /page, expect: [status == 302]}
  - name: use
    `+strings.ReplaceAll(settings, "\n", "\n    ")+"\n"))
		if r.Outcome() != prober.Failed {
			t.Errorf("%s: got %s: %v", step, r.Outcome(), r.Err)
		}
		if strings.HasPrefix(settings, "submit: {id: a}") {
			noSecret(t, fmt.Sprintf("%+v", r), csrf)
		}
		text, err := json.Marshal(r.Steps) // with what was sent and got
		if err != nil || !strings.Contains(string(text), `"Exchange":{"request":"GET `) {
			t.Errorf("%s: no exchange is in %s: %v", step, text, err)
		}
		noSecret(t, fmt.Sprintf("%+v", r.Steps)+string(text), csrf, code, name, note)
	}
}
