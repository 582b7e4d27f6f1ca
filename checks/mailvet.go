package checks

import (
	"slices"
	"time"
)

// A bystander is a Step whose answer is not the target's. It tells nothing about
// who answers, so no tag is read from it, and it has no status, body and location.
type bystander interface {
	Step
	aside()
}

func (st *step) isAside() bool {
	_, yes := st.Step.(bystander)
	return yes
}

// Vet implements [Step]. A step that does not say how it polls asks for as long as
// it has time: to look once makes no sense.
func (m *MailStep) Vet(s *Scope) {
	m.templates(func(t *Template) { t.compile(s) })
	if m.Poll == nil {
		m.Poll = &PollSettings{Every: Duration(defaultPoll), node: m.Mail.node}
	}
	m.Poll.Delivery = true
	if m.Poll.Until.isSet() || m.Poll.Pending.isSet() {
		s.doc.Errorf(m.Poll.node, "a mail step waits for a mail, and has neither until nor pending; to, from and subject tell which mail")
	}
	if len(m.Refuse) > 0 {
		s.doc.Errorf(m.Mail.node, "a mail is no refusal; refuse is not for a mail step")
	}
	if m.Since != "" && !slices.Contains(s.steps, m.Since) {
		s.doc.Errorf(m.Mail.node, "since is %q, and no step before this one is named so", m.Since)
	}
	if skew := time.Duration(m.Skew); skew > time.Hour {
		s.doc.Errorf(m.Mail.node, "skew is %s; want at most an hour", short(skew))
	}
	m.vetServer(s)
}

func (m *MailStep) vetServer(s *Scope) {
	text, constant := m.Mail.constant()
	if _, known := readsOf(&m.Mail); m.Mail.isSet() && !known && m.Mail.compiled() {
		s.doc.Errorf(m.Mail.node, "the mail server is the flow's own; want one that env, a secret or the account says, and nothing that a run has found")
	}
	if !constant || !m.Mail.isSet() {
		return
	}
	server, err := readMailServer(text)
	switch {
	case err != nil:
		s.doc.Errorf(m.Mail.node, "%v", err)
	case server.implicitTLS && m.Plaintext:
		s.doc.Errorf(m.Mail.node, "plaintext is set, and imaps:// is TLS; use imap://, or leave plaintext out")
	}
}
