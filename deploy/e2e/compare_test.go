package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// compared is what deploy/compare prints with -json, as far as it is looked at here.
type compared struct {
	Versions map[string]string
	Cost     map[string][]struct {
		Flows int64
		Peak  float64 `json:"peak_mib"`
		CPU   float64 `json:"cpu_ms_per_flow"`
	}
	Ratio map[string][]struct {
		Says  float64 `json:"says_percent"`
		Met   float64 `json:"met_percent"`
		Flows float64
	}
	Pages []struct {
		Job, Rule string
		After     time.Duration
		Early     bool
	}
	Notes []string
}

// TestCompare runs the comparison with other monitors, for seconds, with what a machine of
// CI has of them. It is held to what it counts, not to how long anything takes.
func TestCompare(t *testing.T) {
	program, err := build("compare", repository(), "./deploy/compare")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("cost and ratio", func(t *testing.T) {
		t.Parallel()
		tools := []string{"bare", "authprober", "blackbox_exporter"}
		r := compare(t, program, "-tools", strings.Join(tools, ","), "-part", "cost,ratio", "-repetitions", "1", "-for", "2s", "-settle", "0s")
		for _, name := range tools {
			if len(r.Cost[name]) != 1 || len(r.Ratio[name]) != 1 {
				t.Fatalf("%s: %d measurements of cost and %d of the ratio, want 1 each", name, len(r.Cost[name]), len(r.Ratio[name]))
			}
			// That the flows are as many as the tool says, the program itself insists on.
			if c := r.Cost[name][0]; c.Flows < 1 || c.Peak < 1 || c.CPU < 0 {
				t.Errorf("%s: %+v", name, c)
			}
			const inFlight = 10
			if v := r.Ratio[name][0]; v.Says < 0 || v.Says > 100 || math.Abs(v.Says-v.Met) > 100*inFlight/v.Flows {
				t.Errorf("%s says that %.1f%% of %.0f failed; the bank says %.1f%%", name, v.Says, v.Flows, v.Met)
			}
		}
		if len(r.Cost) != len(tools) || r.Versions["blackbox_exporter"] == "" {
			t.Errorf("versions are %v, and there are costs of %d tools", r.Versions, len(r.Cost))
		}
	})
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		// It ends with the last page, so that only a busy machine needs more than seconds of the limit.
		r := compare(t, program, "-tools", "authprober,blackbox_exporter", "-part", "page", "-repetitions", "1", "-rates", "100", "-limit", "4h")
		if len(r.Pages) != 5 {
			t.Fatalf("%d rules, want 5", len(r.Pages))
		}
		for _, p := range r.Pages {
			t.Logf("%s, %s: %v", p.Job, p.Rule, p.After)
			// The one that wants five minutes without a gap may not get them on a busy machine.
			if p.After < 0 && p.Rule != "down for 5m" || p.Early {
				t.Errorf("%s, %s: paged after %v, early %v", p.Job, p.Rule, p.After, p.Early)
			}
		}
	})
	t.Run("one that ends by itself", func(t *testing.T) {
		r := compareStandIn(t, program)
		if v := r.Ratio["k6"]; len(v) != 1 || v[0].Says != 20 || v[0].Flows != 40 || r.Versions["k6"] != "9.8.7" {
			t.Errorf("%+v of version %s", v, r.Versions["k6"])
		}
	})
	t.Run("the bank counts what the bare client counts", func(t *testing.T) {
		t.Parallel()
		bareCounts(t, program)
	})
}

// compareStandIn compares a stand-in for k6, which does what the harness expects of its
// script; Debian has no k6.
func compareStandIn(t *testing.T, program string) compared {
	const script = `#!/bin/sh
[ "$1" = run ] || { echo k6 v9.8.7; exit; }
curl -sS -H 'Content-Type: application/json' -d "{\"username\": \"$BANK_USERNAME\", \"password\": \"$BANK_PASSWORD\"}" "$BANK_URL/v1/login" >/dev/null
echo '{"runs": 40, "failed": 8}' >"$SUMMARY"
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "k6"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return compare(t, program, "-tools", "k6", "-part", "ratio", "-repetitions", "1", "-for", "1s")
}

// compare runs the program, and reads what it prints.
func compare(t *testing.T, program string, args ...string) (r compared) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-authprober", authprober(t), "-require", "-json"}, args...)...)
	var notes bytes.Buffer
	cmd.Stderr = &notes
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, notes.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return r
}

var bareSays = regexp.MustCompile(`(?m)^(\d+) runs, 0 failed$`)

// bareCounts stops the bare client in the midst of it: no flow is lost, and none is counted
// that did not come to its end.
func bareCounts(t *testing.T, program string) {
	at := freeAddresses(t, 2)
	accounts := filepath.Join(t.TempDir(), "accounts.yaml")
	start(t, nil, authprober(t), "bank", "--listen", at[0], "--password-only", "--accounts-file", accounts).ready(t, "http://"+at[0]+"/v1/status")
	var pools struct {
		Pools struct {
			Retail struct{ Accounts []map[string]string }
		}
	}
	readYAML(t, accounts, &pools)
	first := pools.Pools.Retail.Accounts[0]
	client := start(t, []string{"BANK_URL=http://" + at[0], "BANK_USERNAME=" + first["username"], "BANK_PASSWORD=" + first["password"], "LISTEN=" + at[1]}, program, "bare-client")
	client.ready(t, "http://"+at[1])
	logouts := func() int {
		text, err := get("http://" + at[0] + "/-/stats")
		if err != nil {
			t.Fatal(err)
		}
		var stats struct{ Total struct{ Logouts int } }
		if err := json.Unmarshal(text, &stats); err != nil {
			t.Fatal(err)
		}
		return stats.Total.Logouts
	}
	eventually(t, 30*time.Second, "five flows", func() error {
		if n := logouts(); n < 5 {
			return fmt.Errorf("%d flows", n)
		}
		return nil
	})
	_ = client.cmd.Process.Signal(syscall.SIGTERM)
	<-client.done
	m := bareSays.FindStringSubmatch(client.log.String())
	if m == nil || m[1] != fmt.Sprint(logouts()) {
		t.Errorf("it says %q; the bank has seen %d", client.log, logouts())
	}
}

// TestCompareConfiguration holds each file to the tool that reads it, or where that is not
// here, to whoever reads its language.
func TestCompareConfiguration(t *testing.T) {
	config := deployed("compare", "config")
	accounts := "pools:\n  retail:\n    accounts:\n"
	for i := range 10 {
		accounts += fmt.Sprintf("      - {name: a%d, username: u%d, password: p}\n", i, i)
	}
	accounts = write(t, t.TempDir(), "accounts.yaml", accounts)
	module, err := os.ReadFile(filepath.Join(config, "k6.js"))
	if err != nil {
		t.Fatal(err)
	}
	k6 := write(t, t.TempDir(), "k6.mjs", string(module))
	for _, args := range [][]string{
		{authprober(t), "check", filepath.Join(config, "authprober.yaml"), accounts},
		{installed(t, "prometheus", "promtool"), "check", "config", filepath.Join(config, "prometheus.yml")},
		{installed(t, "prometheus-blackbox-exporter", "blackbox_exporter", "prometheus-blackbox-exporter"), "--config.check", "--config.file=" + filepath.Join(config, "blackbox.yml")},
		{installed(t, "nodejs", "node"), "--check", k6},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "AUTHPROBER_ALLOW_ENV=BANK_URL", "BANK_URL=http://127.0.0.1:1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	gatusConfiguration(t, filepath.Join(config, "gatus.yaml"))
}

// gatusConfiguration reads what Gatus would read, the part of it that is used here, with
// every key known.
func gatusConfiguration(t *testing.T, path string) {
	type endpoint struct {
		Name, URL, Method, Body string
		Headers                 map[string]string
		Client                  struct{ Timeout string }
		Conditions              []string
		Store                   map[string]string
		Alerts                  []struct {
			Type      string
			Threshold int `yaml:"failure-threshold"`
		}
	}
	var file struct {
		Web struct {
			Address string
			Port    string
		}
		Metrics  bool
		Alerting struct {
			Custom struct{ URL, Method string }
		}
		Suites []struct {
			Name, Interval, Timeout string
			Endpoints               []endpoint
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithKnownFields())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(&file); err != nil {
		t.Fatal(err)
	}
	if len(file.Suites) != 1 || len(file.Suites[0].Endpoints) != 3 || file.Suites[0].Endpoints[0].Alerts[0].Threshold != 3 {
		t.Errorf("not a flow of three steps whose first pages after three failures: %+v", file.Suites)
	}
}
