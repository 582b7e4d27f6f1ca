package banktest

import (
	"net"
	"net/http"
	"sync"
)

// connections waits for the goroutines of connections. net/http tells of a new
// one before its goroutine begins, and of its end as the last thing.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]bool
	wg   sync.WaitGroup
}

func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]bool{}
		}
		c.open[conn] = true
		c.wg.Add(1)
	case http.StateClosed, http.StateHijacked:
		if c.open[conn] {
			delete(c.open, conn)
			c.wg.Done()
		}
	}
}

func (c *connections) wait() { c.wg.Wait() }

// A gate counts the calls of a handler, to wait for them: those of HTTP/2
// outlive their connection.
type gate struct {
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

func (g *gate) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.enter() {
			panic(http.ErrAbortHandler)
		}
		defer g.calls.Done()
		h.ServeHTTP(w, r)
	})
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.calls.Add(1)
	}
	return !g.closed
}

// shut lets nobody in any more and waits for those inside.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
}
