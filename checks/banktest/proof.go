package banktest

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/authprober/authprober/checks/internal/dpop"
)

// refuseProof is RFC 9449 sections 5 and 7.1.
var refuseProof = &refusal{status: 401, code: "invalid_dpop_proof", challenge: `DPoP error="invalid_dpop_proof", algs="ES256"`}

// proven verifies the DPoP proof of a request (RFC 9449 section 4.3), for an access
// token if there is one, and returns the thumbprint of its key.
func (b *Bank) proven(c *call, token string) (key string, why *refusal) {
	fields := c.request.Header.Values("DPoP")
	if len(fields) != 1 {
		return "", refuseProof
	}
	proof, err := gojose.ParseSignedCompact(fields[0], []gojose.SignatureAlgorithm{gojose.ES256})
	if err != nil {
		return "", refuseProof
	}
	header := proof.Signatures[0].Protected
	if header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() || header.ExtraHeaders[gojose.HeaderType] != dpop.Type {
		return "", refuseProof
	}
	payload, err := proof.Verify(header.JSONWebKey)
	if err != nil || b.proofClaims(c, payload, token) != nil {
		return "", refuseProof
	}
	print, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", refuseProof
	}
	return base64.RawURLEncoding.EncodeToString(print), nil
}

// proofClaims holds what a proof says against the request.
func (b *Bank) proofClaims(c *call, payload []byte, token string) *refusal {
	var said struct {
		Method string `json:"htm"`
		URL    string `json:"htu"`
		ID     string `json:"jti"`
		Hash   string `json:"ath"`
		At     int64  `json:"iat"`
	}
	if json.Unmarshal(payload, &said) != nil {
		return refuseProof
	}
	old := c.now.Sub(time.Unix(said.At, 0)).Abs() > time.Minute
	switch {
	case said.Method != c.request.Method || said.ID == "" || old || token != "" && said.Hash != dpop.TokenHash(token):
		return refuseProof
	case said.URL != c.base()+c.request.URL.Path && !c.accepts("dpop_htu"):
		return refuseProof
	case !b.vault.first("proof "+said.ID, c.now) && !c.accepts("dpop_replay"):
		return refuseProof
	}
	return nil
}

// bound holds a request against the key that its token is bound to; one that is bound
// to none comes as a Bearer token.
func (b *Bank) bound(c *call, s *session, isDPoP bool, token string) *refusal {
	switch {
	case s == nil || s.key == "" && !isDPoP:
		return nil
	case s.key == "":
		return refuseNoToken
	case !isDPoP:
		if c.accepts("dpop_bearer") {
			return nil
		}
		return refuseBadToken
	case c.request.Header.Get("DPoP") == "" && c.accepts("dpop_missing"):
		return nil
	}
	key, why := b.proven(c, token)
	if why == nil && key != s.key && !c.accepts("dpop_key") {
		why = refuseProof
	}
	return why
}
