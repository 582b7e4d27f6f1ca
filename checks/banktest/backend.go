package banktest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// A Backend is one of the simulated servers behind a bank's address. All of
// them know the same customers and sessions.
type Backend struct {
	Name    string `json:"backend"`
	Release string `json:"release"` // what [Bank.Deploy] changes
}

// Balance says how requests are spread over the backends.
type Balance int

const (
	// PerConnection gives a whole connection to one backend, as balancers of
	// layer 4 do: a client that keeps its connection never meets another one.
	PerConnection Balance = iota
	// PerRequest gives each request to a backend of its own, as balancers of
	// layer 7 do.
	PerRequest
)

// A connection is what the handler knows of the one its request came on.
type connection struct {
	net.Conn
	backend int
}

type connectionKey struct{}

// ConnContext gives a connection to a backend. A [http.Server] that serves the
// bank as its handler has it as its field of that name; without it backends
// are chosen per request. The bank's own servers have it.
func (b *Bank) ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{c, b.pick()})
}

// withConnection lets a reset find the connection, where there are no backends.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{Conn: c})
}

func (b *Bank) pick() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.balancer.IntN(len(b.backends))
}

// backendOf returns the backend that serves r, as it is now.
func (b *Bank) backendOf(r *http.Request) Backend {
	var i int
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok && b.options.Balance == PerConnection {
		i = c.backend
	} else {
		i = b.pick()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.backends[i]
}

// Backends returns the backends with the releases that they have now.
func (b *Bank) Backends() []Backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.backends)
}

// Deploy puts a release on a backend, or on every backend for "*", at once:
// the next request meets it, on connections that are already open too.
func (b *Bank) Deploy(backend, release string) error {
	if err := checkName("release", release); err != nil {
		return err
	}
	if err := b.checkBackend(backend); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.backends {
		if backend == "*" || b.backends[i].Name == backend {
			b.backends[i].Release = release
		}
	}
	return nil
}

// checkFault returns f with its defaults, if a bank of these backends can have it.
func (b *Bank) checkFault(f Fault) (Fault, error) {
	f, err := f.finish(nil)
	if err != nil {
		return Fault{}, err
	}
	if err := b.checkBackend(f.Backend); err != nil {
		return Fault{}, fmt.Errorf("fault: %w", err)
	}
	return f, nil
}

// checkBackend accepts the backends' names and "*".
func (b *Bank) checkBackend(name string) error {
	names := []string{"*"}
	for _, backend := range b.Backends() {
		names = append(names, backend.Name)
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("unknown backend %q, want one of %s", name, strings.Join(names, ", "))
	}
	return nil
}
