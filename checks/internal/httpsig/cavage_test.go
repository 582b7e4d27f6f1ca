package httpsig

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// cavageRequest is that of draft-cavage-http-signatures-12 appendix C.
func cavageRequest(t testing.TB) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://example.com/foo?param=value&pet=dog", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Date": "Sun, 05 Jan 2014 21:31:40 GMT", "Content-Type": "application/json",
		"Digest": "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
	} {
		req.Header.Set(name, value)
	}
	return req
}

// Appendix C.1 to C.3, byte for byte: rsa-sha256 is deterministic. The key has
// 1024 bits, so it is not for [NewSigner].
func TestSigningString(t *testing.T) {
	key, err := pemkey.Private(rfcKey(t, "cavage-private"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		section         string
		headers         []string
		want, signature string
	}{{
		"C.1", []string{"date"}, "date: Sun, 05 Jan 2014 21:31:40 GMT",
		"SjWJWbWN7i0wzBvtPl8rbASWz5xQW6mcJmn+ibttBqtifLN7Sazz6m79cNfwwb8DMJ5cou1s7uEGKKCs+FLEEaDV5lp7q25WqS+lavg7T8hc0GppauB" +
			"6hbgEKTwblDHYGEtbGmtdHgVCk9SuS13F0hZ8FD0k/5OxEPXe5WozsbM=",
	}, {
		"C.2", []string{"(request-target)", "host", "date"},
		"(request-target): post /foo?param=value&pet=dog\nhost: example.com\ndate: Sun, 05 Jan 2014 21:31:40 GMT",
		"qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw3HMbe8VfEdKFYRqzic+efkb3" +
			"nndiv/x1xSHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0=",
	}, {
		"C.3", []string{"(request-target)", "host", "date", "Content-Type", "digest", "content-length"},
		"(request-target): post /foo?param=value&pet=dog\nhost: example.com\ndate: Sun, 05 Jan 2014 21:31:40 GMT\n" +
			"content-type: application/json\ndigest: SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=\ncontent-length: 18",
		"vSdrb+dS3EceC9bcwHSo4MlyKS59iFIrhgYkz8+oVLEEzmYZZvRs8rgOp+63LEM3v+MFHB32NfpB2bEKBIvB1q52LaEUHFv120V01IL+TAD48XaERZF" +
			"ukWgHoBTLMhYS2Gb51gWxpeIq8knRmPnYePbF5MOkR0Zkly4zKH7s1dE=",
	}} {
		got, err := SigningString(cavageRequest(t), []byte(rfcBody), tc.headers, CavageTimes{})
		if err != nil || got != tc.want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", tc.section, err, got, tc.want)
		}
		sum, _ := hash([]byte(got), "sha-256")
		signature, err := key.Sign(rand.Reader, sum, crypto.SHA256)
		if text := base64.StdEncoding.EncodeToString(signature); err != nil || text != tc.signature {
			t.Errorf("%s: got %s, %v, want %s", tc.section, text, err, tc.signature)
		}
	}
}

// Draft 12 section 2.3.
func TestSigningStringRules(t *testing.T) {
	req := cavageRequest(t)
	req.Header["Cache-Control"] = []string{"max-age=60  ", " must-revalidate"}
	req.Header["X-Empty"] = []string{""}
	got, err := SigningString(req, nil, []string{"(created)", "(expires)", "cache-control", "X-Empty"},
		CavageTimes{Created: time.Unix(1402170695, 999), Expires: time.Unix(1402170699, 0)})
	want := "(created): 1402170695\n(expires): 1402170699\ncache-control: max-age=60, must-revalidate\nx-empty: "
	if err != nil || got != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
	for want, headers := range map[string][]string{
		"there are no headers to sign":                                                         nil,
		`header "x-none": the request does not have it`:                                        {"date", "x-none"},
		`header "(created)": the signature has no such time`:                                   {"(created)"},
		`header "(expires)": the signature has no such time`:                                   {"(expires)"},
		`header "(other)": want the name of a field, (request-target), (created) or (expires)`: {"(other)"},
	} {
		if got, err := SigningString(req, nil, headers, CavageTimes{}); err == nil || err.Error() != want || got != "" {
			t.Errorf("%v: got %q, %v, want %s", headers, got, err, want)
		}
	}
}
