package checks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// vetCertificate compiles the client's certificate and its key, and tries them
// where they are known before the first run.
func (l *loader) vetCertificate(src *source, f *compiled, s *Scope) {
	own := src.flow.TLS // a copy: the flow as it was decoded is not kept
	t := &own
	f.own = t
	t.Certificate.compile(s)
	t.Key.compile(s)
	if t.Certificate.isSet() != t.Key.isSet() {
		src.mistake("tls", "a client certificate needs a certificate and a key")
		return
	}
	s.atLoadBoth(&t.Certificate, &t.Key, func(certificate, key, of string) {
		pair, err := keyPair(certificate, key)
		if err != nil {
			s.doc.Errorf(t.Certificate.node, "%s%v", of, err)
			return
		}
		if time.Now().After(pair.Leaf.NotAfter) {
			at := t.Certificate.node
			l.warnings = append(l.warnings, Mistake{File: s.doc.File, Line: at.Line, Column: at.Column,
				Message: of + "the client certificate has expired on " + pair.Leaf.NotAfter.UTC().Format(time.DateOnly)})
		}
		f.certificates[signerKey{key, certificate}] = pair
	})
}

// hasClientCertificate reports whether the flow has a client certificate.
func (f *compiled) hasClientCertificate() bool { return f.own != nil && f.own.Certificate.isSet() }

// keyPair reads a certificate chain and its key, both in PEM. The error has no
// part of either.
func keyPair(certificate, key string) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return nil, errors.New("the client certificate and its key are no PEM of a chain and of the key of its first certificate")
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, errors.New("the client certificate is malformed")
		}
	}
	return &pair, nil
}

// tlsConfig is how the run's connections are secured: with a client certificate
// where the flow, or the leased account, has one.
func (s *Session) tlsConfig() (*tls.Config, error) {
	f := s.flow
	if !f.hasClientCertificate() {
		return f.tls, nil
	}
	certificate, err := f.own.Certificate.text(s, nil)
	if err != nil {
		return nil, err
	}
	key, err := f.own.Key.text(s, nil)
	if err != nil {
		return nil, err
	}
	pair := f.certificates[signerKey{key, certificate}]
	if pair == nil {
		if pair, err = keyPair(certificate, key); err != nil {
			return nil, err
		}
	}
	s.report.CertificateExpiry = pair.Leaf.NotAfter // the server's are held against it
	config := f.tls.Clone()
	// Whatever authorities the server names, a certificate that it does not take is
	// for the server to refuse, not for us to hold back.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	return config, nil
}
