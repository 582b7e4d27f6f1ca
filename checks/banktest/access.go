package banktest

import (
	"strings"
)

// bearer returns who a request's token (RFC 6750 section 2.1) speaks for, and
// the session, which is nil for a dead token that a fault has accepted, and for none.
func (b *Bank) bearer(c *call) (*customer, *session, *refusal) {
	field := c.request.Header.Get("Authorization")
	scheme, text, _ := strings.Cut(field, " ")
	text = strings.TrimSpace(text)
	switch {
	case field == "" && c.accepts("no_token"), strings.EqualFold(scheme, "Bearer") && text == "" && c.accepts("empty_token"):
		return b.vault.customers[0], nil, nil
	case strings.EqualFold(scheme, "Bearer"):
		return b.speaker(c, text, false)
	case strings.EqualFold(scheme, "DPoP"):
		return b.speaker(c, text, true)
	case text == "":
		return nil, nil, refuseNoToken
	}
	who, session, why := b.speaker(c, text, false)
	if why != nil || !c.accepts("any_scheme") {
		return nil, nil, refuseNoToken
	}
	return who, session, nil
}

// speaker is who a token speaks for.
func (b *Bank) speaker(c *call, text string, isDPoP bool) (*customer, *session, *refusal) {
	t, ok := b.vault.unseal(text)
	if !ok {
		t, ok = b.vault.openJWT(c, text)
	}
	if !ok {
		return nil, nil, refuseBadToken
	}
	who, session := b.vault.bearer(c, t)
	if who == nil {
		return nil, nil, refuseBadToken
	}
	if why := b.bound(c, session, isDPoP, text); why != nil {
		return nil, nil, why
	}
	return who, session, nil
}
