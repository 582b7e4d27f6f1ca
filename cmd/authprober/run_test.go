package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// A process is the program as a process of its own.
type process struct {
	*exec.Cmd
	t     *testing.T
	lines chan string     // of its standard error; closed at the end
	log   strings.Builder // what was read of them
}

// start starts the program. It is killed at the end of the test if it is still
// there.
func start(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command("authprober", args...) // the test binary: see TestMain
	cmd.Env = append(cmd.Environ(), environ...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: cmd, t: t, lines: make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		p.end()
	})
	return p
}

// until reads lines of JSON until one has the message, and returns its fields.
func (p *process) until(message string) map[string]any {
	p.t.Helper()
	for line := range p.lines {
		p.log.WriteString(line + "\n")
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
			return fields
		}
	}
	p.t.Fatalf("no line says %q:\n%s", message, p.log.String())
	return nil
}

// end waits for the end and returns the exit code.
func (p *process) end() int {
	for line := range p.lines {
		p.log.WriteString(line + "\n")
	}
	if p.ProcessState == nil {
		p.Wait() // the state says how it went
	}
	return p.ProcessState.ExitCode()
}

// await waits for a request to the path.
func (p *process) await(begun <-chan string, path string) {
	p.t.Helper()
	for {
		select {
		case got := <-begun:
			if got == path {
				return
			}
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the process ended before a request to %s:\n%s", path, p.log.String())
			}
			p.log.WriteString(line + "\n")
		}
	}
}

// TestSignalDuringRun ends the daemon while a run hangs in the middle: it logs
// out, and the process ends with 0.
func TestSignalDuringRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			bank, url, begun := watchedBank(t, banktest.Options{
				Users: 1, PasswordOnly: true,
				Faults: []banktest.Fault{{Step: banktest.StepAccounts, Kind: banktest.KindHang}},
			})
			flows := writeFlow(t, passwordFlow(url), bank.Users())
			p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0"}, "run", flows)
			p.await(begun, "/v1/accounts")
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := p.end(); code != exitOK {
				t.Errorf("the process ended with %d, want 0:\n%s", code, p.log.String())
			}
			if s := bank.Stats().Total; s.Logins != 1 || s.Logouts != 1 || s.LiveSessions != 0 {
				t.Errorf("the bank has seen %+v, want 1 login, 1 logout and no session left", s)
			}
			if !strings.Contains(p.log.String(), `"outcome":"aborted"`) || !strings.Contains(p.log.String(), `"msg":"stopped"`) {
				t.Errorf("the log tells neither of the aborted run nor of the end:\n%s", p.log.String())
			}
		})
	}
}

// TestTwoDaemons starts two on one address: the second one says so, and neither
// probes nor disturbs the first.
func TestTwoDaemons(t *testing.T) {
	_, url, _ := watchedBank(t, banktest.Options{})
	flows := writeFlow(t, statusFlow(url, "1h"), nil)
	first := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0"}, "run", flows)
	at := first.until("running")["url"].(string)
	address := strings.TrimPrefix(at, "http://")

	second := invoke(t.Context(), []string{"AUTHPROBER_LISTEN=" + address}, "run", flows)
	if want := `authprober: listening on "` + address + `": the port is in use; is another authprober running?` + "\n"; second.code != exitOurs || second.stderr != want {
		t.Errorf("the second one: got %+v, want code %d and %q", second, exitOurs, want)
	}
	if got := invoke(t.Context(), []string{"AUTHPROBER_LISTEN=" + address}, "health"); got != (invocation{stdout: "healthy\n"}) {
		t.Errorf("the health of the first one: got %+v", got)
	}
	metrics := get(t, at+"/metrics")
	if !strings.Contains(metrics, "\nauthprober_config_last_reload_successful 1\n") {
		t.Errorf("no successful reload on /metrics")
	}
}

// soon is a name whose check is first due at once in a schedule of a run a minute.
func soon(name string) string {
	s := prober.Schedule{Every: time.Minute}
	for i := 1; ; i++ {
		if one := fmt.Sprintf("%s-%d", name, i); s.Offset(one) < 100*time.Millisecond {
			return one
		}
	}
}

func passwordFlow(target string) string {
	return `name: ` + soon("password-login") + `
target: ` + target + `
schedule: {every: 1m, timeout: 40s}
accounts: retail
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {access: body.access_token}
  - name: accounts
    request: GET /v1/accounts
    bearer: ${{ access }}
    expect: [status == 200]
cleanup:
  - name: logout
    request: POST /v1/logout
    bearer: ${{ access }}
    expect: [status == 204]
`
}

func statusFlow(target, every string) string {
	return `name: status
target: ` + target + `
schedule: {every: ` + every + `}
steps:
  - name: status
    request: GET /v1/status
    expect: [status == 200]
`
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
