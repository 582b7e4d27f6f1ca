package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

var discarded = log.New(io.Discard, "", 0)

// startLogged is startAs for a program whose log is read.
func startLogged(t *testing.T, cmd *exec.Cmd, to io.Writer) *process {
	t.Helper()
	p := &process{name: "authprober", cmd: cmd, log: &tail{}, done: make(chan struct{})}
	cmd.Stderr = io.MultiWriter(p.log, to)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("the last of its log:\n%s", p.log)
		}
	})
	return p
}

// names is a resolver that knows bank.test. It is safe for concurrent use.
type names struct {
	mu       sync.Mutex
	addr4    string // "" where there is none; the name is none without both
	addr6    string
	flapping bool
	asked    int
}

func (n *names) answer(four, six string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addr4, n.addr6, n.flapping = four, six, false
}

// flap has the name gone for ten questions, there for ten, and so on.
func (n *names) flap() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.flapping = true
}

// serveNames answers questions at the UDP address until the test ends.
func serveNames(t *testing.T, in netns, address string) *names {
	t.Helper()
	n := &names{addr4: bank4}
	var conn net.PacketConn
	if err := in.within(func() (err error) { conn, err = net.ListenPacket("udp", address); return err }); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		question := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if reply := n.reply(question[:size]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() { _ = conn.Close(); serving.Wait() })
	return n
}

// reply is the answer to a question; nil where it is none.
func (n *names) reply(question []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil
	}
	n.mu.Lock()
	n.asked++
	four, six := n.addr4, n.addr6
	if n.flapping && n.asked/10%2 == 0 {
		four, six = "", ""
	}
	n.mu.Unlock()
	q := m.Questions[0]
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true},
		Questions: m.Questions}
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	switch {
	case q.Name.String() != "bank.test." || four+six == "":
		reply.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA && four != "":
		reply.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: netip.MustParseAddr(four).As4()}}}
	case q.Type == dnsmessage.TypeAAAA && six != "":
		reply.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(six).As16()}}}
	}
	text, err := reply.Pack()
	if err != nil {
		return nil
	}
	return text
}

// proxy is one that is asked to CONNECT, and is the bank itself behind the tunnel. The
// user says what it does.
func (l *laboratory) proxy(t *testing.T, secure *tls.Config) http.Handler {
	behind := &tunnels{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.serve(t, tls.NewListener(behind, secure), http.HandlerFunc(l.answer))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		as, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic "))
		user, _, _ := strings.Cut(string(as), ":")
		switch {
		case r.Method != http.MethodConnect || r.Host != bank4+":443" || user == "nobody":
			w.WriteHeader(http.StatusForbidden)
		case user == "unreachable":
			w.WriteHeader(http.StatusBadGateway)
		case user == "hang":
			select {
			case <-r.Context().Done():
			case <-l.silent:
			}
		default:
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			select {
			case behind.conns <- conn:
			case <-behind.closed:
				_ = conn.Close()
			}
		}
	})
}

// tunnels is a listener for connections that came through a proxy.
type tunnels struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *tunnels) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *tunnels) Addr() net.Addr { return &net.TCPAddr{} }
