package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/authprober/authprober/checks/secrettest"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/otlp/otlptest"
	"github.com/authprober/authprober/prober/web/api"
)

// The secrets that must not get out. The sentinels are unlike anything else, so
// that a piece of one is found too.
const (
	sentinelPassword = `sEnTiNeLpass"word'<&>ß`
	sentinelTOTP     = "ONSW45DJNZSWY5DPORYC2MJSGM2A"
	sentinelToken    = "sEnTiNeLtoken.of-the_bank"
	sentinelClient   = "sEnTiNeLclient+secret/="
)

// sentinelSecrets are looked for whole, in every form there is.
var sentinelSecrets = []string{sentinelPassword, sentinelTOTP, sentinelToken, sentinelClient}

var sentinels = []string{
	"sEnTiNeL", "word'<", // any piece of password, token, client secret; however it is escaped
	sentinelTOTP, strings.ToLower(sentinelTOTP), "ONSW45D",
	"c0VuVGlOZUx", // base64 of what begins with sEnTiNeL
}

// leakyBank answers a login with a token and everything else with all that it was
// sent, in every place where something of an answer could get out: the body as
// text and as JSON, header fields, the status text, a redirect.
func leakyBank(t *testing.T) (url string, asked *atomic.Int64) {
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		echo := r.Method + " " + r.RequestURI + " " + string(body) + " " + r.Header.Get("Authorization") + " " +
			sentinelPassword + " " + sentinelClient
		line := strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, echo)
		w.Header().Set("X-Release", line)
		w.Header().Set("X-Token", sentinelToken)
		switch r.URL.Path {
		case "/login":
			json.NewEncoder(w).Encode(map[string]any{"token": sentinelToken, "echo": echo})
		case "/json":
			json.NewEncoder(w).Encode(map[string]any{"error": echo, "code": sentinelToken})
		case "/redirect":
			w.Header().Set("Location", "/?"+line)
			w.WriteHeader(http.StatusFound)
		case "/broken":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				fmt.Fprintf(conn, "HTTP/1.1 %s\r\n%s\r\n\r\n", line, line)
				conn.Close()
			}
		default:
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, echo)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// leakyFlows use every secret and fail in every way that shows something.
func leakyFlows(t *testing.T, target string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("password", sentinelPassword+"\n")
	pool := "pools:\n  retail:\n    accounts:\n"
	for i := range 20 {
		pool += fmt.Sprintf("      - {name: retail-%d, username: probe, password: {file: password}, totp_secret: {env: SENTINEL_TOTP}}\n", i+1)
	}
	write("accounts.yaml", pool)
	ways := map[string]string{
		"status": `request: GET /text
    expect: [status == 200]`,
		"json": `request: POST /json
    json: {password: "${{ account.password }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [body.error == "none"]`,
		"code": `request: GET /json
    expect: [body.code == "none"]`,
		"header": `request: GET /json
    expect: ['header["X-Token"] == "none"']`,
		"query": `request: GET /text
    query: {client: "${{ secrets.client }}", key: "${{ account.totp_secret }}"}
    expect: [status == 200]`,
		"redirect": `request: GET /redirect
    expect: [status == 200]`,
		"broken": `request: GET /broken
    expect: [status == 200]`,
		"open": `request: GET /json
    refuse: [401]`,
		"type": `request: GET /json
    expect: [body.error.of.nothing == 1]`,
		"number": `request: GET /json
    expect: [int(body.error) == 1]`,
		"memory": `request: GET /json
    forget: [refresh]
    counter: n
    let: {sent: token + account.password}
    headers: {X-Sent: "${{ base64(sent) }}"}
    expect: [body.error == "none"]`,
		"signed": `request: POST /json
    json: {password: "${{ account.password }}"}
    jws: {field: X-JWS, key: "${{ secrets.key }}", algorithm: ES256, header: {kid: "${{ token }}"}}
    sign: {key: "${{ secrets.key }}", algorithm: ES256-DER, text: "${{ request.body + token }}", headers: {X-Sign: "${{ base64(signature) }}"}}
    signature: {key: "${{ secrets.key }}", algorithm: ecdsa-p256-sha256, components: ["@method", content-digest]}
    expect: [body.error == "none"]`,
	}
	for name, way := range ways {
		write(name+".yaml", `name: `+soon(name)+`
target: `+target+`
schedule: {every: 1m}
accounts: retail
secrets: {client: {env: SENTINEL_CLIENT}, key: {env: SENTINEL_KEY}}
tags: {release: 'header["X-Release"]'}
steps:
  - name: login
    request: POST /login
    json: {password: "${{ account.password }}", client: "${{ secrets.client }}"}
    expect: [status == 200]
    capture: {token: body.token}
    remember: {refresh: body.token}
  - name: leak
    `+way+`
    bearer: ${{ token }}
cleanup:
  - name: logout
    request: POST /text
    bearer: ${{ token }}
    expect: [status == 204]
`)
	}
	return dir
}

// TestNoSecretGetsOut looks for the sentinels in everything that the program
// says. A new output is a new line of the table.
func TestNoSecretGetsOut(t *testing.T) {
	target, asked := leakyBank(t)
	flows := leakyFlows(t, target)
	key, keyLines := sentinelKey(t)
	state := t.TempDir()
	received := leakyAlertmanager(t)
	prometheus, httpConfig := leakyPrometheus(t)
	environ := []string{
		"SENTINEL_TOTP=" + sentinelTOTP, "SENTINEL_CLIENT=" + sentinelClient, "SENTINEL_KEY=" + key, "AUTHPROBER_STATE_DIR=" + state,
		"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_LOG_LEVEL=debug", "AUTHPROBER_ADMIN=on",
		"AUTHPROBER_ALERTMANAGER_URLS=" + received.url, "AUTHPROBER_ALERTMANAGER_CONFIG_FILE=" + received.config, "AUTHPROBER_" + "PASSWORD=" + sentinelPassword,
	}
	command := func(environ []string, args ...string) func() string {
		return func() string {
			got := invoke(t.Context(), environ, args...)
			return got.stdout + got.stderr
		}
	}
	receiver := otlptest.New()
	t.Cleanup(receiver.Close)
	receiver.Fail(func() (int, string) { return http.StatusForbidden, receiver.Header().Get("X-Key") })
	exporting := append(environ, "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_METRICS_EXPORTER=otlp",
		"OTEL_EXPORTER_OTLP_HEADERS=X-Key="+sentinelToken)
	var daemon *process
	var url string
	name, junit := "", filepath.Join(t.TempDir(), "junit.xml")
	page := func(path string) func() string {
		return func() string { return get(t, url+strings.ReplaceAll(path, "NAME", name)) }
	}
	recorded := leakyRecording(t)
	outputs := []struct {
		name string
		of   func() string
		want string // part of the output, to know that there was one
	}{
		{"check", command(environ, "check", flows), "20 accounts of retail"},
		{"once", command(environ, "once", flows), "✗ leak"},
		{"once --json", command(environ, "once", "--json", flows), `"outcome":"failed"`},
		{"plan", command(environ, "plan", flows), "false pages"},
		{"aggregate", command(environ, "aggregate", "--url", prometheus, "--http-config", httpConfig, "--once", flows), "bad_data"},
		{"an aggregator that serves", func() string {
			p := start(t, append(environ, "AUTHPROBER_STATE_DIR="), "aggregate", "--url", prometheus, "--http-config", httpConfig, flows)
			at := p.until("aggregating")["url"].(string)
			p.until("reading fails")
			text := get(t, at+"/metrics") + get(t, at+"/") + get(t, at+"/api/v1/checks")
			p.Process.Signal(os.Interrupt)
			p.end()
			return text + p.log.String()
		}, "status 400, want 200: bad_data"},
		{"plan --json", command(environ, "plan", "--json", flows), "runs_to_false_page"},
		{"gate", func() string {
			text := command(environ, "gate", flows, "--max-failures", "10%", "--for", "20s", "--junit", junit)()
			report, err := os.ReadFile(junit)
			if err != nil {
				t.Error(err)
			}
			return text + string(report)
		}, "<testsuite"},
		{"gate --json", command(environ, "gate", flows, "--max-failures", "10%", "--for", "20s", "--json"), `"decision"`},
		{"accounts", command(environ, "accounts"), "retail-1"},
		{"import", command(nil, "import", "har", recorded), "totp"},
		{"once without a secret", command(environ[1:], "once", flows), "SENTINEL_TOTP is not set"},
		{"check of settings", command(append(environ, "AUTHPROBER_GRACE="+sentinelToken, "AUTHPROBER_LISTEN="+sentinelToken), "check", flows), "want host:port"},
		{"run", func() string {
			daemon = start(t, exporting, "run", flows)
			url = daemon.until("running")["url"].(string)
			for range 12 {
				name = daemon.until("run")["check"].(string)
			}
			return daemon.log.String()
		}, `"outcome":"failed"`},
		{"what an Alertmanager gets", func() string { return <-received.bodies }, "AuthProberFailOpen"},
		{"/metrics", func() string { return get(t, url+"/metrics") }, "authprober_run_failures_total"},
		{"/", func() string { return get(t, url+"/") }, "leak"},
		{"/checks", func() string { return getUntil(t, url+"/checks/"+soon("signed"), "What failed") }, "What failed"},
		{"/runs", func() string { return get(t, url+"/runs") }, "failed"},
		{"/runs, whole", func() string { return everyRun(t, url, "/runs/") }, "Failed at leak"},
		{"/accounts", func() string { return get(t, url+"/accounts") }, "retail"},
		{"/prober", func() string { return get(t, url+"/prober") }, "AUTHPROBER_LISTEN"},
		{"/live", func() string { return firstEvent(t, url+"/live?since=0") }, "check-"},
		{"API: checks", func() string { return get(t, url+"/api/v1/checks") }, `"state"`},
		{"API: runs", func() string { return get(t, url+"/api/v1/runs") }, `"failed"`},
		{"API: runs, whole", func() string { return everyRun(t, url, "/api/v1/runs/") }, `"reason"`},
		{"API: of a check", func() string {
			path := url + "/api/v1/checks/" + soon("signed")
			return get(t, path) + get(t, path+"/series") + get(t, path+"/causes") + get(t, path+"/flow")
		}, `secrets: {client: {env: SENTINEL_CLIENT}`},
		{"API: the rest", func() string {
			return get(t, url+"/api/v1/changes") + get(t, url+"/api/v1/accounts") + get(t, url+"/api/v1/prober")
		}, `"retail"`},
		{"status", func() string { return command(environ, "status", "--url", url)() }, "healthy"},
		{"runs", func() string { return command(environ, "runs", "--url", url)() }, "failed"},
		{"report", func() string { return command(environ, "report", "--url", url)() }, "What failed"},
		{"report in Markdown", func() string { return command(environ, "report", "--url", url, "--format", "markdown")() }, "### Failed at"},
		{"/checks/NAME/plan", page("/checks/NAME/plan"), "plan"},
		{"/debug/pprof/", page("/debug/pprof/"), "404 page not found"},
		{"a drill", func() string {
			return command([]string{"AUTHPROBER_LISTEN=" + strings.TrimPrefix(url, "http://")}, "drill", name, "--for", "1m")() +
				command([]string{"AUTHPROBER_LISTEN=" + strings.TrimPrefix(url, "http://")}, "drill", sentinelToken)()
		}, "drill of"},
		{"/-/ready", func() string { return get(t, url+"/-/ready") }, "ready"},
		{"/-/log-level", func() string { return get(t, url+"/-/log-level") }, "debug"},
		{"the end", func() string {
			daemon.Process.Signal(os.Interrupt)
			daemon.end()
			return daemon.log.String()
		}, "the receiver answers 403 Forbidden"},
		{"backtest", command(environ, "backtest", flows, "--check", soon("open"), "--from-history"), "failed 100%"},
		{"backtest --json", command(environ, "backtest", flows, "--check", soon("open"), "--from-history", "--json"), "failed 100%"},
		{"traces", receiver.Raw, "http.request.method"},
		{"metrics that are pushed", receiver.Raw, "authprober_run_failures_total"},
	}
	for _, output := range outputs {
		text := output.of()
		if !strings.Contains(text, output.want) {
			t.Errorf("%s does not say %q:\n%s", output.name, output.want, text)
		}
		if strings.Contains(text, `"outcome":"errored"`) {
			t.Errorf("%s: a run was not made, so it showed nothing:\n%s", output.name, text)
		}
		for _, s := range append(keyLines, sentinels...) {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s holds %q: …%s…", output.name, s, text[max(0, i-200):min(len(text), i+100)])
			}
		}
		for _, f := range secrettest.Find(text, sentinelSecrets...) {
			t.Errorf("%s holds %s, %s: …%s…", output.name, f.Secret, f.Form, f.Around)
		}
	}
	if asked.Load() < 3*12*2 {
		t.Errorf("the bank was asked %d times, want at least twice by each of 12 flows run 3 times", asked.Load())
	}
	remembered(t, state)
	inHistory(t, state)
}

// inHistory looks at what the history shows of what was sent and got: that there was
// something to give away, and that it was redacted or masked.
func inHistory(t *testing.T, dir string) {
	t.Helper()
	db, err := history.OpenReadOnly(t.Context(), filepath.Join(dir, history.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, least := range map[string]int{
		"SELECT count(*) FROM runs WHERE outcome = 'failed'":                                        11,
		"SELECT count(*) FROM steps WHERE exchange LIKE '%Bearer%' AND exchange LIKE '%\"curl\":%'": 5,
		"SELECT count(*) FROM steps WHERE detail LIKE '%[secret]%'":                                 2, // an expression's error repeats nothing, so two are left
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n < least {
			t.Errorf("%s: got %d, want %d or more: %v", query, n, least, err)
		}
	}
}

// leakyRecording is what a browser has recorded of a login with every secret.
func leakyRecording(t *testing.T) string {
	t.Helper()
	entry := func(path string, sent, answered map[string]string, bearer string) map[string]any {
		body, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := json.Marshal(answered)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{
			"request": map[string]any{"method": "POST", "url": "https://api.bank.example" + path,
				"headers":  []map[string]string{{"name": "Authorization", "value": "Bearer " + bearer}, {"name": "Content-Type", "value": "application/json"}},
				"postData": map[string]string{"mimeType": "application/json", "text": string(body)}},
			"response": map[string]any{"status": 200, "headers": []any{}, "content": map[string]any{"mimeType": "application/json", "text": string(answer)}},
		}
	}
	har, err := json.Marshal(map[string]any{"log": map[string]any{"version": "1.2", "creator": map[string]string{"name": "t", "version": "1"}, "entries": []any{
		entry("/login", map[string]string{"username": "carol", "password": sentinelPassword, "client_secret": sentinelClient}, map[string]string{"access_token": sentinelToken}, "none"),
		entry("/use", map[string]string{"totp": "123456", "otp_secret": sentinelTOTP}, map[string]string{"ok": "yes"}, sentinelToken),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "login.har")
	if err := os.WriteFile(path, har, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A leakyReceiver is an Alertmanager that wants a password, and first repeats it in an
// error.
type leakyReceiver struct {
	url, config string
	bodies      chan string // of the requests it has taken
}

func leakyAlertmanager(t *testing.T) leakyReceiver {
	t.Helper()
	bodies := make(chan string, 100)
	var refused atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if !refused.Swap(true) || password != sentinelPassword {
			w.Header().Set("X-Password", sentinelPassword)
			http.Error(w, sentinelPassword, http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		select {
		case bodies <- string(body):
		default: // it was looked at
		}
	}))
	t.Cleanup(s.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"password": sentinelPassword + "\n", "client.yaml": "basic_auth: {username: prober, password_file: password}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return leakyReceiver{s.URL, filepath.Join(dir, "client.yaml"), bodies}
}

// sentinelKey is a private key in PEM, and its lines.
func sentinelKey(t *testing.T) (text string, lines []string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
			lines = append(lines, line)
		}
	}
	return text, lines
}

// remembered looks at the files of the state: there, and nowhere else, are the tokens
// that a flow remembers, and nobody else may read them.
func remembered(t *testing.T, dir string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		token := len(secrettest.Find(string(text), sentinelToken)) > 0
		if token {
			found++
		}
		if ours := strings.HasPrefix(path, filepath.Join(dir, "remember")+string(filepath.Separator)); token && !ours {
			t.Errorf("%s holds a token, and no flow remembers it there", path)
		}
		for _, f := range secrettest.Find(string(text), sentinelPassword, sentinelClient, sentinelTOTP) {
			t.Errorf("%s holds %s, %s", path, f.Secret, f.Form)
		}
		info, err := d.Info()
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		if strings.Contains(string(text), "PRIVATE KEY") {
			t.Errorf("%s holds what no flow remembers", path)
		}
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("the token is in %d files of the state: %v", found, err)
	}
}

// getUntil asks until the answer has something that the history is about to write.
func getUntil(t *testing.T, url, what string) string {
	t.Helper()
	for {
		if text := get(t, url); strings.Contains(text, what) {
			return text
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// everyRun asks for each run that there is.
func everyRun(t *testing.T, url, path string) string {
	t.Helper()
	var page api.Runs
	if err := json.Unmarshal([]byte(get(t, url+"/api/v1/runs?limit=1000")), &page); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range page.Runs {
		b.WriteString(get(t, url+path+r.ID))
	}
	return b.String()
}

// firstEvent is the first event of a stream.
func firstEvent(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var event strings.Builder
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		event.WriteString(line)
		if err != nil || line == "\n" {
			return event.String()
		}
	}
}
