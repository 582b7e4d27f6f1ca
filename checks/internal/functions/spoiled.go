package functions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/jose"
)

// spoiled make tokens that must be refused.
func spoiled() []Func {
	return []Func{{
		Name: "jwt_tampered", Usage: "jwt_tampered(token, how)", MustBeRefused: true,
		Doc: "The signed JWT spoiled, for a step that must be refused: payload, exp is an hour later and the signature what it was; " +
			"signature, a bit of it is another; none, alg is none and there is no signature; unknown_kid, signed with a fresh key under a kid that nobody has; " +
			"other_key, signed with a fresh key that the header offers as jwk; issuer and audience, iss or aud is another, and the key a fresh one.",
		Example: `jwt_tampered(access, "payload")`,
		Types:   []any{new(func(string, string) string)},
		trial:   func(t *trial) { t.text(1, checkTampering) },
		Call: call("jwt_tampered", 2, 2, func(a *arguments) (any, error) {
			token, how := a.text(0), a.text(1)
			if a.err != nil {
				return nil, nil
			}
			if err := checkTampering(how); err != nil {
				return nil, err
			}
			return jose.Tamper(token, how)
		}),
	}, {
		Name: "jwt_confused", Usage: "jwt_confused(token, keys)", MustBeRefused: true,
		Doc: "The JWT signed with HS256, for a step that must be refused: the shared secret is the public key of its issuer, in PEM, " +
			"out of the issuer's key set. It is the key with the token's kid.",
		Example: `jwt_confused(access, body.key_set)`,
		Types:   []any{new(func(string, map[string]any) string)},
		Call: call("jwt_confused", 2, 2, func(a *arguments) (any, error) {
			token, keys := a.text(0), a.object(1)
			if a.err != nil {
				return nil, nil
			}
			return jose.Confuse(token, keys)
		}),
	}}
}

// checkTampering does not repeat an unknown one: it may be the token, in the wrong place.
func checkTampering(how string) error {
	if !slices.Contains(jose.Tamperings(), how) {
		return fmt.Errorf("how is none of %s", strings.Join(jose.Tamperings(), ", "))
	}
	return nil
}
