package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
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
	t.Parallel()
	s := newScene(t)
	causes := s.causes(t)
	for _, name := range alertNames(t) {
		if _, ok := causes[name]; !ok {
			t.Errorf("%s has no cause here", name)
		}
	}
	began := time.Now()
	for _, name := range slices.Sorted(maps.Keys(causes)) {
		causes[name].begin()
	}
	fired := s.waitFor(t, causes, "firing", 2*time.Minute)
	for _, name := range slices.Sorted(maps.Keys(causes)) {
		causes[name].end()
	}
	dog := map[string]cause{watchdog: causes[watchdog]}
	delete(causes, watchdog)
	over := s.waitFor(t, causes, "resolved", 2*time.Minute)
	for _, p := range s.probers {
		p.stop(t)
	}
	maps.Copy(over, s.waitFor(t, dog, "resolved", time.Minute))
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(over)) {
		fmt.Fprintf(&b, "%-32s fired after %4.0f s, over after %4.0f s\n", name, fired[name].Sub(began).Seconds(), over[name].Sub(began).Seconds())
	}
	t.Logf("every alert, by a real cause:\n%s", &b)
}

const watchdog = "AuthProberWatchdog"

// A cause is what makes an alert fire, and what ends it. A function that is nil has
// nothing to do: another cause does it.
type cause struct{ start, mend func() }

func (c cause) begin() { perform(c.start) }
func (c cause) end()   { perform(c.mend) }

func perform(f func()) {
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
	dead            string // where an Alertmanager and a receiver of traces are that do not answer
}

// wideFlow runs at two places, whose runs an aggregator judges together.
const wideFlow = "name: wide\nschedule: {every: 100ms, timeout: 90ms}\nobjective: {tolerate: 0.1%, detect: 2%, false_pages: 1 per 1d, blip: 0s}\n"

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
name: certified
target: TLS
schedule: {every: 500ms, timeout: 400ms}
tls: {ca: ca.pem}
`,
	"open": `name: open
schedule: {every: 500ms, timeout: 400ms}
steps:
  - name: no token is refused
    request: GET /refused/open
    refuse: [401]
`,
	"timed": `name: timed
schedule: {every: 500ms, timeout: 400ms}
steps:
  - name: a wrong password is refused
    request: GET /refused/password
    refuse: [401]
  - name: an unknown user is refused the same
    request: GET /refused/user
    refuse: [401]
    same_as: {step: a wrong password is refused}
`,
	"blind": "name: blind\nschedule: {every: 500ms, timeout: 400ms}\n",
	"locked": `name: locked
schedule: {every: 200ms, timeout: 150ms}
accounts: retail
steps:
  - name: look
    request: POST /locked
    form: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
`,
	"skipped": `name: skipped
schedule: {every: 200ms, timeout: 150ms}
steps:
  - name: look
    request: GET /skipped
    if: 1 == 1
    expect: [status == 200]
`,
	"refused": "name: refused\nschedule: {every: 200ms, timeout: 150ms}\n",
	"killed":  "name: killed\nschedule: {every: 200ms, timeout: 150ms}\n",
	"here":    wideFlow,
	"there":   wideFlow,
	"paused":  "name: paused\nschedule: {every: 200ms, timeout: 150ms}\n---\nname: drilled\nschedule: {every: 200ms, timeout: 150ms}\n",
}

func newScene(t *testing.T) *scene {
	s := &scene{dir: t.TempDir(), inbox: newInbox(t), probers: map[string]*process{}, env: map[string][]string{},
		args: map[string][]string{}, address: map[string]string{}}
	s.bank = newMoodyBank(t, s.dir)
	free := freeAddresses(t, 5+len(sceneFlows))
	am := free[0]
	s.prometheus, s.dead = free[1], free[2]
	pooled, wide := free[len(free)-1], free[len(free)-2]
	var targets []string
	for i, name := range slices.Sorted(maps.Keys(sceneFlows)) {
		s.address[name] = free[3+i]
		if sceneFlows[name] != wideFlow {
			targets = append(targets, free[3+i])
		}
		s.prepare(t, name)
	}
	s.env["main"] = append(s.env["main"], "AUTHPROBER_ALERTMANAGER_URLS=http://"+s.dead,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.dead, "OTEL_BSP_SCHEDULE_DELAY=500")
	s.env["paused"] = append(s.env["paused"], "AUTHPROBER_PAUSE_FILE="+filepath.Join(s.dir, "pause"), "AUTHPROBER_ADMIN=on")
	control := strings.TrimPrefix(s.bank.plain.URL, "http://127.0.0.1")
	s.env["blind"] = append(s.env["blind"], "AUTHPROBER_CONTROL_URLS=http://127.0.0.1"+control+"/control,http://localhost"+control+"/control")
	s.bank.delay("/refused/user", func() time.Duration { return 60 * time.Millisecond })
	for name := range sceneFlows {
		s.run(t, name)
	}
	targets = append(targets, wide, pooled) // an aggregator, of a Prometheus that is not there
	s.probers["all"] = start(t, append(slices.Clone(s.env["paused"]), "AUTHPROBER_LISTEN="+pooled), authprober(t), "aggregate",
		"--url", "http://"+s.dead, "--every", "1s", "--replay", "1m", filepath.Join(s.dir, "paused"))
	s.probers["all"].ready(t, "http://"+pooled+"/-/healthy")
	start(t, nil, installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
		"--config.file="+plainRoutes(t, s.dir, s.inbox.url), "--storage.path="+filepath.Join(s.dir, "am"),
		"--web.listen-address="+am, "--cluster.listen-address=").
		ready(t, "http://"+am+"/-/ready")
	start(t, nil, installed(t, "prometheus", "prometheus"), "--config.file="+s.scrapes(t, am, targets),
		"--storage.tsdb.path="+filepath.Join(s.dir, "tsdb"), "--web.listen-address="+s.prometheus, "--rules.alert.resend-delay=5s").
		ready(t, "http://"+s.prometheus+"/-/ready")
	s.probers["wide"] = start(t, []string{"AUTHPROBER_LISTEN=" + wide}, authprober(t), "aggregate",
		"--url", "http://"+s.prometheus, "--match", `job="authprober"`, "--every", "1s", "--settle", "3s", "--replay", "1m", filepath.Join(s.dir, "here"))
	s.probers["wide"].ready(t, "http://"+wide+"/-/healthy")
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
	s.env[name] = []string{"AUTHPROBER_LISTEN=" + s.address[name], "PASSWORD=secret", "AUTHPROBER_GRACE=1s"}
	if name != "open" {
		s.env[name] = append(s.env[name], "AUTHPROBER_STATE_DIR="+state)
	}
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
	config["scrape_configs"].([]any)[0].(map[string]any)["static_configs"] = []any{
		map[string]any{"targets": targets},
		map[string]any{"targets": []string{s.address["here"]}, "labels": map[string]string{"location": "here"}},
		map[string]any{"targets": []string{s.address["there"]}, "labels": map[string]string{"location": "there"}},
	}
	return writeYAML(t, s.dir, "prometheus.yml", config)
}

// causes are by alert.
func (s *scene) causes(t *testing.T) map[string]cause {
	return map[string]cause{
		// A third of the runs fails, and the rest follows.
		"AuthProberIntermittentFailure": {start: func() { s.bank.answer("/broken", 503, 200, 200) }, mend: func() { s.bank.answer("/broken") }},
		"AuthProberBurnRateFast":        {},
		"AuthProberBurnRateSlow":        {},
		"AuthProberThresholdExceeded":   {},
		// One flow fails at both of its places.
		"AuthProberEverywhere": {start: func() { s.bank.answer("/wide", 503, 200) }, mend: func() { s.bank.answer("/wide") }},
		// Three failures in a row, and no more.
		"AuthProberSuspect": {start: func() { s.bank.once("/suspected", 503, 503, 503) }},
		// Once. It stands for an hour at the least, which no rule can hasten: what ends it here
		// is that its prober, which keeps nothing on the disk, is another one.
		"AuthProberFailOpen": {start: func() { s.bank.once("/refused/open", 200) }, mend: func() { s.probers["open"].stop(t); s.run(t, "open") }},
		// Unknown users are refused later than known ones, from the beginning; then all wait
		// for a time drawn by chance.
		"AuthProberRefusalTiming": {mend: func() {
			for _, path := range []string{"/refused/user", "/refused/password"} {
				s.bank.delay(path, func() time.Duration { return rand.N(60 * time.Millisecond) })
			}
		}},
		// Nothing of what is always there answers the prober.
		"AuthProberBlind": {start: func() { s.bank.answer("/control", 0) }, mend: func() { s.bank.answer("/control") }},
		// The bank says that the only account is locked. Nothing runs any more, until it is
		// mended, and released with the prober down.
		"AuthProberAccountsQuarantined": {start: func() { s.bank.answer("/locked", 423) }, mend: func() { s.release(t) }},
		"AuthProberRunsMissed":          {},
		"AuthProberStalled":             {},
		"AuthProberAbsent":              {start: func() { s.kill(t, "killed") }, mend: func() { s.run(t, "killed") }},
		// An operator has a flow that does nothing, and another one that is none.
		"AuthProberInconclusive": {
			start: func() { s.reload(t, "skipped", "if: 1 == 1", "if: 1 == 2") },
			mend:  func() { s.reload(t, "skipped", "if: 1 == 2", "if: 1 == 1") },
		},
		"AuthProberConfigReloadFailed": {
			start: func() { s.reload(t, "refused", "expect:", "expct:") },
			mend:  func() { s.reload(t, "refused", "expct:", "expect:") },
		},
		// Somebody forgets the switch.
		"AuthProberPaused": {start: func() { write(t, s.dir, "pause", "WHO, WHY") }, mend: func() { s.unpause(t) }},
		"AuthProberDrill":  {start: func() { s.command(t, "paused", "drill", "drilled", "--for", "8s") }},
		// Five days, and then a new one.
		"AuthProberCertificateExpiring": {start: func() { s.bank.certify(t, s.dir, 5*24*time.Hour) }, mend: func() { s.bank.certify(t, s.dir, 90*24*time.Hour) }},
		// Nobody listens, and then somebody does.
		"AuthProberNotificationsFailing": {mend: func() { s.revive(t) }},
		"AuthProberAggregateBlind":       {},
		"AuthProberExportsFailing":       {},
		// Always there, until the last prober has gone.
		watchdog: {},
	}
}

// kill kills a prober, as a machine does that is short of memory.
func (s *scene) kill(t *testing.T, name string) {
	if err := s.probers[name].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.probers[name].done
}

// reload changes every flow of a prober and has it read them again.
func (s *scene) reload(t *testing.T, name, from, to string) {
	path := filepath.Join(s.dir, name, "0.yaml")
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), from) {
		t.Fatalf("no %q in %s, %v", from, path, err)
	}
	write(t, filepath.Join(s.dir, name), "0.yaml", strings.ReplaceAll(string(text), from, to))
	if err := s.probers[name].cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// release has the bank unlock the account, and lets it back with the prober stopped.
func (s *scene) release(t *testing.T) {
	s.bank.answer("/locked")
	s.probers["locked"].stop(t)
	s.command(t, "locked", "accounts", "release", "retail/anna")
	s.run(t, "locked")
}

func (s *scene) unpause(t *testing.T) {
	if err := os.Remove(filepath.Join(s.dir, "pause")); err != nil {
		t.Fatal(err)
	}
}

// command runs a command of the product in the environment of a prober.
func (s *scene) command(t *testing.T, prober string, args ...string) {
	cmd := exec.Command(authprober(t), args...)
	cmd.Env = append(os.Environ(), s.env[prober]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("authprober %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// revive has somebody listen where no Alertmanager, no receiver of traces and no Prometheus was.
func (s *scene) revive(t *testing.T) {
	l, err := net.Listen("tcp", s.dead)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/query" { // what counts the runs of a flow that is paused
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[
				{"metric":{"check":"paused","instance":"a:9870"},"values":[[%d,"7"]]}]}}`, time.Now().Unix()-5)
		}
	})}}
	server.Start()
	t.Cleanup(server.Close)
}

// waitFor waits until each of the alerts has been told with the status, after any that
// was told to fire, and returns when that was.
func (s *scene) waitFor(t *testing.T, causes map[string]cause, status string, within time.Duration) map[string]time.Time {
	t.Helper()
	when := map[string]time.Time{}
	eventually(t, within, "each alert to be "+status, func() error {
		var missing []string
		for name := range causes {
			when[name] = s.inbox.told("all", name, status)
			if when[name].IsZero() {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			return fmt.Errorf("none yet: %s", strings.Join(missing, ", "))
		}
		return nil
	})
	return when
}

// plainRoutes sends every alert at once, alone, and holds none back: that is
// [TestInhibition]'s.
func plainRoutes(t *testing.T, dir, url string) string {
	return writeYAML(t, dir, "plain.yml", map[string]any{
		"route": map[string]any{"receiver": "all", "group_by": []string{"..."}, "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"},
		"receivers": []any{map[string]any{"name": "all", "webhook_configs": []any{
			map[string]any{"url": url + "/all", "send_resolved": true}}}},
	})
}

var (
	ranges  = regexp.MustCompile(`(\[|offset )(\d+)([smhd])`)
	seconds = regexp.MustCompile(`\b(86400|3600|900)\b`)
	units   = map[string]int{"s": 1, "m": 60, "h": 3600, "d": 86400}
)

const faster, shortest = 300, 10

// hasten writes the shipped rules so that nobody waits for hours: every range and offset is
// a 300th, 10 s at the least for a scrape each second; so is every number of seconds in an
// expression that compares them with the prober's own times, and every `for`. What is
// left as it is: all conditions, counts, ratios and labels, and the certificates' days.
func hasten(t *testing.T, dir string) string {
	t.Helper()
	var file map[string]any
	readYAML(t, deployed("prometheus", "authprober.rules.yaml"), &file)
	for _, g := range file["groups"].([]any) {
		for _, r := range g.(map[string]any)["rules"].([]any) {
			rule := r.(map[string]any)
			rule["expr"] = hastenExpr(rule["expr"].(string))
			if wait, ok := rule["for"].(string); ok {
				rule["for"] = fmt.Sprintf("%ds", max(1, int(duration(t, wait).Seconds())/faster))
			}
		}
	}
	return writeYAML(t, dir, "fast.rules.yaml", file)
}

func hastenExpr(expr string) string {
	expr = ranges.ReplaceAllStringFunc(expr, func(s string) string {
		m := ranges.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("%s%ds", m[1], max(shortest, n*units[m[3]]/faster))
	})
	if strings.Contains(expr, "authprober_tls_certificate_expiry") {
		return expr
	}
	return seconds.ReplaceAllStringFunc(expr, func(s string) string {
		n, _ := strconv.Atoi(s)
		return strconv.Itoa(max(shortest, n/faster))
	})
}
