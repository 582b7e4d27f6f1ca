package banktest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

type sessionID [16]byte

// A session is a login that has not ended: one access token and one refresh
// token at a time, both of the current generation. A refresh makes the next
// generation, so tokens of earlier ones are recognised without being kept.
type session struct {
	id                        sessionID
	customer                  *customer
	generation                uint32
	accessUntil, refreshUntil time.Time
	strong                    bool // the customer has stepped up

	client, scope string // of OAuth; "" for the bank's own API
	resource      string // the aud of its access token (RFC 8707); "" for this bank's own
	key           string // the thumbprint of the key that its tokens are bound to; "" for none
}

// A tokenKind is the first byte of a token.
type tokenKind byte

const (
	accessToken  tokenKind = 'a'
	refreshToken tokenKind = 'r'
)

// A token in the clear. Its text is base64url of kind, customer, session,
// generation and a MAC over these, so it proves who it was made for even after
// the session is gone: which is what a bank that fails open goes by.
type token struct {
	kind       tokenKind
	customer   uint32
	session    sessionID
	generation uint32
}

const (
	tokenSize = 1 + 4 + 16 + 4
	macSize   = 16
)

func (v *vault) seal(t token) string {
	p := make([]byte, 0, tokenSize+macSize)
	p = append(p, byte(t.kind))
	p = binary.BigEndian.AppendUint32(p, t.customer)
	p = append(p, t.session[:]...)
	p = binary.BigEndian.AppendUint32(p, t.generation)
	return base64.RawURLEncoding.EncodeToString(append(p, v.mac(p)...))
}

// unseal returns the token that text stands for, and whether this bank made it.
func (v *vault) unseal(text string) (t token, ok bool) {
	p, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(p) != tokenSize+macSize || !hmac.Equal(p[tokenSize:], v.mac(p[:tokenSize])) {
		return token{}, false
	}
	t.kind = tokenKind(p[0])
	t.customer = binary.BigEndian.Uint32(p[1:])
	copy(t.session[:], p[5:])
	t.generation = binary.BigEndian.Uint32(p[21:])
	return t, true
}

func (v *vault) mac(p []byte) []byte {
	m := hmac.New(sha256.New, v.tokenKey)
	m.Write(p)
	return m.Sum(nil)[:macSize]
}

// tokens are what a login or a refresh answers with.
type tokens struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
}

// login completes a login: it opens a session and counts it.
func (v *vault) login(c *call, who *customer) tokens {
	v.mu.Lock()
	defer v.mu.Unlock()
	who.stats.Logins++
	return v.open(c, who)
}

// open begins a session. The caller holds mu.
func (v *vault) open(c *call, who *customer) tokens {
	return v.grant(c, v.begin(who, c.now))
}

// begin begins a session without tokens. The caller holds mu.
func (v *vault) begin(who *customer, now time.Time) *session {
	v.sweep(now)
	if len(who.sessions) == maxSessions {
		v.end(who.sessions[0])
	}
	s := &session{id: sessionID(randomBytes(16)), customer: who}
	v.sessions[s.id] = s
	who.sessions = append(who.sessions, s)
	return s
}

// grant returns the tokens of the session's current generation. The caller
// holds mu.
func (v *vault) grant(c *call, s *session) tokens {
	s.accessUntil, s.refreshUntil = c.now.Add(v.options.AccessFor), c.now.Add(v.options.RefreshFor)
	t := token{customer: s.customer.index, session: s.id, generation: s.generation}
	access, refresh := t, t
	access.kind, refresh.kind = accessToken, refreshToken
	text := v.seal(access)
	if v.options.JWT || s.client != "" {
		text = v.mint(c, s, access)
	}
	kind := "Bearer"
	if s.key != "" {
		kind = "DPoP"
	}
	return tokens{text, v.seal(refresh), kind, int(v.options.AccessFor / time.Second)}
}

// end forgets a session, and with it kills its tokens. The caller holds mu.
func (v *vault) end(s *session) {
	delete(v.sessions, s.id)
	s.customer.sessions = without(s.customer.sessions, s)
}

// refresh makes the next generation of a session. A token of an earlier one
// has been used before, by its owner or by a thief, and ends the session. Where the call
// fails open a dead token gets a new session, and opened is true.
func (v *vault) refresh(c *call, text string) (granted tokens, opened bool, why *refusal) {
	t, ok := v.unseal(text)
	if !ok || t.kind != refreshToken {
		return tokens{}, false, refuseRefresh
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sessions[t.session]
	switch {
	case s != nil && s.generation == t.generation && c.now.Before(s.refreshUntil):
		v.refreshes++
		s.generation++
		return v.grant(c, s), false, nil
	case c.failOpen:
		return v.open(c, v.customers[t.customer]), true, nil
	case s != nil && s.generation != t.generation:
		v.reuses++
		v.end(s)
	}
	return tokens{}, false, refuseRefresh
}

// bearer returns the customer an access token speaks for, and the session.
// A dead token may speak too, by a fault of the call, and the session is nil.
func (v *vault) bearer(c *call, t token) (*customer, *session) {
	if t.kind != accessToken {
		return nil, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sessions[t.session]
	switch {
	case s != nil && s.generation == t.generation && c.now.Before(s.accessUntil):
		return s.customer, s
	case c.failOpen:
		c.caught = KindFailOpen
	case c.flaws.stale > 0 && c.now.Before(v.ended[t.session].Add(c.flaws.stale)):
		c.caught = KindStaleToken
	default:
		return nil, nil
	}
	return v.customers[t.customer], nil
}

// logout ends a session; it may have ended already.
func (v *vault) logout(s *session, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sessions[s.id] == s {
		v.ended[s.id] = now
		v.end(s)
		s.customer.stats.Logouts++
	}
}

// revoke ends the session that a token of either kind belongs to, whatever its
// generation. Unknown tokens are nothing to do.
func (v *vault) revoke(c *call, text string) {
	t, ok := v.unseal(text)
	if !ok {
		t, ok = v.openJWT(c, text)
	}
	if !ok {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.sessions[t.session]; s != nil {
		v.ended[s.id] = c.now
		v.end(s)
		v.revocations++
	}
}
