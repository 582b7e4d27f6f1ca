package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is an Alertmanager that may misbehave, on a network in memory, for the fake
// clock of a bubble.
type fake struct {
	url   *url.URL
	conns chan net.Conn
	ended chan struct{}

	mu    sync.Mutex
	how   func(http.ResponseWriter, *http.Request) // nil: as it should
	posts []post
}

// A post is what arrived, and when; it counts whether or not it was answered well.
type post struct {
	at     time.Time
	header http.Header
	alerts []postable
}

// newFake serves until the test ends.
func newFake(t *testing.T, host string) *fake {
	f := &fake{url: &url.URL{Scheme: "http", Host: host}, conns: make(chan net.Conn), ended: make(chan struct{})}
	server := &http.Server{Handler: f, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(f) }()
	t.Cleanup(func() { server.Close(); <-served; synctest.Wait() })
	return f
}

func (f *fake) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.ended:
		return nil, net.ErrClosed
	}
}

func (f *fake) Close() error {
	select {
	case <-f.ended:
	default:
		close(f.ended)
	}
	return nil
}

func (f *fake) Addr() net.Addr { return &net.TCPAddr{} }

// behave has it answer in a certain way from now on.
func (f *fake) behave(how func(http.ResponseWriter, *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how = how
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := post{at: time.Now(), header: r.Header}
	if err := json.NewDecoder(r.Body).Decode(&p.alerts); err != nil || r.Method != "POST" || r.URL.Path != "/api/v2/alerts" {
		http.Error(w, "no alerts", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.posts = append(f.posts, p)
	how := f.how
	f.mu.Unlock()
	if how != nil {
		how(w, r)
	}
}

// all returns what has arrived, and forgets it.
func (f *fake) all() []post {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	posts := f.posts
	f.posts = nil
	return posts
}

// clientFor reaches the fakes alone.
func clientFor(fakes ...*fake) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			for _, f := range fakes {
				if f.url.Host != address {
					continue
				}
				ours, theirs := net.Pipe()
				select {
				case f.conns <- theirs:
					return ours, nil
				case <-f.ended:
					return nil, errors.New("connection refused")
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			return nil, errors.New("no such host")
		}},
	}
}

// A bank is what a notifier is told of: one check and how it stands.
type bank struct {
	check *prober.Check
	mu    sync.Mutex
	is    prober.CheckStatus
	gone  bool // it has been taken away
	told  map[prober.NotifyFailure]int
}

func newBank() *bank {
	c := &prober.Check{Name: "retail-login", Labels: map[string]string{"team": "identity"},
		Objective: detect.Objective{Tolerate: 0.001, Detect: 0.02}}
	return &bank{check: c, is: prober.CheckStatus{Check: c}, told: map[prober.NotifyFailure]int{}}
}

// with changes anything, without telling anybody.
func (b *bank) with(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// set changes the state, as a judge would, without telling anybody.
func (b *bank) set(state detect.State) {
	b.with(func() { b.is.State, b.is.Since, b.is.Evidence = state, time.Now(), 0.5 })
}

func (b *bank) status() []prober.CheckStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return nil
	}
	return []prober.CheckStatus{b.is}
}

func (b *bank) tell(_ string, failure prober.NotifyFailure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told[failure]++
}

// run runs a notifier of the bank until it is stopped.
func (b *bank) run(t *testing.T, o Options, fakes ...*fake) (n *Notifier, stop func()) {
	t.Helper()
	o.Client, o.Status, o.Told = clientFor(fakes...), b.status, b.tell
	for _, f := range fakes {
		o.URLs = append(o.URLs, f.url)
	}
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	return n, func() { cancel(); <-ended }
}

// change changes the state as a judge does.
func (b *bank) change(n *Notifier, state detect.State) {
	b.set(state)
	n.Changed(prober.StateChange{})
}
