package checks

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// oneAddress is a connection that goes to the same address as all others, as far as
// can be seen: as one through a balancer does.
type oneAddress struct{ net.Conn }

func (oneAddress) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}
}

// balancer has a connection go to one backend after the other.
func balancer(backends ...string) func(context.Context, string, string) (net.Conn, error) {
	n := 0
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		n++
		c, err := new(net.Dialer).DialContext(ctx, network, backends[n%len(backends)])
		if err != nil {
			return nil, err
		}
		return oneAddress{c}, nil
	}
}

// backend serves a bank over TLS and returns its address and its authority.
func backend(t *testing.T, o banktest.TLS, faults ...banktest.Fault) (address string, authority []byte) {
	t.Helper()
	bank, err := banktest.New(banktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := bank.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
	server, err := bank.StartTLS(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://"), server.CA
}

// fingerprint asks a server for its certificate, apart from the code that is tested.
func fingerprint(t *testing.T, address string) string {
	t.Helper()
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:6])
}

// One of two backends behind an address fails: it is blamed by its certificate,
// whether it answers badly, does not answer, or its certificate itself is at fault.
func TestBlameCertificate(t *testing.T) {
	yesterday := time.Now().Add(-24 * time.Hour)
	for name, tt := range map[string]struct {
		faults []banktest.Fault
		tls    banktest.TLS
		reason prober.Reason
	}{
		"answers badly":   {[]banktest.Fault{{Kind: banktest.KindStatus, Status: 503, Rate: 1}}, banktest.TLS{}, prober.ReasonStatus5xx},
		"does not answer": {[]banktest.Fault{{Kind: banktest.KindReset, Rate: 1}}, banktest.TLS{}, prober.ReasonReset},
		"has expired":     {nil, banktest.TLS{NotBefore: yesterday.Add(-time.Hour), NotAfter: yesterday}, prober.ReasonTLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, trusted := backend(t, banktest.TLS{})
			b, more := backend(t, tt.tls, tt.faults...)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, append(trusted, more...), 0o600); err != nil {
				t.Fatal(err)
			}
			c := mustLoad(t, Options{Dial: balancer(a, b)}, oneStep("https://127.0.0.1", "request: GET /v1/status\nexpect: [status == 200]")+
				"tls: {ca: "+ca+"}\n")
			judge, err := prober.NewJudge(c.Checks)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Now()
			for range 40 {
				r := probeOnce(t, c)
				if r.Outcome() == prober.Failed && r.Steps[0].Reason != tt.reason {
					t.Fatalf("got %+v, want %s", r.Steps[0], tt.reason)
				}
				judge.ObserveRun(&prober.Run{Check: c.Checks[0], Start: at, Outcome: r.Outcome(), Report: r})
				at = at.Add(time.Hour)
			}
			want := "certificate=" + fingerprint(t, b) + ": 20 of 20 runs failed, 0 of 20 elsewhere"
			status := judge.Status(c.Checks[0], at)
			if got := status.BlameText(); !strings.HasPrefix(got, want) {
				t.Errorf("got %q, want %s…", got, want)
			}
		})
	}
}

// The first certificate of a run is the one, and without TLS there is none.
func TestFirstCertificate(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{})
	defer bank.Close()
	a, trusted := backend(t, banktest.TLS{})
	b, more := backend(t, banktest.TLS{})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, append(trusted, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	step := func(url string) string {
		return "  - {name: " + url[len(url)-5:] + ", request: GET " + url + "/v1/status, expect: [status == 200]}\n"
	}
	for _, tt := range []struct{ steps, want string }{
		{step(bank.URL), ""},
		{step("https://"+b) + step("https://"+a), fingerprint(t, b)},
		{step(bank.URL) + step("https://"+a) + step("https://"+b), fingerprint(t, a)},
	} {
		flow := "name: x\ntarget: https://127.0.0.1\norigins: [" + bank.URL + ", https://" + a + ", https://" + b + "]\nschedule: {every: 1s, timeout: 1s, cleanup: 1s}\nsteps:\n" + tt.steps + "tls: {ca: " + ca + "}\n"
		r := probeOnce(t, mustLoad(t, Options{}, flow))
		if r.Outcome() != prober.Passed || r.Certificate != tt.want {
			t.Errorf("%s: got %s and the certificate %q, want %q (%+v)", tt.steps, r.Outcome(), r.Certificate, tt.want, r.Steps)
		}
	}
}
