package jose

import (
	"strconv"
)

// ofToken are the claims of a response JWT that are about the token itself.
var ofToken = map[string]bool{"iss": true, "aud": true, "exp": true, "iat": true, "nbf": true, "jti": true}

// VerifyResponse verifies an authorization response that is a JWT (JWT Secured
// Authorization Response Mode, section 2.4), and returns its parameters, such as
// code and state, or error. Numbers among them are written out.
//
// iss, aud, exp and the signature are checked here, on the terms of [Verify]; that
// state is the one that was sent is the caller's to check, as it is of a response
// of any other mode. An encrypted response is [ErrMalformed].
func VerifyResponse(token string, keys *KeySet, trust Trust) (map[string]string, error) {
	_, claims, err := trust.verify(token, keys, false)
	if err != nil {
		return nil, err
	}
	parameters := map[string]string{}
	for name, v := range claims {
		if ofToken[name] {
			continue
		}
		switch v := v.(type) {
		case string:
			parameters[name] = v
		case int:
			parameters[name] = strconv.Itoa(v)
		default:
			return nil, &Error{kind: ErrMalformed, text: "token has a parameter that is neither text nor a whole number"}
		}
	}
	return parameters, nil
}
