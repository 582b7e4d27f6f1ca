package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPasskeys registers passkeys and logs in with them at a relying party that
// nobody here wrote, with each kind of key. That the party refuses what is wrong
// is part of the flow.
func TestPasskeys(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ES256": curve, "EdDSA": edwards, "RS256": modulus} {
		t.Run(name, func(t *testing.T) {
			p := newRelyingParty(t)
			cmd := exec.Command(authprober(t), "once", filepath.Join("testdata", "passkey.yaml"), filepath.Join("testdata", "passkey-accounts.yaml"))
			cmd.Env = append(os.Environ(), "AUTHPROBER_ALLOW_ENV=RP_URL,RP_ORIGIN", "RP_URL="+p.url, "RP_ORIGIN="+rpOrigin,
				"PASSKEY="+privatePEM(t, key), "OTHER_PASSKEY="+privatePEM(t, other))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, step := range []string{"register", "log in", "log in again", "log in without a user name", "a counter that has not grown is refused"} {
				if !strings.Contains(string(out), "✓ "+step) {
					t.Errorf("step %q has not passed:\n%s", step, out)
				}
			}
			if strings.Contains(string(out), "PRIVATE KEY") || strings.Contains(string(out), "eyJ0") { // {"t, of the client data
				t.Errorf("a secret is in the output:\n%s", out)
			}
		})
	}
}

func privatePEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
