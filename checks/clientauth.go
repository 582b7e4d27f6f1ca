package checks

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/strict"
)

// The methods of client authentication, by their names in the registry of RFC 7591.
const (
	authNone          = "none"
	authSecretBasic   = "client_secret_basic"
	authSecretPost    = "client_secret_post"
	authSecretJWT     = "client_secret_jwt"
	authPrivateKeyJWT = "private_key_jwt"
	authTLS           = "tls_client_auth"
	authSelfSignedTLS = "self_signed_tls_client_auth"
)

var authMethods = []string{authNone, authSecretBasic, authSecretPost, authSecretJWT, authPrivateKeyJWT, authTLS, authSelfSignedTLS}

// publicAlgorithms are those of signatures that a public key verifies.
var (
	publicAlgorithms  = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}
	privateAlgorithms = publicAlgorithms
)

// ClientAuth says how a client authenticates at the token endpoint and its like.
type ClientAuth struct {
	// Method is none, client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt (RFC 7523), tls_client_auth or self_signed_tls_client_auth (RFC 8705; the certificate is that of tls). The default is none.
	Method string `yaml:"method"`
	// Secret is the client secret, of the methods that have one.
	Secret Template `yaml:"secret"`
	// Key is the private key in PEM, of private_key_jwt.
	Key Template `yaml:"key"`
	// Algorithm is that of the assertion's signature: RS256, PS256, ES256, ES384 or EdDSA with a key; client_secret_jwt has HS256.
	Algorithm string `yaml:"algorithm"`
	// KeyID goes into the assertion's header as kid. The default is none.
	KeyID Template `yaml:"key_id"`
	// Audience is the assertion's aud. The default is the issuer, as FAPI 2.0 wants it.
	Audience Template `yaml:"audience"`
	// Lifetime is the time from the assertion's iat to its exp. The default is 1m.
	Lifetime Duration `yaml:"lifetime"`
}

func (a *ClientAuth) templates(f func(*Template)) {
	f(&a.Secret)
	f(&a.Key)
	f(&a.KeyID)
	f(&a.Audience)
}

// byTLS reports whether the client authenticates with its certificate.
func (a *ClientAuth) byTLS() bool { return a.Method == authTLS || a.Method == authSelfSignedTLS }

func (a *ClientAuth) vet(c *Client, s *Scope) {
	if a.Method == "" {
		a.Method = authNone
	}
	bad := func(key, format string, args ...any) {
		s.doc.Errorf(c.place("auth", key), "the client %s: %s", c.name, fmt.Sprintf(format, args...))
	}
	if !slices.Contains(authMethods, a.Method) {
		bad("method", "unknown auth method %q; want one of %s%s", a.Method, strings.Join(authMethods, ", "), strict.Nearest(a.Method, authMethods))
		return
	}
	secret := slices.Contains([]string{authSecretBasic, authSecretPost, authSecretJWT}, a.Method)
	switch key := a.Method == authPrivateKeyJWT; {
	case secret != a.Secret.isSet():
		bad("secret", "the auth method %s %s a secret", a.Method, map[bool]string{true: "needs", false: "has no use for"}[secret])
	case key != a.Key.isSet():
		bad("key", "the auth method %s %s a key", a.Method, map[bool]string{true: "needs", false: "has no use for"}[key])
	case key && !slices.Contains(privateAlgorithms, a.Algorithm):
		bad("algorithm", "private_key_jwt needs an algorithm, one of %s%s", strings.Join(privateAlgorithms, ", "), strict.Nearest(a.Algorithm, privateAlgorithms))
	case !key && a.Algorithm != "":
		bad("algorithm", "the auth method %s has no algorithm to choose", a.Method)
	case a.byTLS() && !s.flow.hasClientCertificate():
		bad("method", "the auth method %s needs a certificate and a key in tls", a.Method)
	}
	if a.Method == authSecretJWT {
		a.Algorithm = "HS256"
	}
	a.vetKey(s)
}

// vetKey tries the key where it is known before the first run.
func (a *ClientAuth) vetKey(s *Scope) {
	with := a.with()
	if with == nil || !slices.Contains(jose.Algorithms(), a.Algorithm) {
		return
	}
	s.atLoad(with, func(text, of string) {
		if err := s.flow.learn(text, a.Algorithm); err != nil {
			s.doc.Errorf(with.node, "%s%v", of, err)
		}
	})
}

// with is what assertions are signed with; nil where there are none.
func (a *ClientAuth) with() *Template {
	switch {
	case a.Method == authPrivateKeyJWT && a.Key.isSet():
		return &a.Key
	case a.Method == authSecretJWT && a.Secret.isSet():
		return &a.Secret
	}
	return nil
}

// authenticate adds to a request, with the misuse that is wanted, what the client authenticates with: to the
// header, or to the parameters of the body.
func (c *Client) authenticate(s *Session, header http.Header, params url.Values, misuse string) error {
	id, err := c.ClientID.text(s, nil)
	if err != nil {
		return err
	}
	if c.Auth.Method != authSecretBasic {
		params.Set("client_id", id)
	}
	switch c.Auth.Method {
	case authSecretBasic: // RFC 6749 section 2.3.1: both parts are form-encoded first
		secret, err := c.Auth.Secret.text(s, nil)
		if err != nil {
			return err
		}
		req := http.Request{Header: header}
		req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
		s.secrets = append(s.secrets, header.Get("Authorization"))
	case authSecretPost:
		secret, err := c.Auth.Secret.text(s, nil)
		if err != nil {
			return err
		}
		params.Set("client_secret", secret)
	case authSecretJWT, authPrivateKeyJWT:
		return c.assert(s, id, params, misuse)
	}
	return nil
}

// assert adds a client assertion, RFC 7523 section 2.2.
func (c *Client) assert(s *Session, id string, params url.Values, misuse string) error {
	params.Set("client_assertion_type", jose.AssertionType)
	g := s.grant(c)
	if misuse == misuseAssertionReplayed {
		if g.assertion == "" {
			return errNoAssertion
		}
		params.Set("client_assertion", g.assertion)
		return nil
	}
	key, err := c.Auth.with().text(s, nil)
	if err != nil {
		return err
	}
	signer, err := s.flow.signer(key, c.Auth.Algorithm)
	if err != nil {
		return err
	}
	audience, err := textOr(&c.Auth.Audience, s, c.issuer)
	if err != nil {
		return err
	}
	keyID, err := textOr(&c.Auth.KeyID, s, "")
	if err != nil {
		return err
	}
	assertion, err := jose.Assertion{
		ClientID: id, Audience: audience, Now: issuedAt(misuse), Lifetime: orDefault(c.Auth.Lifetime, time.Minute),
	}.Sign(signer.WithKeyID(keyID))
	if err != nil {
		return err
	}
	s.secrets = append(s.secrets, assertion)
	g.assertion = assertion
	params.Set("client_assertion", assertion)
	return nil
}

// textOr is the text of a template, or what stands for one that is not set.
func textOr(t *Template, s *Session, otherwise string) (string, error) {
	if !t.isSet() {
		return otherwise, nil
	}
	return t.text(s, nil)
}

func orDefault(d Duration, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}
