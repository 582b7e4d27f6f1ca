package functions

import (
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/pkce"
)

// A Proof is a fresh proof key for the exchange of a code, RFC 7636.
type Proof struct {
	Verifier  string `expr:"verifier"`
	Challenge string `expr:"challenge"`
	Method    string `expr:"method"`
}

// PKCE returns a fresh proof key.
func PKCE() (Proof, error) {
	verifier := pkce.NewVerifier()
	challenge, err := pkce.Challenge(verifier)
	return Proof{verifier, challenge, pkce.Method}, err
}

func tokens() []Func {
	return []Func{{
		Name: "pkce", Usage: "pkce()",
		Doc: "A fresh proof key, RFC 7636: verifier, challenge and method, which is S256. " +
			"Every call makes another, so keep it in a variable.",
		Example: `pkce().challenge`,
		Types:   []any{new(func() Proof)},
		Call:    call("pkce", 0, 0, func(*arguments) (any, error) { return PKCE() }),
	}, {
		Name: "jwt_claims", Usage: "jwt_claims(token)",
		Doc:     "The claims of a signed JWT, RFC 7519, as an object. The signature is not verified.",
		Example: `jwt_claims(access).exp > unix(now()) + 60`,
		Types:   []any{new(func(string) map[string]any)},
		Call: call("jwt_claims", 1, 1, func(a *arguments) (any, error) {
			token := a.text(0)
			if a.err != nil {
				return nil, nil
			}
			return jose.Claims(token)
		}),
	}, {
		Name: "jwt_sign", Usage: "jwt_sign(claims, key, algorithm, [header])",
		Doc: "The claims as a signed JWT. For RS256, PS256, ES256, ES384 and EdDSA the key is a private key in PEM, " +
			"for HS256, HS384 and HS512 the shared secret. The header adds to alg, such as kid and typ.",
		Example: `jwt_sign({"sub": account.client_id, "jti": uuid()}, account.key, "ES256", {"kid": "key-1"})`,
		Types: []any{new(func(map[string]any, string, string, map[string]any) string),
			new(func(map[string]any, string, string) string)},
		trial: trySigner(1, 2, jose.Algorithms()),
		Call: call("jwt_sign", 3, 4, func(a *arguments) (any, error) {
			claims, key, algorithm, header := a.object(0), a.text(1), a.text(2), a.object(3)
			if a.err != nil {
				return nil, nil
			}
			return JWTSign(claims, key, algorithm, header)
		}),
	}}
}

// JWTSign is [jose.Sign], except that it does not repeat an unknown algorithm:
// it may be the key, in the wrong place.
func JWTSign(claims map[string]any, key, algorithm string, header map[string]any) (string, error) {
	if err := checkAlgorithm(algorithm, jose.Algorithms()); err != nil {
		return "", err
	}
	return jose.Sign(claims, key, algorithm, header)
}
