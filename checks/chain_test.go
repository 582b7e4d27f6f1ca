package checks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// renewFlow logs in where it has no token, and goes on from the token it has.
const renewFlow = `
name: chain
target: TARGET
schedule: {every: 30s, timeout: 5s}
accounts: one
steps:
  - name: log in
    if: remembered.token == nil
    request: POST /login
    expect: [status == 200]
    remember: {token: body.token}
  - name: renew
    request: POST /renew
    bearer: ${{ remembered.token }}
    forget: [token]
    expect: [status == 200]
    remember: {token: body.token}
  - name: use
    request: GET /use
    bearer: ${{ remembered.token }}
    expect: [status == 200]
`

// TestRememberedInTheRun sees to it that a step reads what a step before it in the
// same run has left, and a later run what the run before it has.
func TestRememberedInTheRun(t *testing.T) {
	var logins, renewed, tokens atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if want := fmt.Sprintf("Bearer token-%d", tokens.Load()); r.URL.Path != "/login" && r.Header.Get("Authorization") != want {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/login":
			logins.Add(1)
		case "/renew":
			renewed.Add(1)
		case "/use":
			return
		}
		fmt.Fprintf(w, `{"token": "token-%d"}`, tokens.Add(1))
	}))
	defer server.Close()
	c, err := writeFlows(t, Options{Remembered: remember.NewMemory()}, map[string]string{
		"flow.yaml": strings.ReplaceAll(renewFlow, "TARGET", server.URL), "accounts.yaml": "pools: {one: {accounts: [{name: a}]}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if r := probeOnce(t, c); r.Outcome() != prober.Passed {
			t.Fatalf("run %d: %s, %+v", i+1, r.Outcome(), r)
		}
	}
	if logins.Load() != 1 || renewed.Load() != 3 {
		t.Errorf("%d logins and %d renewals in 3 runs, want 1 and 3", logins.Load(), renewed.Load())
	}
}
