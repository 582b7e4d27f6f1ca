package banktest

import (
	"context"
	"fmt"
	"net/http"
)

// A Server is a bank behind an address.
type Server struct {
	*Bank
	URL string // like http://127.0.0.1:40123, without a slash at its end
	// CA is the certificate, in PEM, that a client must trust; nil without TLS.
	CA []byte

	*listening
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
	return s.wait(ctx)
}

func (b *Bank) listen(addr string, o *TLS) (*Server, error) {
	l, err := listen(addr, o, &http.Server{Handler: b, ConnContext: b.ConnContext, ErrorLog: b.options.ErrorLog})
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	return &Server{Bank: b, URL: l.url, CA: l.ca, listening: l}, nil
}
