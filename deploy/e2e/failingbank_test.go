package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A failing is a prober, its flow, and the bank that is to fail.
type failing struct {
	address, bank, flow string
	prober              *process
}

// startFailing starts a prober whose one check meets everything that a dashboard has a
// panel for: a limit, confirming runs, a code that
// is waited for, a target with TLS and a name, a pool with a cap, and whom to tell. The
// bank is healthy to begin with.
func startFailing(t *testing.T) *failing {
	dir := t.TempDir()
	free := freeAddresses(t, 2)
	address, bank := free[0], free[1]
	makeCertificates(t, dir)
	accounts := filepath.Join(dir, "accounts.yaml")
	start(t, nil, authprober(t), "bank", "--listen", bank, "--seed", "1", "--users", "1200", "--accounts-file", accounts).
		ready(t, "http://"+bank+"/v1/status")
	capped := strings.NewReplacer("  retail:\n", "  retail:\n    pool_codes: 1000000 per day\n")
	text, err := os.ReadFile(accounts)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "accounts.yaml", capped.Replace(string(text)))
	front := overTLS(t, dir, "http://"+bank)
	flow := write(t, dir, "flow.yaml", fmt.Sprintf(failingFlow, front.port, filepath.Join(dir, "ca.pem"), front.inbox))
	env := []string{"AUTHPROBER_LISTEN=" + address, "AUTHPROBER_STATE_DIR=" + t.TempDir(), "AUTHPROBER_HEARTBEAT_URL=" + front.sink,
		"AUTHPROBER_ALERTMANAGER_URLS=" + front.sink, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + front.sink + "/v1/traces"}
	prober := start(t, env, authprober(t), "run", flow, accounts)
	prober.ready(t, "http://"+address+"/-/ready")
	return &failing{address, bank, flow, prober}
}

// A little lets so few logins fail that the check is suspect for a while; much has one
// backend of five fail so often that nobody else can be to blame, and accept dead tokens.
var (
	little = []string{"step=login every=15 kind=status status=500"}
	much   = []string{"step=login backend=b3 rate=60% kind=status status=500", "step=accounts backend=b3 rate=50% kind=fail_open"}
)

// breakBank puts faults in place of those there are.
func (f *failing) breakBank(t *testing.T, faults []string) {
	t.Helper()
	if _, err := call("DELETE", "http://"+f.bank+"/-/faults", nil, ""); err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		if _, err := call("POST", "http://"+f.bank+"/-/faults", nil, fault); err != nil {
			t.Fatal(err)
		}
	}
}

// breakFlow has a configuration read that cannot be, so that the one before stays.
func (f *failing) breakFlow(t *testing.T) {
	t.Helper()
	write(t, filepath.Dir(f.flow), filepath.Base(f.flow), "name: retail-login\n")
	if err := f.prober.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

const failingFlow = `name: retail-login
target: https://localhost:%s
tls: {ca: %q}
schedule: {every: 200ms, timeout: 2s, concurrency: 20, confirm: 100ms}
accounts: retail
objective: {tolerate: 0.1%%, detect: 10%%, false_pages: 1 per 1d, blip: 0s}
thresholds: [{ratio: 0.5%%, window: 5m, min_runs: 20, severity: ticket}]
labels: {team: identity, severity: page}
tags: {backend: 'header["X-Backend"]'}
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {challenge: body.challenge}
  - name: code is there
    request: GET %s
    poll: {every: 100ms, for: 1s, until: len(body) > 0, delivery: true}
    expect: [status == 200]
  - name: code
    request: POST /v1/login/otp
    json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [status == 200]
    capture: {access: body.access_token}
  - name: logout
    request: POST /v1/logout
    bearer: ${{ access }}
    expect: [status == 204]
  - name: a dead token is refused
    request: GET /v1/accounts
    bearer: ${{ access }}
    refuse: [401]
  - name: it is refused soon
    request: GET /v1/accounts
    bearer: ${{ access }}
    refuse: [401]
    within: {time: 300ms, of: logout}
  - name: no token is refused
    request: GET /v1/accounts
    refuse: [401]
  - name: nor is it another time
    request: GET /v1/accounts
    refuse: [401]
    same_as: no token is refused
`

// A tlsFront is a server with TLS in front of a bank, and an inbox in which there
// always is a code; sink takes in whatever it is sent, alerts and traces alike.
type tlsFront struct{ port, inbox, sink string }

func overTLS(t *testing.T, dir, bank string) tlsFront {
	t.Helper()
	target, err := url.Parse(bank)
	if err != nil {
		t.Fatal(err)
	}
	// A connection to the bank for each request: that is what meets its backends.
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/inbox" {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, fmt.Sprintf(`[{"text": "123456", "at": %q}]`, time.Now().Format(time.RFC3339)))
	}))
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	port := server.Listener.Addr().String()
	port = port[strings.LastIndex(port, ":")+1:]
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(sink.Close)
	return tlsFront{port: port, inbox: "https://localhost:" + port + "/inbox", sink: sink.URL}
}
