package recording_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/pkce"
	"github.com/authprober/authprober/checks/recording"
	"github.com/authprober/authprober/prober"
)

const secretOfTOTP = "JBSWY3DPEHPK3PXP"

// An oauthBank is the server that testdata/oauth.har was recorded at, with other
// values: it holds a client to every one that has to travel.
type oauthBank struct {
	t               *testing.T
	challenge       string
	state           string
	broken          string // what goes wrong
	forms, payments int
}

// want reports whether a request has what it must have.
func (b *oauthBank) want(w http.ResponseWriter, what, got, want string) bool {
	if got == want {
		return true
	}
	b.t.Errorf("%s is %q, want %q", what, got, want)
	w.WriteHeader(http.StatusBadRequest)
	return false
}

func (b *oauthBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/v2/") {
		b.want(w, "the Authorization of "+r.URL.Path, r.Header.Get("Authorization"), "Bearer access-of-today")
	}
	if strings.HasPrefix(r.URL.Path, "/v2/accounts") {
		b.want(w, "the API key", r.Header.Get("X-Api-Key"), "key-1")
	}
	switch r.URL.Path {
	case "/oauth2/authorize":
		b.challenge, b.state = r.URL.Query().Get("code_challenge"), r.URL.Query().Get("state")
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "session-of-today", Path: "/"})
		w.Header().Set("Location", "/login?flow=flow+of%2Ftoday")
		w.WriteHeader(http.StatusFound)
	case "/login":
		b.login(w, r)
	case "/oauth2/token":
		b.token(w, r)
	case "/v2/stepup":
		fmt.Fprint(w, `{"challenge": {"id": 9007199254740993}}`)
	case "/v2/stepup/verify":
		b.verify(w, r)
	case "/v2/accounts":
		fmt.Fprint(w, `{"accounts": [{"id": "acc/of today", "iban": "DE02120300000000202051"}]}`)
	case "/v2/accounts/acc/of today/transactions":
		b.want(w, "the path", r.URL.EscapedPath(), "/v2/accounts/acc%2Fof%20today/transactions")
		b.want(w, "the query", r.URL.RawQuery, "limit=20&limit=30&after=2026-01-01")
	case "/v2/payments":
		b.pay(w, r)
	case "/v2/logout":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (b *oauthBank) login(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie("sid")
	if err != nil {
		b.t.Error("the login has no cookie")
		return
	}
	if !b.want(w, "the cookie", cookie.Value, "session-of-today") {
		return
	}
	if r.Method == "GET" {
		if b.want(w, "flow", r.FormValue("flow"), "flow of/today") && b.broken != "page" {
			fmt.Fprint(w, `<form><input type="hidden" name="_csrf" value="csrf of today"></form>`)
		}
		return
	}
	b.forms++
	for name, want := range map[string]string{"_csrf": "csrf of today", "flow": "flow of/today", "username": "dave", "password": `pa"ss&word`} {
		if !b.want(w, name, r.PostFormValue(name), want) {
			return
		}
	}
	state := b.state
	if b.broken == "state" {
		state = "state-of-somebody-else"
	}
	w.Header().Set("Location", "https://app.bank.example/callback?"+url.Values{"code": {"code/of+today"}, "state": {state}}.Encode())
	w.WriteHeader(http.StatusFound)
}

func (b *oauthBank) token(w http.ResponseWriter, r *http.Request) {
	client, secret, _ := r.BasicAuth()
	challenge, err := pkce.Challenge(r.PostFormValue("code_verifier"))
	if err != nil {
		b.t.Errorf("the verifier: %v", err)
	}
	if b.want(w, "the challenge", challenge, b.challenge) && b.want(w, "the code", r.PostFormValue("code"), "code/of+today") &&
		b.want(w, "the client", client+":"+secret, "app:app-secret") {
		fmt.Fprint(w, `{"access_token": "access-of-today", "refresh_token": "refresh-of-today"}`)
	}
}

func (b *oauthBank) verify(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Challenge json.Number `json:"challengeId"`
		OTP       string
		PIN       int
		Device    struct{ DeviceID, Model string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		b.t.Errorf("verify: %v", err)
	}
	b.want(w, "the challenge", in.Challenge.String(), "9007199254740993")
	b.want(w, "the rest", fmt.Sprint(len(in.OTP), in.PIN, in.Device), "6 2580 {device-1 Pixel 9}")
}

func (b *oauthBank) pay(w http.ResponseWriter, r *http.Request) {
	b.payments++
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		b.t.Errorf("payment: %v", err)
	}
	b.want(w, "note", fmt.Sprint(in["note"]), `${{ literal }} "quoted": #x`)
	b.want(w, "the rest", fmt.Sprintf("%v %v %v %v %v %v", in["from"], in["toIban"], in["amount"], in["when"], in["tags"], in["odd"]),
		"acc/of today DE02120300000000202051 12.50 <nil> [] odd-1")
	w.WriteHeader(http.StatusForbidden) // as it was recorded
}

// A draft of a login by OAuth with PKCE, a form and a step-up passes at a server
// whose every value is another, and fails where one is missing or wrong.
func TestOAuthDraftRuns(t *testing.T) {
	for broken, want := range map[string]struct {
		outcome prober.Outcome
		step    string
	}{"": {prober.Passed, ""}, "page": {prober.Failed, "login"}, "state": {prober.Failed, "post login"}} {
		t.Run(broken, func(t *testing.T) {
			b := &oauthBank{t: t, broken: broken}
			server := httptest.NewServer(b)
			defer server.Close()
			draft := draftOf(t, "testdata/oauth.har", recording.Options{Name: "retail-login"})
			draft.Flow = bytes.ReplaceAll(draft.Flow, []byte("https://id.bank.example/"), []byte(server.URL+"/"))
			draft.Flow = replaceOnce(t, draft.Flow, "target: https://api.bank.example\n", "target: "+server.URL+"\n")
			c, err := load(t, draft, map[string]string{
				"RETAIL_LOGIN_1_USERNAME": "dave", "RETAIL_LOGIN_1_PASSWORD": `pa"ss&word`, "RETAIL_LOGIN_1_PIN": "2580", "RETAIL_LOGIN_1_DEVICE_ID": "device-1",
				"RETAIL_LOGIN_1_TOTP_SECRET": secretOfTOTP, "CLIENT_ID": "app", "CLIENT_SECRET": "app-secret", "API_KEY": "key-1", "ODD": "odd-1",
			})
			if err != nil {
				t.Fatal(err)
			}
			r := run(t, c, time.Now())
			if r.Outcome() != want.outcome {
				t.Errorf("got %s, want %s: %+v", r.Outcome(), want.outcome, r.Steps)
			}
			for _, st := range r.Steps {
				if failed := st.Reason != ""; failed != (st.Name == want.step) && (failed || want.step == "") {
					t.Errorf("step %q: %s %s", st.Name, st.Reason, st.Detail)
				}
			}
			if want.outcome == prober.Passed && (b.forms != 1 || b.payments != 1) {
				t.Errorf("%d logins and %d payments, want one of each", b.forms, b.payments)
			}
		})
	}
}
