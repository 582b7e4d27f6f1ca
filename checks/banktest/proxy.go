package banktest

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// ProxyOptions say what a proxy is like. The zero value is one on a free port of
// the loopback interface, without TLS and without faults.
type ProxyOptions struct {
	// Seed decides which requests meet a fault that has a rate.
	Seed uint64
	// Listen is the TCP address to listen on; "" is 127.0.0.1:0.
	Listen string
	// TLS, if it is not nil, serves over TLS, with an authority of its own.
	TLS *TLS
	// Faults are there from the beginning; see [Proxy.SetFaults].
	Faults []Fault

	// PassHost leaves the Host of a request as the client sent it, for a target
	// that makes links, or an issuer, of it. Otherwise it becomes the target's,
	// and the target's address in an answer's Location becomes the proxy's.
	PassHost bool
	// Transport makes the requests to the target, one try each. Nil is HTTP/1.1
	// with a connection for each request, trusting the system's authorities.
	Transport http.RoundTripper
	// ErrorLog is told when a target cannot be reached and the like; nil is the
	// standard logger.
	ErrorLog *log.Logger
}

// A Proxy stands before somebody else's server, the target, and passes requests
// on, but for those that its faults meet. All methods are safe for concurrent
// use.
//
// Of a [Fault] it knows Method and Path, not Step, Backend and Release. All kinds
// but fail_open work as at a bank, with these remarks: a skewed clock is only in
// the header Date; wrong_type and invalid_utf8 leave an answer alone that is not
// a JSON object; and a request that meets a fault, or an answer that is to be
// damaged, is at most 16 MB long.
//
// The target sees X-Forwarded-For, -Host and -Proto. What it has to say is passed
// on as it comes, but for the cookies' attribute Secure, which is taken off where
// the target has TLS and the proxy has not: no client would send them back.
// Where the target does not answer the proxy answers 502, and says so in
// [ProxyStats]. Nothing is tried twice.
//
// The paths /-/faults, /-/faults/ID and /-/stats are the proxy's own; they do
// what a bank's do.
type Proxy struct {
	*faultSet
	*listening
	URL string // like http://127.0.0.1:40123, without a slash at its end
	// CA is the certificate, in PEM, that a client must trust; nil without TLS.
	CA []byte

	options ProxyOptions
	reverse *httputil.ReverseProxy

	mu     sync.Mutex
	target *url.URL // nil before there is one
	counts ProxyStats
}

// NewProxy starts a proxy before the server at target, an absolute URL whose path,
// if it has one, comes before that of each request. A target of "" is for one
// that is not there yet: until [Proxy.SetTarget] all is answered with 502. An
// error says which option is wrong, or why the proxy cannot listen.
func NewProxy(target string, o ProxyOptions) (*Proxy, error) {
	p := &Proxy{options: o}
	p.faultSet = &faultSet{seed: o.Seed, check: checkProxyFault}
	p.reverse = p.newReverse()
	if err := p.SetTarget(target); err != nil && target != "" {
		return nil, err
	}
	if err := p.SetFaults(o.Faults...); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	server := &http.Server{Handler: p, ErrorLog: o.ErrorLog, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.ConnContext = withConnection
	l, err := listen(o.Listen, o.TLS, server)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p.URL, p.CA, p.listening = l.url, l.ca, l
	return p, nil
}

// Wait returns nil once ctx is done, or why the proxy has ended before.
func (p *Proxy) Wait(ctx context.Context) error { return p.wait(ctx) }

// SetTarget passes what comes from now on to another target.
func (p *Proxy) SetTarget(target string) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return errors.New("proxy: the target is no URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("proxy: target %q, want http://HOST or https://HOST", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("proxy: target %q, want one without user, query and fragment", u.Redacted())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u
	return nil
}

func (p *Proxy) targetNow() *url.URL {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

// checkProxyFault returns f with its defaults and without what a proxy does not
// know of a request.
func checkProxyFault(f Fault) (Fault, error) {
	f, err := f.finish(nil)
	if err != nil {
		return Fault{}, err
	}
	for _, name := range []*string{&f.Step, &f.Backend, &f.Release} {
		if *name != "*" {
			return Fault{}, errors.New("fault: steps, backends and releases are a bank's; a proxy has method and path")
		}
		*name = ""
	}
	switch f.Kind {
	case KindFailOpen, KindStaleToken:
		return Fault{}, fmt.Errorf("fault: %s is a bank's; a proxy cannot tell which tokens are dead", f.Kind)
	case KindLockout, KindTiming, KindEnumeration, KindAccountLimit, KindIPLimit:
		return Fault{}, fmt.Errorf("fault: %s is a bank's; a proxy does not know who logs in", f.Kind)
	}
	return f, nil
}
