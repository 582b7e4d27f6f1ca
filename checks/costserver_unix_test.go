//go:build unix

package checks

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// serverVariable makes the test binary the server that BenchmarkCost talks to:
// in a process of its own, so that its work is not in the figures.
const serverVariable = "AUTHPROBER_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		if err := serveForBenchmark(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(proberVariable) != "" {
		fmt.Println(proberRole()) // it ends by itself only where it cannot begin
		return
	}
	os.Exit(m.Run())
}

// A costServer is where the server of the benchmark is met.
type costServer struct {
	Plain, TLS string
	CA         string // in PEM
}

// serveForBenchmark serves an API over plain HTTP and over TLS, with HTTP/2 and a
// certificate of ECDSA P-256, until the parent ends. The paths of it begin with how
// long answers are.
func serveForBenchmark() error {
	reply := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	mux := http.NewServeMux()
	for size, bytes := range costSizes {
		mux.Handle("POST /"+size+"/login", reply(200, `{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 300}`))
		mux.Handle("GET /"+size+"/{what}", reply(200, accountsOf(bytes)))
		mux.Handle("POST /"+size+"/logout", reply(204, ""))
	}
	certificate, pemText, err := costCertificate()
	if err != nil {
		return err
	}
	secure := httptest.NewUnstartedServer(mux)
	secure.EnableHTTP2 = true
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	secure.StartTLS()
	at := costServer{Plain: httptest.NewServer(mux).URL, TLS: secure.URL, CA: pemText}
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// costSizes are how long the answers with accounts are, in bytes.
var costSizes = map[string]int{"1KB": 1 << 10, "100KB": 100 << 10}

// accountsOf is JSON of about so many bytes.
func accountsOf(bytes int) string {
	const one = `{"id": "a1", "name": "Current account", "iban": "DE89370400440532013000", "balance": 1200.5, "open": true}`
	return `{"accounts": [` + strings.Repeat(one+", ", bytes/(len(one)+2)-1) + one + `]}`
}

// costCertificate is a certificate for 127.0.0.1 that has signed itself.
func costCertificate() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "benchmark"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 7), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(text), nil
}

// startCostServer starts the server, which ends with the test.
func startCostServer(b testing.TB) (at costServer) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&at); err != nil {
		b.Fatal(err)
	}
	return at
}
