package jose

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DefaultLeeway is how far the clocks of two honest machines may be apart.
const DefaultLeeway = 60 * time.Second

// Trust says whose tokens are accepted, and when. It is what ID tokens and
// authorization responses have in common.
type Trust struct {
	// Issuer is what iss must be, character by character; it must be given.
	Issuer string
	// Audience is the client_id, which aud must be or hold; it must be given.
	Audience string
	// Algorithms are the values of alg that are accepted. Nil means RS256, PS256,
	// ES256, ES384 and EdDSA; FAPI has only PS256, ES256 and EdDSA. RS384, RS512,
	// PS384, PS512, ES512, HS256, HS384 and HS512 must be asked for; none cannot.
	Algorithms []string
	// Secret is the client secret, the key for HS256, HS384 and HS512, of at least
	// 32, 48 and 64 bytes. These are never verified with a key of a set.
	Secret string
	// Now is the time at which the token was received; it must be given.
	Now time.Time
	// Leeway is how far a time may be off; 0 means DefaultLeeway, less than 0 none.
	Leeway time.Duration
	// Fresh is how long before Now, beside the leeway, the token may have been
	// issued; 0 means however long. Of a token that was just handed out this
	// tells a clock that is behind. A response without iat is not held to it.
	Fresh time.Duration
}

var defaultAlgorithms = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"}

// check finds mistakes of the caller.
func (t *Trust) check() error {
	if t.Issuer == "" || t.Audience == "" || t.Now.IsZero() {
		return errors.New("verifying a token: issuer, audience and time must be given")
	}
	for _, alg := range t.Algorithms {
		if n := minHMAC[alg]; n > len(t.Secret) {
			return fmt.Errorf("verifying a token: the secret for %s has %d bytes, want at least %d", alg, len(t.Secret), n)
		}
		if _, ok := hashes[alg]; !ok {
			return errors.New("verifying a token: an algorithm that is allowed is not known")
		}
	}
	return nil
}

func (t *Trust) leeway() time.Duration {
	if t.Leeway == 0 {
		return DefaultLeeway
	}
	return max(t.Leeway, 0)
}

// verify checks everything about a token but what is special to its kind: in
// this order its form, algorithm, key, signature, iss, aud, and times. iat says
// whether there must be one.
func (t *Trust) verify(token string, keys *KeySet, iat bool) (alg string, claims map[string]any, err error) {
	if err := t.check(); err != nil {
		return "", nil, err
	}
	header, claims, err := read(token)
	if err != nil {
		return "", nil, &Error{kind: ErrMalformed, text: err.Error()}
	}
	if alg, err = t.algorithm(header); err != nil {
		return "", nil, err
	}
	if err := t.signature(token, alg, header, keys); err != nil {
		return "", nil, err
	}
	if claims["iss"] != t.Issuer {
		return "", nil, &Error{kind: ErrIssuer, text: "token's iss is not the issuer"}
	}
	if err := t.audience(claims); err != nil {
		return "", nil, err
	}
	if err := t.times(claims, iat); err != nil {
		return "", nil, err
	}
	return alg, claims, nil
}

func (t *Trust) algorithm(header map[string]any) (string, error) {
	alg, _ := header["alg"].(string)
	allowed := t.Algorithms
	if allowed == nil {
		allowed = defaultAlgorithms
	}
	if slices.Contains(allowed, alg) {
		return alg, nil
	}
	if _, known := hashes[alg]; known || alg == "none" {
		return "", &Error{kind: ErrAlgorithm, text: "token's alg is " + alg + ", which is not allowed"}
	}
	return "", &Error{kind: ErrAlgorithm, text: "token's alg is not known"}
}

func (t *Trust) signature(token, alg string, header map[string]any, keys *KeySet) error {
	if _, there := header["crit"]; there { // RFC 7515 section 4.1.11
		return &Error{kind: ErrMalformed, text: "token's header has crit, and nothing critical is understood"}
	}
	kid, there := header["kid"]
	id, ok := kid.(string)
	if there && !ok {
		return &Error{kind: ErrMalformed, text: "token's kid is no text"}
	}
	var key any = []byte(t.Secret)
	if _, shared := minHMAC[alg]; !shared {
		var err error
		if key, err = keys.pick(alg, id, there); err != nil {
			return err
		}
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return &Error{kind: ErrMalformed, text: "token's header is malformed"}
	}
	if _, err := signed.Verify(key); err != nil {
		return &Error{kind: ErrSignature, text: "token's signature is not by the key"}
	}
	return nil
}

// audience checks aud and azp, OpenID Connect Core section 3.1.3.7, points 3 to
// 5: who has a token for several must know for whom of them it was made.
func (t *Trust) audience(claims map[string]any) error {
	var all []any
	switch aud := claims["aud"].(type) {
	case string:
		all = []any{aud}
	case []any:
		all = aud
	default:
		return &Error{kind: ErrAudience, text: "token has no aud"}
	}
	if !slices.Contains(all, any(t.Audience)) {
		return &Error{kind: ErrAudience, text: "token's aud lacks the client"}
	}
	azp, there := claims["azp"]
	if there && azp != t.Audience {
		return &Error{kind: ErrAudience, text: "token's azp is not the client"}
	}
	if len(all) > 1 && !there {
		return &Error{kind: ErrAudience, text: "token's aud has several members, and there is no azp"}
	}
	return nil
}
