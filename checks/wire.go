package checks

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"

	"github.com/authprober/authprober/prober"
)

// A stage is what an exchange is doing, in the order in which it does it. Its
// text completes "it ran out while …".
type stage uint8

const (
	preparing stage = iota
	resolving
	connecting
	shakingHands
	sending
	waiting
	reading
	polling
)

// String is the stage for people.
func (s stage) String() string {
	return [...]string{"preparing the request", "resolving the name", "connecting", "shaking hands (TLS)",
		"sending the request", "waiting for the answer", "reading the answer", "waiting to ask again"}[s]
}

// A timing is what one exchange takes, seen through httptrace. The transport's
// goroutines write it, so everything is behind mu.
type timing struct {
	mu       sync.Mutex
	stage    stage
	phases   prober.Phases
	attempts int // requests written
	before   int // the same of earlier exchanges of the step
	allowed  int // how many may be: 1, and 1 more for each redirect followed
	conns    int // connections the exchange was given
	stop     context.CancelCauseFunc
	reused   bool // the connection had been opened by an earlier step
	remote   string
	conn     *endedConn // the last one that the exchange was given
	shown    []byte     // the server's certificate of the first handshake, in DER

	tlsStart, wrote, firstByte time.Time
}

type timingKey struct{}

// trace returns a context whose exchange is timed by t.
func (t *timing) trace(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, timingKey{}, t)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			t.do(func() {
				t.stage, t.reused, t.conns = sending, info.Reused, t.conns+1
				t.wrote = time.Time{}
				if t.conn = endedOf(info.Conn); t.conn != nil {
					t.remote = t.conn.remote
				} else {
					t.remote = info.Conn.RemoteAddr().String()
				}
				if t.conns > t.allowed && t.stop != nil {
					t.stop(errReplay)
				}
			})
		},
		TLSHandshakeStart: func() { t.do(func() { t.stage, t.tlsStart = shakingHands, time.Now() }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			t.do(func() { t.noteCertificate(state, err) })
			if err == nil { // else the stage is to stay, to tell where it went wrong
				t.do(func() { t.stage, t.phases.TLS = sending, t.phases.TLS+time.Since(t.tlsStart) })
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			t.do(func() {
				if t.stage == reading { // the answer came before all was written, and was counted
					return
				}
				t.stage, t.wrote, t.attempts = waiting, time.Now(), t.attempts+1
			})
		},
		GotFirstResponseByte: func() {
			t.do(func() {
				t.stage, t.firstByte = reading, time.Now()
				if t.wrote.IsZero() { // a target that refuses a long request does not wait for its end
					t.attempts++
					return
				}
				t.phases.Processing += t.firstByte.Sub(t.wrote)
			})
		},
	})
}

func (t *timing) do(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// sentAgain reports whether net/http sent the request again on its own, as it
// does over HTTP/2 when a stream is refused.
func (t *timing) sentAgain() (again bool) {
	t.do(func() { again = max(t.conns, t.attempts) > t.allowed })
	return again
}

// done ends the timing with the answer's last byte, or where there is none.
func (t *timing) done(whole bool) {
	t.do(func() {
		if whole && !t.firstByte.IsZero() {
			t.phases.Transfer += time.Since(t.firstByte)
		}
	})
}

// A wire is the network as one run sees it: connections of its own, opened
// fresh and closed at its end. Its methods are called by the transport.
type wire struct {
	transport *http.Transport
	options   *Options
	config    *tls.Config
	secure    bool          // HTTP/2 is offered over TLS
	idle      time.Duration // after which a connection is not used again; 0 where no run lasts that long

	dials sync.WaitGroup

	mu     sync.Mutex
	closed bool
	stops  []context.CancelFunc // of the dials
	conns  []net.Conn
}

// longestIdle is how long a connection may have been idle to be used again: servers, and
// what is between, close it soon after.
const longestIdle = time.Minute

// newWire returns the network for one run, which lasts at most so long. With secure,
// HTTP/2 is offered over TLS.
func newWire(config *tls.Config, secure bool, most time.Duration, options *Options) *wire {
	w := &wire{options: options, config: config, secure: secure}
	if most > longestIdle { // a timer for each answer is not for nothing then
		w.idle = longestIdle
	}
	w.transport = w.newTransport()
	return w
}

// renew returns the transport for what follows, which uses none of the connections
// that are open. To close them would not do: one over HTTP/2 may not be idle yet when
// its answer has been read, and would be used again.
func (w *wire) renew() *http.Transport {
	w.transport.CloseIdleConnections()
	w.transport = w.newTransport()
	return w.transport
}

func (w *wire) newTransport() *http.Transport {
	return &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DialContext:       w.dial,
		TLSClientConfig:   w.config,
		ForceAttemptHTTP2: w.secure,
		IdleConnTimeout:   w.idle,
		// What follows the headers has the step's deadline; these keep a hostile
		// target from filling our memory.
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// close ends every connection and waits for the dials that are under way.
func (w *wire) close() {
	w.mu.Lock()
	w.closed = true
	for _, stop := range w.stops {
		stop()
	}
	w.mu.Unlock()
	w.transport.CloseIdleConnections()
	w.mu.Lock()
	for _, c := range w.conns {
		c.Close()
	}
	w.mu.Unlock()
	w.dials.Wait()
}

// begin notes a dial, which stop ends with the run at the latest. It reports whether the
// run goes on.
func (w *wire) begin(stop context.CancelFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.dials.Add(1)
	w.stops = append(w.stops, stop)
	return true
}

// dial opens a connection to one address of the host. There is no second try
// with another address: a backend that does not answer is what is looked for.
// Nor is there one with another connection: net/http would send a request
// again, unseen, when a connection that an earlier step opened breaks.
func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !w.begin(cancel) {
		return nil, context.Canceled
	}
	defer w.dials.Done()
	t, _ := ctx.Value(timingKey{}).(*timing)
	if t == nil {
		t = &timing{}
	}
	start, again := time.Now(), false
	t.do(func() { t.stage, again = resolving, t.conns >= max(t.allowed, 1) })
	if again {
		return nil, errReplay
	}
	one, err := w.chooseAddress(ctx, address)
	if err != nil {
		return nil, err
	}
	resolved := time.Now()
	t.do(func() {
		t.stage, t.remote = connecting, one
		if one != address {
			t.phases.Resolve += resolved.Sub(start)
		}
	})
	conn, err := w.options.Dial(ctx, network, one)
	if err != nil {
		return nil, err
	}
	t.do(func() { t.stage, t.phases.Connect = sending, t.phases.Connect+time.Since(resolved) })
	if at := conn.RemoteAddr(); at != nil {
		one = at.String()
	}
	conn = &endedConn{Conn: conn, remote: one}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conn)
	return conn, nil
}

// chooseAddress resolves host:port to one address, by chance among those of the
// family that the resolver puts first (RFC 6724), so that over many runs every
// backend behind the name is met. A name such as localhost that resolves to
// loopback addresses only means the IPv4 one, where servers listen.
func (w *wire) chooseAddress(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return address, nil
	}
	found, err := w.options.Resolve(ctx, host)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	if err := refuseAddress(found); err != nil {
		return "", err
	}
	return net.JoinHostPort(pick(found).String(), port), nil
}

func pick(found []netip.Addr) netip.Addr {
	v4, loopback := found[0].Unmap().Is4(), true
	for _, a := range found {
		loopback = loopback && a.Unmap().IsLoopback()
	}
	var family []netip.Addr
	for _, a := range found {
		if a.Unmap().Is4() == (v4 || loopback) {
			family = append(family, a.Unmap())
		}
	}
	if len(family) == 0 {
		family = found
	}
	return family[rand.IntN(len(family))]
}
