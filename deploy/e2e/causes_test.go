package e2e

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEveryAlertByARealCause drives the built binary into each condition that an alert is
// for, and out of it again, at the same time, and waits until a real Alertmanager has told
// of each of them that it fires and that it is over. Between the cause and the receiver
// are the shipped rules, made faster by [hasten], and nothing of ours.
func TestEveryAlertByARealCause(t *testing.T) {
	s := newScene(t)
	causes := s.causes(t)
	for _, name := range alertNames(t) {
		if _, ok := causes[name]; !ok {
			t.Errorf("%s has no cause here", name)
		}
	}
	began := time.Now()
	for _, name := range slices.Sorted(maps.Keys(causes)) {
		causes[name].begin(t)
	}
	fired := s.waitFor(t, causes, "firing", 2*time.Minute)
	for _, name := range slices.Sorted(maps.Keys(causes)) {
		causes[name].end(t)
	}
	for _, p := range s.probers {
		p.stop(t) // the watchdog's cause ends with the last of them
	}
	over := s.waitFor(t, causes, "resolved", 2*time.Minute)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(causes)) {
		fmt.Fprintf(&b, "%-32s fired after %4.0f s, over after %4.0f s\n", name, fired[name].Sub(began).Seconds(), over[name].Sub(began).Seconds())
	}
	t.Logf("every alert, by a real cause:\n%s", &b)
}

// A cause is what makes an alert fire, and what ends it. A function that is nil has
// nothing to do: another cause does it.
type cause struct{ start, mend func() }

func (c cause) begin(t *testing.T) { c.call(t, c.start) }
func (c cause) end(t *testing.T)   { c.call(t, c.mend) }

func (c cause) call(t *testing.T, f func()) {
	t.Helper()
	if f != nil {
		f()
	}
}

// A scene is a bank, probers, Prometheus and Alertmanager.
type scene struct {
	dir, prometheus string
	bank            *moodyBank
	inbox           *inbox
	probers         map[string]*process
	env             map[string][]string
	args            map[string][]string
	address         map[string]string
	dead            string // where an Alertmanager is that does not answer
}

// sceneFlows are by the prober that runs them.
var sceneFlows = map[string]string{
	"main": `name: broken
schedule: {every: 50ms, timeout: 900ms, concurrency: 20}
objective: {tolerate: 0.1%, detect: 2%, false_pages: 1 per 1d, blip: 0s}
thresholds: [{ratio: 10%, window: 5m, min_runs: 10, severity: ticket}]
---
name: suspected
schedule: {every: 4s, timeout: 2s}
objective: {tolerate: 1%, detect: 5%, false_pages: 1 per 30d, blip: 0s}
---
name: open
schedule: {every: 500ms, timeout: 400ms}
steps:
  - name: no token is refused
    request: GET /open
    refuse: [401]
---
name: certified
target: TLS
schedule: {every: 500ms, timeout: 400ms}
tls: {ca: ca.pem}
`,
	"locked": `name: locked
schedule: {every: 200ms, timeout: 150ms}
accounts: retail
steps:
  - name: look
    request: POST /locked
    form: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
`,
	"reloaded": `name: skipped
schedule: {every: 200ms, timeout: 150ms}
steps:
  - name: look
    request: GET /skipped
    if: 1 == 1
    expect: [status == 200]
`,
	"paused": "name: paused\nschedule: {every: 200ms, timeout: 150ms}\n",
}

func newScene(t *testing.T) *scene {
	s := &scene{dir: t.TempDir(), inbox: newInbox(t), probers: map[string]*process{}, env: map[string][]string{},
		args: map[string][]string{}, address: map[string]string{}}
	s.bank = newMoodyBank(t, s.dir)
	free := freeAddresses(t, 3+len(sceneFlows))
	am := free[0]
	s.prometheus, s.dead = free[1], free[2]
	var targets []string
	for i, name := range slices.Sorted(maps.Keys(sceneFlows)) {
		s.address[name] = free[3+i]
		targets = append(targets, free[3+i])
		s.prepare(t, name)
	}
	s.env["main"] = append(s.env["main"], "AUTHPROBER_ALERTMANAGER_URLS=http://"+s.dead)
	s.env["paused"] = append(s.env["paused"], "AUTHPROBER_PAUSE_FILE="+filepath.Join(s.dir, "pause"))
	for name := range sceneFlows {
		s.run(t, name)
	}
	start(t, nil, installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
		"--config.file="+plainRoutes(t, s.dir, s.inbox.url), "--storage.path="+filepath.Join(s.dir, "am"),
		"--web.listen-address="+am, "--cluster.listen-address=").
		ready(t, "http://"+am+"/-/ready")
	start(t, nil, installed(t, "prometheus", "prometheus"), "--config.file="+s.scrapes(t, am, targets),
		"--storage.tsdb.path="+filepath.Join(s.dir, "tsdb"), "--web.listen-address="+s.prometheus, "--rules.alert.resend-delay=5s").
		ready(t, "http://"+s.prometheus+"/-/ready")
	eventually(t, time.Minute, "a while of healthy runs, seen by Prometheus", func() error {
		return atLeast(s.prometheus, `min(max_over_time(authprober_runs_total[30s]) - min_over_time(authprober_runs_total[30s]))`, 2)
	})
	return s
}

// prepare writes the flows of a prober.
func (s *scene) prepare(t *testing.T, name string) {
	dir := filepath.Join(s.dir, name)
	state := filepath.Join(s.dir, name+"-state")
	for _, d := range []string{dir, state} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, flow := range strings.Split(sceneFlows[name], "---\n") {
		write(t, dir, fmt.Sprintf("%d.yaml", i), s.complete(flow))
	}
	write(t, dir, "accounts.yaml", "pools: {retail: {accounts: [{name: anna, username: anna, password: {env: PASSWORD}}]}}\n")
	ca, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "ca.pem", string(ca))
	s.env[name] = []string{"AUTHPROBER_LISTEN=" + s.address[name], "PASSWORD=secret", "AUTHPROBER_STATE_DIR=" + state, "AUTHPROBER_GRACE=1s"}
	s.args[name] = []string{"run", dir}
}

var flowName = regexp.MustCompile(`name: (\w+)`)

// complete gives a flow what all of them have: a target, labels, and a step that looks.
func (s *scene) complete(flow string) string {
	name := flowName.FindStringSubmatch(flow)[1]
	target := s.bank.plain.URL
	if strings.Contains(flow, "target: TLS\n") {
		flow, target = strings.Replace(flow, "target: TLS\n", "", 1), s.bank.secure.URL
	}
	flow += "target: " + target + "\nlabels: {team: identity, severity: page}\n"
	if !strings.Contains(flow, "steps:") {
		flow += "steps:\n  - name: look\n    request: GET /" + name + "\n    expect: [status == 200]\n"
	}
	return flow
}

func (s *scene) run(t *testing.T, name string) {
	p := start(t, s.env[name], authprober(t), s.args[name]...)
	p.ready(t, "http://"+s.address[name]+"/-/ready")
	s.probers[name] = p
}

func (s *scene) scrapes(t *testing.T, am string, targets []string) string {
	path := fastScrapes(t, s.dir, targets[0], am)
	var config map[string]any
	readYAML(t, path, &config)
	config["rule_files"] = []string{hasten(t, s.dir)}
	config["scrape_configs"].([]any)[0].(map[string]any)["static_configs"] = []any{map[string]any{"targets": targets}}
	return writeYAML(t, s.dir, "prometheus.yml", config)
}

// causes are by alert.
func (s *scene) causes(t *testing.T) map[string]cause {
	mood := func(path string, mend bool, status ...int) cause {
		c := cause{start: func() { s.bank.answer(path, status...) }}
		if mend {
			c.mend = func() { s.bank.answer(path) }
		}
		return c
	}
	broken := mood("/broken", true, 503, 200, 200)
	return map[string]cause{
		// A third of the runs fails, and the rest follows.
		"AuthProberIntermittentFailure": broken,
		"AuthProberBurnRateFast":        {},
		"AuthProberBurnRateSlow":        {},
		"AuthProberThresholdExceeded":   {},
		// Three failures in a row, and no more.
		"AuthProberSuspect": {start: func() { s.bank.once("/suspected", 503, 503, 503) }},
		// Once.
		"AuthProberFailOpen": {start: func() { s.bank.once("/open", 200) }},
		// The bank says that the only account is locked. Nothing runs any more, until it is
		// mended, and released with the prober down.
		"AuthProberAccountsQuarantined": mood("/locked", true, 423),
		"AuthProberRunsMissed":          {},
		"AuthProberStalled":             {},
		"AuthProberAbsent": {start: func() { s.killed(t, "locked") }, mend: func() { s.released(t) }},
		// An operator has a flow that does nothing, and then one that is none.
		"AuthProberInconclusive": {start: func() { s.reload(t, "if: 1 == 1", "if: 1 == 2") }},
		"AuthProberConfigReloadFailed": {
			start: func() { s.waitOne(t, "AuthProberInconclusive"); s.reload(t, "if: ", "iff: ") },
			mend:  func() { s.reload(t, "iff: 1 == 2", "if: 1 == 1") },
		},
		// Somebody forgets the switch.
		"AuthProberPaused": {
			start: func() { write(t, s.dir, "pause", "WHO, WHY") },
			mend:  func() { must(t, func() (string, error) { return "", os.Remove(filepath.Join(s.dir, "pause")) }) },
		},
		// Five days, and then a new one.
		"AuthProberCertificateExpiring": {start: func() { s.bank.certify(t, s.dir, 5*24*time.Hour) }, mend: func() { s.bank.certify(t, s.dir, 90*24*time.Hour) }},
		// Nobody listens, and then somebody does.
		"AuthProberNotificationsFailing": {mend: func() { s.revive(t) }},
		// Always there, until the last prober has gone.
		"AuthProberWatchdog": {},
	}
}
