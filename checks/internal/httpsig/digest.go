package httpsig

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// The forms a digest is sent in.
const (
	FormField  = "field"  // sha-256=:BASE64:, for Content-Digest, RFC 9530
	FormLegacy = "legacy" // SHA-256=BASE64, for Digest, RFC 3230, as PSD2 has it
	FormBase64 = "base64" // BASE64 alone, as private dialects have it
	FormHex    = "hex"    // in lower case
)

// Forms lists the forms a digest can have.
func Forms() []string { return []string{FormField, FormLegacy, FormBase64, FormHex} }

// DigestAlgorithms lists the algorithms of digests that may be used for
// signatures, RFC 9530 section 5. MD5 and SHA-1 are not among them.
func DigestAlgorithms() []string { return []string{"sha-256", "sha-512"} }

// Digest returns the digest of a body, which may be empty, in one of [Forms]. The
// algorithm is one of [DigestAlgorithms], in upper or lower case.
func Digest(body []byte, algorithm, form string) (string, error) {
	algorithm = strings.ToLower(algorithm)
	sum, err := hash(body, algorithm)
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString(sum)
	switch form {
	case FormField:
		return algorithm + "=:" + text + ":", nil
	case FormLegacy:
		return strings.ToUpper(algorithm) + "=" + text, nil
	case FormBase64:
		return text, nil
	case FormHex:
		return hex.EncodeToString(sum), nil
	}
	return "", fmt.Errorf("the form of a digest is none of %s", strings.Join(Forms(), ", "))
}

func hash(body []byte, algorithm string) ([]byte, error) {
	switch algorithm {
	case "sha-256":
		sum := sha256.Sum256(body)
		return sum[:], nil
	case "sha-512":
		sum := sha512.Sum512(body)
		return sum[:], nil
	}
	return nil, fmt.Errorf("the algorithm of a digest is none of %s", strings.Join(DigestAlgorithms(), ", "))
}

var (
	errNoDigest    = errors.New("it has no digest by sha-256 or sha-512")
	errWrongDigest = errors.New("it is of another body")
)

// CheckDigest tells whether the value of a Content-Digest field is that of the
// body. It must have at least one digest by a known algorithm, and all by known
// algorithms must be right; others are passed over, RFC 9530 section 2.
func CheckDigest(field string, body []byte) error {
	d, err := parseDictionary(field)
	if err != nil {
		return fmt.Errorf("it is no dictionary: %w", err)
	}
	known := 0
	for _, m := range d {
		want, err := hash(body, m.key)
		if err != nil {
			continue
		}
		known++
		it, _ := m.value.(item)
		if got, _ := it.value.([]byte); subtle.ConstantTimeCompare(got, want) != 1 {
			return errWrongDigest
		}
	}
	if known == 0 {
		return errNoDigest
	}
	return nil
}
