package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every address below is of a namespace, none of this machine.
const (
	proberToBank, bank4, bank6          = "10.77.0.1", "10.77.0.2", "2001:db8:77::2"
	proberToOutside, outside4, outside6 = "10.78.0.1", "10.78.0.2", "2001:db8:78::2"
)

// A laboratory is a prober, its target and what is always there, each in a network of its
// own, with a wire from the prober to each of the others.
type laboratory struct {
	prober, bank, outside netns
	toBank, toOutside     *wire
	names                 *names
	ca                    string // the file of whom to trust

	silent chan struct{} // closed when the test ends: nothing is heard of a half answer before
}

func newLaboratory(t *testing.T) *laboratory {
	l := &laboratory{prober: newNetns(t, "prober"), bank: newNetns(t, "bank"), outside: newNetns(t, "outside"), silent: make(chan struct{})}
	l.toBank = newWire(t, wireEnd{l.prober, proberToBank + "/24", "2001:db8:77::1/64"}, wireEnd{l.bank, bank4 + "/24", bank6 + "/64"})
	l.toOutside = newWire(t, wireEnd{l.prober, proberToOutside + "/24", "2001:db8:78::1/64"}, wireEnd{l.outside, outside4 + "/24", outside6 + "/64"})
	l.prober.resolver(t, outside4)
	l.names = serveNames(t, l.outside, outside4+":53")

	dir := t.TempDir()
	ca := certify(t, dir, "ca", nil, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	certify(t, dir, "server", ca, &x509.Certificate{IPAddresses: []net.IP{net.ParseIP(bank4)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	l.ca = dir + "/ca.pem"
	pair, err := tls.LoadX509KeyPair(dir+"/server.pem", dir+"/server.key")
	if err != nil {
		t.Fatal(err)
	}
	secure := &tls.Config{Certificates: []tls.Certificate{pair}}
	l.serve(t, tls.NewListener(l.bank.listen(t, bank4+":443"), secure), http.HandlerFunc(l.answer))
	l.serve(t, l.bank.listen(t, bank4+":80"), http.HandlerFunc(l.answer))
	l.serve(t, l.bank.listen(t, "["+bank6+"]:80"), http.HandlerFunc(l.answer))
	l.serve(t, l.outside.listen(t, outside4+":80"), http.HandlerFunc(l.answer))
	l.serve(t, l.outside.listen(t, outside4+":3128"), l.proxy(t, secure))
	t.Cleanup(func() { close(l.silent) }) // before the servers are closed
	return l
}

func (l *laboratory) serve(t *testing.T, on net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ErrorLog: discarded}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(on) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
}

// answer is the bank. The half of an answer is the last that is ever heard of it.
func (l *laboratory) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/half" {
		return
	}
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, "half")
	_ = http.NewResponseController(w).Flush()
	<-l.silent
}

// A logged is a run as the daemon's log has it.
type logged struct {
	Time                                       time.Time
	Msg, Check, Outcome, Reason, Detail, Error string
	Took                                       float64
}

func (r logged) began() time.Time { return r.Time.Add(-time.Duration(r.Took * float64(time.Second))) }

// A runLog keeps the runs of a log. It is safe for concurrent use.
type runLog struct {
	mu   sync.Mutex
	rest []byte
	runs []logged
}

func (l *runLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		var r logged
		if l.rest = rest; json.Unmarshal(line, &r) == nil && r.Msg == "run" {
			l.runs = append(l.runs, r)
		}
	}
}

// since waits for so many runs of a check that began after the time.
func (l *runLog) since(t *testing.T, check string, at time.Time, n int) (found []logged) {
	t.Helper()
	eventually(t, 90*time.Second, "runs of "+check, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		found = slices.DeleteFunc(slices.Clone(l.runs), func(r logged) bool {
			return r.Check != check || !r.began().After(at) || strings.HasPrefix(r.Error, "our machine ") // was too busy, says the prober
		})
		if len(found) < n {
			return fmt.Errorf("%d runs, want %d", len(found), n)
		}
		return nil
	})
	return found
}

const networkFlow = `name: %s
target: %s
tls: {ca: %s}
schedule: {every: 200ms, timeout: 2s, concurrency: 20}
objective: {tolerate: 40%%, detect: 90%%, false_pages: 1 per 30d}
steps:
  - {name: get, request: GET %s, expect: [status == 200]}
`

// TestNetwork has a daemon look at a bank over networks of every kind of badness. In a
// namespace of its own, through a wire that is this test's: so what is lost is lost on the
// way, as packets.
func TestNetwork(t *testing.T) {
	t.Parallel()
	l := newLaboratory(t)
	dir, runs := t.TempDir(), &runLog{}
	write(t, dir, "address.yaml", fmt.Sprintf(networkFlow, "address", "https://"+bank4, l.ca, "/"))
	write(t, dir, "name.yaml", fmt.Sprintf(networkFlow, "name", "http://bank.test", l.ca, "/"))
	write(t, dir, "half.yaml", fmt.Sprintf(networkFlow, "half", "http://"+bank4, l.ca, "/half"))
	cmd := l.prober.command(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:9870", "AUTHPROBER_LOG_FORMAT=json",
		"AUTHPROBER_CONTROL_URLS=http://" + outside4 + "/"}, authprober(t), "run", dir)
	startLogged(t, cmd, runs)
	t.Log("loss and delay are of packets, in a wire of TUN devices between network namespaces; netem is not used")

	all := func(check, outcome, reason, detail string) func(t *testing.T) {
		return func(t *testing.T) {
			for _, r := range runs.since(t, check, time.Now(), 5) {
				if r.Outcome != outcome || r.Reason != reason || !strings.Contains(r.Detail+r.Error, detail) {
					t.Errorf("got %+v, want %s, %s: %s", r, outcome, reason, detail)
				}
			}
		}
	}
	some := func(check string, n, passed int) func(t *testing.T) {
		return func(t *testing.T) {
			lost, got := l.toBank.lost.Load(), map[string]int{}
			for _, r := range runs.since(t, check, time.Now(), n) {
				got[r.Outcome+" "+r.Reason]++
				if r.Outcome != "passed" && (r.Outcome != "failed" || r.Reason != "timeout") {
					t.Errorf("got %+v, want it passed, or failed by its timeout", r)
				}
			}
			t.Logf("%v, %d packets lost", got, l.toBank.lost.Load()-lost)
			if got["passed "] < passed || l.toBank.lost.Load() == lost {
				t.Errorf("%d runs passed, want %d at least", got["passed "], passed)
			}
		}
	}
	const rejected = "connection refused"
	well := all("address", "passed", "", "")
	well(t)
	all("half", "failed", "timeout", "it ran out while reading the answer")(t)
	before := l.size(t)
	for _, tt := range []struct {
		name  string
		begin func()
		check []func(t *testing.T)
	}{
		{"5 % of the packets are lost", func() { l.toBank.loss.Store(50) }, []func(*testing.T){some("address", 30, 5)}},
		{"30 % of the packets are lost", func() { l.toBank.loss.Store(300) }, []func(*testing.T){some("address", 30, 0)}},
		{"all packets to the bank are lost", func() { l.toBank.loss.Store(1000) },
			[]func(*testing.T){all("address", "failed", "timeout", "it ran out while connecting"), all("name", "failed", "timeout", "it ran out while connecting")}},
		{"all packets are lost, wherever to", func() { l.toBank.loss.Store(1000); l.toOutside.loss.Store(1000) },
			[]func(*testing.T){all("address", "errored", "timeout", "our own network is sick"), all("name", "errored", "dns", "our own network is sick")}},
		{"500 ms more", func() { l.toBank.delay.Store(int64(500 * time.Millisecond)) }, []func(*testing.T){func(t *testing.T) {
			for _, r := range runs.since(t, "name", time.Now(), 5) { // a SYN and a request
				if r.Outcome != "passed" || r.Took < 1 {
					t.Errorf("got %+v, want it passed after a second", r)
				}
			}
		}}},
		{"the bank vanishes in the middle of answers", func() {}, []func(*testing.T){func(t *testing.T) {
			at := time.Now()
			time.AfterFunc(500*time.Millisecond, func() { l.toBank.cut.Store(true) })
			why := map[string]int{}
			for _, r := range runs.since(t, "half", at, 8) {
				why[r.Outcome+" "+r.Reason+" "+r.Detail]++
			}
			const late = "failed timeout no whole answer within the time: it ran out while "
			if why[late+"reading the answer"] == 0 || why[late+"connecting"] == 0 {
				t.Errorf("got %v", why)
			}
			for what := range why {
				if !strings.HasPrefix(what, late) {
					t.Errorf("got %s", what)
				}
			}
		}}},
		{"nobody has the name", func() { l.names.answer("", "") }, []func(*testing.T){all("name", "failed", "dns", "no such host"), all("address", "passed", "", "")}},
		{"the name flaps", func() { l.names.flap() }, []func(*testing.T){func(t *testing.T) {
			got := map[string]int{}
			for _, r := range runs.since(t, "name", time.Now(), 40) {
				got[r.Outcome+" "+r.Reason]++
			}
			if got["passed "] == 0 || got["failed dns"] == 0 || len(got) != 2 {
				t.Errorf("got %v, want some passed and some failed by dns", got)
			}
		}}},
		{"IPv4 alone is well, and the name has both", func() { l.names.answer(bank4, bank6); l.toBank.no6.Store(true) },
			[]func(*testing.T){all("name", "failed", "timeout", "it ran out while connecting")}},
		{"nobody listens on IPv6", func() { l.names.answer(bank4, outside6) },
			[]func(*testing.T){all("name", "failed", "connect", rejected)}},
		{"both are well", func() { l.names.answer(bank4, bank6) }, []func(*testing.T){all("name", "passed", "", "")}},
	} {
		ok := t.Run(tt.name, func(t *testing.T) {
			tt.begin()
			defer func() { l.toBank.mend(); l.toOutside.mend(); l.names.answer(bank4, "") }()
			time.Sleep(50 * time.Millisecond) // what is on its way belongs to what was before
			for _, check := range tt.check {
				check(t)
			}
		})
		if !ok {
			break
		}
	}
	well(t)
	var after size
	eventually(t, 30*time.Second, "files and goroutines to be as many as before", func() error {
		if after = l.size(t); after.files > before.files+10 || after.goroutines > before.goroutines+40 {
			return fmt.Errorf("%+v, it was %+v", after, before)
		}
		return nil
	})
	t.Logf("at the beginning %+v, at the end %+v, after %d runs", before, after, len(runs.runs))
}

type size struct{ files, goroutines int }

// size asks the daemon what it has open.
func (l *laboratory) size(t *testing.T) (s size) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: l.prober.dial, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	answer, err := client.Get("http://127.0.0.1:9870/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]*int{"process_open_fds": &s.files, "go_goroutines": &s.goroutines} {
		found := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("there is no %s", name)
		}
		*to, _ = strconv.Atoi(string(found[1]))
	}
	return s
}

// TestThroughProxy is a prober that reaches the world through a proxy alone, as the
// environment says. What comes before the bank's answer is ours, for nobody can tell a
// proxy's own trouble from what is behind it, and then the control probe can say no more.
func TestThroughProxy(t *testing.T) {
	t.Parallel()
	l := newLaboratory(t)
	flow := write(t, t.TempDir(), "flow.yaml", fmt.Sprintf(networkFlow, "proxied", "https://"+bank4, l.ca, "/"))
	l.toBank.cut.Store(true) // no other way
	const ours = "through the proxy that this machine's environment names: "
	for _, tt := range []struct {
		name, proxy, user, outcome, detail string
	}{
		{"good", outside4 + ":3128", "", "passed", ""},
		{"it cannot reach the bank", outside4 + ":3128", "unreachable:x@", "errored", ours + "sending the request: Bad Gateway"},
		{"it refuses", outside4 + ":3128", "nobody:x@", "errored", ours + "sending the request: Forbidden"},
		{"it is not there", outside4 + ":3129", "", "errored", ours + "connecting: dial tcp " + outside4 + ":3129: connect: connection refused"},
		{"it does not answer", bank4 + ":3128", "", "errored", ours + "time ran out while connecting"},
		{"it hangs", outside4 + ":3128", "hang:x@", "failed", "no whole answer within the time: it ran out while sending the request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := l.prober.command(t, []string{"HTTPS_PROXY=http://" + tt.user + tt.proxy}, authprober(t), "once", "--json", flow)
			out, _ := cmd.Output()
			var got struct {
				Outcome, Error string
				Steps          []struct{ Detail string }
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if said := got.Error + got.Steps[len(got.Steps)-1].Detail; got.Outcome != tt.outcome || !strings.Contains(said, tt.detail) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Outcome, said, tt.outcome, tt.detail)
			}
		})
	}
}
