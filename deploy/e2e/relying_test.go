package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A relying party is a client of an OpenID Provider in plain net/http, to see
// what the provider does without the product's help. It has cookies and follows
// redirects of the provider alone.
type relying struct {
	t    *testing.T
	http *http.Client
	base string // of the provider, or its front
}

func newRelying(t *testing.T, base string, config *tls.Config) *relying {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &relying{t, &http.Client{Transport: transport, Jar: jar, CheckRedirect: stay, Timeout: 10 * time.Second}, base}
}

// An answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	text   string
	object map[string]any // nil where the text is no JSON object
}

// member returns a text of the object.
func (a answer) member(name string) string {
	text, _ := a.object[name].(string)
	return text
}

// send sends a request; headers are name and value in turn. A form of nil is no body.
func (r *relying) send(method, path string, form url.Values, headers ...string) answer {
	r.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = r.base + path
	}
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.object) // no object has no members
	return a
}

// want sends a request that has to be answered with a status.
func (r *relying) want(status int, method, path string, form url.Values, headers ...string) answer {
	r.t.Helper()
	a := r.send(method, path, form, headers...)
	if a.status != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s %s", method, path, a.status, status, a.header.Get("WWW-Authenticate"), a.text)
	}
	return a
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// fill posts a page's first form with its hidden fields and more.
func (r *relying) fill(page answer, more url.Values) answer {
	r.t.Helper()
	action := formAction.FindStringSubmatch(page.text)
	if page.status != 200 || action == nil {
		r.t.Fatalf("want a page with a form, got %d: %s", page.status, page.text)
	}
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(page.text, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	for name, values := range more {
		form[name] = values
	}
	return r.send("POST", html.UnescapeString(action[1]), form)
}

// visit goes on from an answer, logging in as a user and consenting where it is
// asked, until the provider redirects to somebody else, or has no more forms to
// fill in. It returns where to, or "".
func (r *relying) visit(a answer, user string) string {
	r.t.Helper()
	own, err := url.Parse(r.base)
	if err != nil {
		r.t.Fatal(err)
	}
	at := own
	for range 20 {
		if a.status/100 == 3 {
			to, err := at.Parse(a.header.Get("Location"))
			if err != nil {
				r.t.Fatal(err)
			}
			if to.Host != own.Host || to.Scheme != own.Scheme {
				return to.String()
			}
			at, a = to, r.send("GET", to.String(), nil)
			continue
		}
		if formAction.FindStringIndex(a.text) == nil {
			if a.status != 200 {
				r.t.Fatalf("the way ends with %d: %s", a.status, a.text)
			}
			return ""
		}
		a = r.fill(a, url.Values{"login": {user}, "password": {"any"}})
	}
	r.t.Fatal("20 pages and redirects, and no end of it")
	return ""
}

// authorize asks for authorization and returns what comes back to the client.
func (r *relying) authorize(user string, query url.Values) url.Values {
	r.t.Helper()
	back, err := url.Parse(r.visit(r.send("GET", "/auth?"+query.Encode(), nil), user))
	if err != nil {
		r.t.Fatal(err)
	}
	if back.Query().Get("error") != "" || len(back.Query()) == 0 {
		r.t.Fatalf("authorization came back as %s", back)
	}
	return back.Query()
}

// with returns values and more of them, name and value in turn.
func with(values url.Values, more ...string) url.Values {
	all := url.Values{}
	for name, v := range values {
		all[name] = v
	}
	for i := 0; i < len(more); i += 2 {
		all.Set(more[i], more[i+1])
	}
	return all
}

// pkce returns a verifier with its challenge (RFC 7636 section 4).
func pkce() (verifier string, challenge url.Values) {
	verifier = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	return verifier, url.Values{"code_challenge": {b64(sum[:])}, "code_challenge_method": {"S256"}}
}

func b64(p []byte) string { return base64.RawURLEncoding.EncodeToString(p) }

// basicAuth is the header of RFC 6749 section 2.3.1, which encodes both halves.
func basicAuth(client, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(client)+":"+url.QueryEscape(secret)))
}

// privateKey reads one of a provider's key files.
func (p *provider) privateKey(t *testing.T, name string) crypto.Signer {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is no PEM", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

// signJWT makes a JWT, ES256 or PS256 by the key's type (RFC 7515, RFC 7518).
func signJWT(t *testing.T, key crypto.Signer, header, claims map[string]any) string {
	t.Helper()
	header["alg"] = "PS256"
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		header["alg"] = "ES256"
	}
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := b64(h) + "." + b64(c)
	sum := sha256.Sum256([]byte(signed))
	var signature []byte
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case *rsa.PrivateKey:
		signature, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		if err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("no algorithm for %T", key)
	}
	return signed + "." + b64(signature)
}

// claimsOf reads a JWT without verifying it.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts, want a JWT of 3", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// assertion is what private_key_jwt sends (RFC 7523 section 2.2).
func (p *provider) assertion(t *testing.T, client, key string) []string {
	t.Helper()
	now := time.Now().Unix()
	token := signJWT(t, p.privateKey(t, key+".pem"), map[string]any{"kid": p.KeyIDs[key]}, map[string]any{
		"iss": client, "sub": client, "aud": p.Issuer, "iat": now, "exp": now + 60, "jti": rand.Text(),
	})
	return []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", token}
}

// proof is a DPoP proof (RFC 9449 section 4.2); token and nonce may be "".
func proof(t *testing.T, key *ecdsa.PrivateKey, method, address, token, nonce string) string {
	t.Helper()
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = b64(sum[:])
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	jwk := map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	return signJWT(t, key, map[string]any{"typ": "dpop+jwt", "jwk": jwk}, claims)
}

// challenged fails the test unless an answer is a 401 whose WWW-Authenticate has
// all of these in it.
func challenged(t *testing.T, a answer, parts ...string) {
	t.Helper()
	header := strings.Join(a.header["Www-Authenticate"], ", ")
	for _, part := range parts {
		if a.status != 401 || !strings.Contains(header, part) {
			t.Fatalf("status %d, WWW-Authenticate %q; want 401 and %s", a.status, header, part)
		}
	}
}
