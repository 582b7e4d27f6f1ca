// Package secrettest looks for secrets in what a program has said: as they are, and in
// the forms in which they get out unseen. It is for tests, and the one place that lists
// these forms.
package secrettest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// A Form is a way to write a secret.
type Form struct{ Name, Text string }

// hashPrefix is how many hex digits of a hash, and base64Prefix how many characters,
// tell a secret: to show less of it is to show a fingerprint by which it can be guessed
// all the same.
const hashPrefix, base64Prefix = 12, 9

// Forms lists the forms of a secret, which is to have 8 bytes or more.
func Forms(secret string) []Form {
	forms := []Form{
		{"plain", secret},
		{"URL-escaped, in a query", url.QueryEscape(secret)},
		{"URL-escaped, in a path", url.PathEscape(secret)},
		{"JSON-escaped", inJSON(secret, true)},
		{"JSON-escaped, HTML left alone", inJSON(secret, false)},
		{"quoted by Go", unquoted(strconv.Quote(secret))},
		{"quoted by Go, in ASCII", unquoted(strconv.QuoteToASCII(secret))},
		{"HTML-escaped", html.EscapeString(secret)},
		{"hex", hex.EncodeToString([]byte(secret))},
		{"bytes in decimal", strings.Trim(fmt.Sprint([]byte(secret)), "[]")},
		{"base32", strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(secret)), "=")},
	}
	for at := range 3 {
		forms = append(forms,
			Form{fmt.Sprintf("base64, %d bytes in", at), within(base64.RawStdEncoding, secret, at)},
			Form{fmt.Sprintf("base64url, %d bytes in", at), within(base64.RawURLEncoding, secret, at)})
	}
	s1, s256, s512, m := sha1.Sum([]byte(secret)), sha256.Sum256([]byte(secret)), sha512.Sum512([]byte(secret)), md5.Sum([]byte(secret))
	for name, sum := range map[string][]byte{"SHA-1": s1[:], "SHA-256": s256[:], "SHA-512": s512[:], "MD5": m[:]} {
		forms = append(forms,
			Form{name + " in hex, its beginning", hex.EncodeToString(sum)[:hashPrefix]},
			Form{name + " in base64, its beginning", base64.StdEncoding.EncodeToString(sum)[:base64Prefix]},
			Form{name + " in base64url, its beginning", base64.URLEncoding.EncodeToString(sum)[:base64Prefix]})
	}
	return forms
}

// inJSON is a text as it stands within a string of JSON.
func inJSON(text string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(text) // a string can be written
	return unquoted(strings.TrimSpace(b.String()))
}

func unquoted(text string) string { return text[1 : len(text)-1] }

// within is what of a text in base64 depends on the secret alone, where so many bytes
// of its group of three come before it.
func within(e *base64.Encoding, secret string, before int) string {
	all := e.EncodeToString([]byte(strings.Repeat("x", before) + secret))
	begin := (before*8 + 5) / 6
	end := (before + len(secret)) * 8 / 6
	return all[begin:end]
}

// A Finding is a secret that was found.
type Finding struct {
	Secret, Form string
	Around       string // of the text
}

// Find returns the secrets that are in the text, in any form, whatever the case.
func Find(text string, secrets ...string) (all []Finding) {
	lower := strings.ToLower(text)
	for _, secret := range secrets {
		seen := map[string]bool{}
		for _, f := range Forms(secret) {
			form := strings.ToLower(f.Text)
			i := strings.Index(lower, form)
			if i < 0 || seen[form] {
				continue
			}
			seen[form] = true
			all = append(all, Finding{secret, f.Name, lower[max(0, i-100):min(len(lower), i+len(form)+50)]})
		}
	}
	return all
}
