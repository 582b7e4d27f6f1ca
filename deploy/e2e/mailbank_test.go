package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailText is in each mail of a mailBank, and has to be in no output.
const mailText = "Liebe Kundin, lieber Kunde: grüßt die Bank"

// A mailBank is a bank without passwords: it mails a link, which leads into the app
// with a code, which is exchanged for a token (RFC 6749 section 4.1.3, RFC 7636).
type mailBank struct {
	url     string // of the links in its mails; that of a front, once one is set
	inbox   string
	box     *dovecot
	sending sync.WaitGroup // mails that are on their way

	mu    sync.Mutex
	lose  func() bool   // whether this mail is never sent; nil is none
	delay time.Duration // until a mail is there; 0 is before the answer
	lost  int
	links map[string]mailLogin // by what is in the mail
	codes map[string]mailLogin
	live  map[string]bool // access tokens
	told  []string        // what is secret
	err   error           // of a mail that could not be delivered
}

// A mailLogin is what the app has sent along.
type mailLogin struct{ state, challenge string }

// newMailBank starts one for the length of the test. It delivers into one inbox.
func newMailBank(t *testing.T, box *dovecot, inbox string) *mailBank {
	b := &mailBank{inbox: inbox, box: box, links: map[string]mailLogin{}, codes: map[string]mailLogin{}, live: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/login/email", b.ask)
	mux.HandleFunc("GET /login/email/{link}", b.open)
	mux.HandleFunc("POST /v1/token", b.token)
	mux.HandleFunc("GET /v1/accounts", b.bearer(func(w http.ResponseWriter, _ string) { _, _ = w.Write([]byte(`{"accounts": [{"id": "acc_1"}]}`)) }))
	mux.HandleFunc("POST /v1/logout", b.bearer(func(w http.ResponseWriter, token string) {
		delete(b.live, token)
		w.WriteHeader(http.StatusNoContent)
	}))
	server := httptest.NewUnstartedServer(mux)
	b.url = "http://" + server.Listener.Addr().String()
	server.Start()
	t.Cleanup(func() {
		server.Close()
		b.sending.Wait()
		if b.err != nil {
			t.Errorf("delivering a mail: %v", b.err)
		}
	})
	return b
}

// secret makes one that the flow must not show. The caller holds mu.
func (b *mailBank) secret() string {
	b.told = append(b.told, rand.Text())
	return b.told[len(b.told)-1]
}

// ask answers whoever asks alike, and mails a link.
func (b *mailBank) ask(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email, State string
		Challenge    string `json:"code_challenge"`
		Method       string `json:"code_challenge_method"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.State == "" || in.Challenge == "" || in.Method != "S256" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	link := b.secret()
	b.links[link] = mailLogin{in.State, in.Challenge}
	b.told = append(b.told, in.State)
	switch mail := b.mail(in.Email, link); {
	case b.lose != nil && b.lose():
		b.lost++
	case b.delay == 0:
		b.err = errors.Join(b.err, b.box.put(b.inbox, mail))
	default:
		b.sending.Add(1)
		time.AfterFunc(b.delay, func() {
			defer b.sending.Done()
			err := b.box.put(b.inbox, mail)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.err = errors.Join(b.err, err)
		})
	}
	w.WriteHeader(http.StatusAccepted)
}

// mail is HTML in the encoding that mail programs choose for it, which breaks
// long lines, and so the link, in two.
func (b *mailBank) mail(to, link string) string {
	var body bytes.Buffer
	q := quotedprintable.NewWriter(&body)
	_, _ = fmt.Fprintf(q, "<html><body><p>%s</p><p><a style=\"color:#fff;background:#000\" href=\"%s/login/email/%s\">Log in</a></p></body></html>\n", mailText, b.url, link)
	_ = q.Close() // a buffer takes everything
	return "From: Bank <no-reply@bank.example>\nTo: " + to + "\nSubject: Log in to your bank\nMIME-Version: 1.0\n" +
		"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n" + body.String()
}

// open uses a link up and leads back into the app.
func (b *mailBank) open(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	login, ok := b.links[r.PathValue("link")]
	if !ok {
		w.WriteHeader(http.StatusGone)
		return
	}
	delete(b.links, r.PathValue("link"))
	code := b.secret()
	b.codes[code] = login
	w.Header().Set("Location", "com.example.bank:/login?"+url.Values{"code": {code}, "state": {login.state}}.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

func (b *mailBank) token(w http.ResponseWriter, r *http.Request) {
	verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	b.mu.Lock()
	defer b.mu.Unlock()
	login, ok := b.codes[r.FormValue("code")]
	delete(b.codes, r.FormValue("code"))
	if !ok || login.challenge != base64.RawURLEncoding.EncodeToString(verifier[:]) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	access := b.secret()
	b.live[access] = true
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300})
}

// bearer hands a request with a live token on; do holds mu.
func (b *mailBank) bearer(do func(w http.ResponseWriter, token string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.live[token] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		do(w, token)
	}
}

// set changes what becomes of the mails from now on.
func (b *mailBank) set(delay time.Duration, lose func() bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay, b.lose, b.lost = delay, lose, 0
}

// losses are how many mails were never sent, since set.
func (b *mailBank) losses() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

// silent fails the test where a mail, or what was secret in a run, is in the output.
func (b *mailBank) silent(t *testing.T, out string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.told) == 0 {
		t.Error("nothing was secret yet")
	}
	for _, secret := range append([]string{dovecotPassword, "-of-ours", "Liebe Kundin", "Log in to your bank"}, b.told...) {
		if strings.Contains(out, secret) {
			t.Fatalf("%q is in the output:\n%s", secret, out)
		}
	}
}
