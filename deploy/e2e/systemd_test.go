package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// TestSystemdService installs the service below a folder with the README's own commands,
// and runs it as its unit says, with its credentials where systemd puts them, until
// it has logged in. Only what systemd alone can do, the sandbox, is not there.
func TestSystemdService(t *testing.T) {
	root, bank := t.TempDir(), freeAddresses(t, 1)[0]
	accounts := filepath.Join(t.TempDir(), "accounts.yaml")
	start(t, nil, authprober(t), "bank", "--listen", bank, "--seed", "1", "--users", "3", "--accounts-file", accounts).
		ready(t, "http://"+bank+"/v1/status")
	installService(t, root, accounts)

	unit := readUnit(t, filepath.Join(root, "etc/systemd/system/authprober.service"))
	for key, want := range map[string]string{"Type": "notify", "LoadCredential": "secrets:/etc/authprober-secrets",
		"EnvironmentFile": "-/etc/default/authprober", "Environment": "AUTHPROBER_STATE_DIR=%S/authprober"} {
		if unit[key] != want {
			t.Fatalf("the unit's %s is %q, want %q", key, unit[key], want)
		}
	}
	environ := append(readEnvironment(t, filepath.Join(root, "etc/default/authprober")), // as systemd would set it
		"BANK_URL=http://"+bank, "AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json",
		"AUTHPROBER_STATE_DIR="+t.TempDir(), "CREDENTIALS_DIRECTORY="+credentials(t, root))
	socket, told := notifySocket(t)
	args := strings.Fields(unit["ExecStart"])
	p := start(t, append(environ, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=1000000"), filepath.Join(root, args[0]), args[1], filepath.Join(root, args[2]))
	for _, want := range []string{"READY=1", "WATCHDOG=1"} {
		if got := told(); !strings.HasPrefix(got, want) {
			t.Fatalf("systemd is told %q, want %s\n%s", got, want, p.log)
		}
	}
	eventually(t, 30*time.Second, "a run that passed", func() error {
		if log := p.log.String(); !strings.Contains(log, `"outcome":"passed"`) {
			return fmt.Errorf("the log is %s", log)
		}
		return nil
	})
}

// TestSystemdAggregateService runs the unit of the aggregator in the same way, with a token among its
// credentials, until it has read what there is.
func TestSystemdAggregateService(t *testing.T) {
	token := make(chan string, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case token <- r.Header.Get("Authorization") + " for " + r.Header.Get("X-Scope-Orgid"):
		default:
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	}))
	t.Cleanup(api.Close)
	shipped := func(name string) string { return filepath.Join(repository(), "deploy", "systemd", name) }
	unit := readUnit(t, shipped("authprober-aggregate.service"))
	for key, want := range map[string]string{"Type": "notify", "LoadCredential": "secrets:/etc/authprober-aggregate-secrets",
		"EnvironmentFile": "/etc/default/authprober-aggregate", "ExecReload": "/bin/kill -HUP $MAINPID"} {
		if unit[key] != want {
			t.Fatalf("the unit's %s is %q, want %q", key, unit[key], want)
		}
	}
	secrets := t.TempDir()
	example, err := os.ReadFile(shipped("authprober-aggregate.http.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var settings strings.Builder // what its comments show
	for line := range strings.Lines(string(example)) {
		if text, ok := strings.CutPrefix(line, "#   "); ok && !strings.Contains(text, "tls_config") {
			settings.WriteString(text)
		}
	}
	write(t, secrets, "secrets_token", "sesame\n")
	config := write(t, secrets, "secrets_http.yaml", settings.String())
	environ, options := []string{}, ""
	for _, line := range readEnvironment(t, shipped("authprober-aggregate.default")) {
		if value, ok := strings.CutPrefix(line, "AGGREGATE_OPTIONS="); ok {
			options = strings.Trim(value, `"`)
		} else {
			environ = append(environ, line)
		}
	}
	options = strings.NewReplacer("http://127.0.0.1:9090", api.URL, "/etc/authprober", filepath.Join(repository(), "deploy", "flows")).Replace(options)
	command := strings.NewReplacer("%d", secrets, "$AGGREGATE_OPTIONS", options).Replace(unit["ExecStart"])
	args := strings.Fields(strings.TrimPrefix(command, "/usr/bin/authprober"))
	if !slices.Contains(args, config) || !slices.Contains(args, api.URL) {
		t.Fatalf("the unit runs %q", command)
	}
	socket, told := notifySocket(t)
	p := start(t, append(environ, "AUTHPROBER_LISTEN=127.0.0.1:0", "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=1000000"), authprober(t), args...)
	for _, want := range []string{"READY=1", "WATCHDOG=1"} {
		if got := told(); !strings.HasPrefix(got, want) {
			t.Fatalf("systemd is told %q, want %s\n%s", got, want, p.log)
		}
	}
	if got := <-token; got != "Bearer sesame for identity" {
		t.Errorf("the API was asked with %q", got)
	}
}

// asWords prints what systemd makes of the options of a unit and of its settings, as a shell does:
// ${…} is a word, and what is in LOGINS_OPTIONS are many.
const asWords = `. "$1"; eval "set -- $LOGINS_OPTIONS"; printf '%s\n' --url "$LOGINS_URL" --runs "$LOGINS_RUNS" --failures "$LOGINS_FAILURES" "$@"`

// TestSystemdLoginsService starts the program as the unit of real logins and its shipped settings
// would: each query arrives whole, and the objective is one.
func TestSystemdLoginsService(t *testing.T) {
	asked := make(chan string, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.FormValue("query")
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	}))
	t.Cleanup(api.Close)
	dir := filepath.Join(repository(), "deploy", "systemd")
	unit := readUnit(t, filepath.Join(dir, "authprober-logins@.service"))
	const command = "/usr/bin/authprober aggregate --http-config %d/secrets_http.yaml --name %i --url ${LOGINS_URL} --runs ${LOGINS_RUNS} --failures ${LOGINS_FAILURES} $LOGINS_OPTIONS"
	if unit["ExecStart"] != command || unit["EnvironmentFile"] != "/etc/default/authprober-logins-%i" {
		t.Fatalf("the unit runs %q with %q", unit["ExecStart"], unit["EnvironmentFile"])
	}
	words, err := exec.Command("sh", "-c", asWords, "sh", filepath.Join(dir, "authprober-logins.default")).Output()
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Split(strings.TrimSuffix(strings.Replace(string(words), "http://127.0.0.1:9090", api.URL, 1), "\n"), "\n")
	out, err := exec.Command(authprober(t), append([]string{"aggregate", "--once", "--replay", "1m", "--name", "retail"}, args...)...).CombinedOutput()
	if err != nil || string(out) != "no series that count anything\n" {
		t.Errorf("%q: %v\n%s", args, err, out)
	}
	queries := []string{<-asked, <-asked}
	slices.Sort(queries)
	if !strings.HasPrefix(queries[0], "logins_total[") || !strings.HasPrefix(queries[1], `logins_total{outcome="error"}[`) {
		t.Errorf("the API was asked for %q", queries)
	}
}

// installService runs the README's commands, below root.
func installService(t *testing.T, root, accounts string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### As a service of systemd\n")
	section, _, _ = strings.Cut(section, "\nThe [unit]")
	commands, systemctl := "", 0
	for line := range strings.Lines(section) {
		if strings.Contains(line, "systemctl") {
			systemctl++
			continue
		}
		commands += strings.ReplaceAll(regexp.MustCompile(` (/(?:etc|usr)/)`).ReplaceAllString(line, " "+root+"$1"), "sudo ", "")
	}
	if systemctl != 2 || !strings.Contains(commands, "install") {
		t.Fatalf("the README has no commands for systemd:\n%s", section)
	}
	commands = strings.ReplaceAll(commands, "755 authprober -t "+root+"/usr/bin", "755 "+authprober(t)+" -T "+root+"/usr/bin/authprober")
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir, cmd.Stdin = repository(), strings.NewReader(answers(t, accounts))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v: %s", commands, err, out)
	}
}

// answers are the secrets of the bank's customers, a line each.
func answers(t *testing.T, accounts string) string {
	t.Helper()
	var file struct {
		Pools map[string]struct {
			Accounts []struct {
				Username, Password string
				TOTP               string `yaml:"totp_secret"`
			}
		}
	}
	text, err := os.ReadFile(accounts)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Pools["retail"].Accounts) != 3 {
		t.Fatalf("the bank's accounts are %s: %v", text, err)
	}
	all := ""
	for _, a := range file.Pools["retail"].Accounts {
		all += a.Username + "\n" + a.Password + "\n" + a.TOTP + "\n"
	}
	return all
}

// credentials does what systemd does with LoadCredential=secrets:FOLDER.
func credentials(t *testing.T, root string) string {
	t.Helper()
	to, from := t.TempDir(), filepath.Join(root, "etc/authprober-secrets")
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		write(t, to, "secrets_"+f.Name(), string(text))
	}
	return to
}

// readUnit are the settings of a unit; of one that is there twice the last.
func readUnit(t *testing.T, path string) map[string]string {
	t.Helper()
	unit := map[string]string{}
	for _, line := range readEnvironment(t, path) {
		key, value, _ := strings.Cut(line, "=")
		unit[key] = value
	}
	return unit
}

// readEnvironment are the lines of a file that are settings.
func readEnvironment(t *testing.T, path string) (lines []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "#") && strings.Contains(line, "=") {
			lines = append(lines, line)
		}
	}
	return lines
}

// notifySocket is one that a service tells things to; told waits for the next.
func notifySocket(t *testing.T) (path string, told func() string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close(); _ = os.RemoveAll(dir) })
	all := make(chan string, 10_000)
	go func() {
		for buffer := make([]byte, 1000); ; {
			n, err := socket.Read(buffer)
			if err != nil {
				return // it was closed
			}
			all <- string(buffer[:n])
		}
	}()
	return path, func() string {
		select {
		case s := <-all:
			return s
		case <-time.After(30 * time.Second):
			t.Fatal("systemd is told nothing")
			return ""
		}
	}
}
