package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A magicLink is deploy/flows/magic-link.yaml with all that it needs.
type magicLink struct {
	*mailBank
	flow, accounts string
	env            []string
}

func newMagicLink(t *testing.T) *magicLink {
	box := newDovecot(t)
	const inbox = "probes@inbox.example"
	m := &magicLink{mailBank: newMailBank(t, box, inbox), flow: deployed("flows", "magic-link.yaml"), accounts: deployed("flows", "magic-link-accounts.yaml")}
	m.env = []string{
		"AUTHPROBER_ALLOW_ENV=BANK_URL,IMAP_URL,INBOX_USER", "BANK_URL=" + m.url, "IMAP_URL=imaps://" + box.TLSAddress,
		"INBOX_USER=" + inbox, "INBOX_PASSWORD=" + dovecotPassword, "SSL_CERT_FILE=" + box.CAFile,
	}
	return m
}

// behind puts a front with a fault before the bank, whose mails lead there as well.
func (m *magicLink) behind(t *testing.T, fault string) *front {
	t.Helper()
	f := newFront(t, freeAddresses(t, 1)[0], m.url, fault)
	m.env = append(m.env, "BANK_URL="+f.url) // the last one counts
	m.mu.Lock()
	defer m.mu.Unlock()
	m.url = f.url
	return f
}

// altered is the flow with some of its words replaced, each of which it has to have.
func (m *magicLink) altered(t *testing.T, words ...string) string {
	t.Helper()
	text, err := os.ReadFile(m.flow)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(words); i += 2 {
		if bytes.Count(text, []byte(words[i])) != 1 {
			t.Fatalf("%q is not once in %s", words[i], m.flow)
		}
	}
	return write(t, t.TempDir(), "magic-link.yaml", strings.NewReplacer(words...).Replace(string(text)))
}

// A linkRun is what `once --json` says of a run.
type linkRun struct {
	Outcome, Error string
	Steps          []struct {
		Name, Reason string
		Delivery     float64 `json:"delivery_seconds"`
		Polls        int
	}
}

// once makes runs in one process, and returns them and what is said at their end.
func (m *magicLink) once(t *testing.T, runs int, flow string) (all []linkRun, end string) {
	t.Helper()
	cmd := exec.Command(authprober(t), "once", "--json", "--runs", strconv.Itoa(runs), flow, m.accounts)
	cmd.Env = append(os.Environ(), m.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	m.silent(t, stdout.String()+stderr.String())
	for line := range bytes.Lines(stdout.Bytes()) {
		var r linkRun
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) != runs {
		t.Fatalf("got %d runs, want %d:\n%s%s", len(all), runs, stdout.String(), stderr.String())
	}
	return all, stderr.String()
}

// at is where and why a run failed: "link by mail: undelivered", or the outcome.
func (r linkRun) at() string {
	for _, s := range r.Steps {
		if s.Reason != "" {
			return s.Name + ": " + s.Reason
		}
	}
	return r.Outcome + r.Error
}

const (
	linkStep    = "link by mail"
	undelivered = linkStep + ": undelivered"
)

// TestMagicLink runs the example flow as it ships two hundred times in one process,
// then with a mail that is late, and as a daemon. Its mails lie in a real mail server.
func TestMagicLink(t *testing.T) {
	m := newMagicLink(t)
	all, end := m.once(t, 200, m.flow)
	for i, r := range all {
		if r.at() != "passed" {
			t.Fatalf("run %d: %s", i+1, r.at())
		}
	}
	if !strings.Contains(end, "magic-link: failed 0") {
		t.Errorf("the end is %s", end)
	}

	m.set(2*time.Second, nil)
	late, _ := m.once(t, 1, m.flow)
	if s := late[0].Steps[1]; late[0].at() != "passed" || s.Name != linkStep || s.Delivery < 1 || s.Polls < 2 {
		t.Errorf("a mail that comes after 2s: %s, %+v", late[0].at(), s)
	}
	if count, sum := m.scrape(t); count < 1 || sum/count < 1 {
		t.Errorf("authprober_delivery_seconds has %v mails in %v s, want some that took 2 s", count, sum)
	}
}

// scrape runs the flow as a daemon, more often than it says, until a link has been
// delivered, and returns how many have been and their seconds.
func (m *magicLink) scrape(t *testing.T) (count, sum float64) {
	t.Helper()
	address := freeAddresses(t, 1)[0]
	often := m.altered(t, "every: 2m, timeout: 90s", "every: 6s, timeout: 6s", "for: 60s", "for: 5s")
	p := start(t, append(m.env, "AUTHPROBER_LISTEN="+address), authprober(t), "run", often, m.accounts)
	p.ready(t, "http://"+address+"/-/ready")
	var text []byte
	eventually(t, 30*time.Second, "a delivery", func() (err error) {
		if text, err = get("http://" + address + "/metrics"); err == nil {
			if count = sample(t, text, "count"); count == 0 {
				err = errors.New("there is none yet")
			}
		}
		return err
	})
	p.stop(t)
	m.silent(t, string(text)+p.log.String())
	if t.Failed() {
		t.Logf("%s", text)
	}
	return count, sample(t, text, "sum")
}

// sample reads a number of the histogram of deliveries.
func sample(t *testing.T, exposition []byte, of string) float64 {
	t.Helper()
	series := regexp.MustCompile(fmt.Sprintf(`(?m)^authprober_delivery_seconds_%s\{check="magic-link",step="%s"\} (\S+)$`, of, linkStep))
	found := series.FindSubmatch(exposition)
	if found == nil {
		t.Fatalf("no series is like %s:\n%s", series, exposition)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestMagicLinkUndelivered loses one mail in twenty. Every one that is lost, and
// nothing else, has to fail its run, at the step that waits for it, for that reason.
func TestMagicLinkUndelivered(t *testing.T) {
	m := newMagicLink(t)
	impatient := m.altered(t, "every: 500ms, for: 60s", "every: 100ms, for: 2500ms")
	const runs, rate = 200, 0.05
	random := rand.New(rand.NewPCG(5, 8))
	m.set(0, func() bool { return random.Float64() < rate })
	all, end := m.once(t, runs, impatient)
	failed := 0
	for i, r := range all {
		switch r.at() {
		case undelivered:
			failed++
		case "passed":
		default:
			t.Errorf("run %d: %s", i+1, r.at())
		}
	}
	if lost := m.losses(); failed != lost || failed == 0 {
		t.Errorf("%d runs failed, and %d mails were lost", failed, lost)
	}
	t.Log(strings.TrimSpace(end))
	if low, high := interval(t, end); !(low <= 100*rate && 100*rate <= high) {
		t.Errorf("the interval is %v%% to %v%%, and %v%% of the mails are lost", low, high, 100*rate)
	}

	// A mail that is slower than the flow waits is undelivered, and is not taken by the
	// next run for its own.
	m.set(4*time.Second, nil)
	if slow, _ := m.once(t, 1, impatient); slow[0].at() != undelivered {
		t.Errorf("a mail that is too late: %s", slow[0].at())
	}
	m.sending.Wait()
	m.set(0, nil)
	if next, _ := m.once(t, 1, impatient); next[0].at() != "passed" {
		t.Errorf("the run after a late mail: %s", next[0].at())
	}
}

// TestMagicLinkFaults lets one in twenty requests for a link meet a fault. What it
// ends is the run that met it, and the mails of others are not taken for its own.
func TestMagicLinkFaults(t *testing.T) {
	t.Parallel()
	m := newMagicLink(t)
	f := m.behind(t, "path=/login/email/* method=GET kind=status status=503 rate=5%")
	all, _ := m.once(t, 200, m.flow)
	why := map[string]int{}
	for _, r := range all {
		if r.at() != "passed" {
			why[r.at()]++
		}
	}
	f.blamed(t, why, "a used link is refused: status_5xx", "open the link: status_5xx")
}

// interval reads the two ends, in percent, of what `once --runs` says at its end.
func interval(t *testing.T, end string) (low, high float64) {
	t.Helper()
	found := regexp.MustCompile(`\(([0-9.]+)%-([0-9.]+)%\)`).FindStringSubmatch(end)
	if found == nil {
		t.Fatalf("no interval in %q", end)
	}
	low, err := strconv.ParseFloat(found[1], 64)
	if err == nil {
		high, err = strconv.ParseFloat(found[2], 64)
	}
	if err != nil {
		t.Fatal(err)
	}
	return low, high
}
