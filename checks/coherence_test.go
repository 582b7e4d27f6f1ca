package checks

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/authprober/authprober/prober"
)

// A cluster is some replicas behind a balancer that gives each connection to the
// next one; the last is the one that differs.
type cluster struct {
	*httptest.Server
	fault string
	last  int
	conns atomic.Int64
}

type replicaKey struct{}

func newCluster(t *testing.T, fault string, replicas int, secure bool) *cluster {
	c := &cluster{fault: fault, last: replicas - 1}
	c.Server = httptest.NewUnstartedServer(nil)
	c.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, replicaKey{}, int(c.conns.Add(1)-1)%replicas)
	}
	c.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" && r.URL.Path != "/token" {
			t.Error("a cookie was carried from one copy to the next")
		}
		http.SetCookie(w, &http.Cookie{Name: "replica", Value: "1", Path: "/"})
		c.serve(t, w, r)
	})
	if c.EnableHTTP2 = secure; secure {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

func (c *cluster) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	a := newAuthServer(t, c.URL)
	odd := r.Context().Value(replicaKey{}) == c.last
	on := func(fault string) bool { return c.fault == fault && odd }
	switch {
	case r.URL.Path == "/token":
		answerJSON(w, 200, map[string]string{"token": a.idToken(nil, nil)})
	case on("503"):
		w.WriteHeader(503)
	case r.URL.Path == "/.well-known/openid-configuration":
		doc := httptest.NewRecorder()
		a.metadata(doc, r)
		var m map[string]any
		if err := json.Unmarshal(doc.Body.Bytes(), &m); err != nil {
			t.Error(err)
		}
		if on("endpoint") {
			m["token_endpoint"] = c.URL + "/elsewhere"
		}
		if on("alias") {
			m["mtls_endpoint_aliases"] = map[string]string{}
		}
		answerJSON(w, 200, m)
	default:
		names := []string{"server ES256", "server PS256"}
		keys := []any{publicJWK(t, a.signer(names[0]), names[0]), publicJWK(t, a.signer(names[1]), names[1])}
		switch {
		case on("rotated"):
			keys[0] = publicJWK(t, a.signer("other ES256"), "Sentinel-Kid")
		case on("same name"):
			keys[0] = publicJWK(t, a.signer("other ES256"), names[0])
		case on("one more"):
			keys = append(keys, publicJWK(t, a.signer("other ES256"), "Sentinel-Kid"))
		case on("other order"):
			keys[0], keys[1] = keys[1], keys[0]
		case c.fault == "lost":
			keys = keys[1:]
		}
		answerJSON(w, 200, map[string]any{"keys": keys})
	}
}

// Whatever the number of replicas, and a balancer that takes turns: each is asked for
// both documents.
func TestCoherenceInTurn(t *testing.T) {
	for replicas, copy := range map[int]int{2: 2, 3: 3, 4: 2, 5: 4} {
		c := newCluster(t, "same name", replicas, false)
		flow := "name: x\ntarget: " + c.URL + "\nclients: {app: {client_id: app}}\nsteps:\n" +
			"  - {name: token, request: GET /token, expect: [status == 200]}\n  - {name: copies, coherence: openid-configuration}\n"
		failed(t, probeOnce(t, mustLoad(t, Options{}, flow)), "copies", prober.ReasonAssertion,
			fmt.Sprintf("copy %d of 5: want the keys of the first copy, got others of the same names", copy))
	}
}

func TestCoherence(t *testing.T) {
	tests := []struct {
		fault  string
		reason prober.Reason
		detail string
	}{
		{"", "", ""},
		{"other order", "", ""},
		{"rotated", prober.ReasonAssertion, "copy 3 of 5: want the keys of the first copy: 1 of them are not there, and 1 others are"},
		{"one more", prober.ReasonAssertion, "copy 3 of 5: want the keys of the first copy: 0 of them are not there, and 1 others are"},
		{"same name", prober.ReasonAssertion, "copy 3 of 5: want the keys of the first copy, got others of the same names"},
		{"endpoint", prober.ReasonAssertion, "copy 2 of 5: want the token_endpoint of the first copy, got another one"},
		{"alias", prober.ReasonAssertion, "copy 2 of 5: want the mtls_endpoint_aliases of the first copy, got others"},
		{"503", prober.ReasonStatus5xx, "copy 2 of 5: want 200, got 503"},
		{"lost", prober.ReasonTokenInvalid, "copy 1 of 5: want the key of the token in the keys, and it is not there"},
	}
	for _, tt := range tests {
		for _, secure := range []bool{false, true} {
			c := newCluster(t, tt.fault, 3, secure)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if secure {
				text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
				if err := os.WriteFile(ca, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			flow := "name: x\ntarget: " + c.URL + `
clients: {app: {client_id: app}}
steps:
  - {name: token, request: GET /token, expect: [status == 200], capture: {token: body.token}}
  - {name: copies, coherence: openid-configuration, key_of: "${{ token }}"}
  - {name: after, request: GET /token, expect: [status == 200]}
`
			if secure {
				flow += "tls: {ca: " + ca + "}\n"
			}
			step := map[bool]string{true: "", false: "copies"}[tt.reason == ""]
			r := probeOnce(t, mustLoad(t, Options{}, flow))
			failed(t, r, step, tt.reason, tt.detail)
			if got := c.conns.Load(); tt.reason == "" && got != 11 { // the last copy's is kept for what follows
				t.Errorf("%q, TLS %t: got %d connections, want one for each document of 5 copies and one for the token", tt.fault, secure, got)
			}
			if got := r.Steps[1].Attempts; tt.reason == "" && got != 10 {
				t.Errorf("%q: got %d attempts, want 10", tt.fault, got)
			}
			if strings.Contains(r.Steps[len(r.Steps)-1].Detail, "Sentinel") {
				t.Errorf("a kid is the target's text: %s", r.Steps[1].Detail)
			}
		}
	}
}
