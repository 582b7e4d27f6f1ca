package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A netns is a network namespace, which has no network but its own loopback and its ends
// of wires. It is gone when its test ends.
type netns string

// newNetns makes one. It needs the rights of root over networks, and fails without them.
func newNetns(t *testing.T, name string) netns {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces want root: run it as root, or with sudo")
	}
	n := netns(fmt.Sprintf("ap%d-%d-%s", os.Getpid(), made.Add(1), name))
	ip(t, "netns", "add", string(n))
	t.Cleanup(func() { ip(t, "netns", "delete", string(n)) })
	n.ip(t, "link", "set", "lo", "up")
	return n
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(installed(t, "iproute2", "ip"), args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %q: %v\n%s", args, err, out)
	}
}

func (n netns) ip(t *testing.T, args ...string) {
	t.Helper()
	ip(t, append([]string{"-n", string(n)}, args...)...)
}

// resolver makes address the only resolver of the programs that [netns.command] starts.
func (n netns) resolver(t *testing.T, address string) {
	t.Helper()
	dir := filepath.Join("/etc/netns", string(n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	write(t, dir, "resolv.conf", "nameserver "+address+"\noptions timeout:1 attempts:1\n")
}

// command is a program in the namespace.
func (n netns) command(t *testing.T, env []string, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(installed(t, "iproute2", "ip"), append([]string{"netns", "exec", string(n), path}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// within runs f, which must open its sockets by itself and by addresses, in the namespace.
func (n netns) within(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		done <- func() error {
			at, err := unix.Open(filepath.Join("/run/netns", string(n)), unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(at) }()
			if err := unix.Setns(at, unix.CLONE_NEWNET); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-done
}

// listen listens on a TCP address of the namespace, until the test ends.
func (n netns) listen(t *testing.T, address string) (l net.Listener) {
	t.Helper()
	if err := n.within(func() (err error) { l, err = net.Listen("tcp", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial is for a transport that is to reach what listens in the namespace.
func (n netns) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = n.within(func() (err error) { c, err = (&net.Dialer{}).DialContext(ctx, network, address); return err })
	return c, err
}

// A wire joins two namespaces. Each packet goes through this process, which may lose it or
// hold it up: netem would do the same, but is a module that many kernels lack. What is
// lost comes out of a seeded generator. It is safe for concurrent use.
type wire struct {
	cut    atomic.Bool  // everything is lost
	no6    atomic.Bool  // IPv6 is
	loss   atomic.Int64 // so many packets in a thousand are, each way
	delay  atomic.Int64 // nanoseconds by which those towards b are held up
	lost   atomic.Int64
	passed atomic.Int64

	mu     sync.Mutex
	chance *rand.Rand
}

// An end of a wire has one address of each family.
type wireEnd struct {
	in        netns
	four, six string // with the length of the prefix
}

// newWire joins a and b until the test ends.
func newWire(t *testing.T, a, b wireEnd) *wire {
	t.Helper()
	w := &wire{chance: rand.New(rand.NewPCG(8, 3))}
	one, other := newTUN(t, a), newTUN(t, b)
	var passing sync.WaitGroup
	passing.Go(func() { w.pass(one, other, func() time.Duration { return time.Duration(w.delay.Load()) }) })
	passing.Go(func() { w.pass(other, one, func() time.Duration { return 0 }) })
	t.Cleanup(func() {
		_, _ = one.Close(), other.Close()
		passing.Wait()
	})
	return w
}

// made counts namespaces and devices: their names are the machine's.
var made atomic.Int64

// newTUN makes a network device whose packets are what is read and written here, and moves
// it to the namespace.
func newTUN(t *testing.T, e wireEnd) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("opening /dev/net/tun: %v", err)
	}
	name := fmt.Sprintf("ap%dt%d", os.Getpid(), made.Add(1))
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		t.Fatalf("making a network device: %v", err)
	}
	ip(t, "link", "set", name, "netns", string(e.in))
	e.in.ip(t, "address", "add", e.four, "dev", name)
	e.in.ip(t, "address", "add", e.six, "dev", name, "nodad")
	e.in.ip(t, "link", "set", name, "up")
	return os.NewFile(uintptr(fd), name)
}

// pass carries packets from one end to the other until either is closed.
func (w *wire) pass(from, to *os.File, delay func() time.Duration) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		switch wait := delay(); {
		case w.loses(buffer[0]>>4 == 6):
			w.lost.Add(1)
		case wait > 0:
			packet := append([]byte(nil), buffer[:n]...)
			time.AfterFunc(wait, func() { _, _ = to.Write(packet) }) // one that comes after the end is lost
		default:
			w.passed.Add(1)
			_, _ = to.Write(buffer[:n])
		}
	}
}

func (w *wire) loses(six bool) bool {
	if w.cut.Load() || six && w.no6.Load() {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chance.Int64N(1000) < w.loss.Load()
}

// mend has the wire pass everything on.
func (w *wire) mend() {
	w.cut.Store(false)
	w.no6.Store(false)
	w.loss.Store(0)
	w.delay.Store(0)
}
