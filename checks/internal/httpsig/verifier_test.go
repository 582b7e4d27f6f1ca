package httpsig

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestVerifyRefuses(t *testing.T) {
	const input = `sig1=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`
	const signature = "sig1=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"
	base := VerifyOptions{Algorithm: "hmac-sha256", Key: rfcKey(t, "")}
	now := time.Unix(rfcCreated, 0)
	for _, tc := range []struct {
		name             string
		input, signature string
		opts             func(o *VerifyOptions)
		now              time.Time
		want             error
	}{
		{"as it is", input, signature, nil, now, nil},
		{"nothing", "", "", nil, now, ErrMissing},
		{"no signature", input, "", nil, now, ErrMissing},
		{"another label", input, signature, func(o *VerifyOptions) { o.Label = "sig2" }, now, ErrMissing},
		{"no dictionary", "(", signature, nil, now, ErrMalformed},
		{"no list", "sig1=1", signature, nil, now, ErrMalformed},
		{"no bytes", input, "sig1=1", nil, now, ErrMalformed},
		{"a field that is not there", `sig1=("x-none")`, signature, nil, now, ErrMalformed},
		{"an unknown component", `sig1=("@status")`, signature, nil, now, ErrMalformed},
		{"no text", `sig1=(date)`, signature, nil, now, ErrMalformed},
		{"twice", `sig1=("date" "date")`, signature, nil, now, ErrMalformed},
		{"a wrong type", strings.ReplaceAll(input, "1618884473", `"1618884473"`), signature, nil, now, ErrMalformed},
		{"another algorithm", input + `;alg="ed25519"`, signature, nil, now, ErrMismatch},
		{"another key", input, signature, func(o *VerifyOptions) { o.KeyID = "other" }, now, ErrMismatch},
		{"another purpose", input, signature, func(o *VerifyOptions) { o.Tag = "other" }, now, ErrMismatch},
		{"not covered", input, signature, func(o *VerifyOptions) { o.Components = []string{"@method"} }, now, ErrCoverage},
		{"in the future", input, signature, nil, now.Add(-time.Second), ErrTime},
		{"in the future, but little", input, signature, func(o *VerifyOptions) { o.Skew = time.Second }, now.Add(-time.Second), nil},
		{"old", input, signature, func(o *VerifyOptions) { o.MaxAge = time.Second }, now.Add(2 * time.Second), ErrTime},
		{"not too old", input, signature, func(o *VerifyOptions) { o.MaxAge = time.Second }, now.Add(time.Second), nil},
		{"expired", input + ";expires=1618884474", signature, nil, now.Add(2 * time.Second), ErrTime},
		{"no time", `sig1=("date")`, signature, func(o *VerifyOptions) { o.MaxAge = time.Second }, now, ErrTime},
		{"another time", strings.ReplaceAll(input, "1618884473", "1618884472"), signature, nil, now, ErrSignature},
		{"another bit", input, strings.ReplaceAll(signature, "pxcQ", "pxcR"), nil, now, ErrSignature},
		{"another secret", input, signature, func(o *VerifyOptions) { o.Key = strings.Repeat("x", 32) }, now, ErrSignature},
	} {
		o := base
		if tc.opts != nil {
			tc.opts(&o)
		}
		v, err := NewVerifier(o)
		if err != nil {
			t.Fatal(err)
		}
		req := testRequest(t, "Signature-Input: "+tc.input, "Signature: "+tc.signature)
		got, err := v.Verify(req, []byte(rfcBody), tc.now)
		if !errors.Is(err, tc.want) || (got != nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestVerifierMistakes(t *testing.T) {
	for want, o := range map[string]VerifyOptions{
		"the algorithm is none of rsa-pss-sha512, rsa-v1_5-sha256, ecdsa-p256-sha256, ecdsa-p384-sha384, ed25519, hmac-sha256": {},
		"the key for hmac-sha256 has 0 bytes, want at least 32":                                                                {Algorithm: "hmac-sha256"},
		"the key for ed25519: there is neither a public key nor a certificate in the PEM":                                      {Algorithm: "ed25519", Key: rfcKey(t, "ed25519-private")},
		"the key for rsa-v1_5-sha256 is an Ed25519 key, want an RSA key":                                                       {Algorithm: "rsa-v1_5-sha256", Key: rfcKey(t, "ed25519-public")},
		`component "": want the name of a header field in lower case, or one that begins with @`:                               {Algorithm: "ed25519", Key: rfcKey(t, "ed25519-public"), Components: []string{""}},
	} {
		if _, err := NewVerifier(o); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// Nothing that a client sends makes the verifier panic, and nothing but a
// signature by the key is taken for one.
func FuzzVerify(f *testing.F) {
	for _, c := range rfcCases {
		f.Add(c.label+"="+c.input, c.label+"=:"+c.signature+":", rfcDigest)
	}
	f.Add(`sig1=("content-digest";key="sha-512" "date";bs "@query-param";name="Pet" "priority";sf);created=1`, "sig1=:AA==:", "sha-512=1")
	f.Add("sig1=()", "sig1", "")
	v, err := NewVerifier(VerifyOptions{Algorithm: "hmac-sha256", Key: strings.Repeat("x", 32)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input, signature, digest string) {
		req := testRequest(t)
		req.Header["Signature-Input"], req.Header["Signature"], req.Header["Content-Digest"] = []string{input}, []string{signature}, []string{digest}
		if s, err := v.Verify(req, []byte(rfcBody), time.Unix(rfcCreated, 0)); err == nil || s != nil {
			t.Errorf("%q with %q verifies: %+v, %v", signature, input, s, err)
		}
	})
}
