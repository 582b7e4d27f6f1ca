package checks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authprober/authprober/checks/internal/inbox"
	"github.com/authprober/authprober/prober"
)

// defaultSkew is how far the mail server's clock may be off.
const defaultSkew = 2 * time.Second

// A MailStep waits for a mail in a test inbox, such as one with a one-time code or
// a magic link, and makes it the answer: its fields are header, its text is text.
// A mail that does not come in time is undelivered, which is the target's fault.
// The mail server is ours: that it cannot be reached, or refuses the login, makes
// the run errored, never failed.
type MailStep struct {
	StepSettings `yaml:",inline"`
	// Mail is the mail server: imaps://imap.example.test, or imap://imap.example.test, which changes to TLS before it logs in. Its certificate is verified as the flow's tls.ca says, for the server's own name.
	Mail Template `yaml:"mail,required"`
	// Username is the name of the inbox's user.
	Username Template `yaml:"username,required"`
	// Password is that user's password.
	Password Template `yaml:"password,required"`
	// Mailbox is the mailbox that is looked at. The default is INBOX.
	Mailbox Template `yaml:"mailbox"`
	// To is the address that the mail is for, as a whole: one in To, Cc, Delivered-To or X-Original-To. Without it the mail may be for anybody.
	To Template `yaml:"to"`
	// From is a part of the mail's From.
	From Template `yaml:"from"`
	// Subject is a part of the mail's subject.
	Subject Template `yaml:"subject"`
	// Since is the name of an earlier step: a mail that was there before the step began is none. The default is the beginning of the run.
	Since string `yaml:"since"`
	// Skew is how far the mail server's clock may be behind ours: a mail that is there at the first look may have arrived so much before. The default is 2s.
	Skew Duration `yaml:"skew"`
	// Delete deletes the mail once it is read, so that no later run takes it for its own. The default is true; with false the mailbox is only read.
	Delete bool `yaml:"delete"`
	// Plaintext leaves an imap:// connection without TLS: the password and the mail can be read on the way. It is for a mail server on the same machine.
	Plaintext bool `yaml:"plaintext"`
}

func newMailStep() Step { return &MailStep{Skew: Duration(defaultSkew), Delete: true} }

// templates yields every template of the step.
func (m *MailStep) templates(f func(*Template)) {
	for _, t := range []*Template{&m.Mail, &m.Username, &m.Password, &m.Mailbox, &m.To, &m.From, &m.Subject} {
		f(t)
	}
}

// Shown implements [Step].
func (m *MailStep) Shown() string { return "mail " + m.Mail.Source }

// Needs implements [Step].
func (m *MailStep) Needs(captured map[string]string) (names []string) {
	m.templates(func(t *Template) { names = append(names, t.needs(captured)...) })
	return names
}

// Reasons implements [Step].
func (m *MailStep) Reasons() []prober.Reason {
	return []prober.Reason{prober.ReasonUndelivered, prober.ReasonBadResponse}
}

// Verify implements [Verifier]: that the mail is there is what is wanted.
func (m *MailStep) Verify(*Session) error { return nil }

// aside implements [bystander].
func (m *MailStep) aside() {}

// pending implements poller: no mail yet.
func (m *MailStep) pending(s *Session) (slower time.Duration, yes bool) {
	return 0, s.answer.header == nil
}

// asks implements [asker]: a mail server is not the target.
func (m *MailStep) asks() int { return 0 }

// Run implements [Step]: one look into the inbox, over the connection of the
// step's earlier looks.
func (m *MailStep) Run(ctx context.Context, s *Session) error {
	if s.inbox == nil || s.inbox.of != m {
		if err := m.open(ctx, s); err != nil {
			return err
		}
	}
	in := s.inbox
	found, err := in.Look(ctx, in.filter, m.Delete)
	switch {
	case errors.Is(err, inbox.ErrNoMail):
		return Failf(prober.ReasonBadResponse, "want a mail, RFC 5322, got one whose header cannot be read")
	case err != nil:
		return in.server.fault(ctx, err)
	case found == nil:
		s.answer.beside = m.beside(in.TooOld())
		return nil
	}
	s.answer = answer{header: found.Header, body: []byte(found.Text), took: time.Since(in.begun), private: true}
	s.closeInbox()
	return nil
}

// beside says, of a mail that did not come, whether one was there that was too old.
func (m *MailStep) beside(tooOld time.Duration) string {
	if tooOld == 0 {
		return ""
	}
	since := "the run"
	if m.Since != "" {
		since = fmt.Sprintf("the step %q", m.Since)
	}
	return fmt.Sprintf("; one like it was there, and is older than %s by %s on the mail server's clock", since, tooOld.Round(time.Second)+time.Duration(m.Skew))
}
