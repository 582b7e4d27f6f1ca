package e2e

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// The relying party's own id and the page it is reached from, which has another
// host and is not where the party listens: no browser looks.
const (
	rpID     = "bank.example"
	rpOrigin = "https://login.bank.example"
)

// A relyingParty takes passkeys, by a library that nobody here wrote. It speaks
// JSON:
//
//	POST /webauthn/register/begin   {"username"}               the options, and a session
//	POST /webauthn/register/finish  {"session", "credential"}  201
//	POST /webauthn/login/begin      {"username"}               the options, and a session
//	POST /webauthn/login/finish     {"session", "credential"}  200 {"username"}
//
// The options are in publicKey, as the library has them. A login that begins
// without a user name is one with a passkey that says whose it is. A session is
// good once. Whatever is not accepted is a 401, also a counter that has not grown.
type relyingParty struct {
	url string
	web *webauthn.WebAuthn

	mu       sync.Mutex
	users    map[string]*customer
	sessions map[string]webauthn.SessionData
	counters map[string][]uint32 // of the logins of each user, in their order
}

// A customer is a user of the relying party.
type customer struct {
	id          []byte
	name        string
	credentials []webauthn.Credential
}

func (c *customer) WebAuthnID() []byte                         { return c.id }
func (c *customer) WebAuthnName() string                       { return c.name }
func (c *customer) WebAuthnDisplayName() string                { return c.name }
func (c *customer) WebAuthnCredentials() []webauthn.Credential { return c.credentials }

func newRelyingParty(t *testing.T) *relyingParty {
	t.Helper()
	web, err := webauthn.New(&webauthn.Config{RPID: rpID, RPDisplayName: "Bank", RPOrigins: []string{rpOrigin}})
	if err != nil {
		t.Fatal(err)
	}
	p := &relyingParty{web: web, users: map[string]*customer{}, sessions: map[string]webauthn.SessionData{}, counters: map[string][]uint32{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webauthn/register/begin", p.handle(t, p.beginRegistration))
	mux.HandleFunc("POST /webauthn/register/finish", p.handle(t, p.finishRegistration))
	mux.HandleFunc("POST /webauthn/login/begin", p.handle(t, p.beginLogin))
	mux.HandleFunc("POST /webauthn/login/finish", p.handle(t, p.finishLogin))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// An ask is the body of any request.
type ask struct {
	Username   string          `json:"username"`
	Session    string          `json:"session"`
	Credential json.RawMessage `json:"credential"`
}

// handle answers with what f returns, or with 401. The log of a failed test says
// why.
func (p *relyingParty) handle(t *testing.T, f func(ask) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		var a ask
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
		if err == nil {
			err = json.Unmarshal(body, &a)
		}
		var status int
		var answer any
		if err == nil {
			status, answer, err = f(a)
		}
		if err != nil {
			t.Logf("%s: %v", r.URL.Path, explain(err))
			status, answer = http.StatusUnauthorized, map[string]string{"error": "refused"}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// explain adds what the library keeps for developers.
func explain(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Details + ": " + e.DevInfo
	}
	return err.Error()
}

// keep makes a session of its data, and an answer of the options.
func (p *relyingParty) keep(options any, data *webauthn.SessionData) any {
	id := rand.Text()
	p.sessions[id] = *data
	return map[string]any{"session": id, "publicKey": options}
}

// take returns a session's data, once.
func (p *relyingParty) take(id string) (webauthn.SessionData, error) {
	data, ok := p.sessions[id]
	if !ok {
		return data, errors.New("no such session")
	}
	delete(p.sessions, id)
	return data, nil
}

func (p *relyingParty) beginRegistration(a ask) (int, any, error) {
	if a.Username == "" {
		return 0, nil, errors.New("no user name")
	}
	c := p.users[a.Username]
	if c == nil {
		c = &customer{id: []byte("handle of " + a.Username), name: a.Username}
		p.users[a.Username] = c
	}
	options, data, err := p.web.BeginRegistration(c, webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, p.keep(options.Response, data), nil
}

func (p *relyingParty) finishRegistration(a ask) (int, any, error) {
	data, err := p.take(a.Session)
	if err != nil {
		return 0, nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(a.Credential)
	if err != nil {
		return 0, nil, err
	}
	c, err := p.byHandle(data.UserID)
	if err != nil {
		return 0, nil, err
	}
	credential, err := p.web.CreateCredential(c, data, parsed)
	if err != nil {
		return 0, nil, err
	}
	c.credentials = append(c.credentials, *credential)
	return http.StatusCreated, map[string]string{"username": c.name}, nil
}

func (p *relyingParty) byHandle(handle []byte) (*customer, error) {
	for _, c := range p.users {
		if string(c.id) == string(handle) {
			return c, nil
		}
	}
	return nil, errors.New("no such user")
}

func (p *relyingParty) beginLogin(a ask) (int, any, error) {
	verify := webauthn.WithUserVerification(protocol.VerificationRequired)
	if a.Username == "" {
		options, data, err := p.web.BeginDiscoverableLogin(verify)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, p.keep(options.Response, data), nil
	}
	c := p.users[a.Username]
	if c == nil {
		return 0, nil, errors.New("no such user")
	}
	options, data, err := p.web.BeginLogin(c, verify)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, p.keep(options.Response, data), nil
}

func (p *relyingParty) finishLogin(a ask) (int, any, error) {
	data, err := p.take(a.Session)
	if err != nil {
		return 0, nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(a.Credential)
	if err != nil {
		return 0, nil, err
	}
	c, credential, err := p.validate(data, parsed)
	if err != nil {
		return 0, nil, err
	}
	if credential.Authenticator.CloneWarning {
		return 0, nil, errors.New("the counter has not grown")
	}
	p.counters[c.name] = append(p.counters[c.name], credential.Authenticator.SignCount)
	for i := range c.credentials {
		if string(c.credentials[i].ID) == string(credential.ID) {
			c.credentials[i] = *credential
		}
	}
	return http.StatusOK, map[string]string{"username": c.name}, nil
}

// passkeys are the ids of those of a user.
func (p *relyingParty) passkeys(name string) (ids [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.users[name].credentials {
		ids = append(ids, c.ID)
	}
	return ids
}

func (p *relyingParty) validate(data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (*customer, *webauthn.Credential, error) {
	if len(data.UserID) > 0 {
		c, err := p.byHandle(data.UserID)
		if err != nil {
			return nil, nil, err
		}
		credential, err := p.web.ValidateLogin(c, data, parsed)
		return c, credential, err
	}
	user, credential, err := p.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		return p.byHandle(handle)
	}, data, parsed)
	if err != nil {
		return nil, nil, err
	}
	return user.(*customer), credential, nil
}
