package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// webLook returns a look at a URL: over a new connection, as the runs have them, with
// the name resolved anew. Any answer will do, and no redirect is followed.
func webLook(u *url.URL, userAgent string) func(context.Context) error {
	return func(ctx context.Context) error {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, DialContext: (&net.Dialer{Resolver: &net.Resolver{}}).DialContext}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return errors.New("the URL is none")
		}
		r.Header.Set("User-Agent", userAgent)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			return plain(err)
		}
		return answer.Body.Close()
	}
}

// A loopback is a server of our own, which sends back the byte that it is sent.
type loopback struct {
	listener net.Listener
	done     chan struct{}
}

func newLoopback() (*loopback, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		if listener, err = net.Listen("tcp", "[::1]:0"); err != nil {
			return nil, err
		}
	}
	l := &loopback{listener, make(chan struct{})}
	go l.serve()
	return l, nil
}

// serve answers until it is closed. Whoever else of this machine connects and says
// nothing, such as a scanner of ports, keeps no look waiting, and the end for a second at
// the most.
func (l *loopback) serve() {
	defer close(l.done)
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		conn, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file descriptor is left: until one is, this would spin
			time.Sleep(50 * time.Millisecond)
			continue
		}
		answering.Go(func() {
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(time.Second))
			io.CopyN(conn, conn, 1) // the look notices if it fails
		})
	}
}

func (l *loopback) close() error {
	err := l.listener.Close()
	<-l.done
	return err
}

func (l *loopback) look(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.listener.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}
