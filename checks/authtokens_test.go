package checks

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/checks/internal/jose"
)

// idToken makes an ID token for an authorization.
func (a *authServer) idToken(asked url.Values, further map[string]any) string {
	now := time.Now()
	claims := map[string]any{
		"iss": a.issuer, "sub": "customer-1", "aud": appID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"auth_time": now.Unix(), "acr": "gold",
	}
	if nonce := asked.Get("nonce"); nonce != "" {
		claims["nonce"] = nonce
	}
	maps.Copy(claims, further)
	signer, header := a.signer("server "+a.alg), map[string]any{}
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	switch a.fault {
	case "other iss in the token":
		claims["iss"] = "https://evil.example"
	case "other aud":
		claims["aud"] = "other"
	case "several aud":
		claims["aud"] = []string{appID, "other"}
	case "other azp":
		claims["aud"], claims["azp"] = []string{appID, "other"}, "other"
	case "other nonce":
		claims["nonce"] = a.secretly("nonce")
	case "no nonce":
		delete(claims, "nonce")
	case "other at_hash":
		claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA"
	case "other c_hash":
		claims["c_hash"] = "AAAAAAAAAAAAAAAAAAAAAA"
	case "no sub":
		delete(claims, "sub")
	case "expired":
		claims["exp"] = at(-2 * time.Minute)
	case "clock behind":
		claims["iat"], claims["exp"] = at(-90*time.Second), at(210*time.Second)
	case "clock ahead":
		claims["iat"], claims["exp"] = at(90*time.Second), at(390*time.Second)
	case "clock of 50 s":
		claims["iat"], claims["exp"] = at(50*time.Second), at(350*time.Second)
	case "not valid yet":
		claims["nbf"] = at(time.Hour)
	case "other acr":
		claims["acr"] = "bronze"
	case "old auth_time":
		claims["auth_time"] = at(-2 * time.Hour)
	case "unknown kid":
		header["kid"] = "Sentinel-Kid"
	case "other key":
		signer = a.signer("other ES256").WithKeyID("server ES256")
	case "alg none":
		return a.keep(unsigned(a.t.Errorf, map[string]any{"alg": "none"}, claims))
	case "alg HS256":
		signer = a.confused()
	case "huge token":
		claims["x"] = strings.Repeat("x", 100<<10)
	}
	token, err := signer.Sign(claims, header)
	if err != nil {
		a.t.Error(err)
	}
	if a.on("no token") {
		token = "Sentinel"
	}
	return a.keep(token)
}

// confused is a signer that takes the server's public key for a shared secret.
func (a *authServer) confused() *jose.Signer {
	public, err := a.signer("server ES256").PublicKey()
	if err != nil {
		a.t.Error(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		a.t.Error(err)
	}
	signer, err := jose.NewSigner(jose.PublicPEM(spki), "HS256")
	if err != nil {
		a.t.Error(err)
	}
	return signer.WithKeyID("server ES256")
}

func (a *authServer) keep(secret string) string {
	a.secrets = append(a.secrets, secret)
	return secret
}

func unsigned(errorf func(string, ...any), header, claims map[string]any) string {
	var parts [2]string
	for i, m := range []map[string]any{header, claims} {
		text, err := json.Marshal(m)
		if err != nil {
			errorf("%v", err)
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(text)
	}
	return parts[0] + "." + parts[1] + "."
}

// token is the token endpoint.
func (a *authServer) token(w http.ResponseWriter, r *http.Request) {
	if !a.authenticated(w, r) || !a.proven(w, r, "") {
		return
	}
	asked, form := url.Values{}, r.PostForm
	switch form.Get("grant_type") {
	case "authorization_code":
		code := a.codes[form.Get("code")]
		delete(a.codes, form.Get("code"))
		if code == nil || !right(code, form.Get("code_verifier")) || form.Get("redirect_uri") != code.Get("redirect_uri") {
			refuse(w, 400, "invalid_grant")
			return
		}
		asked = code
	case "refresh_token":
		if a.tokens[form.Get("refresh_token")] != "refresh" {
			refuse(w, 400, "invalid_grant")
			return
		}
		delete(a.tokens, form.Get("refresh_token"))
		asked = url.Values{"scope": {"openid"}}
	case "client_credentials":
		asked.Set("scope", strings.ReplaceAll(form.Get("scope"), "openid", ""))
	case "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba":
		if a.pending(w, form.Get("device_code")+form.Get("auth_req_id")) {
			return
		}
		asked.Set("scope", "openid")
	default:
		refuse(w, 400, "unsupported_grant_type")
		return
	}
	a.handOut(w, r, asked)
}

// pending answers that the user has not decided: for two polls.
func (a *authServer) pending(w http.ResponseWriter, id string) bool {
	a.polled = append(a.polled, time.Now())
	a.polls++
	code := "authorization_pending"
	switch {
	case a.tokens[id] != "login":
		code = "invalid_grant"
	case a.on("slow_down") && a.polls == 1:
		code = "slow_down"
	case a.on("expired_token") && a.polls == 2:
		code = "expired_token"
	case a.on("denied") && a.polls == 2:
		code = "access_denied"
	case a.polls > 2 && !a.on("always pending"):
		return false
	}
	refuse(w, 400, code)
	return true
}

// handOut answers with tokens.
func (a *authServer) handOut(w http.ResponseWriter, r *http.Request, asked url.Values) {
	access, refresh := a.secretly("access"), a.secretly("refresh")
	a.tokens[access], a.tokens[refresh] = "access", "refresh"
	answer := map[string]any{"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 300}
	if r.Header.Get("DPoP") != "" {
		answer["token_type"], a.tokens[access] = "DPoP", "bound"
	}
	if wantsIDToken(asked.Get("scope")) {
		answer["id_token"] = a.idToken(asked, map[string]any{"at_hash": jose.LeftHash(a.alg, access)})
	}
	switch a.fault {
	case "no access_token":
		delete(answer, "access_token")
	case "access_token is a number":
		answer["access_token"] = 7
	case "access_token with a line end":
		answer["access_token"] = access + "\r\nX-Injected: 1"
	case "no token_type":
		delete(answer, "token_type")
	case "token_type Bearer":
		answer["token_type"] = "Bearer"
	case "token_type mac":
		answer["token_type"] = "mac"
	case "expires_in text":
		answer["expires_in"] = "300"
	case "expires_in 0":
		answer["expires_in"] = 0
	case "no id_token":
		delete(answer, "id_token")
	}
	answerJSON(w, 200, answer)
}

// proven verifies the DPoP proof of a request, where it has one, and answers where
// it is not good or lacks the nonce.
func (a *authServer) proven(w http.ResponseWriter, r *http.Request, token string) bool {
	text := r.Header.Get("DPoP")
	if text == "" {
		return true
	}
	a.secrets = append(a.secrets, text)
	proof, err := gojose.ParseSignedCompact(text, []gojose.SignatureAlgorithm{gojose.ES256, gojose.PS256})
	if err != nil {
		a.t.Errorf("the proof: %v", err)
		return false
	}
	payload, err := proof.Verify(proof.Signatures[0].Protected.JSONWebKey)
	if err != nil {
		a.t.Errorf("the proof: %v", err)
	}
	var claims struct {
		HTM, HTU, JTI, Nonce, ATH string
		IAT                       int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		a.t.Error(err)
	}
	wrong := claims.HTM != r.Method || claims.HTU != a.issuer+r.URL.Path || !a.fresh(claims.JTI) || time.Since(time.Unix(claims.IAT, 0)).Abs() > time.Minute
	if wrong || token != "" && claims.ATH != dpop.TokenHash(token) {
		a.t.Logf("%s: the proof is of something else: %s", r.URL.Path, payload)
		refuse(w, map[bool]int{true: 401, false: 400}[token != ""], "invalid_dpop_proof")
		return false
	}
	return !a.nonces || a.nonceGood(w, claims.Nonce, token != "")
}

// nonceGood asks for a nonce. One is good for a request.
func (a *authServer) nonceGood(w http.ResponseWriter, got string, resource bool) bool {
	good := got != "" && got == a.nonce && !a.on("nonce loop")
	a.nonce = a.secretly("nonce")
	if !a.on("no nonce given") {
		w.Header().Set("DPoP-Nonce", a.nonce)
	}
	if !good && resource {
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce", error_description="`+forPeople+`"`)
		w.WriteHeader(401)
	} else if !good {
		refuse(w, 400, "use_dpop_nonce")
	}
	return good
}

func (a *authServer) userinfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	bound := a.tokens[token] == "bound"
	if !bound && a.tokens[token] != "access" || bound != (scheme == "DPoP") || bound != (r.Header.Get("DPoP") != "") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+forPeople+`"`)
		w.WriteHeader(401)
		return
	}
	if !a.proven(w, r, token) {
		return
	}
	answer := map[string]any{"sub": "customer-1"}
	switch a.fault {
	case "userinfo of another":
		answer["sub"] = "Sentinel-Customer"
	case "userinfo of nobody":
		delete(answer, "sub")
	}
	answerJSON(w, 200, answer)
}

func (a *authServer) introspect(w http.ResponseWriter, r *http.Request) {
	if !a.authenticated(w, r) || !a.proven(w, r, "") {
		return
	}
	answer := map[string]any{"active": a.tokens[r.PostForm.Get("token")] != ""}
	switch a.fault {
	case "always inactive":
		answer["active"] = false
	case "always active":
		answer["active"] = true
	case "active is text":
		answer["active"] = "true"
	}
	answerJSON(w, 200, answer)
}

func (a *authServer) revoke(w http.ResponseWriter, r *http.Request) {
	if a.authenticated(w, r) && a.proven(w, r, "") {
		delete(a.tokens, r.PostForm.Get("token"))
	}
}

// device and ciba begin a login elsewhere.
func (a *authServer) device(w http.ResponseWriter, r *http.Request) {
	if !a.authenticated(w, r) || !a.proven(w, r, "") {
		return
	}
	id := a.secretly("device")
	a.tokens[id] = "login"
	answer := map[string]any{
		"device_code": id, "user_code": a.secretly("user"), "verification_uri": a.issuer + "/device", "expires_in": 600, "interval": 0,
	}
	a.decouple(w, answer, "device_code")
}

func (a *authServer) ciba(w http.ResponseWriter, r *http.Request) {
	if !a.authenticated(w, r) || !a.proven(w, r, "") {
		return
	}
	if r.PostForm.Get("login_hint") != "probe" {
		refuse(w, 400, "unknown_user_id")
		return
	}
	id := a.secretly("request")
	a.tokens[id] = "login"
	a.decouple(w, map[string]any{"auth_req_id": id, "expires_in": 600, "interval": 0}, "auth_req_id")
}

func (a *authServer) decouple(w http.ResponseWriter, answer map[string]any, id string) {
	switch a.fault {
	case "interval of 7 s":
		answer["interval"] = 7
	case "no interval", "slow_down":
		delete(answer, "interval")
	case "interval is text":
		answer["interval"] = "5"
	case "no id":
		delete(answer, id)
	case "never expires":
		delete(answer, "expires_in")
	}
	answerJSON(w, 200, answer)
}
