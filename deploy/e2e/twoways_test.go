package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	burnRate  = "AuthProberBurnRateFast"
	threeRule = "ThreeInARow"
)

// TestTwoWays breaks three logins in a hundred and looks when the page arrives: by the
// scrape and the rule of Prometheus, at the shipped 15 s each, and directly; beside what a
// burn rate and three failures in a row would have said on the same Prometheus. A third
// Alertmanager, with the shipped routes, hears of it both ways, and notifies once.
func TestTwoWays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	free := freeAddresses(t, 6)
	bank, prober, prom, byRule, byPush, byBoth := free[0], free[1], free[2], free[3], free[4], free[5]
	in := map[string]*inbox{byRule: newInbox(t), byPush: newInbox(t), byBoth: newInbox(t)}
	for _, address := range []string{byRule, byPush, byBoth} {
		sub := filepath.Join(dir, strings.ReplaceAll(address, ":", "-"))
		config := ""
		if address == byBoth {
			config = fastRoutes(t, dir, in[address].url)
		} else {
			config = plainRoutes(t, t.TempDir(), in[address].url)
		}
		start(t, nil, installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
			"--config.file="+config, "--storage.path="+sub, "--web.listen-address="+address, "--cluster.listen-address=").
			ready(t, "http://"+address+"/-/ready")
	}
	accounts := filepath.Join(dir, "accounts.yaml")
	start(t, nil, authprober(t), "bank", "--listen", bank, "--seed", "1", "--users", "1500", "--accounts-file", accounts).
		ready(t, "http://"+bank+"/v1/status")
	flow := write(t, dir, "flow.yaml", fmt.Sprintf(pageFlow, bank))
	// The labels of the scrape and of Prometheus, told to the prober.
	start(t, []string{"AUTHPROBER_LISTEN=" + prober, "AUTHPROBER_ALERTMANAGER_URLS=http://" + byPush + ",http://" + byBoth,
		"AUTHPROBER_ALERT_LABELS=location=example,environment=staging"}, authprober(t), "run", flow, accounts).
		ready(t, "http://"+prober+"/-/ready")
	start(t, nil, installed(t, "prometheus", "prometheus"), "--config.file="+measuredScrapes(t, dir, prober, byRule, byBoth),
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+prom).
		ready(t, "http://"+prom+"/-/ready")
	eventually(t, 2*time.Minute, "healthy runs, seen by Prometheus", func() error {
		return atLeast(prom, `increase(authprober_runs_total{check="retail-login"}[1m])`, 200)
	})

	if _, err := call("POST", "http://"+bank+"/-/faults", nil, "step=login rate=3% kind=status status=503"); err != nil {
		t.Fatal(err)
	}
	broken := time.Now()
	tell := func(address, receiver, name string) func() time.Time {
		return func() time.Time { return in[address].told(receiver, name, "firing") }
	}
	ways := map[string]func() time.Time{
		"1 given directly":                       tell(byPush, "all", alertName),
		"2 scrape, rule, Alertmanager":           tell(byRule, "all", alertName),
		"3 a burn rate, SLO 99.9 %, 10 at least": tell(byRule, "all", burnRate),
		"4 three failures in a row":              tell(byRule, "all", threeRule),
		"5 both ways, by the shipped routes":     tell(byBoth, "identity-page", alertName),
	}
	arrived := func() (all map[string]time.Time) {
		all = map[string]time.Time{}
		for name, when := range ways {
			all[name] = when()
		}
		return all
	}
	eventually(t, 3*time.Minute, "the page to arrive every way", func() error {
		for name, at := range arrived() {
			if at.IsZero() && name[0] != '4' {
				return fmt.Errorf("not by %s", name)
			}
		}
		return nil
	})
	t.Logf("3 %% of the logins fail, 20 runs a second; until the receiver has the page:\n%s", table(broken, arrived()))

	oneAlert(t, byBoth, prober)
	if n := in[byBoth].count("identity-page", alertName); n != 1 {
		t.Errorf("%d notifications of one alert that came both ways, want 1: %+v", n, in[byBoth].got)
	}
	if _, err := call("DELETE", "http://"+bank+"/-/faults", nil, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, 4*time.Minute, "the end of the page, both ways at once", func() error {
		if in[byBoth].told("identity-page", alertName, "resolved").IsZero() {
			return fmt.Errorf("not yet")
		}
		return nil
	})
}

func table(broken time.Time, arrived map[string]time.Time) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(arrived)) {
		took := fmt.Sprintf("not within %v", time.Since(broken).Round(time.Second))
		if at := arrived[name]; !at.IsZero() {
			took = at.Sub(broken).Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(&b, "  %-40s %s\n", name[2:], took)
	}
	return b.String()
}

// oneAlert wants Alertmanager to hold one page for the check, with the labels of the scrape,
// and waits for what both ways say to have come: each tells of it every minute.
func oneAlert(t *testing.T, alertmanager, prober string) {
	t.Helper()
	text, err := get("http://" + alertmanager + "/api/v2/alerts?filter=alertname=" + alertName)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Labels map[string]string }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"alertname": alertName, "check": "retail-login", "environment": "staging", "instance": prober, "job": "authprober",
		"location": "example", "severity": "page", "team": "identity"}
	if len(all) != 1 || !maps.Equal(all[0].Labels, want) {
		t.Errorf("Alertmanager holds %v, want one alert with %v", all, want)
	}
}

// count is how many notifications of an alert that fires a receiver has had.
func (in *inbox) count(receiver, name string) (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, a := range in.got {
		if a.Receiver == receiver && a.Labels["alertname"] == name && a.Status == "firing" {
			n++
		}
	}
	return n
}

// measuredScrapes is the shipped configuration with its own intervals, labels and rules, and
// with a rule of three failures in a row, seen at three evaluations.
func measuredScrapes(t *testing.T, dir, prober string, alertmanagers ...string) string {
	var config map[string]any
	readYAML(t, deployed("prometheus", "prometheus.yml"), &config)
	config["global"].(map[string]any)["external_labels"] = map[string]any{"environment": "staging"}
	naive := writeYAML(t, dir, "naive.rules.yaml", map[string]any{"groups": []any{map[string]any{"name": "naive", "rules": []any{map[string]any{
		"alert": threeRule, "for": "30s", "expr": "authprober_last_run_timestamp_seconds > authprober_last_pass_timestamp_seconds"}}}}})
	config["rule_files"] = []string{deployed("prometheus", "authprober.rules.yaml"), naive}
	config["alerting"] = map[string]any{"alertmanagers": []any{map[string]any{"static_configs": []any{map[string]any{"targets": alertmanagers}}}}}
	scrape := config["scrape_configs"].([]any)[0].(map[string]any)["static_configs"].([]any)[0].(map[string]any)
	scrape["targets"] = []string{prober}
	return writeYAML(t, dir, "prometheus.yml", config)
}
