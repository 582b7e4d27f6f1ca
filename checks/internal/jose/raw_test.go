package jose_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/jose"
)

// RFC 8032 section 7.1, test 2, and RFC 7515 appendix A.2 and A.1: signatures
// that are the same each time.
func TestSignatureVectors(t *testing.T) {
	seed, _ := hex.DecodeString("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
	s, err := jose.NewSigner(pkcs8(t, ed25519.NewKeyFromSeed(seed)), "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Signature([]byte{0x72})
	want := "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("EdDSA: got %x, %v, want %s", got, err, want)
	}
	key, _ := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	if s, err = jose.NewSigner(string(key), "HS256"); err != nil {
		t.Fatal(err)
	}
	input, signature := split(t, rfcHS256)
	if got, err := s.Signature([]byte(input)); err != nil || !hmac.Equal(got, signature) {
		t.Errorf("HS256: got %x, %v, want %x", got, err, signature)
	}
}

func TestSignature(t *testing.T) {
	const data = "challenge"
	sum256, sum384 := sha256.Sum256([]byte(data)), sha512.Sum384([]byte(data))
	for alg, verify := range map[string]func(crypto.PublicKey, []byte) bool{
		"RS256": func(key crypto.PublicKey, sig []byte) bool {
			return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum256[:], sig) == nil
		},
		"PS256": func(key crypto.PublicKey, sig []byte) bool {
			return rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, sum256[:], sig, &rsa.PSSOptions{SaltLength: 32}) == nil
		},
		"ES256": func(key crypto.PublicKey, sig []byte) bool { return verifyFixed(key, sum256[:], sig, 32) },
		"ES384": func(key crypto.PublicKey, sig []byte) bool { return verifyFixed(key, sum384[:], sig, 48) },
		"EdDSA": func(key crypto.PublicKey, sig []byte) bool {
			return ed25519.Verify(key.(ed25519.PublicKey), []byte(data), sig)
		},
	} {
		s := signer(t, alg)
		key, err := s.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		if sig, err := s.Signature([]byte(data)); err != nil || !verify(key, sig) {
			t.Errorf("%s: %x, %v does not verify", alg, sig, err)
		}
		der, err := s.SignatureASN1([]byte(data))
		switch {
		case strings.HasPrefix(alg, "ES"):
			sum := map[string][]byte{"ES256": sum256[:], "ES384": sum384[:]}[alg]
			if err != nil || !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum, der) {
				t.Errorf("%s in ASN.1: %x, %v does not verify", alg, der, err)
			}
		case err == nil || err.Error() != alg+" has no signatures in ASN.1, only ES256 and ES384 have":
			t.Errorf("%s in ASN.1: got %x, %v", alg, der, err)
		}
	}
	if _, err := signer(t, "HS256").PublicKey(); fmt.Sprint(err) != "the key for HS256 is a shared secret, which has no public half" {
		t.Error(err)
	}
}

func verifyFixed(key crypto.PublicKey, sum, sig []byte, size int) bool {
	return len(sig) == 2*size && ecdsa.Verify(key.(*ecdsa.PublicKey), sum, new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]))
}

// Of a thousand fresh signatures about eight have a zero in front of r or s. That
// none has is as likely as 1 in 2500, so it is looked for until there is one.
func TestSignaturePadsWithZeros(t *testing.T) {
	s := signer(t, "ES256")
	key, err := s.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(nil)
	padded := 0
	for i := 0; i < 1000 || padded == 0; i++ {
		sig, err := s.Signature(nil)
		if err != nil || !verifyFixed(key, sum[:], sig, 32) {
			t.Fatalf("signature %d: %x, %v does not verify", i, sig, err)
		}
		if sig[0] == 0 || sig[32] == 0 {
			padded++
		}
	}
}

func TestKeys(t *testing.T) {
	for alg, private := range pems() {
		if alg == "HS256" {
			continue
		}
		key, err := jose.ParsePublicKey(private)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := jose.ParsePublicKey("some text\n" + jose.PublicPEM(spki))
		if err != nil || !key.(interface{ Equal(crypto.PublicKey) bool }).Equal(again) {
			t.Errorf("%s: the public key is read as %v, %v", alg, again, err)
		}
	}
	bad := strings.Replace(pems()["ES256"], "PRIVATE", "PUBLIC", 2)
	for text, want := range map[string]string{
		"hunter2":                               "it is not PEM",
		bad:                                     "the PEM holds no well-formed key",
		block("CERTIFICATE", []byte("hunter2")): "the PEM holds no well-formed key",
		block("EC PARAMETERS", []byte{6, 0}):    "there is neither a public key nor a certificate in the PEM",
		block("PRIVATE KEY", []byte("hunter2")): "the PEM holds no well-formed key",
	} {
		if key, err := jose.ParsePublicKey(text); key != nil || err == nil || err.Error() != want {
			t.Errorf("got %v, %v, want %s", key, err, want)
		}
	}
	ec := newEC(t, elliptic.P256())
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, &ec.PublicKey, ec)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := jose.ParsePublicKey(block("CERTIFICATE", der)); err != nil || !ec.PublicKey.Equal(key) {
		t.Errorf("the key of a certificate is read as %v, %v", key, err)
	}
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(agreement.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	const other = "the key is of another kind than RSA, EC and Ed25519"
	for _, text := range []string{pkcs8(t, agreement), block("PUBLIC KEY", spki)} {
		if key, err := jose.ParsePublicKey(text); key != nil || fmt.Sprint(err) != other {
			t.Errorf("a key that cannot sign: got %v, %v, want %s", key, err, other)
		}
	}
	if jwk, err := jose.PublicJWK(agreement.PublicKey()); jwk != nil || fmt.Sprint(err) != other {
		t.Errorf("got %v, %v, want %s", jwk, err, other)
	}
	jwk, err := jose.PublicJWK(&newEC(t, elliptic.P224()).PublicKey)
	if jwk != nil || fmt.Sprint(err) != "the key is on another curve than P-256, P-384 and P-521" {
		t.Errorf("P-224: got %v, %v", jwk, err)
	}
	if _, err := jose.GenerateKey("hunter2"); fmt.Sprint(err) != "algorithm is none of RS256, PS256, ES256, ES384, EdDSA" {
		t.Error(err)
	}
}

func FuzzParsePublicKey(f *testing.F) {
	for _, key := range pems() {
		f.Add(key)
	}
	f.Add(block("PUBLIC KEY", []byte("x")))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := jose.ParsePublicKey(text)
		if (err == nil) != (key != nil) {
			t.Fatalf("got %v, %v", key, err)
		}
		if err == nil {
			_, _ = jose.PublicJWK(key)
		}
	})
}

// The hash is that of the algorithm, and its left half is taken.
func TestLeftHash(t *testing.T) {
	sum256, sum384, sum512 := sha256.Sum256([]byte("x")), sha512.Sum384([]byte("x")), sha512.Sum512([]byte("x"))
	for alg, want := range map[string][]byte{
		"RS256": sum256[:16], "PS256": sum256[:16], "ES256": sum256[:16], "HS256": sum256[:16],
		"ES384": sum384[:24], "PS512": sum512[:32], "EdDSA": sum512[:32], "none": nil,
	} {
		if got := jose.LeftHash(alg, "x"); got != base64.RawURLEncoding.EncodeToString(want) {
			t.Errorf("%s: got %s", alg, got)
		}
	}
}
