package checks

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/pkce"
)

// What the client of the tests' flows is known by.
const (
	appID     = "app"
	appSecret = "Sentinel-Client-Secret-of-some-length"
	forPeople = "SentinelDescription" // what servers say about an error, which nobody is to see
)

// testKeys are private keys by algorithm: those of the server, and of the client.
var testKeys = sync.OnceValue(func() map[string]string {
	keys := map[string]string{}
	for _, name := range []string{"server ES256", "server PS256", "client ES256", "client PS256", "other ES256"} {
		key, err := jose.GenerateKey(name[len(name)-5:])
		if err != nil {
			panic(err)
		}
		keys[name] = key
	}
	return keys
})

// An authServer is an authorization server that is strict with its clients, and
// itself wrong in one thing at most.
type authServer struct {
	t      testing.TB
	issuer string
	fault  string // what is wrong, "" for nothing
	alg    string // of the tokens' signatures
	page   bool   // the user has to log in on a page
	nonces bool   // DPoP proofs need a nonce

	mu      sync.Mutex
	secrets []string // all that was sent or handed out and is to be seen nowhere
	codes   map[string]url.Values
	pushed  map[string]url.Values
	tokens  map[string]string // live ones, by what they are: access or refresh
	seen    map[string]bool   // ids of assertions and proofs
	nonce   string
	polls   int
	polled  []time.Time
	lines   []string // requests
}

func newAuthServer(t testing.TB, issuer string) *authServer {
	return &authServer{
		t: t, issuer: issuer, alg: "ES256", codes: map[string]url.Values{}, pushed: map[string]url.Values{},
		tokens: map[string]string{}, seen: map[string]bool{},
	}
}

// serveAuth serves it on loopback until the test ends.
func serveAuth(t testing.TB, fault string) *authServer {
	a := newAuthServer(t, "")
	a.fault = fault
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.issuer = server.URL
	return a
}

// secretly makes a text that must not be seen.
func (a *authServer) secretly(what string) string {
	text := "Sentinel-" + what + "-" + randomHex(8)
	a.secrets = append(a.secrets, text)
	return text
}

// ServeHTTP implements http.Handler. One request is served at a time.
func (a *authServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, r.Method+" "+r.URL.Path)
	serve := map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": a.metadata, "/.well-known/oauth-authorization-server": a.metadata,
		"/jwks": a.jwks, "/authorize": a.authorize, "/login": a.login, "/par": a.par, "/token": a.token, "/mtls/token": a.token, "/userinfo": a.userinfo,
		"/introspect": a.introspect, "/revoke": a.revoke, "/device": a.device, "/ciba": a.ciba,
	}[r.URL.Path]
	if serve == nil {
		http.NotFound(w, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", 400)
		return
	}
	for _, name := range []string{"state", "nonce", "code", "code_verifier", "client_secret", "client_assertion", "request", "request_uri", "refresh_token", "token"} {
		if text := r.Form.Get(name); len(text) > 8 {
			a.secrets = append(a.secrets, text)
		}
	}
	if !a.general(w, strings.TrimPrefix(r.URL.Path, "/")) {
		serve(w, r)
	}
}

// general are the faults that any endpoint can have, as "PATH FAULT".
func (a *authServer) general(w http.ResponseWriter, path string) (done bool) {
	fault, ok := strings.CutPrefix(a.fault, path+" ")
	if !ok {
		return false
	}
	switch fault {
	case "html":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>"+forPeople)
	case "bad gateway":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(502)
		_, _ = io.WriteString(w, "<p>"+forPeople)
	case "no object":
		answerJSON(w, 200, []string{forPeople})
	case "rate limit":
		refuse(w, 429, "slow_down")
	case "503":
		refuse(w, 503, "temporarily_unavailable")
	case "403":
		w.WriteHeader(403)
	case "invalid_grant", "invalid_client":
		refuse(w, 400, fault)
	case "unknown error":
		refuse(w, 400, "Sentinel-Error-Code")
	case "error in 200":
		refuse(w, 200, "invalid_grant")
	case "challenge":
		w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token", error_description="Sentinel-Error-Code"`)
		w.WriteHeader(401)
	case "into another app":
		w.Header().Set("Location", "com.example.other:/cb?code=Sentinel-Error-Code")
		w.WriteHeader(302)
	case "huge":
		_, _ = io.WriteString(w, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)
	case "loop":
		w.Header().Set("Location", "/"+path)
		w.WriteHeader(302)
	case "closes":
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code string) {
	answerJSON(w, status, map[string]string{"error": code, "error_description": forPeople, "error_uri": "https://" + forPeople})
}

// on reports whether this is what is wrong.
func (a *authServer) on(fault string) bool { return a.fault == fault }

func (a *authServer) metadata(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": a.issuer, "authorization_response_iss_parameter_supported": true,
		"mtls_endpoint_aliases": map[string]string{"token_endpoint": a.issuer + "/mtls/token"},
	}
	for _, name := range endpointNames {
		path, _ := strings.CutSuffix(name, "_endpoint")
		doc[name] = a.issuer + "/" + map[string]string{
			"authorization": "authorize", "backchannel_authentication": "ciba", "device_authorization": "device",
			"introspection": "introspect", "jwks_uri": "jwks", "pushed_authorization_request": "par", "revocation": "revoke",
			"token": "token", "userinfo": "userinfo",
		}[path]
	}
	switch a.fault {
	case "other issuer":
		doc["issuer"] = a.issuer + "/"
	case "no issuer":
		delete(doc, "issuer")
	case "no token_endpoint":
		delete(doc, "token_endpoint")
	case "token_endpoint is a number":
		doc["token_endpoint"] = 7
	case "token_endpoint is no URL":
		doc["token_endpoint"] = "javascript:" + forPeople
	case "no jwks_uri":
		delete(doc, "jwks_uri")
	}
	answerJSON(w, 200, doc)
}

func (a *authServer) signer(name string) *jose.Signer {
	signer, err := jose.NewSigner(testKeys()[name], name[len(name)-5:])
	if err != nil {
		a.t.Error(err)
	}
	return signer.WithKeyID(name)
}

func publicJWK(t testing.TB, signer *jose.Signer, kid string) map[string]any {
	public, err := signer.PublicKey()
	if err != nil {
		t.Error(err)
	}
	jwk, err := jose.PublicJWK(public)
	if err != nil {
		t.Error(err)
	}
	jwk["kid"] = kid
	return jwk
}

func (a *authServer) jwks(w http.ResponseWriter, _ *http.Request) {
	var keys []any
	for _, name := range []string{"server ES256", "server PS256"} {
		keys = append(keys, publicJWK(a.t, a.signer(name), name))
	}
	switch a.fault {
	case "private key":
		keys[1].(map[string]any)["d"] = forPeople
	case "no key":
		keys = []any{}
	case "other keys":
		keys = []any{publicJWK(a.t, a.signer("other ES256"), "other")}
	case "no list of keys":
		answerJSON(w, 200, map[string]any{"keys": forPeople})
		return
	}
	answerJSON(w, 200, map[string]any{"keys": keys})
}

// clientKeys are the client's public keys.
func (a *authServer) clientKeys() *jose.KeySet {
	var keys []any
	for _, name := range []string{"client ES256", "client PS256"} {
		keys = append(keys, publicJWK(a.t, a.signer(name), name))
	}
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		a.t.Error(err)
	}
	set, err := jose.ParseKeySet(text)
	if err != nil {
		a.t.Error(err)
	}
	return set
}

// fresh reports whether an id of a JWT comes for the first time.
func (a *authServer) fresh(id any) bool {
	text, ok := id.(string)
	again := a.seen[text]
	a.seen[text] = true
	return ok && text != "" && !again
}

// authenticated verifies how a client says who it is, and answers where it does not.
func (a *authServer) authenticated(w http.ResponseWriter, r *http.Request) bool {
	form, wrong := r.PostForm, ""
	switch id, secret, basic := r.BasicAuth(); {
	case r.Header.Get("Cookie") != "":
		wrong = "a cookie of the browser"
	case basic:
		id, _ = url.QueryUnescape(id)
		if secret, _ = url.QueryUnescape(secret); id != appID || secret != appSecret {
			wrong = "basic"
		}
	case form.Get("client_id") != appID:
		wrong = "client_id"
	case form.Has("client_secret") && form.Get("client_secret") != appSecret:
		wrong = "client_secret"
	case form.Has("client_assertion"):
		claims, err := jose.Verify(form.Get("client_assertion"), a.clientKeys(), jose.Expect{Subject: appID, Trust: jose.Trust{
			Issuer: appID, Audience: a.issuer, Algorithms: []string{"ES256", "PS256", "HS256"}, Secret: appSecret, Now: time.Now(),
		}})
		if err != nil || !a.fresh(claims["jti"]) || form.Get("client_assertion_type") != jose.AssertionType {
			wrong = fmt.Sprintf("client_assertion: %v", err)
		}
	}
	if wrong != "" {
		a.t.Errorf("%s: the client is not authenticated: %s", r.URL.Path, wrong)
		refuse(w, 401, "invalid_client")
	}
	return wrong == ""
}

// opened are the parameters of an authorization request, out of its request object
// where it has one.
func (a *authServer) opened(form url.Values) url.Values {
	if !form.Has("request") {
		return form
	}
	said, err := jose.VerifyResponse(form.Get("request"), a.clientKeys(), jose.Trust{Issuer: appID, Audience: a.issuer, Now: time.Now()})
	if err != nil {
		a.t.Errorf("the request object: %v", err)
	}
	params := url.Values{}
	for name, text := range said {
		params.Set(name, text)
	}
	claims, _ := jose.Claims(form.Get("request"))
	if age := claims["max_age"]; !a.fresh(claims["jti"]) || params.Has("max_age") && age != 300 {
		a.t.Errorf("the request object has a max_age of type %T, or came before", age)
	}
	return params
}

func (a *authServer) par(w http.ResponseWriter, r *http.Request) {
	if !a.authenticated(w, r) || !a.proven(w, r, "") {
		return
	}
	for name := range r.PostForm {
		if allowed := []string{"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"}; r.PostForm.Has("request") && !slices.Contains(allowed, name) {
			a.t.Errorf("%s stands beside the request object, RFC 9126 section 3", name)
		}
	}
	uri := "urn:ietf:params:oauth:request_uri:" + a.secretly("uri")
	a.pushed[uri] = a.opened(r.PostForm)
	answer, status := map[string]any{"request_uri": uri, "expires_in": 60}, 201
	switch a.fault {
	case "par 200":
		status = 200
	case "no request_uri":
		delete(answer, "request_uri")
	case "par never expires":
		answer["expires_in"] = 0
	}
	answerJSON(w, status, answer)
}

func (a *authServer) authorize(w http.ResponseWriter, r *http.Request) {
	params := r.Form
	if uri := params.Get("request_uri"); uri != "" {
		params = a.pushed[uri]
		delete(a.pushed, uri)
	} else {
		params = a.opened(params)
	}
	if params.Get("client_id") != appID || params.Get("code_challenge_method") != "S256" || params.Get("redirect_uri") == "" {
		refuse(w, 400, "invalid_request")
		return
	}
	if a.page {
		session := a.secretly("session")
		a.pushed[session] = params
		http.SetCookie(w, &http.Cookie{Name: "session", Value: session, Path: "/"})
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<form method="post" action="/login"><input name="user"><button>Log in</button></form>`)
		return
	}
	a.respond(w, params)
}

func (a *authServer) login(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie("session")
	if err != nil || a.pushed[cookie.Value] == nil || r.PostForm.Get("user") != "probe" {
		refuse(w, 403, "access_denied")
		return
	}
	a.respond(w, a.pushed[cookie.Value])
}

// respond is the authorization response, by the response mode that was asked for.
func (a *authServer) respond(w http.ResponseWriter, asked url.Values) {
	code := a.secretly("code")
	a.codes[code] = asked
	params := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {a.issuer}}
	mode := asked.Get("response_mode")
	if strings.Contains(asked.Get("response_type"), "id_token") {
		params.Del("iss") // RFC 9207 section 4
		params.Set("id_token", a.idToken(asked, map[string]any{"c_hash": jose.LeftHash(a.alg, code), "s_hash": jose.LeftHash(a.alg, asked.Get("state"))}))
		if mode == "" || mode == "jwt" {
			mode = strings.TrimSuffix("fragment."+mode, ".")
		}
	}
	switch a.fault {
	case "access_denied":
		params = url.Values{"error": {"access_denied"}, "error_description": {forPeople}, "state": {asked.Get("state")}, "iss": {a.issuer}}
	case "unknown error in the callback":
		params = url.Values{"error": {forPeople}, "state": {asked.Get("state")}, "iss": {a.issuer}}
	case "no state":
		params.Del("state")
	case "other state":
		params.Set("state", a.secretly("state"))
	case "no iss":
		params.Del("iss")
	case "other iss":
		params.Set("iss", "https://evil.example")
	case "no code":
		params.Del("code")
	case "two codes":
		params.Add("code", a.secretly("code"))
	case "no id_token in front":
		params.Del("id_token")
		params.Set("iss", a.issuer)
	}
	a.back(w, asked.Get("redirect_uri"), mode, params)
}

// back sends the user back to the app.
func (a *authServer) back(w http.ResponseWriter, to, mode string, params url.Values) {
	base, jwt := strings.CutSuffix(mode, "jwt")
	if jwt && !a.on("no response") {
		params = url.Values{"response": {a.jarm(params)}}
	}
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	switch a.fault {
	case "redirect elsewhere":
		to = "https://evil.example/cb"
	case "own parameters lost":
		to, sep = strings.Split(to, "?")[0], "?"
	case "no Location":
		w.WriteHeader(302)
		return
	}
	switch strings.TrimSuffix(base, ".") {
	case "fragment":
		sep = "#"
	case "form_post":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<body onload="document.forms[0].submit()"><form method="post" action="%s">`, html.EscapeString(to))
		for name := range params {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(params.Get(name)))
		}
		_, _ = io.WriteString(w, "</form>")
		return
	}
	w.Header().Set("Location", to+sep+params.Encode())
	w.WriteHeader(302)
}

func (a *authServer) jarm(params url.Values) string {
	claims := map[string]any{"iss": a.issuer, "aud": appID, "exp": time.Now().Add(time.Minute).Unix()}
	for name := range params {
		claims[name] = params.Get(name)
	}
	signer := a.signer("server " + a.alg)
	switch a.fault {
	case "jarm by another key":
		signer = a.signer("other ES256").WithKeyID("server ES256")
	case "jarm expired":
		claims["exp"] = time.Now().Add(-time.Hour).Unix()
	case "jarm for another":
		claims["aud"] = "other"
	}
	token, err := signer.Sign(claims, nil)
	if err != nil {
		a.t.Error(err)
	}
	a.secrets = append(a.secrets, token)
	return token
}

// right reports whether the verifier is that of the code's challenge.
func right(code url.Values, verifier string) bool {
	challenge, err := pkce.Challenge(verifier)
	return err == nil && challenge == code.Get("code_challenge")
}
