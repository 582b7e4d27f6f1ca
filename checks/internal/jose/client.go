package jose

import (
	"crypto/rand"
	"errors"
	"maps"
	"time"
)

// The values of typ that say what a token is for, so that none can be used in
// another's place (RFC 8725 section 3.11).
const (
	// TypeRequestObject is that of request objects, RFC 9101 section 10.8.
	TypeRequestObject = "oauth-authz-req+jwt"
	// TypeClientAssertion is that of client assertions, in the revision of RFC
	// 7523. Servers that do not know it ignore it.
	TypeClientAssertion = "client-authentication+jwt"
)

// AssertionType is the client_assertion_type that a client assertion is sent
// with, RFC 7523 section 2.2.
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// An Assertion is a JWT by which a client says who it is: private_key_jwt, or
// client_secret_jwt with a signer for HS256 (RFC 7523 sections 2.2 and 3, OpenID
// Connect Core section 9).
type Assertion struct {
	ClientID string
	// Audience is the issuer of the authorization server; some servers want the URL
	// of the endpoint instead.
	Audience string
	// Type is the typ, such as [TypeClientAssertion]; "" means none.
	Type string
	// ID is the jti; "" means a fresh one, which is what a server must insist on.
	ID string
	// Now is when it is issued, and Lifetime for how long it is good, in whole
	// seconds of at least one.
	Now      time.Time
	Lifetime time.Duration
}

// Claims returns the claims of the assertion, for those who mean to change them
// before they sign.
func (a Assertion) Claims() (map[string]any, error) {
	if a.ClientID == "" || a.Audience == "" {
		return nil, errors.New("a client assertion must have a client and an audience")
	}
	claims, err := issue(a.ClientID, a.Audience, a.ID, a.Now, a.Lifetime)
	if err != nil {
		return nil, err
	}
	claims["sub"] = a.ClientID
	return claims, nil
}

// Sign returns the assertion, with the signer's kid.
func (a Assertion) Sign(s *Signer) (string, error) {
	claims, err := a.Claims()
	if err != nil {
		return "", err
	}
	return s.Sign(claims, typed(a.Type))
}

// A RequestObject is an authorization request in a JWT (RFC 9101).
type RequestObject struct {
	ClientID string
	// Issuer is that of the authorization server, to whom it is sent.
	Issuer string
	// Params are the parameters of the request; values that are no text, such as
	// max_age and claims, are sent as they are. They win over the claims that are
	// made here, so that a request can be wrong on purpose.
	Params map[string]any
	// ID, Now and Lifetime are as in [Assertion]. FAPI 1.0 Advanced allows no
	// lifetime above an hour.
	ID       string
	Now      time.Time
	Lifetime time.Duration
}

// Claims returns the claims of the request object.
func (r RequestObject) Claims() (map[string]any, error) {
	if r.ClientID == "" || r.Issuer == "" {
		return nil, errors.New("a request object must have a client and an issuer")
	}
	for _, name := range []string{"request", "request_uri"} { // RFC 9101 section 4
		if _, there := r.Params[name]; there {
			return nil, errors.New("a request object cannot have the parameter " + name)
		}
	}
	claims, err := issue(r.ClientID, r.Issuer, r.ID, r.Now, r.Lifetime)
	if err != nil {
		return nil, err
	}
	claims["client_id"] = r.ClientID
	maps.Copy(claims, r.Params)
	return claims, nil
}

// Sign returns the request object, with the signer's kid and [TypeRequestObject].
func (r RequestObject) Sign(s *Signer) (string, error) {
	claims, err := r.Claims()
	if err != nil {
		return "", err
	}
	return s.Sign(claims, typed(TypeRequestObject))
}

func typed(typ string) map[string]any {
	if typ == "" {
		return nil
	}
	return map[string]any{"typ": typ}
}

// issue returns the claims that say who made a token, for whom, and when.
func issue(iss, aud, id string, now time.Time, lifetime time.Duration) (map[string]any, error) {
	if now.IsZero() || lifetime < time.Second {
		return nil, errors.New("a token must have a time of issue and a lifetime of at least a second")
	}
	if id == "" {
		id = rand.Text()
	}
	iat := now.Unix()
	return map[string]any{
		"iss": iss, "aud": aud, "jti": id,
		"iat": iat, "nbf": iat, "exp": iat + int64(lifetime/time.Second),
	}, nil
}
