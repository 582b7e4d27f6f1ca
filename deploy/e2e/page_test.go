package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

const alertName = "AuthProberIntermittentFailure"

// TestPage breaks three logins in a hundred and waits for the page, mends them
// and waits for its end. Between the bank and the receiver everything is real:
// the prober, the shipped rules in Prometheus, the shipped routes in
// Alertmanager. Only their intervals are shortened, and the receivers replaced.
func TestPage(t *testing.T) {
	t.Parallel()
	prometheus := installed(t, "prometheus", "prometheus")
	alertmanager := installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
	dir := t.TempDir()
	free := freeAddresses(t, 4)
	bank, prober, prom, am := free[0], free[1], free[2], free[3]
	inbox := newInbox(t)

	accounts := filepath.Join(dir, "accounts.yaml")
	// A customer with one-time codes logs in once in 30 s: 20 runs a second need 600.
	start(t, nil, authprober(t), "bank", "--listen", bank, "--seed", "1", "--users", "1500", "--accounts-file", accounts).
		ready(t, "http://"+bank+"/v1/status")
	flow := write(t, dir, "flow.yaml", fmt.Sprintf(pageFlow, bank))
	start(t, []string{"AUTHPROBER_LISTEN=" + prober}, authprober(t), "run", flow, accounts).
		ready(t, "http://"+prober+"/-/ready")
	start(t, nil, alertmanager, "--config.file="+fastRoutes(t, dir, inbox.url), "--storage.path="+filepath.Join(dir, "am"),
		"--web.listen-address="+am, "--cluster.listen-address=").
		ready(t, "http://"+am+"/-/ready")
	start(t, nil, prometheus, "--config.file="+fastScrapes(t, dir, prober, am), "--storage.tsdb.path="+filepath.Join(dir, "tsdb"),
		"--web.listen-address="+prom).
		ready(t, "http://"+prom+"/-/ready")

	eventually(t, time.Minute, "200 runs", func() error {
		return atLeast(prom, `sum(authprober_runs_total{check="retail-login"})`, 200)
	})
	if page, ok := inbox.find("identity-page", "firing"); ok {
		t.Fatalf("a healthy bank paged: %+v", page)
	}

	if _, err := call("POST", "http://"+bank+"/-/faults", nil, "step=login rate=3% kind=status status=503"); err != nil {
		t.Fatal(err)
	}
	broken := time.Now()
	page := inbox.wait(t, 2*time.Minute, "identity-page", "firing")
	t.Logf("paged %v after the fault: %s", time.Since(broken).Round(time.Second), page.Annotations["description"])
	page.check(t)

	if _, err := call("DELETE", "http://"+bank+"/-/faults", nil, ""); err != nil {
		t.Fatal(err)
	}
	mended := time.Now()
	inbox.wait(t, 3*time.Minute, "identity-page", "resolved")
	t.Logf("over %v after the repair", time.Since(mended).Round(time.Second))
}

// pageFlow looks twenty times a second, so that the test need not last an hour.
const pageFlow = `name: retail-login
target: http://%s
schedule: {every: 50ms, timeout: 900ms, concurrency: 20}
accounts: retail
objective: {tolerate: 0.1%%, detect: 2%%, false_pages: 1 per 1d, blip: 0s}
labels: {team: identity, severity: page}
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {challenge: body.challenge}
  - name: code
    request: POST /v1/login/otp
    json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [status == 200]
    capture: {access: body.access_token}
  - name: no token is refused
    request: GET /v1/accounts
    refuse: [401]
cleanup:
  - name: logout
    request: POST /v1/logout
    bearer: ${{ access }}
    expect: [status == 204]
`

// fastScrapes is the shipped prometheus.yml with intervals of a second and the
// addresses of this test.
func fastScrapes(t *testing.T, dir, prober, alertmanager string) string {
	var config map[string]any
	readYAML(t, deployed("prometheus", "prometheus.yml"), &config)
	config["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
	config["rule_files"] = []string{deployed("prometheus", "authprober.rules.yaml")}
	target := func(address string) []any { return []any{map[string]any{"targets": []string{address}}} }
	config["alerting"] = map[string]any{"alertmanagers": []any{map[string]any{"static_configs": target(alertmanager)}}}
	config["scrape_configs"].([]any)[0].(map[string]any)["static_configs"] = target(prober)
	return writeYAML(t, dir, "prometheus.yml", config)
}

// fastRoutes is the shipped alertmanager.yml with short waits, and each receiver
// replaced by the inbox.
func fastRoutes(t *testing.T, dir, inbox string) string {
	return routesTo(t, dir, func(name string) map[string]any {
		return map[string]any{"name": name, "webhook_configs": []any{
			map[string]any{"url": inbox + "/" + name, "send_resolved": true},
		}}
	})
}

// routesTo is the shipped alertmanager.yml with short waits, and each receiver replaced.
func routesTo(t *testing.T, dir string, receiver func(name string) map[string]any) string {
	var config map[string]any
	readYAML(t, deployed("alertmanager", "alertmanager.yml"), &config)
	config["templates"] = []string{deployed("alertmanager", "authprober.tmpl")}
	route := config["route"].(map[string]any)
	route["group_wait"], route["group_interval"] = "1s", "1s"
	receivers := config["receivers"].([]any)
	for i, r := range receivers {
		receivers[i] = receiver(r.(map[string]any)["name"].(string))
	}
	return writeYAML(t, dir, "alertmanager.yml", config)
}

func writeYAML(t *testing.T, dir, name string, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, name, string(text))
}

// atLeast asks Prometheus for a single value.
func atLeast(prometheus, query string, want float64) error {
	text, err := get("http://" + prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if len(answer.Data.Result) != 1 {
		return fmt.Errorf("%s has %d values, want 1", query, len(answer.Data.Result))
	}
	var got float64
	if _, err := fmt.Sscan(answer.Data.Result[0].Value[1].(string), &got); err != nil || got < want {
		return fmt.Errorf("%s is %v, want at least %v", query, answer.Data.Result[0].Value[1], want)
	}
	return nil
}

// An alert is what Alertmanager tells a webhook.
type alert struct {
	Receiver    string    `json:"-"`
	At          time.Time `json:"-"` // when it came
	Status      string
	Labels      map[string]string
	Annotations map[string]string
}

func (a alert) check(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{"team": "identity", "severity": "page", "check": "retail-login", "job": "authprober"} {
		if got := a.Labels[name]; got != want {
			t.Errorf("the page has %s=%q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"summary": "retail-login", "description": "95% interval", "runbook_url": "/docs/runbooks/" + alertName + ".md",
	} {
		if got := a.Annotations[name]; !strings.Contains(got, want) {
			t.Errorf("the page's %s is %q, want %q in it", name, got, want)
		}
	}
	if got := a.Annotations["description"]; !strings.Contains(got, "step login, reason status_5xx") || strings.Contains(got, "unknown") {
		t.Errorf("the page does not say what fails: %s", got)
	}
}

// An inbox takes in what Alertmanager sends to any receiver.
type inbox struct {
	url string

	mu  sync.Mutex
	got []alert
	new chan struct{} // has an element after each arrival
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{new: make(chan struct{}, 1)}
	server := httptest.NewServer(in)
	t.Cleanup(server.Close)
	in.url = server.URL
	return in
}

// ServeHTTP takes one notification in.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct{ Alerts []alert }
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &message)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, a := range message.Alerts {
		a.Receiver, a.At = strings.TrimPrefix(r.URL.Path, "/"), time.Now()
		in.got = append(in.got, a)
	}
	select {
	case in.new <- struct{}{}:
	default:
	}
}

// find returns the last page of the detector's alert at a receiver, if it has
// the status.
func (in *inbox) find(receiver, status string) (alert, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := len(in.got) - 1; i >= 0; i-- {
		if a := in.got[i]; a.Receiver == receiver && a.Labels["alertname"] == alertName {
			return a, a.Status == status
		}
	}
	return alert{}, false
}

// told is when a receiver was first told of an alert of the name with the status, and, if
// that is "resolved", after it had fired; zero if never.
func (in *inbox) told(receiver, name, status string) time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	fired := false
	for _, a := range in.got {
		if a.Receiver != receiver || a.Labels["alertname"] != name {
			continue
		}
		fired = fired || a.Status == "firing"
		if a.Status == status && fired {
			return a.At
		}
	}
	return time.Time{}
}

// wait waits for such a page.
func (in *inbox) wait(t *testing.T, within time.Duration, receiver, status string) alert {
	t.Helper()
	late := time.After(within)
	for {
		if a, ok := in.find(receiver, status); ok {
			return a
		}
		select {
		case <-in.new:
		case <-late:
			in.mu.Lock()
			defer in.mu.Unlock()
			t.Fatalf("no %s page at %s within %v; arrived: %+v", status, receiver, within, in.got)
		}
	}
}
