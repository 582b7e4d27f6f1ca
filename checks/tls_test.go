package checks

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

func TestTLS(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name   string
		tls    banktest.TLS
		trust  bool
		extra  string // beside the authority
		reason prober.Reason
		detail string
	}{
		{"good", banktest.TLS{}, true, "", "", ""},
		{"unknown authority", banktest.TLS{}, false, "", prober.ReasonTLS, "certificate signed by unknown authority"},
		{"expired", banktest.TLS{NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}, true, "", prober.ReasonTLS, "certificate has expired"},
		{"wrong host", banktest.TLS{Hosts: []string{"other.bank.example"}}, true, "", prober.ReasonTLS, "cannot validate certificate for 127.0.0.1"},
		{"the name it is to have", banktest.TLS{Hosts: []string{"other.bank.example"}}, true, "other.bank.example", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bank, err := banktest.New(banktest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			server, err := bank.StartTLS(tt.tls)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			flow := oneStep(server.URL, "request: GET /v1/status\nexpect: [status == 200]")
			if tt.trust {
				ca := filepath.Join(t.TempDir(), "ca.pem")
				if err := os.WriteFile(ca, server.CA, 0o600); err != nil {
					t.Fatal(err)
				}
				flow += "tls: {ca: " + ca + ", server_name: '" + tt.extra + "'}\n"
			}
			r := probeOnce(t, mustLoad(t, Options{}, flow))
			check(t, r, tt.reason, "")
			if !strings.Contains(r.Steps[0].Detail, tt.detail) {
				t.Errorf("got %q, want %q in it", r.Steps[0].Detail, tt.detail)
			}
			if tt.reason == "" && (r.CertificateExpiry.Before(now) || r.Steps[0].Phases.TLS == 0) {
				t.Errorf("got the end of validity %s and the phases %+v", r.CertificateExpiry, r.Steps[0].Phases)
			}
		})
	}
}

func TestTLSToPlainHTTP(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, oneStep(strings.Replace(server.URL, "http:", "https:", 1), getOK)))
	check(t, r, prober.ReasonTLS, "")
}

func TestTLSHandshakeStalls(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the backlog accepts, and nobody ever answers
	r := probeOnce(t, mustLoad(t, Options{}, oneStep("https://"+l.Addr().String(), getOK+"\ntimeout: 50ms")))
	check(t, r, prober.ReasonTimeout, "no whole answer within the time: it ran out while shaking hands (TLS)")
}
