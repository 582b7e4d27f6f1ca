package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// TestPagesReadWell has a real Alertmanager write, by the shipped routes and templates,
// what people get of alerts that the prober and the rules have made, and compares it
// whole. Slack stands for all receivers: it is told title and text.
func TestPagesReadWell(t *testing.T) {
	alertmanager := installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
	dir := t.TempDir()
	messages := make(chan string, 100)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Attachments []struct{ Title, Text string }
		}
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil || len(m.Attachments) != 1 {
			http.Error(w, "no message", http.StatusBadRequest)
			return
		}
		messages <- "to " + strings.TrimPrefix(r.URL.Path, "/") + "\n" + m.Attachments[0].Title + "\n" + m.Attachments[0].Text
	}))
	t.Cleanup(slack.Close)
	address := freeAddresses(t, 1)[0]
	start(t, nil, alertmanager, "--config.file="+slackRoutes(t, dir, slack.URL), "--storage.path="+filepath.Join(dir, "am"),
		"--web.listen-address="+address, "--cluster.listen-address=").
		ready(t, "http://"+address+"/-/ready")
	// What holds others back comes first, so that it is known by then.
	first, rest := alertsToRead(t)
	postAlerts(t, address, first)
	got := receive(t, messages, nil, len(first))
	postAlerts(t, address, rest)
	got = receive(t, messages, got, 18)
	const path = "testdata/pages.txt"
	golden, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	slices.Sort(got)
	text := strings.Join(got, "\n----\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != string(golden) {
		t.Errorf("got\n%s\nwant\n%s", text, golden)
	}
}

// receive waits until there are n messages.
func receive(t *testing.T, messages <-chan string, got []string, n int) []string {
	t.Helper()
	for late := time.After(30 * time.Second); len(got) < n; {
		select {
		case m := <-messages:
			got = append(got, m)
		case <-late:
			t.Fatalf("only %d messages came: %s", len(got), strings.Join(got, "\n"))
		}
	}
	return got
}

// postAlerts gives alerts to an Alertmanager.
func postAlerts(t *testing.T, address string, alerts []map[string]any) {
	t.Helper()
	body, err := json.Marshal(alerts)
	if err == nil {
		_, err = call("POST", "http://"+address+"/api/v2/alerts", http.Header{"Content-Type": {"application/json"}}, string(body))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// slackRoutes is the shipped configuration, fast, with every receiver a Slack at the URL.
func slackRoutes(t *testing.T, dir, url string) string {
	return routesTo(t, dir, func(name string) map[string]any {
		return map[string]any{"name": name, "slack_configs": []any{map[string]any{
			"api_url": url + "/" + name, "send_resolved": true,
			"title": `{{ template "authprober.title" . }}`, "text": `{{ template "authprober.text" . }}`,
		}}}
	})
}

// alertsToRead are those that the prober's own test holds, and of the rules one without a
// check, one of two locations, and the watchdog. The first hold some of the rest back.
func alertsToRead(t *testing.T) (first, rest []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(), "prober", "alertmanager", "testdata", "alerts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	rule := func(labels string, annotations map[string]string) {
		all = append(all, map[string]any{"labels": labelsOf(labels), "annotations": annotations})
	}
	rule("alertname=AuthProberAbsent job=authprober severity=page instance=d:9870", map[string]string{
		"summary":     "The prober at d:9870 is gone",
		"description": "Prometheus has had nothing from d:9870 for 3 minutes: none of its checks is watched.",
		"runbook_url": "https://github.com/authprober/authprober/blob/main/docs/runbooks/AuthProberAbsent.md"})
	for _, at := range []string{"a:9870", "b:9870"} {
		rule("alertname=AuthProberStalled job=authprober check=cards team=payments severity=page instance="+at, map[string]string{
			"summary":     "Nobody is watching cards: no run has passed or failed lately",
			"description": "The prober answers, the check gives no verdict: a fault of the target would go unseen. Last run: 2026-11-27 02:00:00 +0000 UTC. Missed (overlap): 90 in 15 minutes.",
			"runbook_url": "https://github.com/authprober/authprober/blob/main/docs/runbooks/AuthProberStalled.md"})
	}
	rule("alertname=AuthProberWatchdog job=authprober severity=none", map[string]string{
		"summary":     `Alerts of the job "authprober" get through`,
		"description": "A prober answers, Prometheus evaluates the rules, and Alertmanager sends. This is no trouble; it is trouble when it stops.",
		"runbook_url": "https://github.com/authprober/authprober/blob/main/docs/runbooks/AuthProberWatchdog.md"})
	for _, a := range all {
		a["startsAt"] = "2026-11-27T02:14:00Z"
		a["endsAt"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		labels := fmt.Sprint(a["labels"])
		if strings.Contains(labels, "check:group:") || strings.Contains(labels, "AuthProberAbsent") {
			first = append(first, a)
		} else {
			rest = append(rest, a)
		}
	}
	return first, rest
}
