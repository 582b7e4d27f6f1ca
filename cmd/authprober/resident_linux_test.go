package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkResident starts the daemon with 50 checks of the shipped login flow
// against a staging bank, scrapes it every five seconds for half a minute, and
// reports the memory that was resident, the median and the most of it, in MiB. The
// aim is at most 30.
func BenchmarkResident(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "authprober")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("building: %v\n%s", err, out)
	}
	for b.Loop() {
		seen := residentMiB(b, binary)
		b.ReportMetric(seen[len(seen)/2], "resident-MiB")
		b.ReportMetric(seen[len(seen)-1], "most-MiB")
	}
}

// residentMiB are samples of the resident memory, sorted.
func residentMiB(b *testing.B, binary string) (seen []float64) {
	dir := b.TempDir()
	accounts := filepath.Join(dir, "accounts.yaml")
	bank := startChild(b, nil, `at (http://\S+)`, binary, "bank", "--listen", "127.0.0.1:0", "--users", "400", "--accounts-file", accounts)
	defer bank.stop()
	flow, err := os.ReadFile("../../deploy/flows/retail-login.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for i := range 50 {
		text := strings.Replace(string(flow), "name: retail-login", fmt.Sprintf("name: login-%d", i), 1)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("flow-%d.yaml", i)), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	env := []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_ALLOW_ENV=BANK_URL", "BANK_URL=" + bank.url}
	daemon := startChild(b, env, `"url":"(http://[^"]+)"`, binary, "run", dir)
	defer daemon.stop()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		seen = append(seen, resident(b, daemon.cmd.Process.Pid))
		if i%5 > 0 {
			continue
		}
		resp, err := http.Get(daemon.url + "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	slices.Sort(seen)
	return seen
}

// resident is the resident memory of a process in MiB.
func resident(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		b.Fatal("the process tells no VmRSS")
	}
	kb, _ := strconv.Atoi(string(m[1])) // digits only
	return float64(kb) / 1024
}

// A child is a command that runs and has said where it is met.
type child struct {
	cmd  *exec.Cmd
	url  string
	read chan struct{} // closed when its output has ended
}

// startChild starts a command and waits until its output matches.
func startChild(b *testing.B, env []string, pattern, binary string, args ...string) *child {
	p := &child{cmd: exec.Command(binary, args...), read: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	w.Close()
	urls := make(chan string, 1)
	go func() {
		defer close(p.read)
		defer r.Close()
		re, lines := regexp.MustCompile(pattern), bufio.NewScanner(r)
		for lines.Scan() {
			if m := re.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case urls <- m[1]:
				default:
				}
			}
		}
	}()
	select {
	case p.url = <-urls:
	case <-p.read:
		b.Fatalf("%s %v ended before it said where it is", binary, args)
	}
	return p
}

func (p *child) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	<-p.read
}
