package checks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

// A socket is one end of a connection in memory, as TCP has it: what is written is
// buffered, and the other end can vanish, close or reset.
type socket struct {
	in, out *stream
	address string // of the other end
}

// A stream is one direction of a connection.
type stream struct {
	mu    sync.Mutex
	ready sync.Cond
	data  []byte
	err   error // of a read once data is read
	gone  bool  // nobody will ever read it
}

func newSockets(address string) (ours, theirs *socket) {
	up, down := &stream{}, &stream{}
	up.ready.L, down.ready.L = &up.mu, &down.mu
	return &socket{down, up, address}, &socket{up, down, "192.0.2.200:5000"}
}

func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.ready.Broadcast()
}

func (s *socket) Read(p []byte) (int, error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	for len(s.in.data) == 0 && s.in.err == nil {
		s.in.ready.Wait()
	}
	if len(s.in.data) == 0 {
		return 0, s.in.err
	}
	n := copy(p, s.in.data)
	s.in.data = s.in.data[n:]
	return n, nil
}

func (s *socket) Write(p []byte) (int, error) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if s.out.gone {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
	}
	if s.out.err == nil {
		s.out.data = append(s.out.data, p...)
		s.out.ready.Broadcast()
	}
	return len(p), nil
}

// Close ends both directions; the other end reads what is on its way first.
func (s *socket) Close() error {
	s.out.end(io.EOF)
	s.in.mu.Lock()
	s.in.data, s.in.gone = nil, true
	s.in.mu.Unlock()
	s.in.end(net.ErrClosed)
	return nil
}

// reset has the other end read what is on its way, and then that the connection is reset.
func (s *socket) reset() {
	s.out.end(&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})
	s.Close()
}

func (s *socket) LocalAddr() net.Addr              { return pipeAddr("192.0.2.200:5000") }
func (s *socket) RemoteAddr() net.Addr             { return pipeAddr(s.address) }
func (s *socket) SetDeadline(time.Time) error      { return nil }
func (s *socket) SetReadDeadline(time.Time) error  { return nil }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// A faultyNet is a network of which a test says what is at the other end. Each
// connection is served on a goroutine of its own, and closed when that returns.
type faultyNet struct {
	serve   func(c *socket)
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	refuse  func(ctx context.Context, address string) error // a dial of it; nil refuses none

	serving sync.WaitGroup
	mu      sync.Mutex
	dials   []string
}

func (n *faultyNet) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials = append(n.dials, address)
	n.mu.Unlock()
	if n.refuse != nil {
		if err := n.refuse(ctx, address); err != nil {
			return nil, err
		}
	}
	ours, theirs := newSockets(address)
	n.serving.Go(func() {
		defer theirs.Close()
		n.serve(theirs)
	})
	return ours, nil
}

// faultTimeout is that of the runs over a faultyNet.
const faultTimeout = 8 * time.Second

// lateness is by how much a run may outlive its timeout, in simulated time.
const lateness = 100 * time.Millisecond

// run makes one run, in a bubble, and holds it to what every run is held to: it does not
// outlive its timeout, and leaves no goroutine behind, for which the bubble would not end.
func (n *faultyNet) run(t *testing.T, c *Config) (r prober.Report) {
	t.Helper()
	begun := time.Now()
	r = probeOnce(t, c)
	if took := time.Since(begun); took > faultTimeout+lateness {
		t.Errorf("the run took %s, of the %s that it has", took, faultTimeout)
	}
	return r
}

// load is a flow with the steps over the network, whose target is target.
func (n *faultyNet) load(t *testing.T, target, steps, more string) *Config {
	t.Helper()
	return mustLoad(t, Options{Dial: n.dial, Resolve: n.resolve},
		"name: x\ntarget: "+target+"\nschedule: {every: 10s, timeout: 8s, cleanup: 1s}\nsteps:\n"+steps+more)
}

const oneGet = "  - {name: a, request: GET /, expect: [status == 200]}\n"

// once runs one GET of the target in a bubble of its own.
func (n *faultyNet) once(t *testing.T, target, more string, check func(r prober.Report)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		check(n.run(t, n.load(t, target, oneGet, more)))
		n.serving.Wait()
	})
}

// faultyTLS is a certificate for 192.0.2.1 that is valid in bubbles, whose clock stands at
// 2000, and the setting of a flow that trusts it.
func faultyTLS(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in2000 := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: in2000.AddDate(0, 0, -1), NotAfter: in2000.AddDate(1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, "tls: {ca: " + ca + "}\n"
}
