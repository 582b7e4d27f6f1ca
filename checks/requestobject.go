package checks

import (
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/jsonvalue"
)

// sealed are the parameters as they are sent: where the client signs its requests
// (RFC 9101), within a request object that is made anew each time, but for copies of
// those that stand outside as well.
func (c *Client) sealed(s *Session, params url.Values, outside ...string) (url.Values, error) {
	if c.RequestObject == nil {
		return maps.Clone(params), nil
	}
	object, err := c.signRequest(s, params)
	if err != nil {
		return nil, err
	}
	s.secrets = append(s.secrets, object)
	sent := url.Values{"request": {object}}
	for _, name := range outside {
		if params.Has(name) {
			sent.Set(name, params.Get(name))
		}
	}
	return sent, nil
}

// signRequest makes the request object.
func (c *Client) signRequest(s *Session, params url.Values) (string, error) {
	k := c.RequestObject
	key, err := k.Key.text(s, nil)
	if err != nil {
		return "", err
	}
	signer, err := s.flow.signer(key, k.Algorithm)
	if err != nil {
		return "", err
	}
	audience, err := textOr(&k.Audience, s, c.issuer)
	if err != nil {
		return "", err
	}
	keyID, err := textOr(&k.KeyID, s, "")
	if err != nil {
		return "", err
	}
	id, err := c.ClientID.text(s, nil)
	if err != nil {
		return "", err
	}
	claims := make(map[string]any, len(params))
	for name := range params {
		claims[name] = asClaim(name, params.Get(name))
	}
	return jose.RequestObject{
		ClientID: id, Issuer: audience, Params: claims, Now: time.Now(), Lifetime: orDefault(k.Lifetime, time.Minute),
	}.Sign(signer.WithKeyID(keyID))
}

// asClaim is a parameter as a request object has it: what is no text is none there
// either (OpenID Connect Core section 6.1, RFC 9396 section 3).
func asClaim(name, text string) any {
	switch name {
	case "max_age":
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	case "claims", "registration", "authorization_details":
		if v, err := jsonvalue.Decode([]byte(text)); err == nil {
			return v
		}
	}
	return text
}
