package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
)

// A server is one that serves until stop is called.
type server struct {
	address string
	closed  <-chan struct{} // closed when it takes no more connections
	stop    func() error
}

func serve(t *testing.T, h http.Handler, configFile string) server {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed, served := make(chan struct{}), make(chan error, 1)
	signal := &closeSignal{Listener: l, close: sync.OnceFunc(func() { close(closed) })}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { served <- Serve(ctx, signal, h, configFile, zap.NewNop()) }()
	return server{l.Addr().String(), closed, func() error { cancel(); return <-served }}
}

type closeSignal struct {
	net.Listener
	close func()
}

func (l *closeSignal) Close() error {
	defer l.close()
	return l.Listener.Close()
}

func client(pool *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool},
	}}
}

func TestServe(t *testing.T) {
	s := serve(t, Handler(testOptions(t)), "")
	if status, body := get(t.Context(), t, client(nil), "http://"+s.address+"/-/ready", "", ""); status != 200 || body != "ready\n" {
		t.Errorf("got %d: %s", status, body)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestServeWithTLSAndPassword(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	config := write(t, dir, "web.yml", `tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
basic_auth_users:
  prometheus: $2a$04$PGp4YLTnD2aiX14JPUL6rOO5LCBq/yZhDjxGKMCO6e2ujmxOh5cye
`)
	s := serve(t, Handler(testOptions(t)), config)
	for _, c := range []struct {
		user, password string
		want           int
	}{
		{"", "", 401}, {"prometheus", "wrong", 401}, {"nobody", "correct horse", 401}, {"prometheus", "correct horse", 200},
	} {
		status, body := get(t.Context(), t, client(pool), "https://"+s.address+"/metrics", c.user, c.password)
		if status != c.want || strings.Contains(body, "authprober_runs_total") != (c.want == 200) {
			t.Errorf("%s:%s: got %d: %.80s", c.user, c.password, status, body)
		}
	}
	if status, _ := get(t.Context(), t, client(nil), "http://"+s.address+"/metrics", "prometheus", "correct horse"); status != 400 {
		t.Errorf("without TLS: got %d, want 400", status)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// A scrape under way when the daemon stops is answered.
func TestShutdownAnswersWhatItHasBegun(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		answer(w, 200, "whole")
	}), "")
	body := make(chan string)
	go func() {
		_, b := get(t.Context(), t, client(nil), "http://"+s.address, "", "")
		body <- b
	}()
	<-begun
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	<-s.closed
	close(finish)
	if b := <-body; b != "whole\n" {
		t.Errorf("got %q", b)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestTwoOnOnePort(t *testing.T) {
	first, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	address := first.Addr().String()
	_, err = Listen(t.Context(), address)
	if want := `listening on "` + address + `": the port is in use; is another authprober running?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Listen(t.Context(), "127.0.0.1"); err == nil || !strings.Contains(err.Error(), `listening on "127.0.0.1"`) {
		t.Errorf("got %v", err)
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ file, want string }{
		"missing":     {filepath.Join(dir, "none.yml"), "no such file"},
		"unknown key": {write(t, dir, "a.yml", "tls_server_confg: {}\n"), "tls_server_confg"},
		"no hash":     {write(t, dir, "b.yml", "basic_auth_users:\n  anna: hunter2\n"), "hash"},
		"no key":      {write(t, dir, "c.yml", "tls_server_config:\n  cert_file: cert.pem\n"), "key"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Validate(c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) {
				t.Fatalf("got %v, want the file and %q", err, c.want)
			}
			l, lerr := Listen(t.Context(), "127.0.0.1:0")
			if lerr != nil {
				t.Fatal(lerr)
			}
			if got := Serve(t.Context(), l, http.NotFoundHandler(), c.file, zap.NewNop()); got == nil || got.Error() != err.Error() {
				t.Errorf("got %v, want %v", got, err)
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// certificate writes cert.pem and key.pem for 127.0.0.1, and returns who trusts them.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, dir, "cert.pem", string(cert))
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}
