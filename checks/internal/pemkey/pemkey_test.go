package pemkey_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

func block(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Each form of a key, read from both of its halves.
func TestForms(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return block(t, "PRIVATE KEY", der, err)
	}
	pkix := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		return block(t, "PUBLIC KEY", der, err)
	}
	sec1, err := x509.MarshalECPrivateKey(curve)
	parameters := block(t, "EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}, nil)
	certificate, err2 := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, edwards.Public(), edwards)
	for _, tc := range []struct{ private, public, kind string }{
		{pkcs8(private), pkix(private.Public()), "an RSA key"},
		{block(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private), nil), block(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey), nil), "an RSA key"},
		{pkcs8(curve), pkix(curve.Public()), "an EC key on P-384"},
		{parameters + block(t, "EC PRIVATE KEY", sec1, err), "# a comment\n" + pkix(curve.Public()), "an EC key on P-384"},
		{pkcs8(edwards), block(t, "CERTIFICATE", certificate, err2), "an Ed25519 key"},
	} {
		key, err := pemkey.Private(tc.private)
		if err != nil || pemkey.Kind(key) != tc.kind || pemkey.Kind(key.Public()) != tc.kind {
			t.Errorf("private: got %s, %v, want %s", pemkey.Kind(key), err, tc.kind)
			continue
		}
		public, err := pemkey.Public(tc.public)
		if equal, ok := key.Public().(interface{ Equal(x any) bool }); ok && err == nil && !equal.Equal(public) {
			t.Errorf("%s: the halves are of two keys", tc.kind)
		}
		if err != nil || pemkey.Kind(public) != tc.kind {
			t.Errorf("public: got %s, %v, want %s", pemkey.Kind(public), err, tc.kind)
		}
	}
}

// RFC 9421 appendix B.1.2: a key whose PKCS #8 says id-RSASSA-PSS.
func TestPSS(t *testing.T) {
	text, err := os.ReadFile("../httpsig/testdata/rsa-pss-private.pem")
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile("../httpsig/testdata/rsa-pss-public.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := pemkey.Private(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want, err := pemkey.Public(string(public)); err != nil || !key.Public().(*rsa.PublicKey).Equal(want) {
		t.Errorf("the halves are of two keys: %v", err)
	}
}

func TestMistakes(t *testing.T) {
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agreeing, err := x509.MarshalPKCS8PrivateKey(x)
	for text, want := range map[string][2]string{
		"hunter2":                                                 {"it is not PEM", "it is not PEM"},
		block(t, "NOTE", []byte("hunter2"), nil):                  {"there is no private key in the PEM", "there is neither a public key nor a certificate in the PEM"},
		block(t, "PRIVATE KEY", []byte("hunter2"), nil):           {"the PEM holds no well-formed key", "there is neither a public key nor a certificate in the PEM"},
		block(t, "PUBLIC KEY", []byte("hunter2"), nil):            {"there is no private key in the PEM", "the PEM holds no well-formed key"},
		block(t, "CERTIFICATE", []byte("hunter2"), nil):           {"there is no private key in the PEM", "the PEM holds no well-formed key"},
		block(t, "ENCRYPTED PRIVATE KEY", []byte("hunter2"), nil): {"it is encrypted, want it without a passphrase", "it is encrypted, want it without a passphrase"},
		block(t, "PRIVATE KEY", agreeing, err):                    {"the key is of another kind than RSA, EC and Ed25519", "there is neither a public key nor a certificate in the PEM"},
	} {
		_, private := pemkey.Private(text)
		_, public := pemkey.Public(text)
		if fmt.Sprint(private) != want[0] || fmt.Sprint(public) != want[1] {
			t.Errorf("%s: got %v and %v, want %v", text, private, public, want)
		}
	}
}

// Nothing panics, and an error has nothing of the text.
func FuzzPrivate(f *testing.F) {
	for _, name := range []string{"rsa-pss-private", "ecc-p256-private", "ed25519-private", "rsa-public"} {
		text, err := os.ReadFile("../httpsig/testdata/" + name + ".pem")
		if err != nil {
			f.Fatal(err)
		}
		b, _ := pem.Decode(text)
		f.Add(b.Type, b.Bytes)
	}
	f.Fuzz(func(t *testing.T, kind string, der []byte) {
		if strings.ContainsAny(kind, "\r\n:") {
			return
		}
		text := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
		if key, err := pemkey.Private(text); (key == nil) == (err == nil) {
			t.Errorf("%s: %v, %v", text, key, err)
		}
		if key, err := pemkey.Public(text); (key == nil) == (err == nil) {
			t.Errorf("%s: %v, %v", text, key, err)
		}
	})
}
