package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var someComponents = []string{"@method", "@target-uri", "@query-param;name=Pet", "content-type", "content-length", "content-digest"}

// newP384 returns a fresh key, which the RFC has none of.
func newP384(t testing.TB) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
}

// Each algorithm, over the wire: what a client signs a server verifies, and
// nothing that was changed on the way.
func TestOverTheWire(t *testing.T) {
	private, public := newP384(t)
	now := time.Unix(rfcCreated, 0)
	for _, c := range []struct{ algorithm, private, public string }{
		{"rsa-pss-sha512", rfcKey(t, "rsa-private"), rfcKey(t, "rsa-public")},
		{"rsa-v1_5-sha256", rfcKey(t, "rsa-pss-private"), rfcKey(t, "rsa-pss-public")},
		{"ecdsa-p256-sha256", rfcKey(t, "ecc-p256-private"), rfcKey(t, "ecc-p256-public")},
		{"ecdsa-p384-sha384", private, public},
		{"ed25519", rfcKey(t, "ed25519-private"), rfcKey(t, "ed25519-public")},
		{"hmac-sha256", rfcKey(t, ""), rfcKey(t, "")},
	} {
		signer, err := NewSigner(Options{
			Algorithm: c.algorithm, Key: c.private, Components: someComponents, KeyID: "k", Tag: "t", Lifetime: time.Minute,
			Parameters: []string{"alg", "keyid", "created", "expires", "nonce", "tag"}, Digest: "sha-512",
		})
		if err != nil {
			t.Fatalf("%s: %v", c.algorithm, err)
		}
		verifier, err := NewVerifier(VerifyOptions{Algorithm: c.algorithm, Key: c.public, Components: someComponents, KeyID: "k", Tag: "t", MaxAge: time.Second})
		if err != nil {
			t.Fatalf("%s: %v", c.algorithm, err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, err := verifier.Verify(r, []byte(rfcBody), now)
			if err != nil || len(got.Nonce) != 22 || !got.Expires.Equal(now.Add(time.Minute)) || got.Label != "sig1" {
				t.Errorf("%s: %+v, %v", c.algorithm, got, err)
			}
			if _, err := verifier.Verify(r, []byte(rfcBody+" "), now); !errors.Is(err, ErrDigest) {
				t.Errorf("%s: another body: %v", c.algorithm, err)
			}
			r.Method = "PUT"
			if _, err := verifier.Verify(r, []byte(rfcBody), now); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: another method: %v", c.algorithm, err)
			}
		}))
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/foo?Pet=a+dog&x=%7e", strings.NewReader(rfcBody))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if err := signer.Sign(req, []byte(rfcBody), now); err != nil {
			t.Fatalf("%s: %v", c.algorithm, err)
		}
		res, err := server.Client().Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %v", c.algorithm, err)
		}
		_ = res.Body.Close()
		server.Close()
	}
}

// A signature by ECDSA has 64 or 96 bytes whatever r and s are: one in 128 would
// be shorter, were they not filled up.
func TestECDSAIsFixed(t *testing.T) {
	private, public := newP384(t)
	for name, keys := range map[string][2]string{
		"ecdsa-p256-sha256": {rfcKey(t, "ecc-p256-private"), rfcKey(t, "ecc-p256-public")}, "ecdsa-p384-sha384": {private, public},
	} {
		signing, err := newSigningKey(name, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		verifying, err := newVerifyingKey(name, keys[1])
		if err != nil {
			t.Fatal(err)
		}
		short := 0
		for i := 0; short == 0 && i < 1<<14; i++ { // none is short once in 10^55 times
			data := big.NewInt(int64(i)).Bytes()
			signature, err := signing.sign(data)
			if err != nil || len(signature) != 2*signing.size || !verifying.verify(data, signature) {
				t.Fatalf("%s: %x, %v", name, signature, err)
			}
			longer := slices.Insert(slices.Clone(signature), signing.size, 0) // the same numbers
			if i == 0 && verifying.verify(data, longer) {
				t.Fatalf("%s: %x verifies", name, longer)
			}
			if signature[0] == 0 || signature[signing.size] == 0 {
				short++
			}
		}
		if short == 0 {
			t.Errorf("%s: no number was short", name)
		}
		if verifying.verify(nil, make([]byte, 2*signing.size-1)) || verifying.verify(nil, nil) {
			t.Errorf("%s: a signature of another length verifies", name)
		}
	}
}

// The salt of rsa-pss-sha512 has 64 bytes, section 3.3.1; another is refused.
func TestSaltLength(t *testing.T) {
	signing, err := newSigningKey("rsa-pss-sha512", rfcKey(t, "rsa-private"))
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := newVerifyingKey("rsa-pss-sha512", rfcKey(t, "rsa-public"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("x"))
	for salt, want := range map[int]bool{64: true, 32: false} {
		signature, err := rsa.SignPSS(rand.Reader, signing.private.(*rsa.PrivateKey), crypto.SHA512, sum[:], &rsa.PSSOptions{SaltLength: salt})
		if got := verifying.verify([]byte("x"), signature); err != nil || got != want {
			t.Errorf("a salt of %d bytes: %v, %v, want %v", salt, got, err, want)
		}
	}
}

func TestSignerMistakes(t *testing.T) {
	good := Options{Algorithm: "hmac-sha256", Key: rfcKey(t, "")}
	for want, change := range map[string]func(o *Options){
		"the algorithm is none of rsa-pss-sha512, rsa-v1_5-sha256, ecdsa-p256-sha256, ecdsa-p384-sha384, ed25519, hmac-sha256":          func(o *Options) { o.Algorithm = "RS256" },
		"the key for hmac-sha256 has 7 bytes, want at least 32":                                                                         func(o *Options) { o.Key = "hunter2" },
		"the key for ed25519: it is not PEM":                                                                                            func(o *Options) { o.Algorithm = "ed25519" },
		"the key for ed25519: there is no private key in the PEM":                                                                       func(o *Options) { o.Algorithm, o.Key = "ed25519", rfcKey(t, "ed25519-public") },
		"the key for ed25519 is an EC key on P-256, want an Ed25519 key":                                                                func(o *Options) { o.Algorithm, o.Key = "ed25519", rfcKey(t, "ecc-p256-private") },
		"the key for ecdsa-p384-sha384 is an EC key on P-256, want an EC key on P-384":                                                  func(o *Options) { o.Algorithm, o.Key = "ecdsa-p384-sha384", rfcKey(t, "ecc-p256-private") },
		"the label must be of a-z, 0-9 and _-.*, and begin with a letter or *":                                                          func(o *Options) { o.Label = "Sig" },
		"the algorithm of a digest is none of sha-256, sha-512":                                                                         func(o *Options) { o.Digest = "md5" },
		"keyid and tag must be printable ASCII":                                                                                         func(o *Options) { o.KeyID = "é" },
		`parameter "key" is none of created, expires, keyid, alg, nonce, tag`:                                                           func(o *Options) { o.Parameters = []string{"key"} },
		`parameter "alg" is there twice`:                                                                                                func(o *Options) { o.Parameters = []string{"alg", "alg"} },
		"keyid must be both among the parameters and set, or neither":                                                                   func(o *Options) { o.Parameters = []string{"keyid"} },
		"tag must be both among the parameters and set, or neither":                                                                     func(o *Options) { o.Parameters, o.Tag = []string{"created"}, "x" },
		"the lifetime must be whole seconds":                                                                                            func(o *Options) { o.Lifetime = 1500 * time.Millisecond },
		`component "date" is there twice`:                                                                                               func(o *Options) { o.Components = []string{"Date", "@method", "date"} },
		`component "@status": a request has @method, @target-uri, @authority, @scheme, @request-target, @path, @query and @query-param`: func(o *Options) { o.Components = []string{"@status"} },
	} {
		o := good
		change(&o)
		if _, err := NewSigner(o); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if err := o.Check(); (err == nil) != strings.HasPrefix(want, "the key for") {
			t.Errorf("without looking at the key: %v, want %s", err, want)
		}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)})
	if _, err := NewSigner(Options{Algorithm: "rsa-pss-sha512", Key: string(text)}); err == nil || err.Error() != "the key for rsa-pss-sha512 has 1024 bits, want at least 2048" {
		t.Errorf("a small key: %v", err)
	}
}

// After an error the request has no signature, and the flow's own digest is never
// replaced: a flow may send a wrong one on purpose.
func TestSignLeavesTheRequest(t *testing.T) {
	s, err := NewSigner(Options{Algorithm: "hmac-sha256", Key: rfcKey(t, ""), Components: []string{"content-digest", "x-none"}})
	if err != nil {
		t.Fatal(err)
	}
	req := clientRequest(t)
	if err := s.Sign(req, nil, time.Unix(0, 0)); err == nil || err.Error() != `signing: component "x-none": the request does not have it` {
		t.Errorf("got %v", err)
	}
	if req.Header.Get("Content-Digest") != rfcDigest || req.Header.Get("Signature") != "" || req.Header.Get("Signature-Input") != "" {
		t.Errorf("the request has %v", req.Header)
	}
	s.components = s.components[:1]
	if err := s.Sign(req, nil, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	first := req.Header.Clone()
	if err := s.Sign(req, nil, time.Unix(0, 0)); err == nil || err.Error() != `signing: the request has a signature "sig1" already` {
		t.Errorf("signed twice: %v", err)
	}
	if !slices.Equal(first["Signature"], req.Header["Signature"]) || len(first["Signature"]) != 1 {
		t.Errorf("signed twice: %v", req.Header)
	}
	req.Header.Set("Signature", "?!")
	if err := s.Sign(req, nil, time.Unix(0, 0)); err == nil {
		t.Error("a request with a broken Signature is signed")
	}
	bare := &http.Request{URL: req.URL}
	if err := s.Sign(bare, nil, time.Unix(0, 0)); err != nil || bare.Header.Get("Content-Digest") != "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:" {
		t.Errorf("without a header: %v, %v", err, bare.Header)
	}
}
