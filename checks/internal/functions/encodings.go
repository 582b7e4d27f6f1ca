package functions

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/authprober/authprober/checks/internal/httpsig"
)

func encodings() []Func {
	encoder := func(name, doc, example string, encode func([]byte) string) Func {
		return Func{
			Name: name, Usage: name + "(data)", Doc: doc, Example: example,
			Types: []any{new(func(string) string), new(func([]byte) string)},
			Call: call(name, 1, 1, func(a *arguments) (any, error) {
				return encode(a.data(0)), nil
			}),
		}
	}
	decoder := func(name, doc, example string, decode func(string) (string, error)) Func {
		return Func{
			Name: name, Usage: name + "(text)", Doc: doc, Example: example,
			Types: []any{new(func(string) string)},
			Call: call(name, 1, 1, func(a *arguments) (any, error) {
				text := a.text(0)
				if a.err != nil {
					return nil, nil
				}
				return decode(text)
			}),
		}
	}
	return []Func{
		encoder("base64", "The data in base64 with padding, RFC 4648 section 4.",
			`base64(account.username + ":" + account.password)`, base64.StdEncoding.EncodeToString),
		decoder("base64_decode", "What a text in base64 stands for; its padding may be missing.",
			`base64_decode(body.payload)`, Base64Decode),
		encoder("base64url", "The data in base64url without padding, RFC 4648 section 5, as JOSE and PKCE use it.",
			`base64url(sha256(access))`, base64.RawURLEncoding.EncodeToString),
		decoder("base64url_decode", "What a text in base64url stands for; it may have padding.",
			`base64url_decode(body.payload)`, Base64URLDecode),
		encoder("hex", "The data in hexadecimal, in lower case.",
			`hex(sha256(body.document))`, hex.EncodeToString),
		decoder("hex_decode", "What a text in hexadecimal stands for, in either case.",
			`hex_decode(account.hmac_key)`, HexDecode),
		{
			Name: "sha256", Usage: "sha256(data)",
			Doc:     "The SHA-256 digest of the data, as 32 bytes: encode them with hex, base64 or base64url.",
			Example: `hex(sha256("abc"))`,
			Types:   []any{new(func(string) []byte), new(func([]byte) []byte)},
			Call: call("sha256", 1, 1, func(a *arguments) (any, error) {
				sum := sha256.Sum256(a.data(0))
				return sum[:], nil
			}),
		}, {
			Name: "sha512", Usage: "sha512(data)",
			Doc:     "The SHA-512 digest of the data, as 64 bytes: encode them with hex, base64 or base64url.",
			Example: `base64(sha512("abc"))`,
			Types:   []any{new(func(string) []byte), new(func([]byte) []byte)},
			Call: call("sha512", 1, 1, func(a *arguments) (any, error) {
				sum := sha512.Sum512(a.data(0))
				return sum[:], nil
			}),
		}, {
			Name: "digest", Usage: "digest(data, algorithm)",
			Doc:     "The data's digest as a Content-Digest field has it, RFC 9530: sha-256=:…:, or sha-512=:…:.",
			Example: `digest("abc", "sha-256")`,
			Types:   []any{new(func(string, string) string), new(func([]byte, string) string)},
			Call: call("digest", 2, 2, func(a *arguments) (any, error) {
				data, algorithm := a.data(0), a.text(1)
				if a.err != nil {
					return nil, nil
				}
				return httpsig.Digest(data, algorithm, httpsig.FormField)
			}),
		}, {
			Name: "hmac_sha256", Usage: "hmac_sha256(key, data)",
			Doc:     "The HMAC-SHA-256 of the data, RFC 2104, as 32 bytes: encode them with hex, base64 or base64url.",
			Example: `base64(hmac_sha256(account.hmac_key, "GET /v1/accounts"))`,
			Types: []any{new(func(string, string) []byte), new(func(string, []byte) []byte),
				new(func([]byte, string) []byte), new(func([]byte, []byte) []byte)},
			Call: call("hmac_sha256", 2, 2, func(a *arguments) (any, error) {
				mac := hmac.New(sha256.New, a.data(0))
				mac.Write(a.data(1))
				return mac.Sum(nil), nil
			}),
		},
	}
}

var (
	errBase64    = errors.New("the text is not base64")
	errBase64URL = errors.New("the text is not base64url")
	errHex       = errors.New("the text is not hexadecimal")
)

// Base64Decode decodes base64, with or without its padding. Anything else that is
// not of the alphabet, line ends included, is an error.
func Base64Decode(text string) (string, error) {
	return decodeBase64(base64.StdEncoding, text, errBase64)
}

// Base64URLDecode is [Base64Decode] for base64url.
func Base64URLDecode(text string) (string, error) {
	return decodeBase64(base64.URLEncoding, text, errBase64URL)
}

func decodeBase64(padded *base64.Encoding, text string, wrong error) (string, error) {
	enc := padded
	if !strings.HasSuffix(text, "=") {
		enc = padded.WithPadding(base64.NoPadding)
	}
	b, err := enc.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return "", wrong
	}
	return string(b), nil
}

// HexDecode decodes hexadecimal in either case.
func HexDecode(text string) (string, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return "", errHex // err shows a character of the text
	}
	return string(b), nil
}
