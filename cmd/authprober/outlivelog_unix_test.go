//go:build unix

package main

import (
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// TestOutlivesLog closes the other end of the log, as a journal does that is restarted:
// the next line is lost, and the daemon goes on, reloads, and ends when it is told to.
func TestOutlivesLog(t *testing.T) {
	_, url, begun := watchedBank(t, banktest.Options{})
	dir := writeFlow(t, strings.Replace(statusFlow(url, "1m"), "status", soon("first"), 1), nil)
	cmd := exec.Command("authprober", "run", dir) // the test binary: see TestMain
	cmd.Env = append(cmd.Environ(), "AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	readUntil(t, log, `"msg":"running"`)
	log.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	await(t, begun, ended)
	put(t, filepath.Join(dir, "second.yaml"), strings.Replace(statusFlow(url, "1m"), "status", soon("second"), 1))
	for _, s := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGHUP} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	await(t, begun, ended) // the flow that is new
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v, want 0", err)
	}
}

// readUntil reads no further than the text.
func readUntil(t *testing.T, r io.Reader, text string) {
	t.Helper()
	var seen strings.Builder
	for one := make([]byte, 1); !strings.Contains(seen.String(), text); seen.Write(one) {
		if _, err := r.Read(one); err != nil {
			t.Fatalf("no %s in:\n%s", text, seen.String())
		}
	}
}

// await waits for one more request.
func await(t *testing.T, begun <-chan string, ended <-chan error) {
	t.Helper()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("it has ended with its log: %v", err)
	}
}
