package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/authprober/authprober/checks/banktest"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// TestMain makes the test binary be authprober where a test starts it by that
// name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"authprober": mainOrPanic})
}

// TestScripts runs the command lines of testdata/script. They have three more
// commands:
//
//	bank [FAULT]...        starts a bank, BANK_URL, and writes its users to accounts.yaml
//	cmpnormal FILE FILE    compares two files after normal
//	exits N COMMAND...     runs a command that is to end with N
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GOCOVERDIR", os.Getenv("GOCOVERDIR"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bank":      scriptBank,
			"cmpnormal": scriptCompareNormal,
			"exits":     scriptExits,
		},
	})
}

func scriptBank(ts *testscript.TestScript, neg bool, faults []string) {
	o := banktest.Options{Seed: 1}
	for _, text := range faults {
		f, err := banktest.ParseFault(text)
		ts.Check(err)
		o.Faults = append(o.Faults, f)
	}
	bank := banktest.NewServer(o)
	ts.Defer(bank.Close)
	ts.Setenv("BANK_URL", bank.URL)
	ts.Setenv("AUTHPROBER_ALLOW_ENV", "BANK_URL")
	ts.Check(writePoolFile(ts.MkAbs("accounts.yaml"), bank.Users()))
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; strconv.Itoa(got) != want {
		ts.Fatalf("it ended with %d, want %s", got, want)
	}
}

func scriptCompareNormal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: cmpnormal FILE FILE")
	}
	got, want := normal(ts.ReadFile(args[0])), ts.ReadFile(args[1])
	if got != want {
		ts.Fatalf("%s is, after normal:\n%s\nwant\n%s", args[0], got, want)
	}
}

var changing = []struct {
	what *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`trace [0-9a-f]{32}`), "trace TRACE"},
	{regexp.MustCompile(`"trace_id":"[0-9a-f]{32}"`), `"trace_id":"TRACE"`},
	{regexp.MustCompile(`totp_edge=(yes|no)`), "totp_edge=EDGE"}, // as the clock has it
	{regexp.MustCompile(`"start":"[^"]+Z"`), `"start":"START"`},
	{regexp.MustCompile(`"(took_seconds|connect|processing|transfer)":[0-9.e-]+`), `"$1":TIME`},
	{regexp.MustCompile(`time="[0-9.]+"`), `time="TIME"`},
	{regexp.MustCompile(` +[0-9.]+ [mµ]?s\b`), " TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "ADDRESS"},
}

// normal replaces what differs from one run to the next.
func normal(s string) string {
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.to)
	}
	return s
}

// An invocation is what a test gives to an app and what it got from it.
type invocation struct {
	code           int
	stdout, stderr string
}

// invoke runs the app in this process, on an environment of its own.
func invoke(ctx context.Context, environ []string, args ...string) invocation {
	var stdout, stderr bytes.Buffer
	a := &app{environ: environ, stdout: &stdout, stderr: &stderr}
	code := a.run(ctx, args)
	return invocation{code, stdout.String(), stderr.String()}
}

// watchedBank is a bank that tells of each request as it begins.
func watchedBank(t *testing.T, o banktest.Options) (bank *banktest.Bank, url string, begun <-chan string) {
	t.Helper()
	bank, err := banktest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	paths := make(chan string, 1000)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		bank.ServeHTTP(w, r)
	}))
	s.Config.ConnContext = bank.ConnContext
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return bank, s.URL, paths
}

// writeFlow writes a flow, the users' accounts, and returns the folder.
func writeFlow(t *testing.T, flow string, users []banktest.User) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(users) > 0 {
		if err := writePoolFile(filepath.Join(dir, "accounts.yaml"), users); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
