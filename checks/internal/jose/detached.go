package jose

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Detached returns the signature of a payload that is sent beside it, such as a
// body with its x-jws-signature: a JWS without its middle part (RFC 7515
// appendix F).
//
// header is as in [Signer.Sign]. Its crit, where it has one, must be a list of
// names ([]string or []any) that are in the header, each once (section 4.1.11).
// Where the payload is unencoded, what is signed are its bytes as they are, and
// not their base64url: b64 is then added to the header, and to crit (RFC 7797
// sections 3 and 6).
func (s *Signer) Detached(payload []byte, header map[string]any, unencoded bool) (string, error) {
	crit, err := critical(header)
	if err != nil {
		return "", err
	}
	header = maps.Clone(header)
	delete(header, "crit") // it is given apart, so that b64 can join it
	opts, err := s.options(header)
	if err != nil {
		return "", err
	}
	if unencoded {
		opts.WithHeader("b64", false)
		crit = append(crit, "b64")
	}
	if len(crit) > 0 {
		opts.WithHeader("crit", crit)
	}
	signed, err := s.sign(payload, opts)
	if err != nil {
		return "", err
	}
	return signed.DetachedCompactSerialize()
}

// registered are the header parameters that crit must not name, RFC 7515 section
// 4.1.11.
var registered = []string{"alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"}

func critical(header map[string]any) ([]string, error) {
	v, there := header["crit"]
	if !there {
		return nil, nil
	}
	var names []string
	switch list := v.(type) {
	case []string:
		names = slices.Clone(list)
	case []any:
		for _, v := range list {
			name, ok := v.(string)
			if !ok {
				return nil, errors.New("crit is no list of names")
			}
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("crit is no list of names")
	}
	for i, name := range names {
		_, there := header[name]
		if !there || slices.Contains(registered, name) || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("name %d of crit is not in the header, is there twice or need not be there", i+1)
		}
	}
	return names, nil
}
