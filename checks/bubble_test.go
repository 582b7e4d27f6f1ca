package checks

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

// A pipes is a network in memory, for the fake clock of a bubble: what is
// dialled is accepted.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// pipeEnd is one end of a connection, with the address it was dialled by.
type pipeEnd struct {
	net.Conn
	address string
}

func (e pipeEnd) RemoteAddr() net.Addr { return pipeAddr(e.address) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

func (p *pipes) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return pipeEnd{ours, address}, nil
	case <-p.closed:
		return nil, errors.New("no such server")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return pipeAddr("server") }

// counter counts what a prober tells.
type counter struct {
	mu      sync.Mutex
	runs    map[prober.Outcome]int
	reasons map[prober.Reason]int
	missed  int
	longest time.Duration
}

func (c *counter) ObserveRun(r *prober.Run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs[r.Outcome]++
	c.longest = max(c.longest, r.Took)
	if st := r.FailedStep(); st != nil {
		c.reasons[st.Reason]++
	}
}

func (c *counter) ObserveMissed(m prober.Missed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed += m.N
}

// Hours of a real flow over real HTTP, on a clock of its own: every tenth
// login hangs, every hundredth is an error, and every due time is accounted for.
func TestHoursOfRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		var loginsMade, logoutsMade atomic.Int64 // a handler that hangs outlives the server
		server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/logout" {
				logoutsMade.Add(1)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			switch logins := loginsMade.Add(1); {
			case logins%100 == 0:
				w.WriteHeader(http.StatusServiceUnavailable)
			case logins%10 == 0:
				<-r.Context().Done()
			default:
				time.Sleep(120 * time.Millisecond) // of the fake clock
				_, _ = io.WriteString(w, `{"token": "t"}`)
			}
		})}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(network) })
		c := mustLoad(t, Options{Dial: network.dial}, `
name: x
target: http://192.0.2.1
schedule: {every: 10s, timeout: 8s, cleanup: 1s}
steps:
  - {name: login, request: POST /login, expect: [status == 200], capture: {token: body.token}}
cleanup:
  - {name: logout, request: POST /logout, bearer: "${{ token }}", expect: [status == 204]}
`)
		seen := &counter{runs: map[prober.Outcome]int{}, reasons: map[prober.Reason]int{}}
		p, err := prober.New(prober.Options{Checks: c.Checks, Observers: []prober.Observer{seen}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		const hours = 3
		time.Sleep(hours*time.Hour - time.Second)
		cancel()
		running.Wait()
		_ = server.Close()
		network.Close()
		serving.Wait()
		synctest.Wait() // for the handlers, which count

		due, logins, logouts := 0, int(loginsMade.Load()), int(logoutsMade.Load())
		for _, n := range seen.runs {
			due += n
		}
		if due += seen.missed; due != hours*360 {
			t.Errorf("got %d due times in %d hours at one in 10 s, want %d", due, hours, hours*360)
		}
		if seen.missed != 0 {
			t.Errorf("%d runs were missed; a hanging one ends before the next is due", seen.missed)
		}
		if want := logins / 100; seen.reasons[prober.ReasonStatus5xx] != want {
			t.Errorf("got %d errors, want %d", seen.reasons[prober.ReasonStatus5xx], want)
		}
		// The one under way at the end is aborted.
		hung := logins/10 - logins/100
		if got := seen.reasons[prober.ReasonTimeout] + seen.runs[prober.Aborted]; got != hung || seen.runs[prober.Aborted] > 1 {
			t.Errorf("got %d timeouts and aborted runs, want %d", got, hung)
		}
		if seen.longest != 8*time.Second {
			t.Errorf("the longest run took %s, want its timeout, 8s", seen.longest)
		}
		if logouts != seen.runs[prober.Passed] {
			t.Errorf("got %d logouts of %d logins that passed", logouts, seen.runs[prober.Passed])
		}
	})
}
