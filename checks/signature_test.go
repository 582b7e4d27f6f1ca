package checks

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/httpsig"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

// verifying is a target that answers 204 to a request that verify accepts, and else
// 401. It returns why it refused.
func verifying(t *testing.T, verify func(r *http.Request, body []byte) error) (url string, refused *[]string) {
	refused = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verify(r, body)
		}
		if wanted, ok := errors.AsType[nonceWanted](err); ok {
			w.Header().Set("DPoP-Nonce", string(wanted))
			w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		}
		if err != nil {
			*refused = append(*refused, r.Method+" "+r.URL.Path+": "+err.Error())
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, refused
}

// nonceWanted is the error of a DPoP proof without the nonce.
type nonceWanted string

func (nonceWanted) Error() string { return "a nonce is wanted" }

// newKeyPair returns a private key and its public half, in PEM.
func newKeyPair(t *testing.T, algorithm string) (private, public string) {
	t.Helper()
	private, err := jose.GenerateKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	half, err := functions.PublicKey(private, "pem")
	if err != nil {
		t.Fatal(err)
	}
	return private, half.(string)
}

// keyEnv is an environment of keys, to be referred to by {env: NAME}.
func keyEnv(keys map[string]string) Options {
	return Options{LookupEnv: func(name string) (string, bool) { v, ok := keys[name]; return v, ok }}
}

// noKey fails the test where a line of a key is in a report.
func noKey(t *testing.T, r prober.Report, keys ...string) {
	t.Helper()
	text := fmt.Sprintf("%+v %#v", r, r)
	for _, key := range keys {
		for line := range strings.Lines(key) {
			if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-----") && strings.Contains(text, line) {
				t.Errorf("a line of a key is in the report:\n%s", text)
			}
		}
	}
}

// passes makes a run that has to pass, and in which the target refuses what is
// listed and nothing else.
func passes(t *testing.T, c *Config, refused *[]string, want ...string) prober.Report {
	t.Helper()
	*refused = nil
	r := probeOnce(t, c)
	if r.Outcome() != prober.Passed {
		t.Fatalf("got %s: %v %+v; the target: %q", r.Outcome(), r.Err, r.Steps, *refused)
	}
	if got := strings.Join(*refused, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the target refused\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	return r
}

const signatureFlow = `
name: x
target: TARGET
accounts: p
secrets: {token: {env: TOKEN}}
steps:
  - name: get
    request: GET /accounts?from=a%20b&to=%2F
    query: {q: "ü&="}
    dpop: ${{ secrets.token }}
    signature: &sig
      key: ${{ account.key }}
      key_id: ${{ account.name }}
      algorithm: ecdsa-p256-sha256
      components: ["@method", "@target-uri", authorization, content-digest, dpop]
      parameters: [created, keyid, nonce, tag, expires]
      tag: payments
      lifetime: 30s
    expect: [status == 204]
  - name: post
    request: POST /payments
    headers: {X-Request-ID: "${{ uuid() }}"}
    json: {id: "${{ uuid() }}", text: "<a&b> \u2028 ü", nested: [1, 2.50, null]}
    dpop: ${{ secrets.token }}
    signature: *sig
    expect: [status == 204]
  - name: another body is refused
    request: POST /payments
    negative: false
    headers: {Content-Digest: "${{ digest('{}', 'sha-256') }}"}
    json: {amount: 1}
    dpop: ${{ secrets.token }}
    signature: *sig
    refuse: [401]
  - name: another key is refused
    request: POST /payments
    negative: false
    json: {amount: 1}
    dpop: ${{ secrets.token }}
    signature:
      key: ${{ account.other }}
      key_id: ${{ account.name }}
      algorithm: ecdsa-p256-sha256
      components: ["@method", "@target-uri", authorization, content-digest, dpop]
    refuse: [401]
`

// Each account signs with its own key, over the DPoP proof too. The target verifies
// with the verifier of package httpsig, which is held to the vectors of RFC 9421. It
// wants a nonce in the proof of each new run, so the first request is signed twice.
func TestSignatureOfAccounts(t *testing.T) {
	keys, public := map[string]string{"TOKEN": "SentinelAccessToken"}, map[string]string{}
	for _, name := range []string{"a", "b"} {
		keys[strings.ToUpper(name)], public[name] = newKeyPair(t, "ES256")
	}
	nonces, owners := map[string]bool{}, map[string]int{}
	url, refused := verifying(t, func(r *http.Request, body []byte) error {
		_, claimed, _ := strings.Cut(r.Header.Get("Signature-Input"), `keyid="`)
		name, _, _ := strings.Cut(claimed, `"`)
		v, err := httpsig.NewVerifier(httpsig.VerifyOptions{
			Algorithm: "ecdsa-p256-sha256", Key: public[name], KeyID: name, MaxAge: time.Minute,
			Components: []string{"@method", "@target-uri", "authorization", "content-digest", "dpop"},
		})
		if err != nil {
			return err
		}
		got, err := v.Verify(r, body, time.Now())
		if err != nil {
			return err
		}
		if nonces[got.Nonce] || len(got.Nonce) < 16 || got.Tag != "payments" || got.Expires.Sub(got.Created) != 30*time.Second {
			return fmt.Errorf("a nonce that was here before, or a wrong parameter: %+v", got)
		}
		nonces[got.Nonce] = true
		claims, err := jose.Claims(r.Header.Get("DPoP"))
		if err != nil || claims["htm"] != r.Method || !strings.HasSuffix(claims["htu"].(string), r.URL.Path) {
			return fmt.Errorf("the proof is of another request: %v", err)
		}
		if claims["nonce"] != "server-nonce" {
			return nonceWanted("server-nonce")
		}
		owners[name]++
		return nil
	})
	c, err := writeFlows(t, keyEnv(keys), map[string]string{
		"accounts.yaml": "pools: {p: {accounts: [{name: a, key: {env: A}, other: {env: B}}, {name: b, key: {env: B}, other: {env: A}}]}}",
		"flow.yaml":     strings.ReplaceAll(signatureFlow, "TARGET", url),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		r := passes(t, c, refused, "GET /accounts: a nonce is wanted",
			"POST /payments: the Content-Digest is wrong: it is of another body",
			"POST /payments: the signature does not verify")
		if r.Steps[0].Attempts != 2 || r.Steps[1].Attempts != 1 {
			t.Errorf("got %d and %d attempts, want 2 and 1", r.Steps[0].Attempts, r.Steps[1].Attempts)
		}
		noKey(t, r, keys["A"], keys["B"])
		noSecret(t, fmt.Sprintf("%+v", r), keys["TOKEN"])
	}
	if owners["a"] != 4 || owners["b"] != 4 {
		t.Errorf("accepted requests by account: %v, want 4 each", owners)
	}
}

// Every algorithm, with the key of the flow; a Content-Digest by sha-512; and an own
// label.
func TestSignatureAlgorithms(t *testing.T) {
	for algorithm, kind := range map[string]string{
		"rsa-pss-sha512": "RS256", "rsa-v1_5-sha256": "RS256", "ecdsa-p256-sha256": "ES256", "ecdsa-p384-sha384": "ES384",
		"ed25519": "EdDSA", "hmac-sha256": "",
	} {
		t.Run(algorithm, func(t *testing.T) {
			private := strings.Repeat("Sentinel", 4)
			public := private
			if kind != "" {
				private, public = newKeyPair(t, kind)
			}
			v, err := httpsig.NewVerifier(httpsig.VerifyOptions{
				Algorithm: algorithm, Key: public, Label: "bank", MaxAge: time.Minute,
				Components: []string{"@method", "@path", "@query", "@authority", "content-type", "content-length", "content-digest", "x-request-id"},
			})
			if err != nil {
				t.Fatal(err)
			}
			url, refused := verifying(t, func(r *http.Request, body []byte) error {
				_, err := v.Verify(r, body, time.Now())
				if err == nil && !strings.HasPrefix(r.Header.Get("Content-Digest"), "sha-512=:") {
					err = errors.New("the digest is not by sha-512")
				}
				return err
			})
			c := mustLoad(t, keyEnv(map[string]string{"KEY": private}), oneStep(url, `
request: POST /payments
query: {a: b}
body: "amount=1"
headers: {X-Request-ID: "${{ uuid() }}"}
signature:
  key: ${{ secrets.key }}
  algorithm: `+algorithm+`
  label: bank
  digest: sha-512
  components: ["@method", "@path", "@query", "@authority", content-type, content-length, content-digest, x-request-id]
expect: [status == 204]`)+"secrets: {key: {env: KEY}}\n")
			noKey(t, passes(t, c, refused), private)
		})
	}
}

// The key may be made in the run: what a phone does that enrols.
func TestSignatureOfRun(t *testing.T) {
	enrolled, requests := "", 0
	url, refused := verifying(t, func(r *http.Request, body []byte) error {
		if requests++; r.URL.Path == "/enrol" {
			enrolled = string(body)
			return nil
		}
		v, err := httpsig.NewVerifier(httpsig.VerifyOptions{Algorithm: "ed25519", Key: enrolled, Components: []string{"@method"}})
		if err != nil {
			return err
		}
		_, err = v.Verify(r, body, time.Now())
		return err
	})
	c := mustLoad(t, Options{}, "name: x\ntarget: "+url+`
steps:
  - name: enrol
    let: {key: new_key("EdDSA"), public: {value: 'public_key(key, "pem")', show: true}}
    request: POST /enrol
    body: ${{ public }}
    expect: [status == 204]
  - name: use
    request: DELETE /use
    signature: {key: "${{ key }}", algorithm: ed25519, components: ["@method", "@target-uri"]}
    expect: [status == 204]
`)
	passes(t, c, refused)
	first := enrolled
	if passes(t, c, refused); enrolled == first {
		t.Error("two runs have the same key")
	}
	if requests != 4 {
		t.Errorf("got %d requests, want 4", requests)
	}
}
