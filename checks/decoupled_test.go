package checks

import (
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

// inBubble serves an authorization server in memory, for the fake clock of a bubble.
func inBubble(t *testing.T, fault string) (a *authServer, options Options) {
	network := newPipes()
	a = newAuthServer(t, "http://192.0.2.1")
	a.fault = fault
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: a}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(network) })
	t.Cleanup(func() { _ = server.Close(); network.Close(); serving.Wait() })
	options = authOptions
	options.Dial = network.dial
	return a, options
}

const decoupledFlow = `
name: x
target: http://192.0.2.1
schedule: {every: 2m, timeout: 90s}
clients: {app: {client_id: app, scope: openid}}
steps:
  - {name: discovery, discovery: openid-configuration}
  - {name: keys, jwks: jwks_uri}
  - {name: begin, BEGIN}
  - {name: token, token: GRANT, poll: {every: 1s, for: 60s}, capture: {access: body.access_token}}
  - {name: who, userinfo: "${{ access }}"}
`

func TestDecoupled(t *testing.T) {
	testKeys() // outside of the bubbles
	tests := []struct {
		fault  string
		gaps   []time.Duration // between polls
		step   string
		reason prober.Reason
		detail string
	}{
		{"", []time.Duration{1, 1}, "", "", ""},
		{"interval of 7 s", []time.Duration{7, 7}, "", "", ""},
		{"no interval", []time.Duration{5, 5}, "", "", ""},
		{"slow_down", []time.Duration{10, 10}, "", "", ""},
		{"expired_token", []time.Duration{1}, "token", prober.ReasonOAuthError, "want 200, got 400 with the OAuth error expired_token"},
		{"denied", []time.Duration{1}, "token", prober.ReasonOAuthError, "want 200, got 400 with the OAuth error access_denied"},
		{"always pending", slices.Repeat([]time.Duration{1}, 59), "token", prober.ReasonTimeout, `polled 60 times in 1m, and the answer was always "not yet", the last with status 400`},
		{"token 503", nil, "token", prober.ReasonStatus5xx, "want 200, got 503"},
		{"token rate limit", nil, "token", prober.ReasonRateLimited, "want 200, got 429"},
		{"token bad gateway", nil, "token", prober.ReasonStatus5xx, "want 200, got 502"},
		{"interval is text", nil, "begin", prober.ReasonBadResponse, "want a whole number of seconds from 0 on as interval, got text of 1 bytes"},
		{"no id", nil, "begin", prober.ReasonMissingValue, "want "},
		{"never expires", nil, "begin", prober.ReasonMissingValue, "want expires_in, got none"},
		{"no id_token", []time.Duration{1, 1}, "token", prober.ReasonMissingValue, "want an id_token, for openid is in the scope, got none"},
		{"userinfo of another", []time.Duration{1, 1}, "who", prober.ReasonTokenInvalid, "want the subject of the ID token, got another one"},
	}
	for begin, grant := range map[string]string{
		"device_authorization: {}":                        "device_code",
		"backchannel_authentication: {login_hint: probe}": "ciba",
	} {
		for _, until := range []string{"", ", until: status == 200"} {
			flow := strings.NewReplacer("BEGIN", begin, "GRANT", grant, "for: 60s", "for: 60s"+until).Replace(decoupledFlow)
			for _, tt := range tests {
				t.Run(grant+until+" "+tt.fault, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						a, options := inBubble(t, tt.fault)
						r := probeOnce(t, mustLoad(t, options, flow))
						a.silent(t, r)
						failed(t, r, tt.step, tt.reason, tt.detail)
						var gaps []time.Duration
						for i := 1; i < len(a.polled); i++ {
							gaps = append(gaps, a.polled[i].Sub(a.polled[i-1])/time.Second)
						}
						if !slices.Equal(gaps, tt.gaps) {
							t.Errorf("the server was polled after %v s, want %v", gaps, tt.gaps)
						}
					})
				})
			}
		}
	}
}
