package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// Times of the server, all of them well above what a scrape needs.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 5 * time.Second
)

// Listen listens on a TCP address such as "127.0.0.1:9870"; port 0 is any free
// one. Doing so before anything else is started keeps two daemons from probing
// with the same accounts.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listening on %q: the port is in use; is another authprober running?", address)
	case err != nil:
		return nil, fmt.Errorf("listening on %q: %w", address, err)
	}
	return l, nil
}

// Validate reads a web configuration file, so that a mistake in it is found
// before anything is started. An empty name is no file, and fine.
func Validate(configFile string) error {
	if configFile == "" {
		return nil
	}
	if err := web.Validate(configFile); err != nil {
		return fmt.Errorf("reading the web configuration %q: %w", configFile, err)
	}
	return nil
}

// Serve serves h on l until ctx is done, then finishes the answers that it has
// begun, for at most 5 s, and returns nil. It returns an error if it could not
// serve. It closes l.
//
// The web configuration file says whether TLS and passwords are asked for; an
// empty name means neither.
func Serve(ctx context.Context, l net.Listener, h http.Handler, configFile string, log *zap.Logger) error {
	defer l.Close()
	if err := Validate(configFile); err != nil {
		return err
	}
	requests, closeStreams := withClosing(context.WithoutCancel(ctx))
	defer closeStreams()
	server := &http.Server{
		BaseContext:       func(net.Listener) context.Context { return requests },
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          zap.NewStdLog(log.Named("http")),
	}
	served := make(chan error, 1)
	go func() {
		served <- web.Serve(l, server, &web.FlagConfig{WebConfigFile: &configFile}, slog.New(zapslog.NewHandler(log.Core())))
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	closeStreams() // they would never end by themselves
	shutdown(ctx, server)
	<-served // the listener is closed: it has ended, or is about to
	return nil
}

type closingKey struct{}

// withClosing returns a context for requests, and what tells streams among them that
// the server closes; other answers go on.
func withClosing(ctx context.Context) (context.Context, func()) {
	closed, closeStreams := context.WithCancel(context.Background())
	return context.WithValue(ctx, closingKey{}, closed.Done()), closeStreams
}

// closing is closed once the server of a request is about to close; nil, which never
// is, for a request of another server.
func closing(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(closingKey{}).(<-chan struct{})
	return done
}

func shutdown(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close() // the time is up: cut off who is still being answered
	}
}
