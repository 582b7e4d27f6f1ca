//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/checks/banktest"
)

// TestSupervisor gives signs of life while there is progress, and none while not.
func TestSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		var stuck atomic.Bool
		s := supervisor{
			tell:  func(state string) { first, _, _ := strings.Cut(state, "\n"); told = append(told, first) },
			every: 15 * time.Second, log: zap.NewNop(),
			alive: func(ctx context.Context, slack time.Duration) error {
				if slack != 15*time.Second {
					t.Errorf("the slack is %v", slack)
				}
				if stuck.Load() {
					<-ctx.Done()
					return errors.New("stuck")
				}
				return nil
			},
		}
		ctx, stop := context.WithCancel(t.Context())
		wait := s.ready(ctx, 2)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		stuck.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		stuck.Store(false)
		time.Sleep(20 * time.Second)
		stop()
		wait()
		if got, want := strings.Join(told, " "), "READY=1 WATCHDOG=1 WATCHDOG=1 WATCHDOG=1 STOPPING=1"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// Where nobody watches, no sign of life is given.
func TestSupervisorWithoutWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		ctx, stop := context.WithCancel(t.Context())
		wait := supervisor{tell: func(state string) { told = append(told, state) }, log: zap.NewNop()}.ready(ctx, 1)
		time.Sleep(time.Hour)
		stop()
		wait()
		if len(told) != 2 {
			t.Errorf("told %q", told)
		}
	})
}

func TestWatchdogWithin(t *testing.T) {
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
		wrong     bool
	}{
		{"", "", 0, false}, {"60000000", "", time.Minute, false}, {"60000000", strconv.Itoa(os.Getpid()), time.Minute, false},
		{"60000000", "1", 0, false}, {"0", "", 0, true}, {"x", "", 0, true}, {"-1", "", 0, true}, {"9223372036854775807", "", 0, true}, {"1", "x", 0, true},
	} {
		got, err := watchdogWithin(test.usec, test.pid)
		if got != test.want || (err != nil) != test.wrong {
			t.Errorf("%s of %q: got %v, %v, want %v", test.usec, test.pid, got, err, test.want)
		}
	}
}

// A service manager that is there and does not listen holds up nobody for long.
func TestNotifyDeafManager(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is Linux's")
	}
	name := fmt.Sprintf("@authprober-test-%d", os.Getpid())
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for range 10_000 { // until there is no room
		if err = notifySystemd(name, "WATCHDOG=1"); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a time-out", err)
	}
	if err := notifySystemd("", "READY=1"); err != nil {
		t.Error(err)
	}
}

// listensAsSystemd is a socket to tell things to; heard waits for the next.
func listensAsSystemd(t *testing.T) (socket string, heard func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String(), func() string {
		buffer := make([]byte, 1000)
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

// TestSystemd runs the daemon as systemd would, with a socket to tell things to.
func TestSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is Linux's")
	}
	socket, heard := listensAsSystemd(t)
	bank, url, _ := watchedBank(t, banktest.Options{Users: 1, PasswordOnly: true})
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=100000"},
		"run", writeFlow(t, passwordFlow(url), bank.Users()))
	if got, want := heard(), "READY=1\nSTATUS=Running 1 checks"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	if got := heard(); got != "WATCHDOG=1" {
		t.Errorf("told %q, want WATCHDOG=1", got)
	}
	said := func() string {
		got := heard()
		for got == "WATCHDOG=1" {
			got = heard()
		}
		return got
	}
	for range 2 { // each time it says when it began, by the clock that systemd goes by
		asked, _ := monotonicMicros()
		p.Process.Signal(syscall.SIGHUP)
		var began int64
		const want = "RELOADING=1\nSTATUS=Reading the configuration again\nMONOTONIC_USEC=%d"
		got := said()
		if _, err := fmt.Sscanf(got, want, &began); err != nil || got != fmt.Sprintf(want, began) {
			t.Errorf("told %q, want RELOADING=1 with the time", got)
		}
		if heardAt, _ := monotonicMicros(); began < asked || began > heardAt {
			t.Errorf("it began to read again at %d, was asked to at %d, and was heard at %d", began, asked, heardAt)
		}
		if got, want := said(), "READY=1\nSTATUS=Running 1 checks"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	p.Process.Signal(os.Interrupt)
	all := []string{}
	for len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "STOPPING=1") {
		all = append(all, heard())
	}
	if slices.ContainsFunc(all[:len(all)-1], func(s string) bool { return s != "WATCHDOG=1" }) {
		t.Errorf("told %q", all)
	}
	if code := p.end(); code != exitOK {
		t.Errorf("the process ended with %d:\n%s", code, p.log.String())
	}
}
