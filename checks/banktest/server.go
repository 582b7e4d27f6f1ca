package banktest

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"
)

// A Server is a bank behind an address.
type Server struct {
	*Bank
	URL string // like http://127.0.0.1:40123, without a slash at its end
	// CA is the certificate, in PEM, that a client must trust; nil without TLS.
	CA []byte

	pool   *x509.CertPool
	http   *http.Server
	cancel context.CancelFunc
	ended  chan struct{} // closed when http.Serve has returned
	err    error         // why; set before ended is closed
	calls  gate
	conns  connections
}

// NewServer makes a bank and starts it on a free port of the loopback
// interface. It panics where that cannot be done, as [net/http/httptest] does.
func NewServer(o Options) *Server {
	b, err := New(o)
	if err != nil {
		panic(err)
	}
	s, err := b.Start()
	if err != nil {
		panic(err)
	}
	return s
}

// Start serves the bank over plain HTTP/1.1 on a free port of the loopback
// interface.
func (b *Bank) Start() (*Server, error) {
	return b.listen("127.0.0.1:0", nil)
}

// StartTLS serves the bank over TLS, HTTP/2 and HTTP/1.1, on a free port of
// the loopback interface, with a new certificate authority of its own.
func (b *Bank) StartTLS(o TLS) (*Server, error) {
	return b.listen("127.0.0.1:0", &o)
}

// ListenAndServe serves the bank over plain HTTP at a TCP address like
// 127.0.0.1:8080 until ctx is done, which is no error. Once it listens it
// tells started its URL; started may be nil.
func (b *Bank) ListenAndServe(ctx context.Context, addr string, started func(url string)) error {
	s, err := b.listen(addr, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if started != nil {
		started(s.URL)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended:
		return fmt.Errorf("serving the bank at %q: %w", addr, s.err)
	}
}

func (b *Bank) listen(addr string, o *TLS) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	s := &Server{Bank: b, URL: "http://" + reachable(listener.Addr()), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = &http.Server{
		Handler:           s.calls.guard(b),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       b.ConnContext,
		ConnState:         s.conns.note,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          b.options.ErrorLog,
	}
	serve := func() error { return s.http.Serve(listener) }
	if o != nil {
		if err := s.useTLS(*o); err != nil {
			cancel()
			listener.Close()
			return nil, fmt.Errorf("bank: %w", err)
		}
		serve = func() error { return s.http.ServeTLS(listener, "", "") }
	}
	go func() {
		defer close(s.ended)
		s.err = serve()
	}()
	return s, nil
}

// reachable returns an address that a client on this machine can use.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
	}
	return a.String()
}

// Close stops listening, ends every hang and delay, cuts every connection and
// returns when everything that the server started has ended. It may be called
// more than once. The bank itself remains, and can be started again.
func (s *Server) Close() {
	s.cancel()
	s.http.Close() // an error is the listener's, which is of no use any more
	<-s.ended
	s.conns.wait()
	s.calls.shut()
}

// Client returns a new client that trusts the server's certificate and follows
// no redirects. Its connections are its own: close them with
// CloseIdleConnections.
func (s *Server) Client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	if s.pool != nil {
		transport.TLSClientConfig = s.clientTLS()
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
