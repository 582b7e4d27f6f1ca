package checks

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/authprober/authprober/prober"
)

const (
	mailUser     = "probe"
	mailPassword = "Sentinel-Mail-Password"
)

// A post is a bank that sends codes by mail, and a mail server with one inbox, on a
// network in memory.
type post struct {
	t          *testing.T
	user       *imapmemserver.User
	bank, imap *pipes
	server     *imapserver.Server
	asked      func() // what happens when a code is asked for
	first      func() // and at a request before
	logins     int    // to the mail server
	dials      int

	mu    sync.Mutex
	conns []net.Conn // of the mail server's side
}

// newPost starts both servers, within a bubble; what it returns is closed with it.
func newPost(t *testing.T, caps ...imap.Cap) *post {
	p := &post{t: t, user: imapmemserver.NewUser(mailUser, mailPassword), bank: newPipes(), imap: newPipes(), asked: func() {}, first: func() {}}
	p.server = newMailServer(t, p.user, func() { p.logins++ }, &imapserver.Options{InsecureAuth: true}, caps...)
	bank := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Release", "7")
		sent, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/ask":
			p.asked()
		case r.URL.Path == "/first":
			p.first()
		case string(sent) != "123456":
			w.WriteHeader(http.StatusUnauthorized)
		}
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = bank.Serve(p.bank) })
	serving.Go(func() { _ = p.server.Serve(p.imap) })
	synctest.Wait() // a server that is closed before it serves is a race of its own
	t.Cleanup(func() {
		_, _ = bank.Close(), p.server.Close()
		p.bank.Close()
		p.imap.Close()
		serving.Wait()
	})
	return p
}

func newMailServer(t *testing.T, user *imapmemserver.User, began func(), options *imapserver.Options, caps ...imap.Cap) *imapserver.Server {
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	mem.AddUser(user)
	options.Caps = imap.CapSet{imap.CapIMAP4rev1: {}}
	for _, c := range caps {
		options.Caps[c] = struct{}{}
	}
	options.Logger = log.New(io.Discard, "", 0)
	options.NewSession = func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
		began()
		return mem.NewSession(), nil, nil
	}
	return imapserver.New(options)
}

// dial is Options.Dial.
func (p *post) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.HasSuffix(address, ":143") {
		return p.bank.dial(ctx, network, address)
	}
	p.dials++
	c, err := p.imap.dial(ctx, network, address)
	if err == nil {
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
	}
	return c, err
}

// breakUp closes every connection to the mail server.
func (p *post) breakUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

// A literal is a mail as it is appended.
type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func deliver(t *testing.T, user *imapmemserver.User, raw string, at time.Time) {
	if _, err := user.Append("INBOX", literal{strings.NewReader(raw)}, &imap.AppendOptions{Time: at}); err != nil {
		t.Error(err)
	}
}

// deliver puts a mail into the inbox now.
func (p *post) deliver(raw string) { deliver(p.t, p.user, raw, time.Now()) }

// letter is a mail as a bank sends it.
func letter(to, subject, text string) string {
	return strings.ReplaceAll("From: Bank <no-reply@bank.example>\nTo: \"Probe\" <"+to+">\nSubject: "+subject+"\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\n"+text+"\n", "\n", "\r\n")
}

// left is how many mails are in the inbox, and how many of them are not marked as
// deleted.
func (p *post) left() (all, unmarked uint32) {
	data, err := p.user.Status("INBOX", &imap.StatusOptions{NumMessages: true, NumDeleted: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return *data.NumMessages, *data.NumMessages - *data.NumDeleted
}

// mailFlow asks for a code, waits for it with further settings, and sends it back.
func mailFlow(settings ...string) string {
	return `
name: x
target: http://192.0.2.1
schedule: {every: 60s, timeout: 40s}
secrets: {inbox: {env: INBOX}}
tags: {release: 'header["X-Release"]'}
steps:
  - {name: ask, request: POST /ask, expect: [status == 200]}
  - name: mail
    mail: imap://192.0.2.2
    plaintext: true
    username: probe
    password: ${{ secrets.inbox }}
    capture: {code: 'split(text, "code is ")[1][:6]'}
    ` + strings.Join(settings, "\n    ") + `
  - {name: verify, request: POST /verify, body: "${{ code }}", expect: [status == 200]}
`
}

func (p *post) options() Options {
	return Options{Dial: p.dial, LookupEnv: func(string) (string, bool) { return mailPassword, true }}
}

// run makes one run of the flow.
func (p *post) run(flow string) prober.Report {
	p.t.Helper()
	return probeOnce(p.t, mustLoad(p.t, p.options(), flow))
}

// checkAt fails the test unless the run failed for the reason at the step; "" and ""
// is a run that passed.
func checkAt(t *testing.T, r prober.Report, reason prober.Reason, step string) {
	t.Helper()
	check(t, r, reason, "")
	run := prober.Run{Report: r}
	if st := run.FailedStep(); st != nil && st.Name != step {
		t.Errorf("the step %q failed, want %q", st.Name, step)
	}
}
