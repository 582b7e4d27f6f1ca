package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soakFor is for how long TestSoak goes on beyond one round of incidents. The one of the
// release checklist is
//
//	go test . -run TestSoak -soak 8h -timeout 9h -v
var soakFor = flag.Duration("soak", 0, "for how long TestSoak goes on")

// A soak is a daemon of 200 checks with everything around it real but the people: banks that
// break, a Prometheus with the shipped rules, an Alertmanager that is away at times.
type soak struct {
	begun, started, ready, stopped             time.Time // of the test; of the daemon, when it was, and when it was told to end
	bank, edge, prober, prom, manager          string    // addresses
	dir, state, pause                          string
	config                                     *soakConfig
	daemon, edgeBank, alertmanager, prometheus *process
	log                                        *soakLog
	inbox                                      *inbox
	direct                                     *soakDirect
	troubles                                   []soakTrouble
	used                                       [2]time.Duration // of processor, by the daemon and by Prometheus
	samples                                    []soakSample
	reloads                                    int
	startManager                               func() *process
	startEdge                                  func() *process
}

// TestSoak lives through incidents, one round of them or as many as -soak leaves time for,
// with reloads, accounts that come and go, secrets that change, mistakes in the
// configuration, and an Alertmanager that is away. In the end each due time of each check is
// accounted for, by the log, the metrics, the history and the bank; each incident has paged,
// once, and nothing else has; and the daemon holds on to no more than in the beginning.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	s.rest(t, 4)
	for round := 0; round == 0 || time.Since(s.begun) < *soakFor; round++ {
		s.round(t, round)
		s.rest(t, 4)
	}
	s.failOpen(t)
	t.Logf("in %v the daemon has used %v of processor, Prometheus %v", time.Since(s.started).Round(time.Second), s.used[0], s.used[1])
	s.holdBooks(t)
	s.holdPages(t)
	s.holdFlat(t, *soakFor > 0)
}

func newSoak(t *testing.T) *soak {
	s := &soak{begun: time.Now(), dir: t.TempDir(), inbox: newInbox(t), direct: newSoakDirect(t)}
	free := freeAddresses(t, 5)
	s.bank, s.edge, s.prober, s.prom, s.manager = free[0], free[1], free[2], free[3], free[4]
	s.state, s.pause = filepath.Join(s.dir, "state"), filepath.Join(s.dir, "pause")
	if err := os.Mkdir(s.state, 0o700); err != nil {
		t.Fatal(err)
	}
	accounts := filepath.Join(s.dir, "customers.yaml")
	// A fifth of what is tolerated fails all the time.
	start(t, nil, authprober(t), "bank", "--listen", s.bank, "--users", fmt.Sprint(soakUsers), "--accounts-file", accounts,
		"--fault", "step=login rate=0.02% kind=status status=500").ready(t, "http://"+s.bank+"/v1/status")
	s.startEdge = func() *process {
		p := start(t, nil, authprober(t), "bank", "--listen", s.edge, "--fault", "step=status rate=0.02% kind=reset")
		p.ready(t, "http://"+s.edge+"/-/stats")
		return p
	}
	s.edgeBank = s.startEdge()
	s.config = newSoakConfig(t, s.dir, accounts, "http://"+s.bank, "http://"+s.edge)
	s.log = newSoakLog(s.config.users)
	s.startManager = func() *process {
		p := start(t, nil, installed(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager"),
			"--config.file="+fastRoutes(t, s.dir, s.inbox.url), "--storage.path="+filepath.Join(s.dir, "am"), "--web.listen-address="+s.manager, "--cluster.listen-address=")
		p.ready(t, "http://"+s.manager+"/-/ready")
		return p
	}
	s.alertmanager = s.startManager()
	daemon := exec.Command(authprober(t), "run", s.config.dir)
	daemon.Env = append(os.Environ(), "AUTHPROBER_LISTEN="+s.prober, "AUTHPROBER_ADMIN=on", "AUTHPROBER_STATE_DIR="+s.state, "AUTHPROBER_PAUSE_FILE="+s.pause,
		"AUTHPROBER_HISTORY_AGE=1h", "AUTHPROBER_HISTORY_SIZE=32MiB", "AUTHPROBER_LOG_LEVEL=debug", "AUTHPROBER_LOG_FORMAT=json", "AUTHPROBER_ALERTMANAGER_URLS="+s.direct.url)
	s.started = time.Now()
	s.daemon = startLogged(t, daemon, s.log)
	s.daemon.ready(t, "http://"+s.prober+"/-/ready")
	s.ready = time.Now()
	s.prometheus = start(t, nil, installed(t, "prometheus", "prometheus"), "--config.file="+fastScrapes(t, s.dir, s.prober, s.manager), "--storage.tsdb.path="+filepath.Join(s.dir, "tsdb"),
		"--web.listen-address="+s.prom, "--rules.alert.resend-delay=5s")
	s.prometheus.ready(t, "http://"+s.prom+"/-/ready")
	return s
}

// rest lets the daemon alone, and takes samples of it.
func (s *soak) rest(t *testing.T, samples int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range samples {
		<-tick.C
		m := soakMetrics(t, s.prober)
		s.used = [2]time.Duration{processorTime(s.daemon.cmd.Process.Pid), processorTime(s.prometheus.cmd.Process.Pid)}
		s.samples = append(s.samples, soakSampled(t, s.daemon.cmd.Process.Pid, s.state, m))
		s.holdIdentity(t, m)
	}
}

// holdIdentity holds the due times of each check against what they came to, in one scrape.
func (s *soak) holdIdentity(t *testing.T, m soakScrape) {
	counts, due := m.counts()
	if len(counts) != len(s.config.written) {
		t.Errorf("%d checks on the metrics, want %d", len(counts), len(s.config.written))
	}
	for check, c := range counts {
		if c.due() != due[check] {
			t.Errorf("%s: %d due times and %d accounted for: %+v", check, due[check], c.due(), c)
		}
	}
}

// A soakFault is something that goes wrong at the bank or at the edge.
type soakFault struct {
	name   string
	faults []string // as the bank takes them; none for a bank that is gone
	deploy string   // a release of the backend b2
}

// soakBank meets few logins enough that only the fastest check must page.
var soakBank = []soakFault{
	{name: "a degraded release on one backend of five", deploy: "2.0.0", faults: []string{"release=2.0.0 step=login rate=60% kind=status status=500"}},
	{name: "one backend of five resets", faults: []string{"backend=b3 kind=reset step=login"}},
	{name: "codes that are answered too late", faults: []string{"step=otp rate=15% kind=delay for=6s"}},
	{name: "half an answer", faults: []string{"step=otp rate=15% kind=truncate"}},
	{name: "a page in place of an answer", faults: []string{"backend=b5 rate=80% step=login kind=html"}},
}

// soakEdges are outages: each check of the edge must page.
var soakOutages = []soakFault{
	{name: "the edge is gone"},
	{name: "maintenance", faults: []string{"step=status kind=status status=503"}},
	{name: "the edge hangs", faults: []string{"step=status kind=hang"}},
	{name: "the edge resets", faults: []string{"step=status kind=reset"}},
	{name: "the edge limits", faults: []string{"step=status kind=rate_limit retry_after=3s"}},
}

// round makes a trouble at the bank and one at the edge at once, with a reload before and
// one in the middle, waits for all their pages, mends, and waits for the end of these.
func (s *soak) round(t *testing.T, n int) {
	s.reload(t, n%2 == 0)
	away := n%3 == 0
	if away {
		s.alertmanager.stop(t)
		s.direct.leave(true)
	}
	bank, mendBank := s.begin(t, soakBank[n%len(soakBank)], false)
	edge, mendEdge := s.begin(t, soakOutages[n%len(soakOutages)], true)
	bank.away, edge.away = away, away
	if away {
		eventually(t, 5*time.Minute, "checks to fire while no Alertmanager is there", func() error {
			fired := s.log.fired(edge.began, time.Now())
			for _, check := range slices.Concat(bank.must, edge.must) {
				if fired[check] == 0 {
					return fmt.Errorf("%s has not", check)
				}
			}
			return nil
		})
		s.alertmanager = s.startManager()
		s.direct.leave(false)
	}
	s.reload(t, n%2 == 1)
	eventually(t, 5*time.Minute, "the pages", func() error { return firstError(s.paged(bank), s.paged(edge)) })
	s.mistake(t)
	bank.ended, edge.ended = time.Now(), time.Now()
	mendBank()
	mendEdge()
	eventually(t, 5*time.Minute, "the end of the pages", func() error {
		if still := s.firing(t); len(still) > 0 {
			return fmt.Errorf("%q still fire", still)
		}
		return firstError(s.resolved(bank), s.resolved(edge))
	})
	bank.over, edge.over = time.Now(), time.Now()
	s.troubles = append(s.troubles, bank, edge)
	t.Logf("%v: %s; %s; %v to the pages, %v more to their end; before it %s", time.Since(s.begun).Round(time.Second), bank.name, edge.name,
		bank.ended.Sub(bank.began).Round(time.Second), bank.over.Sub(bank.ended).Round(time.Second), s.samples[len(s.samples)-1])
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// begin makes a trouble.
func (s *soak) begin(t *testing.T, f soakFault, edge bool) (tr soakTrouble, mend func()) {
	t.Helper()
	tr = soakTrouble{name: f.name, edge: edge, must: []string{"retail"}, began: time.Now()}
	at := s.bank
	if edge {
		at, tr.must = s.edge, []string{"group:" + soakGroup}
		for _, check := range s.config.steady {
			if isEdge(check) && !s.config.grouped[check] {
				tr.must = append(tr.must, check)
			}
		}
		if len(f.faults) == 0 {
			s.edgeBank.stop(t)
			return tr, func() { s.edgeBank = s.startEdge() }
		}
	}
	deploy := func(release string) {
		if _, err := call("POST", "http://"+at+"/-/deploy", nil, fmt.Sprintf(`{"backend": "b2", "release": %q}`, release)); err != nil {
			t.Fatal(err)
		}
	}
	if f.deploy != "" {
		deploy(f.deploy)
	}
	var ids []string
	for _, fault := range f.faults {
		text, err := call("POST", "http://"+at+"/-/faults", nil, fault)
		var added struct{ ID string }
		if err == nil {
			err = json.Unmarshal(text, &added)
		}
		if err != nil || added.ID == "" {
			t.Fatalf("adding a fault: %v: %s", err, text)
		}
		ids = append(ids, added.ID)
	}
	return tr, func() {
		for _, id := range ids {
			if _, err := call("DELETE", "http://"+at+"/-/faults/"+id, nil, ""); err != nil {
				t.Error(err)
			}
		}
		if f.deploy != "" {
			deploy("2.0.1")
		}
	}
}

// reload has the daemon go over to the next configuration, by a signal or by HTTP.
func (s *soak) reload(t *testing.T, bySignal bool) {
	t.Helper()
	s.config.next(t)
	s.reloads++
	if !bySignal {
		if status, text := s.post(t); status != http.StatusOK {
			t.Fatalf("a reload: status %d: %s", status, text)
		}
		return
	}
	if err := s.daemon.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Minute, "a reload", func() (err error) {
		s.log.look(func() {
			if n := s.log.said["reloaded"]; n < s.reloads {
				err = fmt.Errorf("%d of %d", n, s.reloads)
			}
		})
		return err
	})
}

// post asks for a reload by HTTP. It compiles 200 flows, on a machine that may be busy.
func (s *soak) post(t *testing.T) (status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.prober+"/-/reload", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// mistake has the daemon refuse a configuration, and then take one.
func (s *soak) mistake(t *testing.T) {
	t.Helper()
	mend := s.config.broken(t)
	if status, text := s.post(t); status != http.StatusUnprocessableEntity || !strings.Contains(text, `broken.yaml:1:1: `) {
		t.Errorf("a configuration with mistakes: status %d: %s", status, text)
	}
	if ok := soakMetrics(t, s.prober).value("authprober_config_last_reload_successful"); ok != 0 {
		t.Errorf("authprober_config_last_reload_successful is %v after a mistake", ok)
	}
	mend()
	s.reload(t, false)
}

// failOpen has the bank take a dead token, and waits for the page. It stands for an hour.
func (s *soak) failOpen(t *testing.T) {
	const name = "AuthProberFailOpen"
	tr, mend := s.begin(t, soakFault{name: "a dead token is taken", faults: []string{"step=accounts kind=fail_open"}}, false)
	tr.must = nil
	arrived := func() (n [3]int) {
		now := time.Now()
		return [3]int{s.direct.count(name, "refused", tr.began, now), s.inbox.between("security-page", name, "refused", "firing", tr.began, now),
			s.inbox.between("identity-page", name, "refused", "firing", tr.began, now)}
	}
	eventually(t, 3*time.Minute, "the page of a fail-open", func() error {
		if n := arrived(); slices.Min(n[:]) == 0 {
			return fmt.Errorf("directly, at security, at identity: %v", n)
		}
		return nil
	})
	mend()
	tr.ended = time.Now()
	s.rest(t, 2)
	if n := arrived(); n != [3]int{1, 1, 1} {
		t.Errorf("a fail-open was told directly, at security and at identity %v times, want once each", n)
	}
	tr.over = time.Now().Add(time.Hour)
	s.troubles = append(s.troubles, tr)
}
