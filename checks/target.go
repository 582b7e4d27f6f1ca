package checks

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"strings"
)

// setTarget evaluates the target, which is the same for every run.
func (f *compiled) setTarget(src *source, s *Scope) {
	t := &src.flow.Target
	if !t.isSet() {
		return
	}
	text, ok := f.constant(t, s)
	if !ok {
		return
	}
	to, err := url.Parse(text)
	switch {
	case err != nil || to.Host == "" || to.Hostname() == "" || to.Scheme != "http" && to.Scheme != "https":
		src.mistake("target", "the target is no URL such as https://api.bank.example")
	case to.User != nil:
		src.mistake("target", "the target holds a password; use basic in the requests, with an account or a secret")
	case to.RawQuery != "" || to.Fragment != "":
		src.mistake("target", "the target holds a query or a fragment; requests put their paths after it")
	default:
		f.base, f.host, f.secure = strings.TrimSuffix(text, "/"), to.Hostname(), to.Scheme == "https"
		f.origin = origin(to)
		if f.options.HostOf != nil {
			f.options.HostOf(f.check.Name, to.Host)
		}
	}
}

func (f *compiled) setTLS(src *source) {
	f.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: src.flow.TLS.ServerName}
	if src.flow.TLS.CA == "" {
		return
	}
	path := under(src.dir, src.flow.TLS.CA)
	pem, err := readFile(path)
	if err != nil {
		src.mistake("tls", "reading the certificates %q: %v", path, plainPathError(err))
		return
	}
	f.tls.RootCAs = x509.NewCertPool()
	if !f.tls.RootCAs.AppendCertsFromPEM(pem) {
		src.mistake("tls", "no certificate in PEM in %q", path)
	}
}
