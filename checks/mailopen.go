package checks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/inbox"
	"github.com/authprober/authprober/prober"
)

// An openInbox is the connection of one mail step of one run.
type openInbox struct {
	*inbox.Inbox
	of     *MailStep
	server mailServer
	filter inbox.Filter
	begun  time.Time
}

// A mailServer is where a mail step looks.
type mailServer struct {
	host, address string
	implicitTLS   bool
}

var errMailURL = errors.New("the mail server is no URL such as imaps://imap.example.test or imap://imap.example.test:143")

// readMailServer reads the URL of a mail server: a scheme and a host, and a port
// where it is not that of the scheme (RFC 8314 section 7.3: 993; RFC 9051: 143).
func readMailServer(text string) (mailServer, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "imap" && u.Scheme != "imaps":
		return mailServer{}, errMailURL
	case u.User != nil:
		return mailServer{}, errors.New("the mail server's URL holds a user; use username and password")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return mailServer{}, errors.New("the mail server's URL holds more than a host and a port; use mailbox")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"imap": "143", "imaps": "993"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return mailServer{}, errMailURL
	}
	return mailServer{u.Hostname(), net.JoinHostPort(u.Hostname(), port), u.Scheme == "imaps"}, nil
}

// fault is an error of the mail server, which is ours.
func (v mailServer) fault(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), prober.ErrShutdown):
		return prober.ErrShutdown
	case ctx.Err() != nil:
		return fmt.Errorf("the mail server %s: no answer within the time", v.address)
	}
	return fmt.Errorf("the mail server %s: %w", v.address, err)
}

// open connects and logs in, for all looks of the step.
func (m *MailStep) open(ctx context.Context, s *Session) error {
	s.closeInbox()
	texts := map[*Template]string{}
	for _, t := range []*Template{&m.Mail, &m.Username, &m.Password, &m.Mailbox, &m.To, &m.From, &m.Subject} {
		text, err := t.text(s, nil)
		if err != nil {
			return err
		}
		if t.isSet() && text == "" {
			return fmt.Errorf("%s is empty text", strings.TrimSpace(t.Source))
		}
		texts[t] = text
	}
	s.hide(texts[&m.Password])
	server, err := readMailServer(texts[&m.Mail])
	if err != nil {
		return err
	}
	conn, err := s.dialMail(ctx, server)
	if err != nil {
		return err
	}
	login := inbox.Login{Username: texts[&m.Username], Password: texts[&m.Password], Mailbox: texts[&m.Mailbox], ReadOnly: !m.Delete}
	if !server.implicitTLS && !m.Plaintext {
		login.StartTLS = s.mailTLS(server)
	}
	in := &openInbox{of: m, server: server, begun: time.Now(), filter: inbox.Filter{
		To: texts[&m.To], From: texts[&m.From], Subject: texts[&m.Subject], NotBefore: m.notBefore(s),
	}}
	if in.Inbox, err = inbox.Open(ctx, conn, login); err != nil {
		return server.fault(ctx, err)
	}
	s.inbox = in
	return nil
}

// notBefore is when a mail that is there already must have arrived.
func (m *MailStep) notBefore(s *Session) time.Time {
	since := s.start
	for i := range s.report.Steps {
		if st := &s.report.Steps[i]; m.Since == st.Name {
			since = s.start.Add(st.Start)
		}
	}
	return since.Add(-time.Duration(m.Skew))
}

// dialMail connects to a mail server as the run connects to the target. What is
// measured of it is not kept: the phases of a step are the target's.
func (s *Session) dialMail(ctx context.Context, v mailServer) (net.Conn, error) {
	t := &timing{}
	conn, err := s.wire.dial(context.WithValue(ctx, timingKey{}, t), "tcp", v.address)
	if err != nil {
		return nil, v.fault(ctx, fmt.Errorf("%s: %s", t.stage, plain(err)))
	}
	if !v.implicitTLS {
		return conn, nil
	}
	secure := tls.Client(conn, s.mailTLS(v))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, v.fault(ctx, fmt.Errorf("%s: %s", shakingHands, plain(err)))
	}
	return secure, nil
}

// mailTLS is the flow's TLS, for another server than its target.
func (s *Session) mailTLS(v mailServer) *tls.Config {
	config := s.flow.tls.Clone()
	config.ServerName = v.host
	return config
}

// closeInbox ends the connection to a mail server, if there is one.
func (s *Session) closeInbox() {
	if s.inbox != nil {
		s.inbox.Close()
		s.inbox = nil
	}
}
