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

// BenchmarkResident starts the daemon, as it is released, with 50 checks of the shipped
// login flow against a staging bank, scrapes it every five seconds for half a minute, and
// reports the memory that was resident, the median and the most of it, in MiB. Of the
// median, private-MiB is the process's own; the rest is pages of the program's file, which
// processes share and the system takes back when it needs them.
func BenchmarkResident(b *testing.B) {
	binary := buildReleased(b)
	for b.Loop() {
		all, private := residentMiB(b, binary)
		b.ReportMetric(all[len(all)/2], "resident-MiB")
		b.ReportMetric(all[len(all)-1], "most-MiB")
		b.ReportMetric(private[len(private)/2], "private-MiB")
	}
}

// buildReleased builds the binary as a release has it, and returns its path.
func buildReleased(b *testing.B) string {
	binary := filepath.Join(b.TempDir(), "authprober")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // with it, libc and ld.so would be two megabytes more
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}

// residentMiB are samples of the resident memory, and of the private part of it, sorted.
func residentMiB(b *testing.B, binary string) (all, private []float64) {
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
		all = append(all, memoryOf(b, daemon.cmd.Process.Pid, "VmRSS"))
		private = append(private, memoryOf(b, daemon.cmd.Process.Pid, "RssAnon"))
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
	slices.Sort(all)
	slices.Sort(private)
	return all, private
}

// memoryOf is what /proc says of a process's memory, VmRSS or RssAnon, in MiB.
func memoryOf(b *testing.B, pid int, what string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		b.Fatalf("the process tells no %s", what)
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
		lines.Buffer(nil, 1<<20) // one of them has the names of all checks
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
