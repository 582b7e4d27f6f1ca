package checks

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/authprober/authprober/prober"
)

// TestAuthorizationMustBeRefused tells the answers to an authorization request that must
// be refused apart: whoever is sent on to log in, or back with a code, is accepted, and
// who is sent back with an error is not.
func TestAuthorizationMustBeRefused(t *testing.T) {
	for _, tt := range []struct {
		to     func(state string) string // "" is a page with a 400
		refuse string
		want   prober.Reason
	}{
		{func(string) string { return "" }, "[400]", ""},
		{func(string) string { return "/login?flow=1" }, "[400]", prober.ReasonNotRefused},
		{func(string) string { return "/login?flow=1" }, "[302, 400]", ""}, // as the flow will have it
		{func(string) string { return "https://nobody.invalid/callback?code=x" }, "[400]", prober.ReasonNotRefused},
		{func(state string) string { return "https://app.example/cb?code=x&state=" + state }, "[400]", prober.ReasonNotRefused},
		{func(state string) string { return "https://app.example/cb?error=invalid_request&state=" + state }, "[302]", ""},
		{func(state string) string { return "https://app.example/cb?error=invalid_request&state=" + state }, "[400]", prober.ReasonRedirect},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to := tt.to(url.QueryEscape(r.URL.Query().Get("state")))
			if to == "" {
				w.WriteHeader(400)
				return
			}
			w.Header().Set("Location", to)
			w.WriteHeader(302)
		}))
		c := mustLoad(t, Options{}, `
name: authorize
target: `+server.URL+`
clients: {app: {client_id: app, redirect_uri: "https://app.example/cb", endpoints: {authorization_endpoint: /authorize}}}
steps:
  - {name: ask, authorize: {}, refuse: `+tt.refuse+`}
`)
		r := probeOnce(t, c)
		server.Close()
		if got := r.Steps[0].Reason; got != tt.want || r.Err != nil {
			t.Errorf("a redirect to %s with refuse %s: got %q (%s) %v, want %q", tt.to("STATE"), tt.refuse, got, r.Steps[0].Detail, r.Err, tt.want)
		}
	}
}
