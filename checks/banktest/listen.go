package banktest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"
)

// A listening is an HTTP server behind an address. What serves it may be nil,
// as it is in a [Server] that nobody started.
type listening struct {
	url  string
	ca   []byte // in PEM; nil without TLS
	pool *x509.CertPool

	http   *http.Server
	cancel context.CancelFunc
	ended  chan struct{} // closed when http.Serve has returned
	err    error         // why; set before ended is closed
	calls  gate
	conns  connections
}

// listen serves at a TCP address, over TLS if o is not nil. It completes server,
// which has a handler already.
func listen(addr string, o *TLS, server *http.Server) (*listening, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &listening{url: "http://" + reachable(listener.Addr()), http: server, ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	server.Handler = l.calls.guard(server.Handler)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	server.ConnState = l.conns.note
	server.ReadHeaderTimeout = 10 * time.Second
	server.IdleTimeout = 2 * time.Minute
	serve := func() error { return server.Serve(listener) }
	if o != nil {
		if err := l.useTLS(*o); err != nil {
			cancel()
			listener.Close()
			return nil, err
		}
		serve = func() error { return server.ServeTLS(listener, "", "") }
	}
	go func() {
		defer close(l.ended)
		l.err = serve()
	}()
	return l, nil
}

// reachable returns an address that a client on this machine can use.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
	}
	return a.String()
}

// wait returns nil when ctx is done, or why serving has ended before.
func (l *listening) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-l.ended:
		return fmt.Errorf("serving at %s: %w", l.url, l.err)
	}
}

// Close stops listening, ends every hang and delay, cuts every connection and
// returns when everything that the server started has ended. It may be called
// more than once. What was served remains, and a bank can be started again.
func (l *listening) Close() {
	l.cancel()
	l.http.Close() // an error is the listener's, which is of no use any more
	<-l.ended
	l.conns.wait()
	l.calls.shut()
}

// Client returns a new client that trusts the server's certificate and follows
// no redirects. Its connections are its own: close them with
// CloseIdleConnections.
func (l *listening) Client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	if l != nil && l.pool != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: l.pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
