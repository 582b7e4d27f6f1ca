package banktest

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// errNoTarget is what becomes of a request before there is a target.
var errNoTarget = errors.New("no target yet")

// newReverse makes what passes requests on and answers back.
func (p *Proxy) newReverse() *httputil.ReverseProxy {
	transport := p.options.Transport
	if transport == nil {
		transport = newProxyTransport()
	}
	return &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      targetTransport{p, transport},
		ModifyResponse: p.homecoming,
		ErrorHandler:   p.unreached,
		ErrorLog:       p.options.ErrorLog,
		FlushInterval:  -1, // a slow stream stays one
	}
}

// newProxyTransport opens a connection for each request: one that is kept would
// tie clients to one of the backends behind a balancer, and net/http tries again
// where one that it kept turns out to be dead.
func newProxyTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.DisableKeepAlives = true
	t.DisableCompression = true // the client and the target agree about that
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return t
}

// targetTransport refuses what has no target to go to.
type targetTransport struct {
	p *Proxy
	http.RoundTripper
}

func (t targetTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "" {
		return nil, errNoTarget
	}
	return t.RoundTripper.RoundTrip(r)
}

func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	if target := p.targetNow(); target != nil {
		r.SetURL(target)
	} else {
		r.Out.URL.Host = ""
	}
	r.SetXForwarded()
	if p.options.PassHost {
		r.Out.Host = r.In.Host
	}
	if r.In.Context().Value(plainKey{}) != nil {
		r.Out.Header.Set("Accept-Encoding", "identity")
	}
}

// plainKey marks a request whose answer has to be read here.
type plainKey struct{}

// homecoming changes in an answer what a client of the proxy could not use.
func (p *Proxy) homecoming(r *http.Response) error {
	if location := r.Header.Get("Location"); location != "" && !p.options.PassHost {
		r.Header.Set("Location", comeBack(r.Request, location))
	}
	if r.Request.URL.Scheme == "https" && p.options.TLS == nil {
		for i, cookie := range r.Header["Set-Cookie"] {
			r.Header["Set-Cookie"][i] = withoutSecure(cookie)
		}
	}
	return nil
}

// comeBack puts the address by which the client knows the proxy in place of the
// target's. r is the request as the target had it.
func comeBack(r *http.Request, location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != r.URL.Scheme || !strings.EqualFold(u.Host, r.URL.Host) {
		return location
	}
	u.Scheme, u.Host = r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host")
	return u.String()
}

// withoutSecure takes one attribute off a cookie and leaves the rest as it is.
func withoutSecure(cookie string) string {
	parts := strings.Split(cookie, ";")
	kept := parts[:1]
	for _, attribute := range parts[1:] {
		if !strings.EqualFold(strings.TrimSpace(attribute), "Secure") {
			kept = append(kept, attribute)
		}
	}
	return strings.Join(kept, ";")
}

// unreached answers where the target has not.
func (p *Proxy) unreached(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has gone, or the proxy is closed
	}
	p.count(func(s *ProxyStats) { s.Unreached++ })
	p.complain(err)
	failure(http.StatusBadGateway).write(w)
}
