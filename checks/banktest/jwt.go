package banktest

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/authprober/authprober/checks/internal/jose"
)

// audience is the aud of access tokens.
const audience = "bank-api"

// An issuer signs the access tokens that are JWTs (RFC 9068).
type issuer struct {
	signer *jose.Signer
	public *ecdsa.PublicKey
	pem    string // of the public key
	id     string
	jwks   []byte
}

func newIssuer() (*issuer, error) {
	text, err := jose.GenerateKey("ES256")
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(text, "ES256")
	if err != nil {
		return nil, err
	}
	public, err := signer.PublicKey()
	if err != nil {
		return nil, err
	}
	jwk, err := jose.PublicJWK(public)
	if err != nil {
		return nil, err
	}
	i := &issuer{public: public.(*ecdsa.PublicKey), id: "bank-" + hex.EncodeToString(randomBytes(4))}
	i.signer = signer.WithKeyID(i.id)
	jwk["kid"], jwk["use"], jwk["alg"] = i.id, "sig", "ES256"
	if i.jwks, err = json.Marshal(map[string]any{"keys": []any{jwk}}); err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	i.pem = jose.PublicPEM(spki)
	return i, err
}

func (b *Bank) keys(*call) answer { return answer{status: 200, body: b.vault.issuer.jwks} }

// mint is the token as a JWT. The caller holds mu.
func (v *vault) mint(c *call, s *session, t token) string {
	claims := map[string]any{
		"iss": c.base(), "aud": cmp.Or(s.resource, audience), "sub": s.customer.Username, "client_id": cmp.Or(s.client, ClientApp), "jti": hex.EncodeToString(randomBytes(8)),
		"iat": c.now.Unix(), "exp": s.accessUntil.Unix(),
		"customer": t.customer, "sid": hex.EncodeToString(t.session[:]), "generation": t.generation,
	}
	if s.client != "" {
		claims["scope"] = s.scope
	}
	if s.key != "" {
		claims["cnf"] = map[string]string{"jkt": s.key}
	}
	text, err := v.issuer.signer.Sign(claims, map[string]any{"typ": "at+jwt"})
	if err != nil {
		panic(err) // all of it can be signed
	}
	return text
}

// base is the bank's own URL, as the client has it.
func (c *call) base() string {
	scheme := "http"
	if c.request.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.request.Host
}

// A jwt is a token taken apart.
type jwt struct {
	signed    string // header and payload, as they came
	signature []byte
	header    struct {
		Alg string          `json:"alg"`
		Kid string          `json:"kid"`
		JWK json.RawMessage `json:"jwk"`
	}
	claims struct {
		Issuer     string `json:"iss"`
		Audience   string `json:"aud"`
		Customer   uint32 `json:"customer"`
		Session    string `json:"sid"`
		Generation uint32 `json:"generation"`
	}
}

func parseJWT(text string) (*jwt, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, false
	}
	t := &jwt{signed: parts[0] + "." + parts[1]}
	for i, into := range []any{&t.header, &t.claims} {
		p, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(p, into) != nil {
			return nil, false
		}
	}
	var err error
	t.signature, err = base64.RawURLEncoding.Strict().DecodeString(parts[2])
	return t, err == nil
}

// openJWT returns the token that a JWT stands for, if it is good or a fault accepts what
// is wrong with it.
func (v *vault) openJWT(c *call, text string) (token, bool) {
	t, ok := parseJWT(text)
	if !ok {
		return token{}, false
	}
	made := token{kind: accessToken, customer: t.claims.Customer, generation: t.claims.Generation}
	id, err := hex.DecodeString(t.claims.Session)
	if err != nil || len(id) != len(made.session) || int(made.customer) >= len(v.customers) {
		return token{}, false
	}
	copy(made.session[:], id)
	switch wrong := v.issuer.fault(t, c.base()); {
	case wrong == "":
		return made, t.claims.Audience == audience || c.accepts("audience")
	default:
		return made, c.accepts(wrong)
	}
}

// fault is what is wrong with a JWT, one of [Flaws]; "" where it is of this issuer.
func (i *issuer) fault(t *jwt, name string) string {
	switch {
	case t.header.Alg == "none":
		return "alg_none"
	case t.header.Alg == "HS256":
		mac := hmac.New(sha256.New, []byte(i.pem))
		mac.Write([]byte(t.signed))
		if hmac.Equal(mac.Sum(nil), t.signature) {
			return "hs256_public_key"
		}
		return "signature"
	case len(t.header.JWK) > 0:
		return "embedded_key"
	case t.header.Kid != i.id:
		return "unknown_kid"
	case t.claims.Issuer != name:
		return "issuer"
	case t.header.Alg != "ES256" || !verifyES256(i.public, []byte(t.signed), t.signature):
		return "signature"
	}
	return ""
}

// verifyES256 verifies a signature of r and s, 32 bytes each (RFC 7518 section 3.4).
func verifyES256(key *ecdsa.PublicKey, data, signature []byte) bool {
	if len(signature) != 64 {
		return false
	}
	sum := sha256.Sum256(data)
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}
