package httpsig

import (
	"errors"
	"testing"
)

const rfc9530 = "{\"hello\": \"world\"}\n" // RFC 9530 appendix B.1

func TestDigest(t *testing.T) {
	for _, tc := range []struct{ body, algorithm, form, want string }{
		{rfc9530, "sha-256", FormField, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"},
		{rfc9530, "sha-512", FormField, "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"},
		{"\"world\"}\n", "SHA-256", FormField, "sha-256=:jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ=:"},
		{"", "sha-256", FormField, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"},
		{rfcBody, "sha-512", FormField, rfcDigest},
		{rfcBody, "sha-256", FormLegacy, "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="}, // draft-cavage-12 appendix C
		{rfcBody, "SHA-256", FormBase64, "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="},
		{"abc", "sha-256", FormHex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}, // FIPS 180-2
	} {
		if got, err := Digest([]byte(tc.body), tc.algorithm, tc.form); err != nil || got != tc.want {
			t.Errorf("%s of %q as %s: got %s, %v, want %s", tc.algorithm, tc.body, tc.form, got, err, tc.want)
		}
	}
	for want, args := range map[string][2]string{
		"the algorithm of a digest is none of sha-256, sha-512":      {"md5", FormField},
		"the form of a digest is none of field, legacy, base64, hex": {"sha-256", "plain"},
	} {
		if _, err := Digest(nil, args[0], args[1]); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCheckDigest(t *testing.T) {
	const right = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
	for field, want := range map[string]error{
		right:                          nil,
		right + ", " + rfcDigest:       nil,
		"md5=:AA==:, x=1, " + right:    nil,
		rfcDigest + ", sha-256=:AA==:": errWrongDigest,
		"sha-256=1":                    errWrongDigest,
		"sha-256=(1)":                  errWrongDigest,
		"md5=:AA==:":                   errNoDigest,
		"":                             errNoDigest,
	} {
		err := CheckDigest(field, []byte(rfcBody))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", field, err, want)
		}
	}
	const want = "it is no dictionary: want a key at character 1"
	if err := CheckDigest("SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", []byte(rfcBody)); err == nil || err.Error() != want {
		t.Errorf("a Digest of RFC 3230: %v, want %s", err, want)
	}
}

func FuzzCheckDigest(f *testing.F) {
	for _, seed := range []string{rfcDigest, "sha-256=:AA==:", "md5=1", "sha-512", "", "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if err := CheckDigest(field, []byte("no seed is of this")); err == nil {
			t.Errorf("%q is taken for a digest of another body", field)
		}
	})
}
