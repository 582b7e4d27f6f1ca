package banktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// TLS says what the server's certificate is like. The zero value is one that
// is right for the loopback interface.
type TLS struct {
	// NotBefore and NotAfter are when the certificate is valid; zero is an hour
	// ago and a year from now. They go by real time, as clients do, and the
	// authority is valid throughout.
	NotBefore, NotAfter time.Time
	// Hosts are the names and IP addresses it is for; none is 127.0.0.1, ::1 and
	// localhost.
	Hosts []string
}

func (o TLS) withDefaults(now time.Time) TLS {
	if o.NotBefore.IsZero() {
		o.NotBefore = now.Add(-time.Hour)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = now.AddDate(1, 0, 0)
	}
	if len(o.Hosts) == 0 {
		o.Hosts = []string{"127.0.0.1", "::1", "localhost"}
	}
	return o
}

// useTLS makes an authority and a certificate for the server.
func (l *listening) useTLS(o TLS) error {
	o = o.withDefaults(time.Now())
	if !o.NotAfter.After(o.NotBefore) {
		return fmt.Errorf("certificate is valid until %v, which is before %v", o.NotAfter, o.NotBefore)
	}
	ca, caKey, err := newAuthority(o)
	if err != nil {
		return fmt.Errorf("making a certificate authority: %w", err)
	}
	leaf, err := newCertificate(o, ca, caKey)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	l.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
	l.pool = x509.NewCertPool()
	l.pool.AddCert(ca)
	l.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12}
	l.url = "https://" + strings.TrimPrefix(l.url, "http://")
	return nil
}

// newAuthority makes a certificate that signs itself, valid long enough for
// the other one to be the one that is not.
func newAuthority(o TLS) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "staging bank authority"},
		NotBefore:             earlier(o.NotBefore, now).Add(-24 * time.Hour),
		NotAfter:              later(o.NotAfter, now).AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(der)
	return ca, key, err
}

func newCertificate(o TLS, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "staging bank"},
		NotBefore:    o.NotBefore,
		NotAfter:     o.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, caKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
