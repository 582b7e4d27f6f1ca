package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// A moodyBank answers each path as it is told: a round of statuses, over and over, and
// before it those of once. Without either it is 200, and 401 at /open.
type moodyBank struct {
	plain, secure *httptest.Server
	authority     *signer

	mu     sync.Mutex
	rounds map[string][]int
	turn   map[string]int
	first  map[string][]int
	cert   *tls.Certificate
}

func newMoodyBank(t *testing.T, dir string) *moodyBank {
	b := &moodyBank{rounds: map[string][]int{}, turn: map[string]int{}, first: map[string][]int{}}
	b.authority = certify(t, dir, "ca", nil, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(365 * 24 * time.Hour)})
	b.certify(t, dir, 90*24*time.Hour)
	b.plain = httptest.NewServer(b)
	b.secure = httptest.NewUnstartedServer(b)
	b.secure.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return &tls.Config{Certificates: []tls.Certificate{*b.cert}}, nil
	}}
	b.secure.StartTLS()
	t.Cleanup(func() { b.plain.Close(); b.secure.Close() })
	return b
}

// certify has the bank show another certificate, for so long, from now on.
func (b *moodyBank) certify(t *testing.T, dir string, length time.Duration) {
	t.Helper()
	s := certify(t, dir, "bank", b.authority, &x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotAfter: time.Now().Add(length),
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cert = &tls.Certificate{Certificate: [][]byte{s.cert.Raw}, PrivateKey: s.key}
}

// answer sets the round of a path; none is as it should be.
func (b *moodyBank) answer(path string, statuses ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rounds[path] = statuses
}

// once puts statuses in front, each for one request.
func (b *moodyBank) once(path string, statuses ...int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.first[path] = statuses
}

func (b *moodyBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(b.next(r.URL.Path))
}

func (b *moodyBank) next(path string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if first := b.first[path]; len(first) > 0 {
		b.first[path] = first[1:]
		return first[0]
	}
	round := b.rounds[path]
	switch {
	case len(round) > 0:
		b.turn[path]++
		return round[b.turn[path]%len(round)]
	case path == "/open":
		return http.StatusUnauthorized
	}
	return http.StatusOK
}
