//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// hangUp asks the process for a reload, and returns what it says of it.
func (p *process) hangUp(message string) map[string]any {
	p.t.Helper()
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	return p.until(message)
}

const (
	reloaded = "reloaded"
	refused  = "reload refused: all goes on as it was"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestReload changes what a daemon runs, with a mistake and without.
func TestReload(t *testing.T) {
	_, url, begun := watchedBank(t, banktest.Options{})
	dir := writeFlow(t, statusFlow(url, "1h"), nil)
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json", "AUTHPROBER_ADMIN=on"}, "run", dir)
	at := p.until("running")["url"].(string)

	added := soon("added")
	put(t, filepath.Join(dir, "added.yaml"), strings.Replace(statusFlow(url, "1m"), "status", added, 1))
	got := p.hangUp(reloaded)
	if fmt.Sprint(got["checks"], got["kept"], got["changed"], got["added"], got["added_names"], got["removed"], got["afresh"]) != "2 1 0 1 ["+added+"] 0 0" {
		t.Errorf("the log says %v", got)
	}
	p.await(begun, "/v1/status")
	if metrics := get(t, at+"/metrics"); !strings.Contains(metrics, `authprober_check_info{check="`+added+`"} 1`) {
		t.Errorf("no series of the flow that was added")
	}

	put(t, filepath.Join(dir, "flow.yaml"), strings.Replace(statusFlow(url, "1h"), "expect", "expct", 1))
	put(t, filepath.Join(dir, "third.yaml"), "name: third\n")
	p.hangUp(refused)
	for _, want := range []string{`flow.yaml","line":7,"column":5,"mistake":"unknown key \"expct\"; did you mean expect?"`, `third.yaml","line":1,`} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, p.log.String())
		}
	}
	if metrics := get(t, at+"/metrics"); !strings.Contains(metrics, "\nauthprober_config_last_reload_successful 0\n") ||
		strings.Count(metrics, "\nauthprober_check_info{") != 2 {
		t.Errorf("the metrics do not say that it was refused")
	}

	if err := os.Remove(filepath.Join(dir, "added.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "third.yaml")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "flow.yaml"), statusFlow(url, "1h"))
	got = p.hangUp(reloaded)
	if fmt.Sprint(got["checks"], got["added"], got["removed"], got["removed_names"]) != "1 0 1 ["+added+"]" {
		t.Errorf("the log says %v", got)
	}
	if metrics := get(t, at+"/metrics"); strings.Contains(metrics, added) || !strings.Contains(metrics, "\nauthprober_config_last_reload_successful 1\n") {
		t.Errorf("the metrics are not those of what is left")
	}
	if code, body := post(t, at+"/-/reload"); code != 200 || body != "reloaded\n" {
		t.Errorf("over HTTP: %d %s", code, body)
	}
	put(t, filepath.Join(dir, "third.yaml"), "name: third\n")
	if code, body := post(t, at+"/-/reload"); code != 422 || !strings.Contains(body, "third.yaml:1:1: ") {
		t.Errorf("over HTTP with a mistake: %d %s", code, body)
	}
	p.Process.Signal(syscall.SIGTERM)
	if code := p.end(); code != exitOK {
		t.Errorf("it ended with %d:\n%s", code, p.log.String())
	}
}

func post(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestReloadSecrets exchanges a mounted folder at once, as Kubernetes does, with a
// password in it that was changed, and takes it away.
func TestReloadSecrets(t *testing.T) {
	bank, url, begun := watchedBank(t, banktest.Options{Users: 1, PasswordOnly: true})
	user, dir := bank.Users()[0], t.TempDir()
	mount := func(version, name, password string) {
		t.Helper()
		to := filepath.Join(dir, version)
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(to, "flow.yaml"), strings.Replace(passwordFlow(url), soon("password-login"), soon(name), 1))
		put(t, filepath.Join(to, "accounts.yaml"), "pools:\n  retail:\n    accounts:\n      - {name: a, username: \""+user.Username+"\", password: {file: password}}\n")
		if password != "" {
			put(t, filepath.Join(to, "password"), password)
		}
		link := filepath.Join(dir, "..data")
		if err := os.Symlink(version, link+"_tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+"_tmp", link); err != nil {
			t.Fatal(err)
		}
	}
	mount("..1", "first", "wrong")
	for _, name := range []string{"flow.yaml", "accounts.yaml", "password"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json"}, "run", dir)
	p.until("running")
	p.await(begun, "/v1/login")
	if run := p.until("run"); run["outcome"] != "failed" {
		t.Fatalf("with the wrong password: %v", run)
	}
	mount("..2", "second", "")
	p.hangUp(refused)
	if !strings.Contains(p.log.String(), "reading the secret file") {
		t.Errorf("the log does not say what is missing:\n%s", p.log.String())
	}
	mount("..3", "third", user.Password)
	p.hangUp(reloaded)
	if run := p.until("run"); run["check"] != soon("third") || run["outcome"] != "passed" {
		t.Errorf("with the right password: %v", run)
	}
	if strings.Contains(p.log.String(), user.Password) {
		t.Error("the password is in the log")
	}
	p.Process.Signal(syscall.SIGTERM)
	p.end()
}

// TestReloadLeaksNothing reloads under load: neither goroutines, nor files, nor memory
// that lives on become more.
func TestReloadLeaksNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it reloads many times")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the open files are counted in /proc")
	}
	bank := banktest.NewServer(banktest.Options{})
	defer bank.Close()
	url, dir := bank.URL, t.TempDir()
	for i := range 5 {
		put(t, filepath.Join(dir, fmt.Sprintf("flow%d.yaml", i)), strings.Replace(statusFlow(url, "100ms"), "status", fmt.Sprintf("status-%d", i), 1))
	}
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_FORMAT=json", "AUTHPROBER_LOG_LEVEL=info"}, "run", dir)
	at := p.until("running")["url"].(string)
	many := func(n int) (goroutines, series, files float64) {
		for i := range n {
			every := fmt.Sprintf("%dms", 100+i%3)
			put(t, filepath.Join(dir, "flow0.yaml"), strings.Replace(statusFlow(url, every), "status", fmt.Sprintf("changing-%d", i), 1))
			p.hangUp(reloaded)
		}
		metrics := get(t, at+"/metrics")
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return value(t, metrics, "go_goroutines"), float64(strings.Count(metrics, "\n")), float64(len(fds))
	}
	goroutines, series, files := many(50)
	goroutines2, series2, files2 := many(950)
	// Each check has a run in flight at the most, with a few goroutines and files.
	if goroutines2 > goroutines+50 || files2 > files+20 || series2 > series+20 {
		t.Errorf("after 950 reloads more: %v goroutines after %v, %v series after %v, %v files after %v", goroutines2, goroutines, series2, series, files2, files)
	}
}

func value(t *testing.T, metrics, name string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(metrics)
	if found == nil {
		t.Fatalf("no %s on the metrics", name)
	}
	x, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
