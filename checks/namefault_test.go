package checks

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

func addresses(all ...string) (found []netip.Addr) {
	for _, a := range all {
		found = append(found, netip.MustParseAddr(a))
	}
	return found
}

func refused(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}

// answers serves every connection with an empty 200, as often as it is asked.
func answers(c *socket) {
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	l := &oneConn{conn: c, closed: make(chan struct{})}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			l.Close()
		}
	}
	_ = server.Serve(l)
}

// A oneConn is a listener for one connection.
type oneConn struct {
	conn   net.Conn
	taken  atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.taken.CompareAndSwap(false, true) {
		return l.conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *oneConn) Addr() net.Addr { return pipeAddr("server") }

// TestBrokenFamily has a name with addresses of both families of which one is broken. A
// run uses that of the family which the system puts first (RFC 6724) and no other: what a
// phone hides by trying both is what customers with one of them cannot use.
func TestBrokenFamily(t *testing.T) {
	six, four := "2001:db8::1", "192.0.2.1"
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, tt := range []struct {
		name    string
		found   []netip.Addr
		broken  string
		how     func(ctx context.Context) error
		outcome prober.Outcome
		reason  prober.Reason
		dialled string
	}{
		{"IPv6 first, refused", addresses(six, four), six, func(context.Context) error { return refused(syscall.ECONNREFUSED) }, prober.Failed, prober.ReasonConnect, six},
		{"IPv6 first, no route to the host", addresses(six, four), six, func(context.Context) error { return refused(syscall.EHOSTUNREACH) }, prober.Failed, prober.ReasonConnect, six},
		{"IPv6 first, dropped", addresses(six, four), six, hangs, prober.Failed, prober.ReasonTimeout, six},
		// No route at all is our own machine's.
		{"IPv6 first, and we have none", addresses(six, four), six, func(context.Context) error { return refused(syscall.ENETUNREACH) }, prober.Errored, "", six},
		{"IPv4 first", addresses(four, six), six, hangs, prober.Passed, "", four},
		{"IPv4 first and broken", addresses(four, six), four, hangs, prober.Failed, prober.ReasonTimeout, four},
		{"IPv6 first and both good", addresses(six, four), "", hangs, prober.Passed, "", six},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &faultyNet{serve: answers,
				resolve: func(context.Context, string) ([]netip.Addr, error) { return tt.found, nil },
				refuse: func(ctx context.Context, address string) error {
					if tt.broken == "" || address != net.JoinHostPort(tt.broken, "80") {
						return nil
					}
					return tt.how(ctx)
				}}
			n.once(t, "http://api.bank.example", "", func(r prober.Report) {
				if st := r.Steps[0]; r.Outcome() != tt.outcome || st.Reason != tt.reason {
					t.Errorf("got %s, %s: %s, %v", r.Outcome(), st.Reason, st.Detail, r.Err)
				}
				if want := net.JoinHostPort(tt.dialled, "80"); len(n.dials) != 1 || n.dials[0] != want {
					t.Errorf("dialled %q, want %s alone", n.dials, want)
				}
			})
		})
	}
}

// TestNameFaults is a resolver in every state.
func TestNameFaults(t *testing.T) {
	failing := func(text string, notFound, timeout bool) func(context.Context, string) ([]netip.Addr, error) {
		return func(_ context.Context, host string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: text, Name: host, IsNotFound: notFound, IsTimeout: timeout}
		}
	}
	for _, tt := range []struct {
		name    string
		resolve func(context.Context, string) ([]netip.Addr, error)
		reason  prober.Reason
		detail  string
		took    time.Duration
	}{
		{"NXDOMAIN", failing("no such host", true, false), prober.ReasonDNS, "resolving the name: no such host", 0},
		{"SERVFAIL", failing("server misbehaving", false, false), prober.ReasonDNS, "resolving the name: server misbehaving", 0},
		{"no address", func(context.Context, string) ([]netip.Addr, error) { return nil, nil }, prober.ReasonDNS, "resolving the name: no address", 0},
		{"the resolver gives up", func(ctx context.Context, host string) ([]netip.Addr, error) {
			time.Sleep(5 * time.Second)
			return failing("i/o timeout", false, true)(ctx, host)
		}, prober.ReasonDNS, "resolving the name: i/o timeout", 5 * time.Second},
		{"no answer", func(ctx context.Context, host string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
		}, prober.ReasonTimeout, "no whole answer within the time: it ran out while resolving the name", faultTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &faultyNet{serve: answers, resolve: tt.resolve}
			n.once(t, "http://api.bank.example", "", func(r prober.Report) {
				st := r.Steps[0]
				if st.Reason != tt.reason || st.Detail != tt.detail || st.Took != tt.took || st.Attempts != 0 || len(n.dials) != 0 {
					t.Errorf("got %s after %s: %s; %d dials", st.Reason, st.Took, st.Detail, len(n.dials))
				}
			})
		})
	}
}

// TestNameFlaps has a name that is there for every other look, through a prober on its
// schedule: each run looks it up anew, once, and half of them fail, for that reason.
func TestNameFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		n := &faultyNet{serve: answers, resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if looks++; looks%2 == 0 {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			return addresses("192.0.2.1"), nil
		}}
		seen := &counter{runs: map[prober.Outcome]int{}, reasons: map[prober.Reason]int{}}
		p, err := prober.New(prober.Options{Checks: n.load(t, "http://api.bank.example", twoGets, "").Checks, Observers: []prober.Observer{seen}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := p.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		n.serving.Wait()
		if seen.runs[prober.Failed] != 180 || seen.reasons[prober.ReasonDNS] != 180 || seen.runs[prober.Passed] != 180 || looks != 360 || len(n.dials) != 180 {
			t.Errorf("got %v, %v, %d looks, %d dials; want 180 of each", seen.runs, seen.reasons, looks, len(n.dials))
		}
		if seen.longest > faultTimeout+lateness {
			t.Errorf("the longest run took %s", seen.longest)
		}
	})
}

// TestLossOfSomeConnections is a network that loses three connections in ten before they
// stand and one in ten while an answer comes: each due time is accounted for, and nothing
// that was lost is hidden.
func TestLossOfSomeConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		n := &faultyNet{}
		n.refuse = func(ctx context.Context, _ string) error {
			if dials++; dials%10 < 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		n.serve = func(c *socket) {
			if dials%10 == 5 {
				_, _ = c.Read(make([]byte, 1000))
				_, _ = c.Write([]byte(strings.SplitAfter(cutAnswers["length"], "{")[0]))
				c.reset()
				return
			}
			answers(c)
		}
		seen := &counter{runs: map[prober.Outcome]int{}, reasons: map[prober.Reason]int{}}
		p, err := prober.New(prober.Options{Checks: n.load(t, "http://192.0.2.1", oneGet, "").Checks, Observers: []prober.Observer{seen}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour-time.Second)
		defer cancel()
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		n.serving.Wait()
		if seen.runs[prober.Passed] != 216 || seen.reasons[prober.ReasonTimeout] != 107 && seen.reasons[prober.ReasonTimeout] != 108 ||
			seen.reasons[prober.ReasonReset] != 36 || seen.missed != 0 || seen.longest > faultTimeout+lateness {
			t.Errorf("got %v, %v, %d missed, the longest %s", seen.runs, seen.reasons, seen.missed, seen.longest)
		}
	})
}
