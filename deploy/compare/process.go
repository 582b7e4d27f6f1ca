package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A process is a program that runs until it is stopped.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *tail
	done chan struct{} // closed once it has ended
}

// start starts a program. What it writes is kept in its log, the end of it.
func start(environ []string, path string, args ...string) (*process, error) {
	p := &process{name: filepath.Base(path), cmd: exec.Command(path, args...), log: &tail{}, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // whoever wants it to go on asks alive
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// alive is an error once the process has ended.
func (p *process) alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended (%v); the last of what it wrote:\n%s", p.name, p.cmd.ProcessState, p.log)
	default:
		return nil
	}
}

// stop asks the process to end, and kills it after ten seconds.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ready waits until url answers with 200, half a minute at the most.
func (p *process) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if err := p.alive(); err != nil {
			return err
		}
		_, err := call(ctx, "GET", url, "")
		if err == nil {
			return nil
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("waiting for %s: %w; the last of what it wrote:\n%s", p.name, err, p.log)
		}
	}
}

// started waits until a process that was started answers at url, unless that is "". One that
// does not is stopped.
func started(ctx context.Context, p *process, err error, url string) error {
	if err != nil || url == "" {
		return err
	}
	if err := p.ready(ctx, url); err != nil {
		p.stop()
		return err
	}
	return nil
}

// pause is nil after d, and an error if ctx is done before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// The harness keeps no connection: it must not be told from others by that.
var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// call returns the body of an answer of class 2xx.
func call(ctx context.Context, method, url, body string) (string, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: status %d, want 2xx: %.200s", method, url, res.StatusCode, answer)
	}
	return string(answer), err
}

// onFreePort calls f with a port of the loopback interface that nobody listens on, and again
// with another where it fails, for somebody may have been quicker; three times at the most.
func onFreePort(ctx context.Context, f func(port int) error) (err error) {
	for range 3 {
		port, portErr := freePort()
		if portErr != nil {
			return portErr
		}
		if err = f(port); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// freePort is a port of the loopback interface that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// installed is the path of a program under one of its names, or "".
func installed(names []string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil || errors.Is(err, exec.ErrDot) {
			return path
		}
	}
	return ""
}

// A tail keeps the end of what is written to it. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLength = 4 << 10

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
