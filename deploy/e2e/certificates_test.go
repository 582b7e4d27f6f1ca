package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// A signer is a certificate with its key.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// makeCertificates writes an authority, ca.pem; server.pem for the loopback
// interface and mtls.pem, for which it vouches; and self-signed.pem, for which
// nobody does. Each has its key in a file that ends in .key.
func makeCertificates(t *testing.T, dir string) {
	t.Helper()
	ca := certify(t, dir, "ca", nil, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	certify(t, dir, "server", ca, &x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	certify(t, dir, "mtls", ca, &x509.Certificate{DNSNames: []string{"mtls.client.test"}, ExtKeyUsage: client})
	certify(t, dir, "self-signed", nil, &x509.Certificate{ExtKeyUsage: client})
}

// certify completes a certificate and has it signed, by itself where by is nil.
func certify(t *testing.T, dir, name string, by *signer, c *x509.Certificate) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c.Subject = pkix.Name{CommonName: name}
	c.NotBefore = time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(24 * time.Hour)
	}
	c.BasicConstraintsValid = true
	c.KeyUsage |= x509.KeyUsageDigitalSignature
	if by == nil {
		by = &signer{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{cert, key}
}
