package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A moodyBank answers each path as it is told: a round of statuses, over and over, and
// before it those of once; 0 is no answer at all. Without either it is 200, and 401 below
// /refused.
type moodyBank struct {
	plain, secure *httptest.Server
	authority     *signer

	mu     sync.Mutex
	rounds map[string][]int
	turn   map[string]int
	first  map[string][]int
	delays map[string]func() time.Duration
	cert   *tls.Certificate
}

func newMoodyBank(t *testing.T, dir string) *moodyBank {
	b := &moodyBank{rounds: map[string][]int{}, turn: map[string]int{}, first: map[string][]int{}, delays: map[string]func() time.Duration{}}
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

// delay has the answers of a path take so long.
func (b *moodyBank) delay(path string, by func() time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delays[path] = by
}

func (b *moodyBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, wait := b.next(r.URL.Path)
	time.Sleep(wait)
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

func (b *moodyBank) next(path string) (status int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if by := b.delays[path]; by != nil {
		wait = by()
	}
	return b.status(path), wait
}

func (b *moodyBank) status(path string) int {
	if first := b.first[path]; len(first) > 0 {
		b.first[path] = first[1:]
		return first[0]
	}
	round := b.rounds[path]
	switch {
	case len(round) > 0:
		b.turn[path]++
		return round[b.turn[path]%len(round)]
	case strings.HasPrefix(path, "/refused/"):
		return http.StatusUnauthorized
	}
	return http.StatusOK
}
