package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"github.com/authprober/authprober/checks/accounts"
)

func TestSettingsByDefault(t *testing.T) {
	s, err := (&app{}).settings()
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		Listen: "127.0.0.1:9870", LogLevel: level(zapcore.InfoLevel), LogFormat: "auto",
		MarkerHeader: headerLine{"X-Synthetic-Probe", "authprober"}, PauseHeader: "X-Synthetic-Probe-Pause", Grace: period(10 * time.Second),
		HistoryAge: keepFor(90 * 24 * time.Hour), HistorySize: 1 << 30,
	}
	if diff := cmp.Diff(want, s, cmp.AllowUnexported(headerLine{})); diff != "" {
		t.Error(diff)
	}
}

func TestSettings(t *testing.T) {
	a := &app{environ: []string{
		"AUTHPROBER_LISTEN=[::1]:0", "AUTHPROBER_LOG_LEVEL=DEBUG", "AUTHPROBER_ADMIN=on", "AUTHPROBER_LOG_FORMAT=console",
		"AUTHPROBER_ALLOW_ENV=BANK_URL, REGION,", "AUTHPROBER_CONTACT=sre@bank.example",
		"AUTHPROBER_MARKER_HEADER=X-Probe:  yes, please ", "AUTHPROBER_GRACE=1m30s", "AUTHPROBER_MAX_LOGINS=90 per 1m30s", "AUTHPROBER_PAUSE_HEADER=X-Stop",
		"AUTHPROBER_HISTORY_AGE=36h", "AUTHPROBER_HISTORY_SIZE=500MiB",
	}}
	s, err := a.settings()
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		Listen: "[::1]:0", Admin: true, LogLevel: level(zapcore.DebugLevel), LogFormat: "console",
		AllowEnv: names{"BANK_URL", "REGION"}, Contact: "sre@bank.example",
		MarkerHeader: headerLine{"X-Probe", "yes, please"}, PauseHeader: "X-Stop", Grace: period(90 * time.Second),
		HistoryAge: keepFor(36 * time.Hour), HistorySize: 500 << 20,
		MaxLogins: maxLogins{accounts.Limit{Logins: 90, Per: 90 * time.Second}},
	}
	if diff := cmp.Diff(want, s, cmp.AllowUnexported(headerLine{})); diff != "" {
		t.Error(diff)
	}
	if got, want := s.userAgent(), "authprober/"+version().Version+" (+sre@bank.example)"; got != want {
		t.Errorf("the User-Agent is %q, want %q", got, want)
	}
}

func TestSettingsThatAreEmpty(t *testing.T) {
	var environ []string
	for _, v := range variables() {
		environ = append(environ, v.Name+"=")
	}
	s, err := (&app{environ: environ}).settings()
	if err != nil {
		t.Fatal(err)
	}
	if s.MarkerHeader != (headerLine{}) {
		t.Errorf("the marker is %v, want none", s.MarkerHeader)
	}
	if s.PauseHeader != "" {
		t.Errorf("the header that pauses is %v, want none", s.PauseHeader)
	}
	s.MarkerHeader, s.PauseHeader = headerLine{"X-Synthetic-Probe", "authprober"}, "X-Synthetic-Probe-Pause"
	byDefault, _ := (&app{}).settings()
	if diff := cmp.Diff(byDefault, s, cmp.AllowUnexported(headerLine{})); diff != "" {
		t.Error(diff)
	}
}

// TestWrongSettings gives each variable what it cannot be: the error names all
// of them, and repeats no value.
func TestWrongSettings(t *testing.T) {
	const sesame = "sesame-4711"
	noKey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(noKey, []byte("# ours\n"+sesame+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, value, want string }{
		{"LISTEN", sesame, "want host:port, like 127.0.0.1:9870 or :9870"},
		{"LISTEN", sesame + ":99999", "want a port from 0 to 65535"},
		{"LISTEN", sesame + ":+1", "want a port from 0 to 65535"},
		{"WEB_CONFIG_FILE", sesame, "want a file that can be read: no such file or directory"},
		{"ADMIN", sesame, "want on or off"},
		{"LOG_LEVEL", sesame, "want debug, info, warn or error"},
		{"LOG_LEVEL", "fatal", "want debug, info, warn or error"},
		{"LOG_FORMAT", sesame, "want auto, json or console"},
		{"ALLOW_ENV", "BANK_URL," + sesame, "want names of environment variables, separated by commas"},
		{"CONTACT", sesame + ")", `want at most 200 characters of ASCII without ( ) and \, such as a mail address`},
		{"CONTACT", sesame + "\r\nX: y", `want at most 200 characters of ASCII without ( ) and \, such as a mail address`},
		{"MARKER_HEADER", sesame, "want a header field, like X-Synthetic-Probe: authprober"},
		{"MARKER_HEADER", "X: " + sesame + "\r\nY: z", "want a header field, like X-Synthetic-Probe: authprober"},
		{"MARKER_HEADER", "Authorization: " + sesame, "want a header field that requests do not have anyway, like X-Synthetic-Probe: authprober"},
		{"PAUSE_FILE", sesame, "want an absolute path, like /run/authprober/pause"},
		{"PAUSE_FILE", "/nowhere/" + sesame, "want a file in a folder that is there: no such file or directory"},
		{"PAUSE_FILE", filepath.Join(noKey, sesame), "want a file in a folder that is there: it is none"},
		{"PAUSE_HEADER", sesame + ":", "want the name of a header field, like X-Synthetic-Probe-Pause"},
		{"GRACE", sesame, "want a time above 0s and at most 1h, like 10s"},
		{"GRACE", "0s", "want a time above 0s and at most 1h, like 10s"},
		{"GRACE", "10", "want a time above 0s and at most 1h, like 10s"},
		{"MEMORY_LIMIT", sesame, "want auto, off, or 16MiB and more, like 200MiB"},
		{"MEMORY_LIMIT", "1MiB", "want auto, off, or 16MiB and more, like 200MiB"},
		{"SHARD", sesame, "want a shard such as 2/3, the second of three"},
		{"SHARD", "4/3", "want a shard such as 2/3, the second of three"},
		{"SHARD", "0/3", "want a shard such as 2/3, the second of three"},
		{"SHARD", "+1/3", "want a shard such as 2/3, the second of three"},
		{"ACCOUNT_SHARE", sesame, "want a shard such as 2/3, the second of three"},
		{"HEARTBEAT_URL", sesame, "want a URL, http or https, without a user"},
		{"HEARTBEAT_URL", "http://u:" + sesame + "@a/", "want a URL, http or https, without a user"},
		{"CONTROL_URLS", sesame, "want URLs separated by commas, like https://one.example/,https://two.example/"},
		{"CONTROL_URLS", "http://a/" + sesame + ",http://a/", "want URLs of different hosts: they are to be independent of each other"},
		{"CONTROL_URLS", "http://u:" + sesame + "@a/", "want no user and no password in a URL: any answer will do"},
		{"ALERTMANAGER_URLS", sesame, "want URLs of Alertmanagers separated by commas, like http://127.0.0.1:9093"},
		{"ALERTMANAGER_URLS", "http://a:9093, http://a:9093/", "want URLs of Alertmanagers separated by commas, like http://127.0.0.1:9093, each once"},
		{"ALERTMANAGER_URLS", "http://a:9093/api/v2/alerts", "want URLs of Alertmanagers separated by commas, like http://127.0.0.1:9093, without /api/v2/alerts"},
		{"ALERTMANAGER_URLS", "http://a:" + sesame + "@b", "want no user and no password in a URL; name a file of them in AUTHPROBER_ALERTMANAGER_CONFIG_FILE"},
		{"ALERTMANAGER_CONFIG_FILE", sesame, "want a file that can be read: no such file or directory"},
		{"ALERTMANAGER_CONFIG_FILE", noKey, "want the settings of an HTTP client as Prometheus has them, such as basic_auth, authorization and tls_config"},
		{"ALERT_LABELS", sesame, "want labels like job=authprober,instance=probe-1:9870"},
		{"ALERT_LABELS", "severity=" + sesame, "want labels like job=authprober,instance=probe-1:9870: the alerts have a label severity of their own"},
		{"ALERT_LABELS", "a-b=" + sesame, "want labels like job=authprober,instance=probe-1:9870: want a label name of letters, digits and _"},
		{"ALERT_LABELS", "job=a,job=" + sesame, "want each label once, like job=authprober,instance=probe-1:9870"},
		{"HISTORY_AGE", sesame, "want a time from 1h to 3650d, like 90d or 36h"},
		{"HISTORY_AGE", "59m", "want a time from 1h to 3650d, like 90d or 36h"},
		{"HISTORY_AGE", "NaNd", "want a time from 1h to 3650d, like 90d or 36h"},
		{"HISTORY_AGE", "3651d", "want a time from 1h to 3650d, like 90d or 36h"},
		{"HISTORY_SIZE", sesame, "want a size from 16MiB to 1024GiB, like 500MiB or 2GiB"},
		{"HISTORY_SIZE", "15MiB", "want a size from 16MiB to 1024GiB, like 500MiB or 2GiB"},
		{"HISTORY_SIZE", "1025GiB", "want a size from 16MiB to 1024GiB, like 500MiB or 2GiB"},
		{"MAX_LOGINS", sesame, "want 1 to 10000 logins in a time from a second to a day, like 60 per minute"},
		{"MAX_LOGINS", "20000 per hour", "want 1 to 10000 logins in a time from a second to a day, like 60 per minute"},
		{"MAX_LOGINS", "1 per 2d", "want 1 to 10000 logins in a time from a second to a day, like 60 per minute"},
		{"STATE_DIR", sesame, "want a folder that is there: no such file or directory"},
		{"STATE_DIR", os.Args[0], "want a folder that is there: it is none"},
		{"STATE_KEY_FILE", sesame, "want a file that can be read: no such file or directory"},
		{"STATE_KEY_FILE", os.TempDir(), "want a file that can be read: it is not a regular file"},
		{"STATE_KEY_FILE", noKey, "line 2: want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it"},
	}
	tried := map[string]bool{}
	for _, test := range tests {
		tried[envPrefix+test.name] = true
		got := invoke(t.Context(), []string{envPrefix + test.name + "=" + test.value}, "check", t.TempDir())
		want := invocation{code: exitConfig, stderr: envPrefix + test.name + ": " + test.want + "\n"}
		if got != want {
			t.Errorf("%s=%q: got %+v, want %+v", test.name, test.value, got, want)
		}
	}
	var environ, lines []string
	for _, v := range variables() {
		if !tried[v.Name] {
			t.Errorf("no test for a wrong %s", v.Name)
		}
		environ = append(environ, v.Name+"=("+sesame)
	}
	got := invoke(t.Context(), environ, "run", t.TempDir())
	for line := range strings.Lines(got.stderr) {
		name, _, _ := strings.Cut(line, ":")
		lines = append(lines, name)
	}
	var names []string
	for _, v := range variables() {
		names = append(names, v.Name)
	}
	if !slices.Equal(lines, names) || strings.Contains(got.stderr, sesame) {
		t.Errorf("with everything wrong: got\n%s", got.stderr)
	}
}

func TestWebConfigErrorHidesHashes(t *testing.T) {
	path := t.TempDir() + "/web.yaml"
	if err := os.WriteFile(path, []byte("basic_auth_users: sesame-4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := invoke(t.Context(), []string{"AUTHPROBER_WEB_CONFIG_FILE=" + path}, "health")
	if got.code != exitConfig || !strings.Contains(got.stderr, "AUTHPROBER_WEB_CONFIG_FILE: want a valid web configuration") ||
		strings.Contains(got.stderr, "sesame") {
		t.Errorf("got %+v", got)
	}
}

func TestUnknownVariables(t *testing.T) {
	a := &app{environ: []string{
		"AUTHPROBER_LISTEN=:1", "AUTHPROBER_LISTN=sesame", "AUTHPROBER_LISTN=again", "authprober_listen=x",
		"AUTHPROBER_LOGLEVEL=sesame", "AUTHPROBER_WHATEVER_THIS_IS=sesame", "LISTN=x", "AUTHPROBER_grace=1s",
	}}
	want := []string{
		"the environment variable AUTHPROBER_LISTN means nothing; did you mean AUTHPROBER_LISTEN?",
		"the environment variable AUTHPROBER_LOGLEVEL means nothing; did you mean AUTHPROBER_LOG_LEVEL?",
		"the environment variable AUTHPROBER_WHATEVER_THIS_IS means nothing",
		"the environment variable AUTHPROBER_grace means nothing; did you mean AUTHPROBER_GRACE?",
	}
	if diff := cmp.Diff(want, a.unknownVariables()); diff != "" {
		t.Error(diff)
	}
}

// TestEnvironmentTable holds docs/environment.md against the settings; -update
// rewrites it.
func TestEnvironmentTable(t *testing.T) {
	const path = "../../docs/environment.md"
	want := environmentTable()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not current; go test ./cmd/authprober -run TestEnvironmentTable -update rewrites it:\n%s", path, diff)
	}
}

func environmentTable() string {
	var b strings.Builder
	b.WriteString(`# Environment

What the daemon needs to know beside its flows it reads from environment variables; ` + "`check` and `once`" + `
read the same ones. A variable that is set and empty counts as not set, unless its text
says otherwise. A wrong value ends the program with 2 and is not repeated; a variable
that begins with AUTHPROBER_ and is not in this table is warned about.

| variable | default | meaning |
|---|---|---|
`)
	for _, v := range variables() {
		byDefault := ""
		if v.Default != "" {
			byDefault = "`" + v.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, byDefault, strings.ReplaceAll(v.About, "|", `\|`))
	}
	b.WriteString(`
Traces and pushed metrics are configured by OpenTelemetry's own variables, see [tracing](tracing.md). Those of
OTEL_EXPORTER_OTLP_ also go for one signal alone, as OTEL_EXPORTER_OTLP_TRACES_ and OTEL_EXPORTER_OTLP_METRICS_.

| variable | default | meaning |
|---|---|---|
`)
	for _, v := range otelVariables {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(v.Name, ", ", "`, `"), v.Default, v.About)
	}
	b.WriteString(`
Go's own variables work as always, such as GOMEMLIMIT and GOGC.

This file is generated from the settings in cmd/authprober.
`)
	return b.String()
}
