//go:build unix

package main

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/authprober/authprober/checks/secrettest"
)

// panicVariable makes the program of the tests panic at a signal.
const panicVariable = "AUTHPROBER_TEST_PANIC"

// mainOrPanic is main, but that it panics at SIGUSR1 where it is told so.
func mainOrPanic() {
	if os.Getenv(panicVariable) != "" {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGUSR1)
		go func() {
			<-told
			var nothing *app
			nothing.environ = nil
		}()
	}
	main()
}

// TestCrashesHoldNoSecret ends a daemon that has used all its secrets, in the middle of
// a schedule: by a panic, and by the signal for a dump of every goroutine.
func TestCrashesHoldNoSecret(t *testing.T) {
	for name, tc := range map[string]struct {
		signal  syscall.Signal
		environ []string
		want    string
	}{
		"a panic":            {syscall.SIGUSR1, []string{panicVariable + "=1", "GOTRACEBACK=all"}, "invalid memory address or nil pointer dereference"},
		"a dump at SIGQUIT":  {syscall.SIGQUIT, []string{"GOTRACEBACK=all"}, "SIGQUIT: quit"},
		"a system traceback": {syscall.SIGQUIT, []string{"GOTRACEBACK=system"}, "SIGQUIT: quit"},
	} {
		t.Run(name, func(t *testing.T) {
			target, _ := leakyBank(t)
			key, keyLines := sentinelKey(t)
			p := start(t, append([]string{"SENTINEL_TOTP=" + sentinelTOTP, "SENTINEL_CLIENT=" + sentinelClient, "SENTINEL_KEY=" + key,
				"AUTHPROBER_STATE_DIR=" + t.TempDir(), "AUTHPROBER_LISTEN=127.0.0.1:0"}, tc.environ...), "run", leakyFlows(t, target))
			p.until("running")
			for range 6 {
				p.until("run")
			}
			if err := p.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			p.end()
			dump := p.log.String()
			if !strings.Contains(dump, tc.want) || !strings.Contains(dump, "goroutine 1 ") {
				t.Fatalf("there is no crash dump:\n%s", dump)
			}
			for _, f := range secrettest.Find(dump, append(keyLines, sentinelSecrets...)...) {
				t.Errorf("%s is there, %s: %s", f.Secret, f.Form, f.Around)
			}
		})
	}
}
