package httpsig

import (
	"bufio"
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The test keys of RFC 9421 appendix B.1 are in testdata, the shared secret is
// here.
const rfcSecret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="

// rfcDigest and rfcBody are of the test-request of appendix B.2.
const (
	rfcDigest = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
	rfcBody   = `{"hello": "world"}`
)

const rfcCreated = 1618884473

func rfcKey(t testing.TB, name string) string {
	t.Helper()
	if name == "" {
		secret, err := base64.StdEncoding.DecodeString(rfcSecret)
		if err != nil {
			t.Fatal(err)
		}
		return string(secret)
	}
	text, err := os.ReadFile("testdata/" + name + ".pem")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// received reads a request as a server does.
func received(t testing.TB, text string) *http.Request {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// testRequest is that of appendix B.2, as a server has it.
func testRequest(t testing.TB, more ...string) *http.Request {
	return received(t, "POST /foo?param=Value&Pet=dog HTTP/1.1\nHost: example.com\nDate: Tue, 20 Apr 2021 02:07:55 GMT\n"+
		"Content-Type: application/json\nContent-Digest: "+rfcDigest+"\nContent-Length: 18\n"+
		strings.Join(append(more, "\n"), "\n")+rfcBody)
}

// clientRequest is the same one, as a client is about to send it.
func clientRequest(t testing.TB) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://example.com/foo?param=Value&Pet=dog", strings.NewReader(rfcBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Digest", rfcDigest)
	return req
}

// An rfcCase is an example of the RFC of a signed request.
type rfcCase struct {
	section, label, algorithm string
	private, public           string // names of keys in testdata, "" for the secret
	components                []string
	parameters                []string
	keyID, tag, nonce         string
	lifetime                  time.Duration
	created                   int64
	base, input, signature    string
	random                    bool // the algorithm makes another signature every time
}

var rfcCases = []rfcCase{{
	section: "B.2.1", label: "sig-b21", algorithm: "rsa-pss-sha512", private: "rsa-pss-private", public: "rsa-pss-public", random: true,
	parameters: []string{"created", "keyid", "nonce"}, keyID: "test-key-rsa-pss", nonce: "b3k2pp5k7z-50gnwp.yemd", created: rfcCreated,
	base:  `"@signature-params": ();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
	input: `();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
	signature: "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG" +
		"52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6" +
		"UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
}, {
	section: "B.2.2", label: "sig-b22", algorithm: "rsa-pss-sha512", private: "rsa-pss-private", public: "rsa-pss-public", random: true,
	components: []string{"@authority", "content-digest", "@query-param;name=Pet"}, keyID: "test-key-rsa-pss", tag: "header-example", created: rfcCreated,
	base: `"@authority": example.com
"content-digest": ` + rfcDigest + `
"@query-param";name="Pet": dog
"@signature-params": ("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
	input: `("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
	signature: "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT" +
		"8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd" +
		"4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
}, {
	section: "B.2.3", label: "sig-b23", algorithm: "rsa-pss-sha512", private: "rsa-pss-private", public: "rsa-pss-public", random: true,
	components: []string{"date", "@method", "@path", "@query", "@authority", "content-type", "content-digest", "content-length"},
	keyID:      "test-key-rsa-pss", created: rfcCreated,
	base: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": ` + rfcDigest + `
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
	input: `("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
	signature: "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fU" +
		"xN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9" +
		"bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
}, {
	section: "B.2.5", label: "sig-b25", algorithm: "hmac-sha256",
	components: []string{"date", "@authority", "content-type"}, keyID: "test-shared-secret", created: rfcCreated,
	base: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
	input:     `("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
	signature: "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
}, {
	section: "B.2.6", label: "sig-b26", algorithm: "ed25519", private: "ed25519-private", public: "ed25519-public",
	components: []string{"date", "@method", "@path", "@authority", "content-type", "content-length"}, keyID: "test-key-ed25519", created: rfcCreated,
	base: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
	input:     `("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
	signature: "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
}}

func (c rfcCase) signer(t testing.TB) *Signer {
	t.Helper()
	s, err := NewSigner(Options{
		Algorithm: c.algorithm, Key: rfcKey(t, c.private), Label: c.label, Components: c.components, Parameters: c.parameters,
		KeyID: c.keyID, Tag: c.tag, Nonce: func() string { return c.nonce }, Lifetime: c.lifetime,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c rfcCase) verifier(t testing.TB) *Verifier {
	t.Helper()
	v, err := NewVerifier(VerifyOptions{Algorithm: c.algorithm, Key: rfcKey(t, c.public), Components: c.components, KeyID: c.keyID, Tag: c.tag})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (c rfcCase) now() time.Time { return time.Unix(c.created, 0) }

// RFC 9421 appendix B.2: the bases, byte for byte, of the request as a client
// and as a server has it.
func TestBaseRFC9421(t *testing.T) {
	for _, c := range rfcCases {
		s := c.signer(t)
		input, err := s.input(c.now())
		if err != nil || input.String() != c.input {
			t.Errorf("%s: input %s, %v, want %s", c.section, input, err, c.input)
		}
		for who, req := range map[string]*http.Request{"client": clientRequest(t), "server": testRequest(t)} {
			m := &message{req, []byte(rfcBody)}
			if got, err := m.base(s.components, input); err != nil || string(got) != c.base {
				t.Errorf("%s, %s: %v, got\n%s\nwant\n%s", c.section, who, err, got, c.base)
			}
		}
	}
}

// Where the algorithm is deterministic the signatures are those of the RFC.
// Those that we make, ours or the RFC's, verify.
func TestSignRFC9421(t *testing.T) {
	for _, c := range rfcCases {
		req := clientRequest(t)
		if err := c.signer(t).Sign(req, []byte(rfcBody), c.now()); err != nil {
			t.Fatalf("%s: %v", c.section, err)
		}
		if got, want := req.Header.Get("Signature-Input"), c.label+"="+c.input; got != want {
			t.Errorf("%s: input\n%s\nwant\n%s", c.section, got, want)
		}
		got, want := req.Header.Get("Signature"), c.label+"=:"+c.signature+":"
		if (got != want) != c.random {
			t.Errorf("%s: signature\n%s\nthat of the RFC is\n%s", c.section, got, want)
		}
		if _, err := c.verifier(t).Verify(req, []byte(rfcBody), c.now()); err != nil {
			t.Errorf("%s: our own signature: %v", c.section, err)
		}
	}
}

func TestVerifyRFC9421(t *testing.T) {
	for _, c := range rfcCases {
		req := testRequest(t, "Signature-Input: "+c.label+"="+c.input, "Signature: "+c.label+"=:"+c.signature+":")
		got, err := c.verifier(t).Verify(req, []byte(rfcBody), c.now())
		if err != nil {
			t.Errorf("%s: %v", c.section, err)
			continue
		}
		if got.Label != c.label || got.KeyID != c.keyID || got.Nonce != c.nonce || got.Tag != c.tag || !got.Created.Equal(c.now()) {
			t.Errorf("%s: got %+v", c.section, got)
		}
	}
}

// RFC 9421 section 4.3: a client's signature by ECDSA, and a proxy's beside it,
// whose deterministic RSA signature covers other components of the request as
// the proxy has changed it.
func TestMultipleRFC9421(t *testing.T) {
	const ours = "X5spyd6CFnAG5QnDyHfqoSNICd+BUP4LYMz2Q0JXlb//4Ijpzp+kve2w4NIyqeAuM7jTDX+sNalzA8ESSaHD3A=="
	const proxys = "S6ZzPXSdAMOPjN/6KXfXWNO/f7V6cHm7BXYUh3YD/fRad4BCaRZxP+JH+8XY1I6+8Cy+CM5g92iHgxtRPz+MjniOaYmdkDcnL9cCpXJleXsOckpURl49G" +
		"wiyUpZ10KHgOEe11sx3G2gxI8S0jnxQB+Pu68U9vVcasqOWAEObtNKKZd8tSFu7LB5YAv0RAGhB8tmpv7sFnIm9y+7X5kXQfi8NMaZaA8i2ZHwpBdg7a6CMfwnnrtf" +
		"lzvZdXAsD3LH2TwevU+/PBPv0B6NMNk93wUs/vfJvye+YuI87HU38lZHowtznbLVdp770I6VHR6WfgS9ddzirrswsE1w5o0LV/g=="
	components := []string{"@method", "@authority", "@path", "content-digest", "content-type", "content-length"}
	input := `sig1=("@method" "@authority" "@path" "content-digest" "content-type" "content-length");created=1618884475;keyid="test-key-ecc-p256"`
	req := testRequest(t, "Signature-Input: "+input, "Signature: sig1=:"+ours+":")
	client := rfcCase{algorithm: "ecdsa-p256-sha256", public: "ecc-p256-public", components: components, keyID: "test-key-ecc-p256"}
	if _, err := client.verifier(t).Verify(req, []byte(rfcBody), time.Unix(1618884475, 0)); err != nil {
		t.Errorf("the client's: %v", err)
	}

	req.Host = "origin.host.internal.example"
	req.Header.Set("Forwarded", "for=192.0.2.123;host=example.com;proto=https")
	proxy := rfcCase{
		label: "proxy_sig", algorithm: "rsa-v1_5-sha256", private: "rsa-private", public: "rsa-public",
		components: append(components, "forwarded"), parameters: []string{"created", "keyid", "alg", "expires"},
		keyID: "test-key-rsa", lifetime: time.Minute, created: 1618884480,
	}
	if err := proxy.signer(t).Sign(req, []byte(rfcBody), proxy.now()); err != nil {
		t.Fatal(err)
	}
	input += `, proxy_sig=("@method" "@authority" "@path" "content-digest" "content-type" "content-length" "forwarded");created=1618884480;` +
		`keyid="test-key-rsa";alg="rsa-v1_5-sha256";expires=1618884540`
	if got := req.Header.Get("Signature-Input"); got != input {
		t.Errorf("input\n%s\nwant\n%s", got, input)
	}
	if got, want := req.Header.Get("Signature"), "sig1=:"+ours+":, proxy_sig=:"+proxys+":"; got != want {
		t.Errorf("signature\n%s\nwant\n%s", got, want)
	}
	v := proxy.verifier(t)
	if _, err := v.Verify(req, []byte(rfcBody), proxy.now()); err != ErrMissing {
		t.Errorf("two signatures, and none is chosen: %v, want %v", err, ErrMissing)
	}
	v.opts.Label = "proxy_sig"
	if _, err := v.Verify(req, []byte(rfcBody), proxy.now()); err != nil {
		t.Errorf("the proxy's: %v", err)
	}
}

// RFC 9421 appendix B.4: what may happen to a signed request on its way, and
// what may not.
func TestTransformedRFC9421(t *testing.T) {
	const signed = "Signature-Input: transform=(\"@method\" \"@path\" \"@authority\" \"accept\");created=1618884473;keyid=\"test-key-ed25519\"\n" +
		"Signature: transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:\n\n"
	c := rfcCase{algorithm: "ed25519", public: "ed25519-public", components: []string{"@method", "@path", "@authority", "accept"}}
	for text, want := range map[string]error{
		"GET /demo?name1=Value1&Name2=value2 HTTP/1.1\nHost: example.org\nAccept: application/json\nAccept: */*\n":                                  nil,
		"GET /demo?name1=Value1&Name2=value2&param=added HTTP/1.1\nHost: example.org\nAccept: application/json\nAccept: */*\nAccept-Language: en\n": nil,
		"GET /demo?name1=Value1&Name2=value2 HTTP/1.1\nHost: example.org\nAccept: application/json, */*\n":                                          nil,
		"GET /demo?name1=Value1&Name2=value2 HTTP/1.1\nAccept: application/json\nAccept: */*\nHost: example.org\n":                                  nil,
		"POST /demo?name1=Value1&Name2=value2 HTTP/1.1\nHost: example.com\nAccept: application/json\nAccept: */*\n":                                 ErrSignature,
		"GET /demo?name1=Value1&Name2=value2 HTTP/1.1\nHost: example.org\nAccept: */*\nAccept: application/json\n":                                  ErrSignature,
	} {
		if _, err := c.verifier(t).Verify(received(t, text+signed), nil, time.Unix(rfcCreated, 0)); err != want {
			t.Errorf("%s%v, want %v", text, err, want)
		}
	}
}
