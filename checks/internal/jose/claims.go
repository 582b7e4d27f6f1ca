package jose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxToken is the most bytes a token may have to be read. Servers take no
// request header of more.
const MaxToken = 64 << 10

// Claims returns the claims of a JWT, without verifying it: who asks wants to
// see what was sent. The token must be a well-formed JWS compact serialization
// with JSON objects in valid UTF-8 as header and payload; of members that occur
// twice the last one counts (RFC 7519 section 4). The signature may be empty, as
// that of an unsecured token is.
//
// Whole numbers come as int, or as their digits where they do not fit; others as
// float64, or as their digits where they are beyond its range.
func Claims(token string) (map[string]any, error) {
	_, claims, err := read(token)
	return claims, err
}

// Header returns the header of a JWT, on the same terms as [Claims].
func Header(token string) (map[string]any, error) {
	header, _, err := read(token)
	return header, err
}

func read(token string) (header, claims map[string]any, err error) {
	if len(token) > MaxToken {
		return nil, nil, fmt.Errorf("token has %d bytes, want at most %d", len(token), MaxToken)
	}
	switch n := strings.Count(token, ".") + 1; n {
	case 3:
	case 1:
		return nil, nil, errors.New("token is no JWT: it has no dots")
	case 5:
		return nil, nil, errors.New("token has 5 parts, want 3: it is encrypted")
	default:
		return nil, nil, fmt.Errorf("token has %d parts, want 3", n)
	}
	parts := strings.SplitN(token, ".", 3)
	if header, err = object(parts[0]); err != nil {
		return nil, nil, fmt.Errorf("token's header %w", err)
	}
	if _, ok := header["alg"].(string); !ok {
		return nil, nil, errors.New("token's header has no alg")
	}
	if claims, err = object(parts[1]); err != nil {
		return nil, nil, fmt.Errorf("token's payload %w", err)
	}
	if _, err := decode(parts[2]); err != nil {
		return nil, nil, fmt.Errorf("token's signature %w", err)
	}
	return header, claims, nil
}

var (
	errBase64 = errors.New("is not base64url without padding")
	errUTF8   = errors.New("is not valid UTF-8")
	errObject = errors.New("is no JSON object")
	errMore   = errors.New("has something after the JSON object")
)

// decode reads base64url as RFC 7515 section 2 has it. encoding/base64 skips
// line ends, which must not be there.
func decode(part string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || strings.ContainsAny(part, "\r\n") {
		return nil, errBase64
	}
	return b, nil
}

// object reads a part of a token that is a JSON object in base64url.
func object(part string) (map[string]any, error) {
	text, err := decode(part)
	if err != nil {
		return nil, err
	}
	return parseObject(text)
}

// parseObject reads a JSON object. Names are as they are written: unlike with a
// struct, "Exp" is not "exp". Of a name that occurs twice the last one counts.
func parseObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) {
		return nil, errUTF8
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, errObject
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errMore
	}
	honest(m)
	return m, nil
}

// honest replaces each json.Number in v by a Go number, where one is as good.
func honest(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		for name, value := range v {
			v[name] = honest(value)
		}
	case []any:
		for i, value := range v {
			v[i] = honest(value)
		}
	}
	return v
}

func number(digits string) any {
	if !strings.ContainsAny(digits, ".eE") {
		if i, err := strconv.Atoi(digits); err == nil {
			return i
		}
		return digits
	}
	if f, err := strconv.ParseFloat(digits, 64); err == nil {
		return f
	}
	return digits
}

// encode returns m as JSON; what says what its members are called.
func encode(what string, m map[string]any) ([]byte, error) {
	if m == nil {
		m = map[string]any{}
	}
	for name, v := range m {
		if hasBytes(v) {
			return nil, fmt.Errorf("%s %q is bytes, want text; encode it with base64url or hex", what, name)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("the %ss have no JSON form", what) // err may quote a value
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func hasBytes(v any) bool {
	switch v := v.(type) {
	case []byte:
		return true
	case map[string]any:
		for _, value := range v {
			if hasBytes(value) {
				return true
			}
		}
	case []any:
		for _, value := range v {
			if hasBytes(value) {
				return true
			}
		}
	}
	return false
}
