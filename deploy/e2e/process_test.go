package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is a program that runs until its test ends.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *tail
	done chan struct{} // closed once it has ended; err is set then
	err  error
}

// start starts a program. When the test ends it is told to, and has to, and what
// it wrote is shown if the test failed.
func start(t *testing.T, env []string, path string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	return startAs(t, cmd)
}

// startAs is start for a command that says more than that.
func startAs(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: filepath.Base(cmd.Path) + " " + first(cmd.Args[1:]), cmd: cmd, log: &tail{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("the last of what %s wrote:\n%s", p.name, p.log)
		}
	})
	return p
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// stop asks the process to end and waits for it. One that has not ended after 20
// seconds is killed, and fails the test.
func (p *process) stop(t *testing.T) {
	select {
	case <-p.done:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may end just now
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Errorf("%s did not end within 20s of SIGTERM", p.name)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ready waits until url answers with 200.
func (p *process) ready(t *testing.T, url string) {
	t.Helper()
	eventually(t, 30*time.Second, p.name+" to be ready", func() error {
		select {
		case <-p.done:
			t.Fatalf("%s ended early: %v\n%s", p.name, p.err, p.log)
		default:
		}
		_, err := get(url)
		return err
	})
}

// eventually calls f until it returns nil.
func eventually(t *testing.T, within time.Duration, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting %v for %s: %v", within, what, err)
		case <-tick.C:
		}
	}
}

var client = &http.Client{Timeout: 10 * time.Second}

// get returns the body of a 200.
func get(url string) ([]byte, error) { return call("GET", url, nil, "") }

// call returns the body of an answer of class 2xx.
func call(method, url string, header http.Header, body string) ([]byte, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: status %d, want 2xx: %s", method, url, res.StatusCode, answer)
	}
	return answer, err
}

// freeAddresses returns loopback addresses that nobody listens on, all different.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var found []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		found = append(found, l.Addr().String())
	}
	return found
}

// write puts a file into the test's folder and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A tail keeps the end of what is written to it. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLength = 16 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - tailLength; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
