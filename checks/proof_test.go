package checks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/authprober/authprober/checks/internal/pkce"
	"github.com/authprober/authprober/prober"
)

// A proof key that is kept in a let is read member by member, in one step and in
// the next.
func TestProofKeyIsKept(t *testing.T) {
	var challenge string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/authorize" {
			challenge = r.URL.Query().Get("code_challenge")
			return
		}
		var in struct{ Verifier string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if want, err := pkce.Challenge(in.Verifier); err != nil || want != challenge {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	c := mustLoad(t, Options{}, `
name: proof
target: `+server.URL+`
steps:
  - name: authorize
    let: {proof: pkce()}
    request: GET /authorize
    query: {code_challenge: "${{ proof.challenge }}"}
    expect: [status == 200]
  - name: token
    request: POST /token
    json: {verifier: '${{ proof["verifier"] }}'}
    expect: [status == 200]
`)
	if r := probeOnce(t, c); r.Outcome() != prober.Passed || challenge == "" {
		t.Errorf("got %s with the challenge %q: %+v", r.Outcome(), challenge, r.Steps)
	}
}
