package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const pooledName = "all:retail-login"

// TestAggregate breaks two logins in a hundred of three locations that one Prometheus
// scrapes, and prints how long it takes one of them, and the three together, to be sure. The aggregator is
// killed and started again, and is where it was; and it has counted each run once.
func TestAggregate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	free := freeAddresses(t, 6)
	bank, prom, pool, locations := free[0], free[1], free[2], free[3:]
	accounts := filepath.Join(dir, "accounts.yaml")
	start(t, nil, authprober(t), "bank", "--listen", bank, "--seed", "1", "--users", "2400", "--accounts-file", accounts).
		ready(t, "http://"+bank+"/v1/status")
	flow := write(t, dir, "flow.yaml", fmt.Sprintf(pageFlow, bank))
	location := func(i int) *process {
		p := start(t, []string{"AUTHPROBER_LISTEN=" + locations[i], fmt.Sprintf("AUTHPROBER_ACCOUNT_SHARE=%d/3", i+1), "AUTHPROBER_LOG_LEVEL=warn"},
			authprober(t), "run", flow, accounts)
		p.ready(t, "http://"+locations[i]+"/-/ready")
		return p
	}
	probers := []*process{location(0), location(1), location(2)}
	start(t, nil, installed(t, "prometheus", "prometheus"), "--config.file="+threeScrapes(t, dir, locations),
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+prom).
		ready(t, "http://"+prom+"/-/ready")
	args := []string{"aggregate", "--url", "http://" + prom, "--match", `job="authprober"`, "--every", "1s", "--settle", "5s", "--replay", "10m", flow, accounts}
	aggregator := func() *process {
		p := start(t, []string{"AUTHPROBER_LISTEN=" + pool}, authprober(t), args...)
		p.ready(t, "http://"+pool+"/-/ready")
		return p
	}
	first := aggregator()
	healthy := func() error {
		return atLeast(prom, `min(authprober_runs_total{check="retail-login"})`, 100)
	}
	eventually(t, time.Minute, "healthy runs, seen by Prometheus", healthy)
	probers[2].stop(t)
	probers[2] = location(2) // its counters begin anew, which no scrape sees if the first one comes late enough
	eventually(t, time.Minute, "healthy runs after a restart", healthy)

	if _, err := call("POST", "http://"+bank+"/-/faults", nil, "step=login rate=2% kind=status status=503"); err != nil {
		t.Fatal(err)
	}
	broken := time.Now()
	one := sure(t, locations[0], "retail-login", broken)
	all := sure(t, pool, pooledName, broken)
	t.Logf("2 %% of the logins fail, 20 runs a second at each of 3 locations; until evidence is 1:\n"+
		"  one location    %6.1f s, %5.0f runs\n  all of them     %6.1f s, %5.0f runs",
		one.Sub(broken).Seconds(), runsUntil(t, prom, locations[0], broken, one),
		all.Sub(broken).Seconds(), runsUntil(t, prom, "", broken, all))

	before := standing(t, pool, pooledName)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.done
	aggregator()
	after := standing(t, pool, pooledName)
	if after.State != "firing" || after.State != before.State || !after.Since.Equal(before.Since) || after.Evidence != before.Evidence {
		t.Errorf("after a restart %+v, want it as it was, %+v", after, before)
	}

	for _, p := range probers {
		p.stop(t)
	}
	now := time.Now()
	eventually(t, 30*time.Second, "the last samples to settle", func() error {
		if time.Since(now) < 7*time.Second {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	once := aggregateOnce(t, append(args, "--once", "--json"))
	runs, resets := increase(t, prom, "authprober_runs_total")
	failed, _ := increase(t, prom, "authprober_runs_failed_total")
	if once.Check != pooledName || once.Runs != runs || once.Failed != failed || once.Instances != 3 || once.Resets < resets {
		t.Errorf("counted %+v, want %v runs, %v of them failed, of 3 instances, and %d counters that began anew", once, runs, failed, resets)
	}
	counters := aggregateOnce(t, []string{"aggregate", "--url", "http://" + prom, "--runs", "sum by (check) (authprober_runs_total)",
		"--failures", "sum by (check) (authprober_runs_failed_total)", "--replay", "10m", "--every", "1s", "--settle", "5s", "--once", "--json"})
	if float64(counters.Held)+counters.Runs != runs || counters.Check != pooledName {
		t.Errorf("as counters of anybody's: %+v, want %v runs", counters, runs)
	}
}

// threeScrapes is the shipped configuration with a scrape every second and three locations.
func threeScrapes(t *testing.T, dir string, locations []string) string {
	var config map[string]any
	readYAML(t, deployed("prometheus", "prometheus.yml"), &config)
	config["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
	config["rule_files"] = []string{}
	delete(config, "alerting")
	var targets []any
	for i, address := range locations {
		targets = append(targets, map[string]any{"targets": []string{address}, "labels": map[string]string{"location": fmt.Sprint(i + 1)}})
	}
	config["scrape_configs"].([]any)[0].(map[string]any)["static_configs"] = targets
	return writeYAML(t, dir, "prometheus.yml", config)
}

// A stand is how a check stands, by the API of a daemon or of an aggregator.
type stand struct {
	Name     string `json:"check"`
	State    string
	Since    time.Time
	Evidence float64
}

func standing(t *testing.T, address, check string) stand {
	t.Helper()
	text, err := get("http://" + address + "/api/v1/checks")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Checks []stand }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	for _, s := range answer.Checks {
		if s.Name == check {
			return s
		}
	}
	t.Fatalf("no check %s in %s", check, text)
	return stand{}
}

// sure waits until a check fires, and returns since when it does.
func sure(t *testing.T, address, check string, broken time.Time) time.Time {
	t.Helper()
	var s stand
	eventually(t, 4*time.Minute, check+" to fire", func() error {
		if s = standing(t, address, check); s.State != "firing" || s.Since.Before(broken.Add(-10*time.Second)) {
			return fmt.Errorf("it is %s, evidence %v", s.State, s.Evidence)
		}
		return nil
	})
	return s.Since
}

// runsUntil is how many runs there were from one time to another, at a location or at all.
func runsUntil(t *testing.T, prom, instance string, from, to time.Time) (n float64) {
	t.Helper()
	for _, s := range matrix(t, prom, "authprober_runs_total", to, to.Sub(from)) {
		if instance == "" || s.Metric["instance"] == instance {
			by, _ := s.increase()
			n += by
		}
	}
	return n
}

// increase is what all series of a counter have counted, and how often one began anew.
func increase(t *testing.T, prom, counter string) (n float64, resets int) {
	t.Helper()
	for _, s := range matrix(t, prom, counter, time.Now(), 10*time.Minute) {
		by, again := s.increase()
		n += by
		resets += again
	}
	return n, resets
}

type rawSeries struct {
	Metric map[string]string
	Values [][2]any
}

func (s rawSeries) increase() (n float64, resets int) {
	last := -1.0
	for _, v := range s.Values {
		value, _ := strconv.ParseFloat(v[1].(string), 64)
		switch {
		case last < 0:
		case value < last:
			n += value
			resets++
		default:
			n += value - last
		}
		last = value
	}
	return n, resets
}

// matrix is the raw samples of a counter.
func matrix(t *testing.T, prom, counter string, at time.Time, back time.Duration) []rawSeries {
	t.Helper()
	query := url.Values{"query": {fmt.Sprintf("%s[%ds]", counter, int(back.Seconds())+1)}, "time": {fmt.Sprintf("%.3f", float64(at.UnixMilli())/1e3)}}
	text, err := get("http://" + prom + "/api/v1/query?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Data struct{ Result []rawSeries } }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Data.Result
}

// An aggregated is a line of aggregate --once --json.
type aggregated struct {
	Check           string
	Runs            float64 `json:"n"`
	Failed          float64
	Instances, Held int
	Resets          int
}

func aggregateOnce(t *testing.T, args []string) (a aggregated) {
	t.Helper()
	var said, wrong bytes.Buffer
	cmd := exec.Command(authprober(t), args...)
	cmd.Stdout, cmd.Stderr = &said, &wrong
	_ = cmd.Run() // it ends with 1 while it fires
	if err := json.Unmarshal(said.Bytes(), &a); err != nil {
		t.Fatalf("%v: %s%s", err, &said, &wrong)
	}
	return a
}
