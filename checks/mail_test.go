package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/authprober/authprober/prober"
)

const probeAddress = "probe-1@inbox.example"

var goodLetter = letter(probeAddress, "Your code", "Your code is 123456.")

// What may be in an inbox, and what a run makes of it. The mails are delivered so
// long after the code was asked for, or before.
func TestMail(t *testing.T) {
	type mail struct {
		after time.Duration // since the code was asked for
		raw   string
	}
	for _, test := range []struct {
		name     string
		settings string
		mails    []mail
		reason   prober.Reason
		detail   string
		delivery time.Duration
		polls    int
		left     uint32
	}{
		{name: "found at once", mails: []mail{{0, goodLetter}}, delivery: 1, polls: 1},
		{name: "found after polls", mails: []mail{{3500 * time.Millisecond, goodLetter}}, delivery: 4 * time.Second, polls: 5},
		{name: "polled as it says", settings: "poll: {every: 3s, for: 30s}", mails: []mail{{3500 * time.Millisecond, goodLetter}}, delivery: 6 * time.Second, polls: 3},
		{name: "never", reason: prober.ReasonUndelivered, detail: `polled 40 times in 39s, and the answer was always "not yet"`, polls: 40},
		{name: "too late", settings: "poll: {every: 2s, for: 5s}", mails: []mail{{6 * time.Second, goodLetter}}, reason: prober.ReasonUndelivered,
			detail: `polled 3 times in 5s, and the answer was always "not yet"`, polls: 3},
		{name: "longer than the step has time", settings: "timeout: 5s\npoll: {every: 2s, for: 30s}", reason: prober.ReasonUndelivered,
			detail: `polled 3 times in 5s, and the answer was always "not yet"`, polls: 3},
		{name: "for somebody else", settings: "to: " + probeAddress, reason: prober.ReasonUndelivered, polls: 40, left: 3, mails: []mail{
			{0, letter("other@inbox.example", "Your code", "Your code is 999999.")},
			{0, letter("x"+probeAddress, "Your code", "Your code is 999999.")},
			{5 * time.Second, letter("probe-1@inbox.example.org", "Your code", "Your code is 999999.")}}},
		{name: "for somebody else as well", settings: "to: Probe-1@inbox.example", delivery: 1, polls: 1, left: 1, mails: []mail{
			{0, goodLetter}, {0, letter("other@inbox.example", "Your code", "Your code is 999999.")}}},
		{name: "another subject and sender", settings: "from: bank.example\nsubject: your CODE", delivery: 3 * time.Second, polls: 4, left: 2, mails: []mail{
			{0, letter(probeAddress, "Newsletter", "Your code is 999999.")},
			{time.Second, strings.Replace(goodLetter, "@bank.example", "@other.example", 1)},
			{2500 * time.Millisecond, goodLetter}}},
		{name: "an old one", mails: []mail{{-10 * time.Second, goodLetter}}, reason: prober.ReasonUndelivered, polls: 40, left: 1,
			detail: `polled 40 times in 39s, and the answer was always "not yet"; one like it was there, and is older than the run by 10s on the mail server's clock`},
		{name: "an old one and a new one", delivery: 2 * time.Second, polls: 3, left: 1, mails: []mail{
			{-10 * time.Second, letter(probeAddress, "Your code", "Your code is 999999.")}, {1500 * time.Millisecond, goodLetter}}},
		{name: "a clock that is behind", settings: "skew: 1m", mails: []mail{{-10 * time.Second, goodLetter}}, delivery: 1, polls: 1},
		{name: "the newest of two", delivery: 1, polls: 1, left: 1, mails: []mail{
			{-time.Second, letter(probeAddress, "Your code", "Your code is 999999.")}, {0, goodLetter}}},
		{name: "huge", delivery: 1, polls: 1, mails: []mail{{0, goodLetter + strings.Repeat("All work and no play.\r\n", 200_000)}}},
		{name: "broken MIME", delivery: 1, polls: 1, mails: []mail{{0, "Subject: Your code\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=nobody-knows\r\n\r\nYour code is 123456.\xff"}}},
		{name: "no code in it", reason: prober.ReasonBadResponse, delivery: 1, polls: 1, mails: []mail{{0, letter(probeAddress, "Your code", "Sorry.")}},
			detail: `capturing code from split(text, "code is ")[1][:6]: it cannot be computed of the mail`},
		{name: "an expectation", settings: `expect: ['text contains "Dear"', took > duration("1s")]`, reason: prober.ReasonAssertion, delivery: 1, polls: 1,
			mails: []mail{{0, goodLetter}}, detail: `want text contains "Dear", and it is false`},
		{name: "its header", settings: `expect: ['header["Subject"] == "Your code"', took >= duration("2s")]`, delivery: 2 * time.Second, polls: 3, mails: []mail{{1500 * time.Millisecond, goodLetter}}},
		{name: "not deleted", settings: "delete: false", delivery: 1, polls: 1, left: 1, mails: []mail{{0, goodLetter}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPost(t, imap.CapUIDPlus)
				for _, m := range test.mails {
					if m.after < 0 {
						deliver(t, p.user, m.raw, time.Now().Add(m.after))
					}
				}
				p.asked = func() {
					for _, m := range test.mails {
						if m.after == 0 {
							p.deliver(m.raw)
						} else if m.after > 0 {
							time.AfterFunc(m.after, func() { p.deliver(m.raw) })
						}
					}
				}
				r := p.run(mailFlow(strings.Split(test.settings, "\n")...))
				failing := ""
				if test.reason != "" {
					failing = "mail"
				}
				checkAt(t, r, test.reason, failing)
				st := r.Steps[1]
				if st.Delivery != test.delivery || st.Polls != test.polls || st.Attempts != 0 || st.Remote != "" || st.Phases != (prober.Phases{}) {
					t.Errorf("got %+v, want it delivered in %s after %d looks, and nothing measured of the mail server", st, test.delivery, test.polls)
				}
				if test.detail != "" && st.Detail != test.detail {
					t.Errorf("got detail %q, want %q", st.Detail, test.detail)
				}
				if all, _ := p.left(); all != test.left {
					t.Errorf("%d mails are left, want %d", all, test.left)
				}
				if p.dials != 1 || p.logins != 1 {
					t.Errorf("got %d connections and %d logins for one step, want 1", p.dials, p.logins)
				}
				if r.Tags["release"] != "7" {
					t.Errorf("got the tags %v, want those of the bank's answers", r.Tags)
				}
			})
		})
	}
}

// Without UIDPLUS the mail is marked, others' marks are left alone, and what is
// marked is never found again.
func TestMailDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t)
		p.asked = func() { p.deliver(goodLetter) }
		checkAt(t, p.run(mailFlow()), "", "")
		if all, unmarked := p.left(); all != 1 || unmarked != 0 {
			t.Errorf("%d mails are left, %d of them unmarked, want one that is marked", all, unmarked)
		}
		p.asked = func() {}
		checkAt(t, p.run(mailFlow("skew: 10m")), prober.ReasonUndelivered, "mail")
	})
}

// since narrows what counts: a mail that came within the run, and before the step
// that asks for the code, is not the one.
func TestMailSince(t *testing.T) {
	flow := strings.Replace(mailFlow("since: ask", "skew: 1s"), "steps:\n", "steps:\n  - {name: first, request: POST /first, body: '123456', expect: [status == 200]}\n", 1)
	for since, want := range map[string]prober.Reason{"since: ask": "", "since: first": prober.ReasonStatus4xx} {
		synctest.Test(t, func(t *testing.T) {
			p := newPost(t, imap.CapUIDPlus)
			p.first = func() {
				p.deliver(letter(probeAddress, "Welcome", "Your code is 999999."))
				time.Sleep(5 * time.Second)
			}
			p.asked = func() { time.AfterFunc(time.Second, func() { p.deliver(goodLetter) }) }
			failing := ""
			if want != "" {
				failing = "verify"
			}
			checkAt(t, p.run(strings.Replace(flow, "since: ask", since, 1)), want, failing)
		})
	}
}

// Whatever is wrong with the mail server is no failure of the bank.
func TestMailServerIsOurs(t *testing.T) {
	for _, test := range []struct {
		name, want string
		settings   string
		prepare    func(p *post, o *Options)
	}{
		{"wrong password", "the mail server 192.0.2.2:143: logging in: it was refused (AUTHENTICATIONFAILED)", "",
			func(_ *post, o *Options) { o.LookupEnv = func(string) (string, bool) { return "wrong", true } }},
		{"no such mailbox", "the mail server 192.0.2.2:143: selecting the mailbox: it was refused (NONEXISTENT)", "mailbox: Codes", func(*post, *Options) {}},
		{"no STARTTLS", "the mail server 192.0.2.2:143: changing to TLS: it was refused", "plaintext: false", func(*post, *Options) {}},
		{"not there", "the mail server 192.0.2.2:143: connecting: no such server", "", func(p *post, _ *Options) { p.imap.Close() }},
		{"gone", "the mail server 192.0.2.2:143: asking for news: the connection was closed", "",
			func(p *post, _ *Options) { p.asked = func() { time.AfterFunc(2500*time.Millisecond, p.breakUp) } }},
		{"an empty address", "${{ env.NOBODY }} is empty text", "to: ${{ env.NOBODY }}", func(_ *post, o *Options) {
			o.AllowEnv, o.LookupEnv = []string{"NOBODY"}, func(name string) (string, bool) { return map[string]string{"INBOX": mailPassword}[name], true }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPost(t)
				o := p.options()
				test.prepare(p, &o)
				flow := mailFlow(test.settings)
				if strings.HasPrefix(test.settings, "plaintext") {
					flow = strings.Replace(flow, "    plaintext: true\n", "", 1)
				}
				r := probeOnce(t, mustLoad(t, o, flow))
				if r.Outcome() != prober.Errored || r.Err.Error() != test.want {
					t.Errorf("got %s, %v, want an error of ours: %s", r.Outcome(), r.Err, test.want)
				}
				if r.Tags["release"] != "7" {
					t.Errorf("got the tags %v", r.Tags)
				}
			})
		})
	}
}

// A mail server that says nothing is no failure of the bank either, and a shutdown
// is nobody's.
func TestMailServerHangs(t *testing.T) {
	for cause, want := range map[error]prober.Outcome{prober.ErrTimeout: prober.Errored, prober.ErrShutdown: prober.Aborted} {
		synctest.Test(t, func(t *testing.T) {
			p := newPost(t)
			silent := newPipes()
			defer silent.Close()
			o := p.options()
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if !strings.HasSuffix(address, ":143") {
					return p.bank.dial(ctx, network, address)
				}
				go func() { _, _ = silent.Accept() }()
				return silent.dial(ctx, network, address)
			}
			a, _ := mustLoad(t, o, mailFlow()).Checks[0].Begin(time.Now())
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, cause)
			defer cancel()
			r := a.Probe(ctx)
			if r.Outcome() != want || r.Took != 10*time.Second {
				t.Errorf("got %s after %s, %v, want %s", r.Outcome(), r.Took, r.Err, want)
			}
		})
	}
}

// Neither the inbox's password nor anything of a mail is in a report.
func TestMailReportsHoldNoSecret(t *testing.T) {
	const text, subject = "SentinelTextOfWords", "SentinelSubject"
	for _, settings := range []string{
		`expect: [text == "x"]`, `expect: ['header["Subject"] == "x"']`, `expect: [int(text) == 1]`, `expect: ['trim(text) == "x"']`,
		`expect: ['header[trim(text)] == "x"']`, `expect: ['split(text, " ")[0] == "x"']`, `expect: ['{"a": 1}[text] == 1']`, `expect: ['"x" matches text']`,
		`expect: ['date(text).Year() == 1']`, "expect: [len(text) == 1]", "mailbox: nobody", "password2: x",
		"from: nobody",
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPost(t)
			p.asked = func() { p.deliver(letter(probeAddress, subject, text)) }
			c, err := writeFlows(t, p.options(), map[string]string{"flow.yaml": mailFlow(settings)})
			if err != nil {
				if noSecret(t, err.Error(), mailPassword); settings != "password2: x" {
					t.Error(err)
				}
				return
			}
			r := probeOnce(t, c)
			if r.Outcome() == prober.Passed {
				t.Errorf("%s: the run passed", settings)
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			noSecret(t, string(b)+fmt.Sprintf("%+v %#v", r, r), mailPassword, text, subject)
		})
	}
}

// The flow that the documentation shows is one.
func TestMailFlowOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/flows.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "## One-time codes by mail and SMS\n\n```yaml\n")
	flow, after, found := strings.Cut(after, "```\n")
	_, after, _ = strings.Cut(after, "```yaml\n")
	step, _, foundStep := strings.Cut(after, "```\n")
	if !found || !foundStep {
		t.Fatal("there is no flow")
	}
	sms := strings.Replace(strings.Replace(flow, "name: mail-login", "name: sms-login", 1), "{inbox: {env: INBOX_PASSWORD}}", "{sms: {env: SMS_TOKEN}}", 1)
	sms = strings.Replace(sms, "target:", "origins: [https://sms.example.test]\ntarget:", 1)
	before, rest, _ := strings.Cut(sms, "  - name: code by mail")
	_, rest, _ = strings.Cut(rest, "  - name: verify")
	c, err := writeFlows(t, Options{LookupEnv: func(string) (string, bool) { return "SentinelInbox", true }}, map[string]string{
		"mail.yaml": flow, "sms.yaml": before + step + "  - name: verify" + rest,
		"accounts.yaml": "pools: {retail: {accounts: [{name: a, username: u@example.test, password: ppp1, phone: '+431'}, {name: b, username: v@example.test, password: ppp2, phone: '+432'}]}}",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range c.Checks {
		if len(check.DeliverySteps) != 1 || len(check.Steps) != 3 {
			t.Errorf("%s: got the steps %q, of which %q wait for a delivery", check.Name, check.Steps, check.DeliverySteps)
		}
	}
}
